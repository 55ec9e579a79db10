#include "sqlite_time.hpp"

#include <new>
#include <string_view>

#include "bridge/timestamp.hpp"

namespace rowhouse::detail {
namespace {

void time_function(sqlite3_context* context, int, sqlite3_value** arguments) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(arguments[0]));
  bridge::ParsedTime time;
  if (text == nullptr || sqlite3_value_type(arguments[0]) != SQLITE_TEXT ||
      !bridge::parse_time({text, static_cast<std::size_t>(sqlite3_value_bytes(arguments[0]))}, time)) {
    return sqlite3_result_null(context);
  }
  sqlite3_result_int64(context, time.microseconds);
}

}  // namespace

void register_time_function(sqlite3* connection) {
  const int code = sqlite3_create_function_v2(connection, "rowhouse_time", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                              nullptr, &time_function, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) throw std::bad_alloc();
}

}  // namespace rowhouse::detail
