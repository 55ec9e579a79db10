#include <array>
#include <cstdio>

#include "bridge/tenant_id.hpp"
#include "connection.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse::detail {

void check_tenant(std::string_view tenant) {
  const bridge::Status status = bridge::check_tenant_id(tenant);
  if (!status.ok()) throw_error(status.sqlstate, status.message, {.hint = status.hint});
}

std::string timestamp_text(Timestamp time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::array<char, 64> buffer;
  const int size =
      std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02u %02d:%02d:%02d.%06d", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                    static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return std::string(buffer.data(), static_cast<std::size_t>(size));
}

std::string json_text(const Json& json) {
  try {
    return json.dump();
  } catch (const Json::type_error&) {  // its message shows the bytes
    throw_error("22021", "a string in the JSON is not valid UTF-8");
  }
}

}  // namespace rowhouse::detail
