#include "plain_values.hpp"

#include <cstdio>
#include <stdexcept>

namespace bench {
namespace {

int digits(std::string_view text, std::size_t from, std::size_t count) {
  int number = 0;
  for (std::size_t i = from; i < from + count; ++i) {
    if (text[i] < '0' || text[i] > '9') throw std::runtime_error("no time: " + std::string(text));
    number = number * 10 + (text[i] - '0');
  }
  return number;
}

}  // namespace

Timestamp now() { return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()); }

Timestamp parse_time(std::string_view text) {
  if (text.size() < 19 || (text.size() > 19 && text[19] != '.')) {
    throw std::runtime_error("no time: " + std::string(text));
  }
  const std::chrono::year_month_day date(std::chrono::year(digits(text, 0, 4)),
                                         std::chrono::month(static_cast<unsigned>(digits(text, 5, 2))),
                                         std::chrono::day(static_cast<unsigned>(digits(text, 8, 2))));
  Timestamp time = std::chrono::sys_days(date) + std::chrono::hours(digits(text, 11, 2)) +
                   std::chrono::minutes(digits(text, 14, 2)) + std::chrono::seconds(digits(text, 17, 2));
  int unit = 100'000;
  for (std::size_t i = 20; i < text.size(); ++i, unit /= 10)
    time += std::chrono::microseconds(digits(text, i, 1) * unit);
  return time;
}

std::string time_text(Timestamp time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  char buffer[64];
  const int size =
      std::snprintf(buffer, sizeof buffer, "%04d-%02u-%02u %02d:%02d:%02d.%06d", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                    static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return std::string(buffer, static_cast<std::size_t>(size));
}

}  // namespace bench
