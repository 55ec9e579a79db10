#include "bridge/timestamp.hpp"

#include <gtest/gtest.h>

namespace rowhouse::bridge {
namespace {

enum class Kind { date, plain, zoned };

struct Good {
  const char* text;
  std::int64_t microseconds;  // checked against PostgreSQL's extract(epoch) minus 946684800 s
  Kind kind;
};

constexpr Good kGood[] = {
    {"2000-01-01", 0, Kind::date},
    {"2000-01-02", 86400000000, Kind::date},
    {"1999-12-31", -86400000000, Kind::date},
    {"2024-02-29", 762480000000000, Kind::date},
    {"2000-02-29", 5097600000000, Kind::date},
    {"1900-03-01", -3150576000000000, Kind::date},
    {"1970-01-01", -946684800000000, Kind::date},
    {"0001-01-01", -63082281600000000, Kind::date},
    {"9999-12-31", 252455529600000000, Kind::date},
    {"2000-01-01 00:00", 0, Kind::plain},
    {"2000-01-01T00:00:01", 1000000, Kind::plain},
    {"2000-01-01 23:59:59.999999", 86399999999, Kind::plain},
    {"2000-01-01 00:00:00.5", 500000, Kind::plain},
    {"2000-01-01 00:00:00.000001000", 1, Kind::plain},
    {"2000-01-01T00:00:00Z", 0, Kind::zoned},
    {"2000-01-01T00:00:00z", 0, Kind::zoned},
    {"2000-01-01 00:00:00+00", 0, Kind::zoned},
    {"2000-01-01 01:00:00+01:00", 0, Kind::zoned},
    {"2000-01-01 05:30:00 +0530", 0, Kind::zoned},
    {"1999-12-31T19:00-05", 0, Kind::zoned},
    {"2000-01-01T00:00:00.25-15:59", 57540250000, Kind::zoned},
};

TEST(Timestamp, ReadsExactly) {
  for (const Good& good : kGood) {
    ParsedTime time;
    ASSERT_TRUE(parse_time(good.text, time)) << good.text;
    EXPECT_EQ(time.microseconds, good.microseconds) << good.text;
    EXPECT_EQ(time.date_only, good.kind == Kind::date) << good.text;
    EXPECT_EQ(time.with_zone, good.kind == Kind::zoned) << good.text;
  }
}

TEST(Timestamp, RefusesWhatIsNoneOrWouldBeRounded) {
  constexpr std::string_view kBad[] = {"",
                                       "2024",
                                       "2024-1-1",
                                       "2024-13-01",
                                       "2024-00-10",
                                       "2024-01-00",
                                       "2024-01-32",
                                       "2023-02-29",
                                       "1900-02-29",
                                       "2024-04-31",
                                       "0000-00-00",
                                       "0000-01-01",
                                       "10000-01-01",
                                       "-001-01-01",
                                       "+2024-01-01",
                                       " 2024-01-01",
                                       "2024-01-01 ",
                                       "2024-01-01T",
                                       "2024-01-01  10:00",
                                       "2024-01-01 10",
                                       "2024-01-01 10:0",
                                       "2024-01-01 24:00",
                                       "2024-01-01 10:60",
                                       "2024-01-01 10:00:60",
                                       "2024-01-01 10:00:00.",
                                       "2024-01-01 10:00:00.1234567",
                                       "2024-01-01 10:00:00,5",
                                       "2024-01-01 10:00:00 ",
                                       "2024-01-01 10:00:00+",
                                       "2024-01-01 10:00:00+1",
                                       "2024-01-01 10:00:00+16:00",
                                       "2024-01-01 10:00:00+01:",
                                       "2024-01-01 10:00:00+01:60",
                                       "2024-01-01 10:00:00+01:000",
                                       "2024-01-01 10:00:00ZZ",
                                       "2024-01-01 10:00:00 UTC",
                                       "2024-01-01 10:00:00 AM",
                                       "01/02/2024",
                                       "20240101",
                                       "10:00:00",
                                       "now",
                                       "NaN",
                                       "1700000000",
                                       "2460000.5",
                                       std::string_view("2024-01-01\0", 11),
                                       "２０２４-01-01"};
  for (const std::string_view bad : kBad) {
    ParsedTime time;
    EXPECT_FALSE(parse_time(bad, time)) << bad;
  }
}

// Every day of the calendar, counted the slow way.
TEST(Timestamp, CountsEveryDay) {
  std::int64_t day = -730119;  // 0001-01-01
  int checked = 0;
  for (int year = 1; year <= 9999; ++year) {
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    const int lengths[] = {31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (int month = 1; month <= 12; ++month) {
      for (const int at : {1, lengths[month - 1]}) {
        char text[16];
        std::snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, at);
        ParsedTime time;
        ASSERT_TRUE(parse_time(text, time)) << text;
        ASSERT_EQ(time.microseconds, (day + at - 1) * 86400000000) << text;
        ++checked;
      }
      day += lengths[month - 1];
    }
  }
  EXPECT_EQ(checked, 9999 * 24);
}

}  // namespace
}  // namespace rowhouse::bridge
