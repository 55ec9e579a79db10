#pragma once

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "rowhouse/table_statements.hpp"

namespace rowhouse::detail {

inline bool is_null(const Value& value) { return std::holds_alternative<std::monostate>(value.held()); }

// What YYYY-MM-DD can say.
inline bool is_writable(Timestamp time) {
  constexpr auto kFirst = std::chrono::sys_days(std::chrono::year(1) / 1 / 1);
  constexpr auto kEnd = std::chrono::sys_days(std::chrono::year(10'000) / 1 / 1);
  return time >= kFirst && time < kEnd;
}

// A time of SQLite as a number; what is NULL or no time stands before all times.
inline std::string sortable_time(const std::string& name) {
  return "ifnull(rowhouse_time(" + name + "), " + std::to_string(std::numeric_limits<std::int64_t>::min()) + ')';
}

inline void append(std::string& list, const std::string& item, const char* separator = ", ") {
  if (!list.empty()) list += separator;
  list += item;
}

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

}  // namespace rowhouse::detail
