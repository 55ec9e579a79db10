// Bare libpq as one who knows it writes it: prepared statements, a transaction in one round trip by its pipeline,
// single rows for streams, binary COPY and merge for batches.
#include <endian.h>
#include <libpq-fe.h>

#include <cstring>
#include <stdexcept>
#include <utility>

#include "plain_values.hpp"
#include "side.hpp"

namespace bench {
namespace {

constexpr auto kEpochOfPostgres = std::chrono::sys_days(std::chrono::year(2000) / 1 / 1);

using ResultPtr = std::unique_ptr<PGresult, decltype(&PQclear)>;

std::string_view view(const PGresult* result, int row, int column) {
  return {PQgetvalue(result, row, column), static_cast<std::size_t>(PQgetlength(result, row, column))};
}

std::optional<std::string> optional_text(const PGresult* result, int row, int column) {
  if (PQgetisnull(result, row, column) != 0) return std::nullopt;
  return std::string(view(result, row, column));
}

IntegratedObject read(const PGresult* result, int row) {
  IntegratedObject object;
  object.id = std::strtoll(PQgetvalue(result, row, 0), nullptr, 10);
  object.original_id = view(result, row, 1);
  object.company_id = view(result, row, 2);
  object.platform = view(result, row, 3);
  object.object_type = view(result, row, 4);
  object.original_data = Json::parse(view(result, row, 5));
  object.integrated_content = optional_text(result, row, 6);
  object.summary = optional_text(result, row, 7);
  if (PQgetisnull(result, row, 8) == 0) object.metadata = Json::parse(view(result, row, 8));
  object.created_at = parse_time(view(result, row, 9));
  object.updated_at = parse_time(view(result, row, 10));
  return object;
}

// The parameters of an INSERT, which live here.
struct Parameters {
  explicit Parameters(const IntegratedObjectData& data) : source(data) {
    if (!data.metadata.is_null()) metadata = data.metadata.dump();
  }
  const IntegratedObjectData& source;
  std::string original_data = source.original_data.dump();
  std::string metadata;
  std::string time = time_text(now()) + "+00";
  std::array<const char*, 10> values() const {
    return {source.company_id.c_str(),
            source.original_id.c_str(),
            source.platform.c_str(),
            source.object_type.c_str(),
            original_data.c_str(),
            source.integrated_content ? source.integrated_content->c_str() : nullptr,
            source.summary ? source.summary->c_str() : nullptr,
            metadata.empty() ? nullptr : metadata.c_str(),
            time.c_str(),
            time.c_str()};
  }
};

void append_number(std::string& out, auto number) { out.append(reinterpret_cast<const char*>(&number), sizeof number); }

void append_text(std::string& out, std::string_view text) {
  append_number(out, htobe32(static_cast<std::uint32_t>(text.size())));
  out += text;
}

void append_null(std::string& out) { append_number(out, std::uint32_t{0xFFFFFFFF}); }

void append_json(std::string& out, const Json& json) {
  if (json.is_null()) return append_null(out);
  const std::string text = json.dump();
  append_number(out, htobe32(static_cast<std::uint32_t>(text.size() + 1)));
  out += '\1';  // the version
  out += text;
}

void append_optional(std::string& out, const std::optional<std::string>& text) {
  if (text)
    append_text(out, *text);
  else
    append_null(out);
}

class LibpqSide final : public Side {
 public:
  explicit LibpqSide(const Place& place)
      : connection_(PQconnectdb(place.postgres.c_str()), &PQfinish), tenant_(place.tenant) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) fail();
    const std::pair<const char*, const std::string&> statements[] = {{"set_tenant", sql::kSetTenant},
                                                                     {"create", sql::kCreate},
                                                                     {"get_all", sql::kGetAll},
                                                                     {"for_each", sql::kForEach},
                                                                     {"update", sql::kUpdateSummary}};
    for (const auto& [name, text] : statements) {
      check(ResultPtr(PQprepare(connection_.get(), name, text.c_str(), 0, nullptr), &PQclear));
    }
    const std::string upsert = sql::kInsert + sql::kOnConflict;
    check(ResultPtr(PQprepare(connection_.get(), "upsert", upsert.c_str(), 0, nullptr), &PQclear));
  }

  IntegratedObject create(const IntegratedObjectData& data) override {
    const ResultPtr result = in_transaction("create", Parameters(data).values());
    return read(result.get(), 0);
  }

  std::vector<IntegratedObject> get_all() override {
    const ResultPtr result = in_transaction("get_all", std::array{tenant_.c_str()});
    std::vector<IntegratedObject> objects;
    objects.reserve(static_cast<std::size_t>(PQntuples(result.get())));
    for (int row = 0; row < PQntuples(result.get()); ++row) objects.push_back(read(result.get(), row));
    return objects;
  }

  bool update_summary(std::int64_t id, std::string_view summary) override {
    const std::string text(summary), time = time_text(now()) + "+00", number = std::to_string(id);
    const ResultPtr result =
        in_transaction("update", std::array{text.c_str(), time.c_str(), tenant_.c_str(), number.c_str()});
    return std::strcmp(PQcmdTuples(result.get()), "1") == 0;
  }

  void upsert_many(std::span<const IntegratedObjectData> data) override {
    run("BEGIN");
    run("set_tenant", std::array{tenant_.c_str()});
    run(sql::kMakeStage.c_str());
    copy(data);
    const char* tenant = tenant_.c_str();
    check(ResultPtr(PQexecParams(connection_.get(), sql::kMergeStage.c_str(), 1, nullptr, &tenant, nullptr, nullptr, 0),
                    &PQclear));
    run("COMMIT");
  }

  void upsert(const IntegratedObjectData& data) override { in_transaction("upsert", Parameters(data).values()); }
  void upsert_step_by_step(const IntegratedObjectData& data) override { upsert_each({&data, 1}); }
  void upsert_each(std::span<const IntegratedObjectData> data) override {
    run("BEGIN");
    run("set_tenant", std::array{tenant_.c_str()});
    for (const IntegratedObjectData& object : data) run("upsert", Parameters(object).values());
    run("COMMIT");
  }

  void for_each(const std::function<void(const IntegratedObject&)>& take) override {
    send("for_each", std::array{tenant_.c_str()});
    end_of_statement();  // BEGIN
    end_of_statement();  // set_tenant
    PQsetSingleRowMode(connection_.get());
    while (true) {
      const ResultPtr result(PQgetResult(connection_.get()), &PQclear);
      if (PQresultStatus(result.get()) != PGRES_SINGLE_TUPLE) {
        check(result);
        break;
      }
      take(read(result.get(), 0));
    }
    PQclear(PQgetResult(connection_.get()));  // the null after the last row
    end_of_statement();                       // COMMIT
    end_of_pipeline();
  }

 private:
  // BEGIN, set_tenant, the statement and COMMIT in one round trip.
  template <std::size_t N>
  void send(const char* statement, const std::array<const char*, N>& values) {
    PGconn* const connection = connection_.get();
    const char* tenant = tenant_.c_str();
    const bool sent =
        PQenterPipelineMode(connection) == 1 &&
        PQsendQueryParams(connection, "BEGIN", 0, nullptr, nullptr, nullptr, nullptr, 0) == 1 &&
        PQsendQueryPrepared(connection, "set_tenant", 1, &tenant, nullptr, nullptr, 0) == 1 &&
        PQsendQueryPrepared(connection, statement, static_cast<int>(N), values.data(), nullptr, nullptr, 0) == 1 &&
        PQsendQueryParams(connection, "COMMIT", 0, nullptr, nullptr, nullptr, nullptr, 0) == 1 &&
        PQpipelineSync(connection) == 1;
    if (!sent) fail();
  }

  template <std::size_t N>
  ResultPtr in_transaction(const char* statement, const std::array<const char*, N>& values) {
    send(statement, values);
    end_of_statement();  // BEGIN
    end_of_statement();  // set_tenant
    ResultPtr result = end_of_statement();
    end_of_statement();  // COMMIT
    end_of_pipeline();
    return result;
  }

  ResultPtr end_of_statement() {
    ResultPtr result(PQgetResult(connection_.get()), &PQclear);
    check(result);
    PQclear(PQgetResult(connection_.get()));  // the null after it
    return result;
  }

  void end_of_pipeline() {
    const ResultPtr sync(PQgetResult(connection_.get()), &PQclear);
    if (PQresultStatus(sync.get()) != PGRES_PIPELINE_SYNC || PQexitPipelineMode(connection_.get()) != 1) fail();
  }

  void copy(std::span<const IntegratedObjectData> data) {
    const ResultPtr start(PQexec(connection_.get(), "COPY stage FROM STDIN (FORMAT binary)"), &PQclear);
    if (PQresultStatus(start.get()) != PGRES_COPY_IN) fail();
    static constexpr char kHeader[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
    std::string rows(kHeader, sizeof kHeader);
    const std::uint64_t time = htobe64(static_cast<std::uint64_t>((now() - kEpochOfPostgres).count()));
    for (const IntegratedObjectData& object : data) {
      append_number(rows, htobe16(9));
      append_text(rows, object.original_id);
      append_text(rows, object.platform);
      append_text(rows, object.object_type);
      append_json(rows, object.original_data);
      append_optional(rows, object.integrated_content);
      append_optional(rows, object.summary);
      append_json(rows, object.metadata);
      for (int times = 0; times < 2; ++times) {
        append_number(rows, htobe32(8));
        append_number(rows, time);
      }
      if (rows.size() > 65536) put(rows);
    }
    rows += "\377\377";
    put(rows);
    if (PQputCopyEnd(connection_.get(), nullptr) != 1) fail();
    end_of_statement();
  }

  void put(std::string& rows) {
    if (PQputCopyData(connection_.get(), rows.data(), static_cast<int>(rows.size())) != 1) fail();
    rows.clear();
  }

  void run(const char* statement) { check(ResultPtr(PQexec(connection_.get(), statement), &PQclear)); }

  template <std::size_t N>
  void run(const char* statement, const std::array<const char*, N>& values) {
    check(
        ResultPtr(PQexecPrepared(connection_.get(), statement, static_cast<int>(N), values.data(), nullptr, nullptr, 0),
                  &PQclear));
  }

  void check(const ResultPtr& result) const {
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail();
  }

  [[noreturn]] void fail() const { throw std::runtime_error(PQerrorMessage(connection_.get())); }

  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
  const std::string tenant_;
};

}  // namespace

std::unique_ptr<Side> bare_libpq(const Place& place) { return std::make_unique<LibpqSide>(place); }

}  // namespace bench
