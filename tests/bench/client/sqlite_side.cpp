// Bare sqlite3: prepared statements that are reset and used again.
#include <sqlite3.h>

#include <stdexcept>

#include "plain_values.hpp"
#include "side.hpp"

namespace bench {
namespace {

const std::string kColumns =
    "id, original_id, company_id, platform, object_type, original_data, integrated_content, summary, metadata, "
    "created_at, updated_at";
const std::string kInsert =
    "INSERT INTO integrated_objects AS t (" + sql::kWritten + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

std::string_view view(sqlite3_stmt* statement, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement, column))};
}

std::optional<std::string> optional_text(sqlite3_stmt* statement, int column) {
  if (sqlite3_column_type(statement, column) == SQLITE_NULL) return std::nullopt;
  return std::string(view(statement, column));
}

IntegratedObject read(sqlite3_stmt* statement) {
  IntegratedObject object;
  object.id = sqlite3_column_int64(statement, 0);
  object.original_id = view(statement, 1);
  object.company_id = view(statement, 2);
  object.platform = view(statement, 3);
  object.object_type = view(statement, 4);
  object.original_data = Json::parse(view(statement, 5));
  object.integrated_content = optional_text(statement, 6);
  object.summary = optional_text(statement, 7);
  if (sqlite3_column_type(statement, 8) != SQLITE_NULL) object.metadata = Json::parse(view(statement, 8));
  object.created_at = parse_time(view(statement, 9));
  object.updated_at = parse_time(view(statement, 10));
  return object;
}

class SqliteSide final : public Side {
 public:
  explicit SqliteSide(const Place& place) : tenant_(place.tenant) {
    if (sqlite3_open(place.sqlite.c_str(), &connection_) != SQLITE_OK) fail();
    run("PRAGMA foreign_keys=1");
    create_ = prepare(kInsert + " RETURNING " + kColumns);
    get_all_ =
        prepare("SELECT " + kColumns + " FROM integrated_objects WHERE company_id = ? ORDER BY created_at DESC, id");
    for_each_ = prepare("SELECT " + kColumns + " FROM integrated_objects WHERE company_id = ? ORDER BY id");
    update_ = prepare("UPDATE integrated_objects SET summary = ?, updated_at = ? WHERE company_id = ? AND id = ?");
    upsert_ = prepare(kInsert + sql::kOnConflict);
  }
  ~SqliteSide() override {
    for (sqlite3_stmt* statement : {create_, get_all_, for_each_, update_, upsert_}) sqlite3_finalize(statement);
    sqlite3_close(connection_);
  }

  IntegratedObject create(const IntegratedObjectData& data) override {
    bind(create_, data);
    if (sqlite3_step(create_) != SQLITE_ROW) fail();
    IntegratedObject object = read(create_);
    finish(create_);
    return object;
  }

  std::vector<IntegratedObject> get_all() override {
    std::vector<IntegratedObject> objects;
    bind_text(get_all_, 1, tenant_);
    while (sqlite3_step(get_all_) == SQLITE_ROW) objects.push_back(read(get_all_));
    reset(get_all_);
    return objects;
  }

  bool update_summary(std::int64_t id, std::string_view summary) override {
    const std::string time = time_text(now());
    bind_text(update_, 1, summary);
    bind_text(update_, 2, time);
    bind_text(update_, 3, tenant_);
    sqlite3_bind_int64(update_, 4, id);
    finish(update_);
    return sqlite3_changes(connection_) == 1;
  }

  void upsert_many(std::span<const IntegratedObjectData> data) override {
    run("BEGIN IMMEDIATE");
    for (const IntegratedObjectData& object : data) {
      bind(upsert_, object);
      finish(upsert_);
    }
    run("COMMIT");
  }
  void upsert(const IntegratedObjectData& data) override {
    bind(upsert_, data);
    finish(upsert_);
  }

  void for_each(const std::function<void(const IntegratedObject&)>& take) override {
    bind_text(for_each_, 1, tenant_);
    while (sqlite3_step(for_each_) == SQLITE_ROW) take(read(for_each_));
    reset(for_each_);
  }

 private:
  void bind(sqlite3_stmt* statement, const IntegratedObjectData& data) {
    original_data_ = data.original_data.dump();
    metadata_ = data.metadata.is_null() ? std::string() : data.metadata.dump();
    time_ = time_text(now());
    bind_text(statement, 1, data.company_id);
    bind_text(statement, 2, data.original_id);
    bind_text(statement, 3, data.platform);
    bind_text(statement, 4, data.object_type);
    bind_text(statement, 5, original_data_);
    bind_optional(statement, 6, data.integrated_content);
    bind_optional(statement, 7, data.summary);
    if (data.metadata.is_null())
      sqlite3_bind_null(statement, 8);
    else
      bind_text(statement, 8, metadata_);
    bind_text(statement, 9, time_);
    bind_text(statement, 10, time_);
  }

  static void bind_optional(sqlite3_stmt* statement, int index, const std::optional<std::string>& text) {
    if (text)
      bind_text(statement, index, *text);
    else
      sqlite3_bind_null(statement, index);
  }

  // The text lives until the statement has run.
  static void bind_text(sqlite3_stmt* statement, int index, std::string_view text) {
    sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  }

  // Runs it to its end, which commits.
  void finish(sqlite3_stmt* statement) {
    if (sqlite3_step(statement) != SQLITE_DONE) fail();
    reset(statement);
  }

  void reset(sqlite3_stmt* statement) {
    if (sqlite3_reset(statement) != SQLITE_OK) fail();
  }

  sqlite3_stmt* prepare(const std::string& text) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(connection_, text.c_str(), -1, &statement, nullptr) != SQLITE_OK) fail();
    return statement;
  }

  void run(const char* statement) {
    if (sqlite3_exec(connection_, statement, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
  }

  [[noreturn]] void fail() const { throw std::runtime_error(sqlite3_errmsg(connection_)); }

  sqlite3* connection_ = nullptr;
  sqlite3_stmt* create_ = nullptr;
  sqlite3_stmt* get_all_ = nullptr;
  sqlite3_stmt* for_each_ = nullptr;
  sqlite3_stmt* update_ = nullptr;
  sqlite3_stmt* upsert_ = nullptr;
  const std::string tenant_;
  std::string original_data_, metadata_, time_;  // of the row that is bound
};

}  // namespace

std::unique_ptr<Side> bare_sqlite(const Place& place) { return std::make_unique<SqliteSide>(place); }

}  // namespace bench
