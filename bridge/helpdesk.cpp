#include "bridge/helpdesk.hpp"

#include <algorithm>
#include <limits>
#include <string_view>

#include "bridge/statement.hpp"
#include "bridge/timestamp.hpp"

namespace rowhouse::bridge {
namespace {

constexpr HelpdeskColumn kColumns[] = {
    {"id", PgType::bigint},
    {"original_id", PgType::text},
    {"platform", PgType::text},
    {"object_type", PgType::text},
    {"original_data", PgType::jsonb},
    {"integrated_content", PgType::text},
    {"summary", PgType::text},
    {"metadata", PgType::jsonb},
    {"created_at", PgType::timestamptz},
    {"updated_at", PgType::timestamptz},
};

// When a row was last updated; text that is no time comes before all times.
std::int64_t moment(const Cell& cell) {
  ParsedTime time;
  if (cell.storage_class == StorageClass::text && parse_time(cell.bytes, time)) return time.microseconds;
  return std::numeric_limits<std::int64_t>::min();
}

// Rows of each object that occurs more than once, together, each with its last update.
std::string repeated_objects_sql(const Table& table) {
  // Rows of another tenant, which go to the rejects, supersede nothing of this one's.
  std::string object = table.find("platform") ? "coalesce(platform, '" + std::string(kDefaultPlatform) + "')" : "''";
  for (const char* column : {"object_type", "original_id", "company_id", "tenant_id"}) {
    if (table.find(column)) object += std::string(", ") + column + " COLLATE BINARY";
  }
  const std::string updated = table.find("updated_at") ? "updated_at" : "NULL";
  return "SELECT row, object, updated FROM (SELECT " + quote_sqlite(table.rowid_name) + " AS row, " + updated +
         " AS updated, dense_rank() OVER (ORDER BY " + object + ") AS object, count(*) OVER (PARTITION BY " + object +
         ") AS times FROM " + table.rows_sql() +
         " WHERE original_id IS NOT NULL AND object_type IS NOT NULL) WHERE times > 1 ORDER BY object";
}

// Whether a unique key keeps every object with a platform to one row.
bool has_object_key(const Table& table) {
  constexpr std::string_view kParts[] = {"company_id", "tenant_id", "platform", "object_type", "original_id"};
  return std::any_of(table.indexes.begin(), table.indexes.end(), [&](const Index& index) {
    return index.unique && !index.partial && !index.columns.empty() &&
           std::all_of(index.columns.begin(), index.columns.end(), [&](const std::string& column) {
             return std::find(std::begin(kParts), std::end(kParts), column) != std::end(kParts);
           });
  });
}

// SQLite's keys do not bite where a part is NULL: a sort of all objects can be spared when none is.
Result<bool> may_repeat(const Source& source, const Table& table) {
  if (!has_object_key(table)) return true;
  std::string nulls;
  for (const char* column : {"company_id", "tenant_id", "platform"}) {
    const Column* part = table.find(column);
    if (part && !part->not_null) nulls += (nulls.empty() ? "" : " OR ") + std::string(column) + " IS NULL";
  }
  if (nulls.empty()) return false;
  const std::string sql = "SELECT 1 FROM " + table.rows_sql() + " WHERE " + nulls + " LIMIT 1";
  Statement owned;
  int code = prepare(source.connection(), sql.c_str(), owned);
  sqlite3_stmt* const statement = owned.get();
  if (code == SQLITE_OK) code = sqlite3_step(statement);
  const Status status = source.failure(code, "compare the rows of \"" + table.name + "\"");
  if (code != SQLITE_ROW && code != SQLITE_DONE) return status;
  return code == SQLITE_ROW;
}

}  // namespace

bool is_integrated_objects(const Table& table) {
  return table.name == kIntegratedObjects && table.find("original_id") && table.find("object_type") &&
         table.find("original_data") && (table.find("company_id") || table.find("tenant_id")) &&
         !table.rowid_name.empty();
}

const HelpdeskColumn* helpdesk_column(const std::string& source_name) {
  const std::string name = source_name == "tenant_metadata" ? "metadata" : source_name;
  for (const HelpdeskColumn& column : kColumns) {
    if (name == column.name) return &column;
  }
  return nullptr;
}

bool is_object_key(const std::string& column) {
  return column == "platform" || column == "object_type" || column == "original_id";
}

Result<std::vector<std::int64_t>> superseded_rows(const Source& source, const Table& table) {
  std::vector<std::int64_t> superseded;
  Result<bool> repeats = may_repeat(source, table);
  if (!repeats.ok()) return repeats.status();
  if (!repeats.value()) return superseded;
  Statement owned;
  int code = prepare(source.connection(), repeated_objects_sql(table).c_str(), owned);
  sqlite3_stmt* const statement = owned.get();
  std::int64_t object = -1, best_row = 0, best_moment = 0;
  while (code == SQLITE_OK || code == SQLITE_ROW) {
    if ((code = sqlite3_step(statement)) != SQLITE_ROW) break;
    Cell updated;
    read_cell(statement, 2, updated);
    const std::int64_t row = sqlite3_column_int64(statement, 0), at = moment(updated);
    if (sqlite3_column_int64(statement, 1) != object) {
      object = sqlite3_column_int64(statement, 1);
      best_row = row;
      best_moment = at;
      continue;
    }
    const bool better = at > best_moment || (at == best_moment && row > best_row);
    superseded.push_back(better ? best_row : row);
    if (better) best_row = row, best_moment = at;
  }
  const Status status = source.failure(code, "compare the rows of \"" + table.name + "\"");
  if (code != SQLITE_DONE) return status;
  std::sort(superseded.begin(), superseded.end());
  return superseded;
}

}  // namespace rowhouse::bridge
