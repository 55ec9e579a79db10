#include "bridge/timestamp.hpp"

namespace rowhouse::bridge {
namespace {

constexpr std::int64_t kSecond = 1000000;
constexpr std::int64_t kDay = 86400 * kSecond;

// Days from 2000-01-01 in the proleptic Gregorian calendar, which is PostgreSQL's.
std::int64_t days_from_2000(int year, int month, int day) {
  const int y = month <= 2 ? year - 1 : year;
  const int era = y / 400;
  const int year_of_era = y - era * 400;
  const int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return static_cast<std::int64_t>(era) * 146097 + day_of_era - 730425;
}

int days_in_month(int year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[month - 1];
}

// A cursor over the text: each step takes what it names or fails for good.
struct Scanner {
  std::string_view rest;

  bool take(char c) {
    if (rest.empty() || rest.front() != c) return false;
    rest.remove_prefix(1);
    return true;
  }
  bool digit() const { return !rest.empty() && rest.front() >= '0' && rest.front() <= '9'; }
  // Exactly `count` digits, at most `limit` in value.
  bool number(int count, int limit, int& value) {
    value = 0;
    for (int i = 0; i < count; ++i) {
      if (!digit()) return false;
      value = value * 10 + (rest.front() - '0');
      rest.remove_prefix(1);
    }
    return value <= limit;
  }
};

bool scan_fraction(Scanner& scan, std::int64_t& microseconds) {
  if (!scan.digit()) return false;
  std::int64_t unit = kSecond / 10;
  for (; scan.digit(); scan.rest.remove_prefix(1), unit /= 10) {
    const int digit = scan.rest.front() - '0';
    if (unit == 0 && digit != 0) return false;
    microseconds += digit * unit;
  }
  return true;
}

bool scan_zone(Scanner& scan, std::int64_t& offset) {
  if (scan.take('Z') || scan.take('z')) return true;
  const bool west = !scan.rest.empty() && scan.rest.front() == '-';
  if (!scan.take('+') && !scan.take('-')) return false;
  int hours = 0, minutes = 0;
  if (!scan.number(2, 15, hours)) return false;
  const bool colon = scan.take(':');
  if ((colon || scan.digit()) && !scan.number(2, 59, minutes)) return false;
  offset = (hours * 60 + minutes) * 60 * kSecond * (west ? -1 : 1);
  return true;
}

}  // namespace

bool parse_time(std::string_view text, ParsedTime& time) {
  Scanner scan{text};
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (!scan.number(4, 9999, year) || year == 0 || !scan.take('-')) return false;
  if (!scan.number(2, 12, month) || month == 0 || !scan.take('-')) return false;
  if (!scan.number(2, days_in_month(year, month), day) || day == 0) return false;
  time = ParsedTime{days_from_2000(year, month, day) * kDay, scan.rest.empty(), false};
  if (time.date_only) return true;

  if (!scan.take('T') && !scan.take(' ')) return false;
  std::int64_t fraction = 0, offset = 0;
  if (!scan.number(2, 23, hour) || !scan.take(':') || !scan.number(2, 59, minute)) return false;
  if (scan.take(':')) {
    if (!scan.number(2, 59, second)) return false;
    if (scan.take('.') && !scan_fraction(scan, fraction)) return false;
  }
  if (!scan.rest.empty()) {
    scan.take(' ');
    if (!scan_zone(scan, offset) || !scan.rest.empty()) return false;
    time.with_zone = true;
  }
  time.microseconds += ((hour * 60 + minute) * 60 + second) * kSecond + fraction - offset;
  return true;
}

}  // namespace rowhouse::bridge
