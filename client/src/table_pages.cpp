// Pages by key: where one ended, and the condition that begins the next.
#include "rowhouse/error.hpp"
#include "table_sql.hpp"

namespace rowhouse {

PageKey PageKey::parse(std::string_view text) {
  Json values = Json::parse(text, nullptr, false);
  if (!values.is_array() || values.empty()) throw_error("22023", "this is no key of a page");
  return PageKey(std::move(values));
}

namespace detail {

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
    if (!postgres()) bound = sortable_time(bound);
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

}  // namespace detail
}  // namespace rowhouse
