// The statements that change rows, and what no row may hold.
#include <cmath>

#include "bridge/cell.hpp"
#include "connection.hpp"
#include "rowhouse/error.hpp"
#include "table_sql.hpp"
#include "table_texts.hpp"

namespace rowhouse::detail {
namespace {

constexpr const char* kStage = "pg_temp.rowhouse_upsert";

Timestamp now() { return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()); }

const char* stage_type(ColumnType type) {
  switch (type) {
    case ColumnType::kBoolean:
      return "boolean";
    case ColumnType::kInteger:
      return "bigint";
    case ColumnType::kReal:
      return "double precision";
    case ColumnType::kText:
      return "text";
    case ColumnType::kBytes:
      return "bytea";
    case ColumnType::kJson:
      return "jsonb";
    case ColumnType::kTimestamp:
      return "timestamp with time zone";
  }
  return "text";
}

}  // namespace

Value packed_json(const Json& json, bool nullable) {
  return json.is_null() && nullable ? Value() : Value(jsonb_text(json));
}

// Of one tenant, and nothing in it that only one of the databases would take.
void TableStatements::check(const std::vector<Value>& row) const {
  const auto* owner = std::get_if<std::string>(&row[tenant_column_].held());
  if (owner == nullptr || *owner != tenant_) {
    check_tenant(owner != nullptr ? std::string_view(*owner) : std::string_view());
    throw_error("42501", "the object belongs to another tenant than the session",
                {.hint = "Open a session for the object's " + column(tenant_column_).name + '.'});
  }
  for (std::size_t i = 0; i < row.size(); ++i) check_value(i, row[i]);
}

void TableStatements::check_value(std::size_t place, const Value& value) const {
  const auto* number = std::get_if<double>(&value.held());
  const auto* time = std::get_if<Timestamp>(&value.held());
  if (number != nullptr && std::isnan(*number)) {
    throw_error("22003", "column \"" + column(place).name + "\": SQLite has no NaN, so none is stored");
  }
  if (time != nullptr && !is_writable(*time)) {
    throw_error("22008", "column \"" + column(place).name + "\": a time is not within the years 1 to 9999");
  }
}

// The times of a write, and NULL for the null of JSON where the column takes it.
void TableStatements::set_times(std::vector<Value>& row, RowTimes times, Timestamp time) const {
  for (std::size_t i = 0; i < row.size(); ++i) {
    const auto* given = std::get_if<Timestamp>(&row[i].held());
    const bool has_time = given != nullptr && *given != Timestamp();
    const auto* json = std::get_if<Json>(&row[i].held());
    if (column(i).role == ColumnRole::kCreatedAt && !has_time) row[i] = Value(time);
    if (column(i).role == ColumnRole::kUpdatedAt && (times == RowTimes::kNow || !has_time)) row[i] = Value(time);
    if (json != nullptr && json->is_null() && column(i).nullable) row[i] = Value();
  }
}

// $1, $2 and so on are what insert_parameters() gives.
std::string TableStatements::insert_text() const {
  std::string names, values;
  std::size_t number = 0;
  for (std::size_t i = 0; i < shape_->columns.size(); ++i) {
    if (column(i).role == ColumnRole::kId) continue;
    append(names, quoted(i));
    append(values, '$' + std::to_string(++number));
  }
  return "INSERT INTO " + texts_->table + " AS t (" + names + ") VALUES (" + values + ')';
}

std::vector<Value> TableStatements::insert_parameters(std::vector<Value> row) const {
  if (const auto id = shape_->column_of(ColumnRole::kId)) row.erase(row.begin() + static_cast<std::ptrdiff_t>(*id));
  return row;
}

std::string TableStatements::on_conflict(RowTimes times) const {
  std::string key = quoted(tenant_column_);
  std::string set;
  for (std::size_t i = 0; i < shape_->columns.size(); ++i) {
    const std::string& name = quoted(i);
    switch (column(i).role) {
      case ColumnRole::kKey:
        append(key, name);
        break;
      case ColumnRole::kPlain:
      case ColumnRole::kUpdatedAt:
        append(set, name + " = excluded." + name);
        break;
      case ColumnRole::kKept:
        append(set, times == RowTimes::kGiven ? name + " = excluded." + name
                                              : name + " = coalesce(excluded." + name + ", t." + name + ')');
        break;
      case ColumnRole::kCreatedAt:
        if (times == RowTimes::kGiven) append(set, name + " = excluded." + name);
        break;
      case ColumnRole::kId:
      case ColumnRole::kTenant:
        break;
    }
  }
  if (set.empty()) {  // the row comes back only when it is written
    const std::string& name = quoted(tenant_column_);
    set = name + " = excluded." + name;
  }
  return " ON CONFLICT (" + key + ") DO UPDATE SET " + set;
}

Statement TableStatements::insert(std::vector<Value> row) const {
  check(row);
  set_times(row, RowTimes::kNow, now());
  return {texts_->insert + " RETURNING " + texts_->returning, insert_parameters(std::move(row))};
}

Statement TableStatements::upsert(std::vector<Value> row, RowTimes times) const {
  check(row);
  set_times(row, times, now());
  const std::string upsert = times == RowTimes::kNow ? texts_->upsert : texts_->insert + on_conflict(times);
  return {upsert + " RETURNING " + texts_->returning, insert_parameters(std::move(row))};
}

Statement TableStatements::upsert_quietly(std::vector<Value> row) const {
  return {texts_->upsert, insert_parameters(std::move(row))};
}

Statement TableStatements::update(std::vector<Value> row) const {
  check(row);
  set_times(row, RowTimes::kNow, now());
  const auto id = shape_->column_of(ColumnRole::kId);
  std::vector<Assignment> assignments;
  std::vector<Condition> conditions;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const ColumnRole role = column(i).role;
    const bool names_row = role == ColumnRole::kId || (role == ColumnRole::kKey && !id);
    if (names_row)
      conditions.push_back({i, Operator::kEqual, {row[i]}});
    else if (role != ColumnRole::kTenant && role != ColumnRole::kCreatedAt && role != ColumnRole::kUpdatedAt)
      assignments.push_back({i, row[i]});
  }
  return change(conditions, assignments);
}

Statement TableStatements::change(const std::vector<Condition>& conditions,
                                  const std::vector<Assignment>& assignments) const {
  Sql sql("");
  std::string set;
  for (const Assignment& assignment : assignments) {
    const ColumnShape& changed = column(assignment.place);
    if (changed.role == ColumnRole::kTenant || changed.role == ColumnRole::kId) {
      throw_error("22023", "column \"" + changed.name + "\" of \"" + shape_->name + "\" cannot be changed");
    }
    check_value(assignment.place, assignment.value);
    const auto* json = std::get_if<Json>(&assignment.value.held());
    const bool null = json != nullptr && json->is_null() && changed.nullable;
    append(set, quoted(assignment.place) + " = " + sql.bind(null ? Value() : assignment.value));
  }
  if (const auto updated = shape_->column_of(ColumnRole::kUpdatedAt)) {
    append(set, quoted(*updated) + " = " + sql.bind(Value(now())));
  }
  if (set.empty()) throw_error("22023", "an update of \"" + shape_->name + "\" changes nothing");
  sql.text = "UPDATE " + texts_->table + " AS t SET " + set;
  add_conditions(sql, conditions);
  return sql.done();
}

Statement TableStatements::remove(const std::vector<Condition>& conditions) const {
  Sql sql("DELETE FROM " + texts_->table + " AS t");
  add_conditions(sql, conditions);
  return sql.done();
}

std::vector<std::size_t> TableStatements::stage_columns() const {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < shape_->columns.size(); ++i) {
    if (column(i).role != ColumnRole::kId && column(i).role != ColumnRole::kTenant) places.push_back(i);
  }
  return places;
}

std::string TableStatements::make_stage() const {
  std::string list;
  for (const std::size_t place : stage_columns()) {
    append(list, quoted(place) + ' ' + stage_type(column(place).type));
  }
  return std::string("CREATE TEMPORARY TABLE ") + kStage + " (" + list + ") ON COMMIT DROP";
}

std::string TableStatements::copy_stage() const {
  return std::string("COPY ") + kStage + " FROM STDIN (FORMAT binary)";
}
std::string TableStatements::drop_stage() const { return std::string("DROP TABLE ") + kStage; }

// In the order of the batch, which is that of the keys: two batches at once do not wait for each other in a circle. A
// temporary table without an index is read as it was written; to sort it would cost more than it is worth.
Statement TableStatements::merge_stage() const {
  Sql sql("");
  std::string names = quoted(tenant_column_);
  std::string values = sql.bind(tenant_) + "::text";
  for (const std::size_t place : stage_columns()) {
    append(names, quoted(place));
    append(values, "s." + quoted(place));
  }
  sql.text = "INSERT INTO " + texts_->table + " AS t (" + names + ") SELECT " + values + " FROM " + kStage + " AS s" +
             on_conflict(RowTimes::kNow);
  return sql.done();
}

std::vector<Value> TableStatements::batch_row(std::vector<Value> row, Timestamp time) const {
  check(row);
  set_times(row, RowTimes::kNow, time);
  for (std::size_t i = 0; i < row.size(); ++i) {
    bridge::Refusal refusal;
    const auto* text = std::get_if<std::string>(&row[i].held());
    if (text != nullptr && column(i).type != ColumnType::kJson) refusal = bridge::check_text(*text);
    if (const auto* json = std::get_if<Json>(&row[i].held())) row[i] = Value(jsonb_text(*json));
    if (refusal) throw_error(refusal.sqlstate, "column \"" + column(i).name + "\": " + refusal.reason);
  }
  return row;
}

}  // namespace rowhouse::detail
