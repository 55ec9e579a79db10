#include "rowhouse/table_statements.hpp"

#include <cmath>
#include <limits>

#include "bridge/cell.hpp"
#include "bridge/names.hpp"
#include "connection.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse {

using bridge::quote_identifier;

PageKey PageKey::parse(std::string_view text) {
  Json values = Json::parse(text, nullptr, false);
  if (!values.is_array() || values.empty()) throw_error("22023", "this is no key of a page");
  return PageKey(std::move(values));
}

namespace detail {
namespace {

constexpr const char* kStage = "pg_temp.rowhouse_upsert";
// Before all times, where SQLite sorts those that are NULL or no times.
constexpr std::int64_t kNoTime = std::numeric_limits<std::int64_t>::min();

Timestamp now() { return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()); }

bool is_null(const Value& value) { return std::holds_alternative<std::monostate>(value.held()); }

// What YYYY-MM-DD can say.
bool is_writable(Timestamp time) {
  constexpr auto kFirst = std::chrono::sys_days(std::chrono::year(1) / 1 / 1);
  constexpr auto kEnd = std::chrono::sys_days(std::chrono::year(10'000) / 1 / 1);
  return time >= kFirst && time < kEnd;
}

const char* sign(Operator op) {
  switch (op) {
    case Operator::kLess:
      return " < ";
    case Operator::kLessOrEqual:
      return " <= ";
    case Operator::kGreater:
      return " > ";
    case Operator::kGreaterOrEqual:
      return " >= ";
    default:
      return " = ";
  }
}

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

void append(std::string& list, const std::string& item, const char* separator = ", ") {
  if (!list.empty()) list += separator;
  list += item;
}

}  // namespace

// A statement as it grows: each value gets the next number.
class TableStatements::Sql {
 public:
  explicit Sql(std::string text) : text(std::move(text)) {}
  std::string bind(Value value) {
    parameters_.push_back(std::move(value));
    return '$' + std::to_string(parameters_.size());
  }
  Statement done() { return {std::move(text), std::move(parameters_)}; }

  std::string text;

 private:
  std::vector<Value> parameters_;
};

TableStatements::TableStatements(Database database, const std::string& schema, const TableShape& shape,
                                 std::string tenant)
    : database_(database),
      shape_(&shape),
      tenant_(std::move(tenant)),
      table_(postgres() ? bridge::quote_qualified(schema, shape.name) : quote_identifier(shape.name)),
      tenant_column_(shape.column_of(ColumnRole::kTenant).value()) {
  for (std::size_t i = 0; i < shape.columns.size(); ++i) {
    const std::string name = quote_identifier(column(i).name);
    const char* in_utc = postgres() && column(i).type == ColumnType::kTimestamp ? " AT TIME ZONE 'UTC'" : "";
    append(columns_, qualified(i) + in_utc + " AS " + name);
    append(returning_, name + in_utc + " AS " + name);
  }
}

// Qualified, since SQLite takes an unknown name in quotes for a string.
std::string TableStatements::qualified(std::size_t place) const { return "t." + quote_identifier(column(place).name); }

// What the column is compared and sorted by: text by its bytes, times as times, for files hold them in several forms.
std::string TableStatements::sortable(std::size_t place) const {
  const std::string name = qualified(place);
  if (postgres()) return column(place).type == ColumnType::kText ? name + " COLLATE \"C\"" : name;
  if (column(place).type != ColumnType::kTimestamp) return name;
  return "ifnull(rowhouse_time(" + name + "), " + std::to_string(kNoTime) + ')';
}

std::vector<std::size_t> TableStatements::order_columns(RowOrder order) const {
  std::vector<std::size_t> places;
  const auto created = shape_->column_of(ColumnRole::kCreatedAt);
  if (order == RowOrder::kNewest && created) places.push_back(*created);
  if (const auto id = shape_->column_of(ColumnRole::kId))
    places.push_back(*id);
  else
    for (const std::size_t key : shape_->keys()) places.push_back(key);
  return places;
}

std::string TableStatements::order_by(RowOrder order) const {
  std::string list;
  for (const std::size_t place : order_columns(order)) {
    append(list, sortable(place) + (column(place).role == ColumnRole::kCreatedAt ? " DESC" : ""));
  }
  return " ORDER BY " + list;
}

void TableStatements::add_condition(Sql& sql, const Condition& condition) const {
  const std::size_t place = condition.place;
  const bool time = !postgres() && column(place).type == ColumnType::kTimestamp;
  const std::string name = time ? "rowhouse_time(" + qualified(place) + ')' : qualified(place);
  const auto parameter = [&](const Value& value) {
    const std::string number = sql.bind(value);
    return time ? "rowhouse_time(" + number + ')' : number;
  };
  switch (condition.op) {
    case Operator::kEqual:
      sql.text += is_null(condition.values[0]) ? name + " IS NULL" : name + " = " + parameter(condition.values[0]);
      return;
    case Operator::kNotEqual:
      if (is_null(condition.values[0]))
        sql.text += name + " IS NOT NULL";
      else
        sql.text += name + (postgres() ? " IS DISTINCT FROM " : " IS NOT ") + parameter(condition.values[0]);
      return;
    case Operator::kIn: {
      std::string list;
      bool null = false;
      for (const Value& value : condition.values) {
        if (is_null(value))
          null = true;
        else
          append(list, parameter(value));
      }
      std::string any = null ? name + " IS NULL" : "";
      if (!list.empty()) append(any, name + " IN (" + list + ')', " OR ");
      sql.text += any.empty() ? "false" : '(' + any + ')';
      return;
    }
    default:
      if (is_null(condition.values[0])) {
        sql.text += "false";  // NULL has no order
      } else {
        const bool text = postgres() && column(place).type == ColumnType::kText;
        sql.text += (text ? sortable(place) : name) + sign(condition.op) + parameter(condition.values[0]);
      }
  }
}

void TableStatements::add_conditions(Sql& sql, const std::vector<Condition>& conditions) const {
  sql.text += " WHERE " + qualified(tenant_column_) + " = " + sql.bind(tenant_);
  for (const Condition& condition : conditions) {
    sql.text += " AND ";
    add_condition(sql, condition);
  }
}

Value TableStatements::page_value(std::size_t place, const Json& value) const {
  switch (column(place).type) {
    case ColumnType::kTimestamp:
      if (value.is_number_integer()) {
        const Timestamp time{std::chrono::microseconds(value.get<std::int64_t>())};
        if (is_writable(time)) return Value(time);
      }
      if (value.is_null() && !postgres()) return {};
      break;
    case ColumnType::kInteger:
      if (value.is_number_integer()) return Value(value.get<std::int64_t>());
      break;
    case ColumnType::kReal:
      if (value.is_number()) return Value(value.get<double>());
      break;
    case ColumnType::kBoolean:
      if (value.is_boolean()) return Value(value.get<bool>());
      break;
    case ColumnType::kText:
      if (value.is_string()) return Value(value.get<std::string>());
      break;
    default:
      break;
  }
  throw_error("22023", "the key of a page does not fit \"" + shape_->name + '"');
}

PageKey TableStatements::page_key(const Row& row, RowOrder order) const {
  Json values = Json::array();
  for (const std::size_t place : order_columns(order)) {
    const Field field = row[place];
    switch (column(place).type) {
      case ColumnType::kTimestamp:
        values.push_back(field.is_null() ? Json() : Json(field.to_timestamp().time_since_epoch().count()));
        break;
      case ColumnType::kInteger:
        values.push_back(field.to_integer());
        break;
      case ColumnType::kReal:
        values.push_back(field.to_double());
        break;
      case ColumnType::kBoolean:
        values.push_back(field.to_bool());
        break;
      case ColumnType::kText:
        values.push_back(field.is_null() ? std::string() : field.to_text());
        break;
      default:
        throw_error("0A000", "\"" + shape_->name + "\" has no pages: a key column is neither text nor a number");
    }
  }
  return PageKey(std::move(values));
}

void TableStatements::add_page(Sql& sql, RowOrder order, const PageKey& after) const {
  std::vector<std::size_t> places = order_columns(order);
  if (after.values().size() != places.size()) {
    throw_error("22023", "the key of a page does not fit \"" + shape_->name + '"');
  }
  std::size_t next = 0;
  std::string earlier;
  std::string same;
  if (column(places[0]).role == ColumnRole::kCreatedAt) {
    const std::string time = sortable(places[0]);
    std::string bound = sql.bind(page_value(places[0], after.values()[0]));
    if (!postgres()) bound = "ifnull(rowhouse_time(" + bound + "), " + std::to_string(kNoTime) + ')';
    // Both halves begin with the same bound, so that an index by time leads to the page.
    sql.text += " AND " + time + " <= " + bound;
    earlier = time + " < " + bound + " OR ";
    next = 1;
  }
  std::string columns, values;
  for (; next < places.size(); ++next) {
    append(columns, sortable(places[next]));
    append(values, sql.bind(page_value(places[next], after.values()[next])));
  }
  sql.text += " AND (" + earlier + '(' + columns + ") > (" + values + "))";
}

Statement TableStatements::select(const std::vector<Condition>& conditions, RowOrder order,
                                  std::optional<std::size_t> limit, const std::optional<PageKey>& after) const {
  Sql sql("SELECT " + columns_ + " FROM " + table_ + " AS t");
  add_conditions(sql, conditions);
  if (after) add_page(sql, order, *after);
  sql.text += order_by(order);
  if (limit) sql.text += " LIMIT " + std::to_string(*limit);
  return sql.done();
}

Statement TableStatements::count(const std::vector<Condition>& conditions) const {
  Sql sql("SELECT count(*) FROM " + table_ + " AS t");
  add_conditions(sql, conditions);
  return sql.done();
}

std::vector<Condition> TableStatements::by_key(std::vector<Value> key) const {
  const std::vector<std::size_t> places = shape_->keys();
  if (key.size() != places.size()) {
    throw_error("22023", "a key of \"" + shape_->name + "\" has " + std::to_string(places.size()) + " columns, " +
                             std::to_string(key.size()) + " values were given");
  }
  std::vector<Condition> conditions;
  for (std::size_t i = 0; i < places.size(); ++i) {
    conditions.push_back({places[i], Operator::kEqual, {std::move(key[i])}});
  }
  return conditions;
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

std::string TableStatements::insert_into(Sql& sql, const std::vector<Value>& row) const {
  std::string names, values;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (column(i).role == ColumnRole::kId) continue;
    append(names, quote_identifier(column(i).name));
    append(values, sql.bind(row[i]));
  }
  return "INSERT INTO " + table_ + " AS t (" + names + ") VALUES (" + values + ')';
}

std::string TableStatements::on_conflict(RowTimes times) const {
  std::string key = quote_identifier(column(tenant_column_).name);
  std::string set;
  for (std::size_t i = 0; i < shape_->columns.size(); ++i) {
    const std::string name = quote_identifier(column(i).name);
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
    const std::string name = quote_identifier(column(tenant_column_).name);
    set = name + " = excluded." + name;
  }
  return " ON CONFLICT (" + key + ") DO UPDATE SET " + set;
}

Statement TableStatements::insert(std::vector<Value> row) const {
  check(row);
  set_times(row, RowTimes::kNow, now());
  Sql sql("");
  sql.text = insert_into(sql, row) + " RETURNING " + returning_;
  return sql.done();
}

Statement TableStatements::upsert(std::vector<Value> row, RowTimes times) const {
  check(row);
  set_times(row, times, now());
  Sql sql("");
  sql.text = insert_into(sql, row) + on_conflict(times) + " RETURNING " + returning_;
  return sql.done();
}

Statement TableStatements::upsert_quietly(std::vector<Value> row) const {
  Sql sql("");
  sql.text = insert_into(sql, row) + on_conflict(RowTimes::kNow);
  return sql.done();
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
    append(set, quote_identifier(changed.name) + " = " + sql.bind(null ? Value() : assignment.value));
  }
  if (const auto updated = shape_->column_of(ColumnRole::kUpdatedAt)) {
    append(set, quote_identifier(column(*updated).name) + " = " + sql.bind(Value(now())));
  }
  if (set.empty()) throw_error("22023", "an update of \"" + shape_->name + "\" changes nothing");
  sql.text = "UPDATE " + table_ + " AS t SET " + set;
  add_conditions(sql, conditions);
  return sql.done();
}

Statement TableStatements::remove(const std::vector<Condition>& conditions) const {
  Sql sql("DELETE FROM " + table_ + " AS t");
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
    append(list, quote_identifier(column(place).name) + ' ' + stage_type(column(place).type));
  }
  return std::string("CREATE TEMPORARY TABLE ") + kStage + " (" + list + ") ON COMMIT DROP";
}

std::string TableStatements::copy_stage() const {
  return std::string("COPY ") + kStage + " FROM STDIN (FORMAT binary)";
}
std::string TableStatements::drop_stage() const { return std::string("DROP TABLE ") + kStage; }

// In the order of the batch, which is that of the keys: two batches at once do not wait for each other in a circle.
Statement TableStatements::merge_stage() const {
  Sql sql("");
  std::string names = quote_identifier(column(tenant_column_).name);
  std::string values = sql.bind(tenant_) + "::text";
  for (const std::size_t place : stage_columns()) {
    append(names, quote_identifier(column(place).name));
    append(values, "s." + quote_identifier(column(place).name));
  }
  sql.text = "INSERT INTO " + table_ + " AS t (" + names + ") SELECT " + values + " FROM " + kStage +
             " AS s ORDER BY s.ctid" + on_conflict(RowTimes::kNow);
  return sql.done();
}

std::vector<Value> TableStatements::batch_row(std::vector<Value> row, Timestamp time) const {
  check(row);
  set_times(row, RowTimes::kNow, time);
  for (std::size_t i = 0; i < row.size(); ++i) {
    bridge::Refusal refusal;
    if (const auto* text = std::get_if<std::string>(&row[i].held())) refusal = bridge::check_text(*text);
    if (const auto* json = std::get_if<Json>(&row[i].held())) {
      std::string text = json_text(*json);
      refusal = bridge::check_json(text);
      row[i] = Value(std::move(text));
    }
    if (refusal) throw_error(refusal.sqlstate, "column \"" + column(i).name + "\": " + refusal.reason);
  }
  return row;
}

std::string TableStatements::describe(const Row& row) const {
  const auto id = shape_->column_of(ColumnRole::kId);
  return id && !row[*id].is_null() ? shape_->name + ", id " + row[*id].to_text() : shape_->name;
}

}  // namespace detail
}  // namespace rowhouse
