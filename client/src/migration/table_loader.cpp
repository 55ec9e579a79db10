#include "migration/table_loader.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <future>

#include "migration/source_tables.hpp"

namespace rowhouse::detail {
namespace {

constexpr std::string_view kSavepoint = "rowhouse_chunk";

// Where a COPY failed, from its context: `COPY relation, line 12, column name: ...`, the words in any language.
void read_position(const std::string& context, bridge::CopyRefusal& refusal) {
  std::size_t at = context.find("COPY ");
  if (at == std::string::npos) return;
  const std::string_view line(context.data() + at, std::min(context.find('\n', at), context.size()) - at);
  for (std::size_t comma = line.find(", "); comma != std::string_view::npos; comma = line.find(", ", comma + 2)) {
    const std::size_t word_end = line.find(' ', comma + 2);
    if (word_end == std::string_view::npos) return;
    const char* digits = line.data() + word_end + 1;
    const auto number = std::from_chars(digits, line.data() + line.size(), refusal.line);
    if (number.ec != std::errc() || number.ptr == digits) continue;
    const std::string_view rest(number.ptr, static_cast<std::size_t>(line.data() + line.size() - number.ptr));
    const std::size_t name = rest.rfind(", ", 0) == 0 ? rest.find(' ', 2) : std::string_view::npos;
    if (name != std::string_view::npos) refusal.column = rest.substr(name + 1, rest.find(':', name) - name - 1);
    return;
  }
}

std::string hex(const std::string& bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "\\x";
  for (unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::int64_t to_integer(std::optional<std::string_view> text) {
  std::int64_t value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

}  // namespace

TableLoader::TableLoader(PostgresConnection& connection, const bridge::Source& file, const MigrationSource& source,
                         const bridge::Table& table, const bridge::TablePlan& plan, const MigrationOptions& options)
    : connection_(connection),
      file_(file),
      source_(source),
      table_(table),
      plan_(plan),
      options_(options),
      target_(bridge::quote_qualified(options.schema, plan.name)) {
  outcome_.tenant = source.tenant;
  outcome_.source = file.file_name();
  outcome_.source_table = table.name;
  outcome_.table = plan.name;
}

TableOutcome TableLoader::load(const std::function<void(std::int64_t)>& advanced) {
  write_source_table(connection_, outcome_.tenant, outcome_.source, table_, plan_, options_.schema);
  const std::optional<std::string> imported = ledger_digest();
  if (imported && *imported == current_digest()) {
    outcome_.unchanged = true;
    return outcome_;
  }
  rerun_ = imported.has_value();
  route_ = choose_route();
  if (rerun_) take_back_rejects();

  const std::unique_ptr<bridge::CopyEncoder> encoder = open_encoder();
  // One chunk is encoded while the one before it is sent; only the encoder's thread touches the file meanwhile.
  bridge::Chunk chunk, ahead;
  const auto next = [&](bridge::Chunk& into) {
    bridge::Result<bool> more = encoder->next(into, {});
    if (!more.ok()) throw_status(more.status());
    return more.value();
  };
  std::int64_t read = 0;
  for (bool more = next(chunk); more;) {
    const std::int64_t rows_read = encoder->rows_read();
    std::future<bool> encoded = std::async(std::launch::async, next, std::ref(ahead));
    check_interrupted(options_);
    outcome_.rows += static_cast<std::int64_t>(
        bridge::load_chunk(chunk, [&](std::size_t first, std::size_t last) { return try_copy(chunk, first, last); }));
    write_rejects(chunk);
    advanced(rows_read - read);
    read = rows_read;
    more = encoded.get();
    std::swap(chunk, ahead);
  }
  outcome_.rows -= outcome_.present;
  write_ledger(encoder->digest());
  return outcome_;
}

std::unique_ptr<bridge::CopyEncoder> TableLoader::open_encoder() const {
  bridge::Result<std::unique_ptr<bridge::CopyEncoder>> encoder =
      bridge::CopyEncoder::open(file_, table_, plan_, source_.tenant);
  if (!encoder.ok()) throw_status(encoder.status());
  return std::move(encoder.value());
}

std::optional<std::string> TableLoader::ledger_digest() const {
  const PostgresResult row = connection_.execute(
      "SELECT digest FROM rowhouse.import_chunk "
      "WHERE tenant = $1 AND source = $2 AND source_table = $3 AND key_from = ''",
      {outcome_.tenant, outcome_.source, outcome_.source_table});
  if (row.rows() == 0) return std::nullopt;
  return std::string(row.value(0, 0).value_or(""));
}

std::string TableLoader::current_digest() const {
  const std::unique_ptr<bridge::CopyEncoder> encoder = open_encoder();
  bridge::Chunk chunk;
  for (;;) {
    check_interrupted(options_);
    bridge::Result<bool> more = encoder->next(chunk, {});
    if (!more.ok()) throw_status(more.status());
    if (!more.value()) return encoder->digest();
  }
}

// The server refuses COPY FROM for roles bound by the policies. Where the tenant has rows already they are merged, so
// that none is doubled.
TableLoader::Route TableLoader::choose_route() const {
  if (rerun_) return Route::stage;
  const PostgresResult merges =
      connection_.execute("SELECT pg_catalog.row_security_active($1::regclass) OR EXISTS (SELECT FROM " + target_ +
                              " WHERE " + bridge::quote_identifier(plan_.tenant_column) + " = $2)",
                          {target_, source_.tenant});
  return merges.value(0, 0) == "t" ? Route::stage : Route::direct;
}

// Rejects are found anew by every run. Only that a key collides with another one of its file can't be seen once both
// are taken for rows of the run before.
void TableLoader::take_back_rejects() {
  const PostgresResult rejects = connection_.execute(
      "DELETE FROM rowhouse.import_reject WHERE tenant = $1 AND source = $2 AND source_table = $3 "
      "RETURNING key, sqlstate",
      {outcome_.tenant, outcome_.source, outcome_.source_table});
  for (std::size_t i = 0; i < rejects.rows(); ++i) {
    if (rejects.value(i, 1) == "23505") collided_.emplace(rejects.value(i, 0).value_or(""));
  }
}

std::optional<bridge::CopyRefusal> TableLoader::try_copy(const bridge::Chunk& chunk, std::size_t first,
                                                         std::size_t last) {
  connection_.savepoint(kSavepoint);
  try {
    if (route_ == Route::direct) {
      copy(chunk, first, last, target_);
    } else {
      const PostgresResult made = connection_.execute("SELECT rowhouse.import_stage($1::regclass)", {target_});
      const std::string stage(made.value(0, 0).value_or(""));
      copy(chunk, first, last, stage);
      if (!merge(stage, chunk, first, last)) {
        connection_.rollback_to(kSavepoint);
        return bridge::CopyRefusal{"23505", "a row with the same key is there already", "", 0};
      }
    }
    connection_.release(kSavepoint);
    return std::nullopt;
  } catch (const Error& error) {
    if (!bridge::is_data_refusal(error.sqlstate())) throw;
    connection_.rollback_to(kSavepoint);
    bridge::CopyRefusal refusal{error.sqlstate(), error.diagnostics().message, error.diagnostics().column, 0};
    if (refusal.message.empty()) refusal.message = error.what();
    read_position(error.diagnostics().context, refusal);
    return refusal;
  }
}

void TableLoader::copy(const bridge::Chunk& chunk, std::size_t first, std::size_t last, const std::string& into) {
  std::string columns;
  for (const bridge::CopyColumn& column : chunk.columns) {
    columns += (columns.empty() ? "" : ", ") + bridge::quote_identifier(column.name);
  }
  bridge::CopyStream stream(chunk, first, last);
  connection_.copy_in("COPY " + into + " (" + columns + ") FROM STDIN (FORMAT binary)", [&](std::span<char> buffer) {
    check_interrupted(options_);
    return stream.read(buffer);
  });
}

// False when one of the rows has the key of another row: it is then searched and set aside. What a run of the same file
// brought before is no such row, whatever became of it, nor is one that is there already with the same values.
bool TableLoader::merge(const std::string& stage, const bridge::Chunk& chunk, std::size_t first, std::size_t last) {
  const std::int64_t same = rerun_ ? 0 : count_same(stage, chunk);
  const PostgresResult merged = connection_.execute(
      "SELECT inserted, present FROM rowhouse.import_merge($1, $2::regclass, $3)", {stage, target_, source_.tenant});
  const std::int64_t present = to_integer(merged.value(0, 1));
  const auto collided = [&](const std::string& key) { return collided_.count(key) > 0; };
  if (rerun_ ? present > 0 && std::any_of(chunk.keys.begin() + static_cast<std::ptrdiff_t>(first),
                                          chunk.keys.begin() + static_cast<std::ptrdiff_t>(last), collided)
             : present > same)
    return false;
  outcome_.present += present;
  return true;
}

// How many rows of the stage are in the table already, the same in every column.
std::int64_t TableLoader::count_same(const std::string& stage, const bridge::Chunk& chunk) const {
  std::string staged, kept;
  for (const bridge::CopyColumn& column : chunk.columns) {
    const std::string name = bridge::quote_identifier(column.name);
    staged += (staged.empty() ? "s." : ", s.") + name;
    kept += (kept.empty() ? "t." : ", t.") + name;
  }
  const std::string tenant = bridge::quote_identifier(plan_.tenant_column);
  std::string sql =
      "SELECT count(*) FROM " + stage + " AS s JOIN " + target_ + " AS t ON t." + tenant + " = s." + tenant;
  for (const std::string& name : plan_.primary_key) {
    const std::string key = bridge::quote_identifier(name);
    sql += " AND t." + key + " = s." + key;
  }
  return to_integer(
      connection_.execute(sql + " WHERE ROW(" + staged + ") IS NOT DISTINCT FROM ROW(" + kept + ")").value(0, 0));
}

void TableLoader::write_rejects(const bridge::Chunk& chunk) {
  for (const bridge::Reject& reject : chunk.rejects) {
    const std::string value = hex(reject.value);
    const auto optional = [](const std::string& text) {
      return text.empty() ? PostgresParameter() : PostgresParameter(text);
    };
    connection_.execute(
        "INSERT INTO rowhouse.import_reject "
        "(tenant, source, source_table, key, column_name, storage_class, value, sqlstate, reason) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        {outcome_.tenant, outcome_.source, outcome_.source_table, reject.key, optional(reject.column),
         optional(reject.storage_class), reject.storage_class.empty() ? PostgresParameter() : PostgresParameter(value),
         reject.sqlstate, reject.reason});
    ++outcome_.rejected;
  }
}

void TableLoader::write_ledger(const std::string& digest) {
  const std::string rows = std::to_string(outcome_.rows + outcome_.present);
  const std::string rejected = std::to_string(outcome_.rejected);
  connection_.execute(
      "INSERT INTO rowhouse.import_chunk "
      "(tenant, source, source_table, target_schema, target_table, key_from, rows, rejected, digest) "
      "VALUES ($1, $2, $3, $4, $5, '', $6, $7, $8) "
      "ON CONFLICT (tenant, source, source_table, key_from) DO UPDATE SET rows = excluded.rows, "
      "rejected = excluded.rejected, digest = excluded.digest, imported_at = excluded.imported_at, "
      "target_schema = excluded.target_schema, target_table = excluded.target_table",
      {outcome_.tenant, outcome_.source, outcome_.source_table, options_.schema, plan_.name, rows, rejected, digest});
}

}  // namespace rowhouse::detail
