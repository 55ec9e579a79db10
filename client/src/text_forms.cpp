#include <algorithm>
#include <cmath>
#include <string>

#include "bridge/tenant_id.hpp"
#include "connection.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse::detail {

void check_tenant(std::string_view tenant) {
  const bridge::Status status = bridge::check_tenant_id(tenant);
  if (!status.ok()) throw_error(status.sqlstate, status.message, {.hint = status.hint});
}

namespace {

// As many digits, with zeros in front.
void put_digits(char* to, int digits, std::int64_t number) {
  for (int i = digits - 1; i >= 0; --i, number /= 10) to[i] = static_cast<char>('0' + number % 10);
}

}  // namespace

std::string timestamp_text(Timestamp time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::string text = "0000-00-00 00:00:00.000000";
  const int year = static_cast<int>(date.year());
  put_digits(&text[5], 2, static_cast<unsigned>(date.month()));
  put_digits(&text[8], 2, static_cast<unsigned>(date.day()));
  put_digits(&text[11], 2, clock.hours().count());
  put_digits(&text[14], 2, clock.minutes().count());
  put_digits(&text[17], 2, clock.seconds().count());
  put_digits(&text[20], 6, clock.subseconds().count());
  if (year >= 0 && year <= 9999)
    put_digits(&text[0], 4, year);
  else
    text.replace(0, 4, std::to_string(year));  // PostgreSQL knows some of these
  return text;
}

namespace {

// A number that JSON cannot write; nlohmann_json would write null for it.
bool has_non_finite(const Json& json) {
  if (json.is_number_float()) return !std::isfinite(json.get<double>());
  return json.is_structured() && std::any_of(json.begin(), json.end(), has_non_finite);
}

bool has_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

bool has_nul(const Json& json) {
  if (const auto* text = json.get_ptr<const Json::string_t*>()) return has_nul(*text);
  if (const auto* members = json.get_ptr<const Json::object_t*>())
    return std::any_of(members->begin(), members->end(),
                       [](const auto& member) { return has_nul(member.first) || has_nul(member.second); });
  const auto* elements = json.get_ptr<const Json::array_t*>();
  return elements != nullptr &&
         std::any_of(elements->begin(), elements->end(), [](const Json& element) { return has_nul(element); });
}

}  // namespace

std::string json_text(const Json& json) {
  if (has_non_finite(json)) throw_error("22P02", "a number in the JSON is not finite");
  if (json.is_discarded()) throw_error("22P02", "the JSON is what its parser could not read");
  try {
    return json.dump();
  } catch (const Json::type_error&) {  // its message shows the bytes
    throw_error("22021", "a string in the JSON is not valid UTF-8");
  }
}

std::string jsonb_text(const Json& json) {
  if (has_nul(json)) throw_error("22P05", "the JSON holds an escaped NUL (\\u0000), which jsonb can't");
  return json_text(json);
}

}  // namespace rowhouse::detail
