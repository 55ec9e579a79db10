// What the statements of one table are made of, and those that read.
#include "bridge/names.hpp"
#include "rowhouse/error.hpp"
#include "table_sql.hpp"
#include "table_texts.hpp"

namespace rowhouse::detail {
namespace {

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

}  // namespace

TableStatements::TableStatements(Database database, const std::string& schema, const TableShape& shape,
                                 std::string tenant)
    : database_(database),
      shape_(&shape),
      tenant_(std::move(tenant)),
      tenant_column_(shape.column_of(ColumnRole::kTenant).value()),
      texts_(known_texts(database, schema, shape)) {
  if (texts_) return;
  texts_ = make_texts(schema);
  keep_texts(database, schema, shape, texts_);
}

std::shared_ptr<const TableTexts> TableStatements::make_texts(const std::string& schema) {
  const auto texts = std::make_shared<TableTexts>();
  texts_ = texts;  // what is made first is used for the rest
  texts->table = postgres() ? bridge::quote_qualified(schema, shape_->name) : bridge::quote_identifier(shape_->name);
  for (std::size_t i = 0; i < shape_->columns.size(); ++i) {
    const std::string& name = texts->names.emplace_back(bridge::quote_identifier(column(i).name));
    const char* in_utc = postgres() && column(i).type == ColumnType::kTimestamp ? " AT TIME ZONE 'UTC'" : "";
    append(texts->columns, qualified(i) + in_utc + " AS " + name);
    append(texts->returning, name + in_utc + " AS " + name);
  }
  texts->insert = insert_text();
  texts->upsert = texts->insert + on_conflict(RowTimes::kNow);
  return texts;
}

const std::string& TableStatements::quoted(std::size_t place) const { return texts_->names[place]; }

// Qualified, since SQLite takes an unknown name in quotes for a string.
std::string TableStatements::qualified(std::size_t place) const { return "t." + quoted(place); }

// What the column is compared and sorted by: text by its bytes, times as times, for files hold them in several forms.
std::string TableStatements::sortable(std::size_t place) const {
  const std::string name = qualified(place);
  if (postgres()) return column(place).type == ColumnType::kText ? name + " COLLATE \"C\"" : name;
  if (column(place).type != ColumnType::kTimestamp) return name;
  return sortable_time(name);
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

Statement TableStatements::select(const std::vector<Condition>& conditions, RowOrder order,
                                  std::optional<std::size_t> limit, const std::optional<PageKey>& after) const {
  Sql sql("SELECT " + texts_->columns + " FROM " + texts_->table + " AS t");
  add_conditions(sql, conditions);
  if (after) add_page(sql, order, *after);
  sql.text += order_by(order);
  if (limit) sql.text += " LIMIT " + std::to_string(*limit);
  return sql.done();
}

Statement TableStatements::count(const std::vector<Condition>& conditions) const {
  Sql sql("SELECT count(*) FROM " + texts_->table + " AS t");
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

std::string TableStatements::describe(const Row& row) const {
  const auto id = shape_->column_of(ColumnRole::kId);
  return id && !row[*id].is_null() ? shape_->name + ", id " + row[*id].to_text() : shape_->name;
}

}  // namespace rowhouse::detail
