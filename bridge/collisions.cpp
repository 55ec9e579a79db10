#include "bridge/collisions.hpp"

#include <algorithm>

#include "bridge/cell.hpp"
#include "bridge/statement.hpp"

namespace rowhouse::bridge {
namespace {

constexpr const char* kFunction = "rowhouse_kept";

using Columns = std::vector<const ColumnPlan*>;

bool may_become_one(const TablePlan& plan, const ColumnPlan& column) {
  const ColumnProfile& profile = column.profile;
  switch (column.type) {
    case PgType::date:
    case PgType::timestamp:
    case PgType::timestamptz:
      return profile.texts > 1;
    case PgType::text:
    case PgType::bytea:
    case PgType::boolean:
      return profile.classes() > 1 || (plan.repairs(column) && profile.nul_texts + profile.invalid_texts > 0);
    default:
      return false;
  }
}

// The keys of which a column may fold values; those by SQLite's rowid have none.
std::vector<Columns> keys_to_count(const TablePlan& plan) {
  std::vector<Columns> keys;
  const auto add = [&](const std::vector<std::string>& names) {
    Columns columns;
    for (const std::string& name : names) columns.push_back(plan.find(name));
    const bool folds = std::any_of(columns.begin(), columns.end(),
                                   [&](const ColumnPlan* column) { return column && may_become_one(plan, *column); });
    const bool whole = std::all_of(columns.begin(), columns.end(),
                                   [](const ColumnPlan* column) { return column && !column->source_name.empty(); });
    if (folds && whole) keys.push_back(std::move(columns));
  };
  if (plan.integrated_objects) return keys;
  add(plan.primary_key);
  for (const KeyPlan& key : plan.unique_keys) add(key.columns);
  return keys;
}

// rowhouse_kept(type, repairs, value): the value as PostgreSQL will have it; NULL where its row is set aside for it.
void kept_value(sqlite3_context* context, int, sqlite3_value** arguments) {
  const auto type = static_cast<PgType>(sqlite3_value_int(arguments[0]));
  const auto& policy = *static_cast<const TextPolicy*>(sqlite3_user_data(context));
  Cell cell;
  if (!read_cell(arguments[2], cell)) return sqlite3_result_error_nomem(context);
  if (cell.storage_class == StorageClass::null) return sqlite3_result_null(context);
  try {
    std::string repaired;
    if (sqlite3_value_int(arguments[1]) != 0 && cell.storage_class == StorageClass::text &&
        repair_text(cell.bytes, type, policy, repaired))
      cell.bytes = repaired;
    Value value;
    if (decode(cell, type, TextCheck::utf8, value)) return sqlite3_result_null(context);
    if (type == PgType::text || type == PgType::bytea)
      return sqlite3_result_blob(context, value.bytes.empty() ? "" : value.bytes.data(),
                                 static_cast<int>(value.bytes.size()), SQLITE_TRANSIENT);
    if (type == PgType::numeric || type == PgType::double_precision || type == PgType::jsonb)
      return sqlite3_result_value(context, arguments[2]);  // no two of them become one
    sqlite3_result_int64(context, value.integer);
  } catch (const std::bad_alloc&) {
    sqlite3_result_error_nomem(context);
  }
}

std::string count_sql(const Table& table, const TablePlan& plan, const Columns& key) {
  std::string group, where;
  for (const ColumnPlan* column : key) {
    const std::string kept = std::string(kFunction) + "(" + std::to_string(static_cast<int>(column->type)) + ", " +
                             (plan.repairs(*column) ? "1" : "0") + ", " + quote_sqlite(column->source_name) + ")";
    group += (group.empty() ? "" : ", ") + kept;
    where += (where.empty() ? "" : " AND ") + kept + " IS NOT NULL";
  }
  const std::string row = table.rowid_name.empty() ? "NULL" : "max(" + quote_sqlite(table.rowid_name) + ")";
  return "SELECT coalesce(sum(times - 1), 0), min(row) FROM (SELECT count(*) AS times, " + row + " AS row FROM " +
         table.rows_sql() + " WHERE " + where + " GROUP BY " + group + " HAVING count(*) > 1)";
}

}  // namespace

bool may_collide(const TablePlan& plan) { return !keys_to_count(plan).empty(); }

Status find_collisions(const Source& source, const Table& table, const TablePlan& plan, std::vector<Hazard>& hazards) {
  TextPolicy policy = plan.text_policy;
  int code = sqlite3_create_function_v2(source.connection(), kFunction, 3,
                                        SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, &policy, kept_value,
                                        nullptr, nullptr, nullptr);
  for (const Columns& key : keys_to_count(plan)) {
    const bool has_all = std::all_of(
        key.begin(), key.end(), [&](const ColumnPlan* column) { return table.find(column->source_name) != nullptr; });
    if (code != SQLITE_OK || !has_all) continue;
    Statement owned;
    code = prepare(source.connection(), count_sql(table, plan, key).c_str(), owned);
    if (code == SQLITE_OK) code = sqlite3_step(owned.get());
    if (code != SQLITE_ROW) break;
    code = SQLITE_OK;
    std::string columns;
    for (const ColumnPlan* column : key) columns += (columns.empty() ? "" : ", ") + column->source_name;
    Hazard hazard{"duplicate_key",
                  plan.source_name,
                  columns,
                  sqlite3_column_int64(owned.get(), 0),
                  "",
                  "one row is kept, each other is set aside in rowhouse.import_reject (23505)"};
    if (sqlite3_column_type(owned.get(), 1) != SQLITE_NULL)
      hazard.sample = "key " + std::to_string(sqlite3_column_int64(owned.get(), 1));
    if (hazard.count > 0) hazards.push_back(std::move(hazard));
  }
  Status status;
  if (code != SQLITE_OK) status = source.failure(code, "compare the keys of table \"" + table.name + "\"");
  // It must not outlive the policy that it reads.
  sqlite3_create_function_v2(source.connection(), kFunction, 3, SQLITE_UTF8, nullptr, nullptr, nullptr, nullptr,
                             nullptr);
  return status;
}

}  // namespace rowhouse::bridge
