// One value at a time: what each PostgreSQL type makes of it, exactly or not at all.
#include "bridge/cell.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "bridge/types.hpp"

namespace rowhouse::bridge {
namespace {

Cell integer(std::int64_t value) { return {StorageClass::integer, value, 0, {}}; }
Cell real(double value) { return {StorageClass::real, 0, value, {}}; }
Cell text(std::string_view value) { return {StorageClass::text, 0, 0, value}; }
Cell blob(std::string_view value) { return {StorageClass::blob, 0, 0, value}; }

constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min(), kMax = std::numeric_limits<std::int64_t>::max();
const double kInfinity = std::numeric_limits<double>::infinity();

// What a type makes of a cell, as people read it, or "!SQLSTATE".
std::string decoded(const Cell& cell, PgType type, TextCheck json = TextCheck::json) {
  Value value;
  if (const Refusal refusal = decode(cell, type, json, value)) return std::string("!") + refusal.sqlstate;
  if (value.null) return "NULL";
  switch (type) {
    case PgType::double_precision: {
      char digits[64];
      std::snprintf(digits, sizeof digits, "%.17g", value.real);
      return digits;
    }
    case PgType::text:
    case PgType::bytea:
    case PgType::jsonb:
    case PgType::numeric:
      return std::string(value.bytes);
    default:
      return std::to_string(value.integer);
  }
}

struct Row {
  Cell cell;
  PgType type;
  std::string expected;
};

TEST(Cell, IsKeptExactlyOrRefused) {
  const Row kRows[] = {
      {Cell{}, PgType::jsonb, "NULL"},
      {Cell{}, PgType::boolean, "NULL"},
      {integer(1), PgType::boolean, "1"},
      {integer(2), PgType::boolean, "!22P02"},
      {integer(-1), PgType::boolean, "!22P02"},
      {real(1), PgType::boolean, "!22P02"},
      {text("TrUe"), PgType::boolean, "1"},
      {text("FALSE"), PgType::boolean, "0"},
      {text("t"), PgType::boolean, "!22P02"},
      {text(""), PgType::boolean, "!22P02"},
      {text("fa\x0Cse"), PgType::boolean, "!22P02"},
      {blob("true"), PgType::boolean, "!22P02"},
      {integer(kMin), PgType::bigint, "-9223372036854775808"},
      {integer(kMax), PgType::bigint, "9223372036854775807"},
      {real(-3), PgType::bigint, "-3"},
      {real(1.5), PgType::bigint, "!22P02"},
      {real(9223372036854775808.0), PgType::bigint, "!22P02"},
      {real(-9223372036854775808.0), PgType::bigint, "-9223372036854775808"},
      {real(kInfinity), PgType::bigint, "!22P02"},
      {text("1"), PgType::bigint, "!22P02"},
      {integer(std::int64_t{1} << 53), PgType::double_precision, "9007199254740992"},
      {integer((std::int64_t{1} << 53) + 1), PgType::double_precision, "!22003"},
      {integer(kMin), PgType::double_precision, "!22003"},
      {real(0.1), PgType::double_precision, "0.10000000000000001"},
      {real(-kInfinity), PgType::double_precision, "-inf"},
      {text("0.1"), PgType::double_precision, "!22P02"},
      {integer(kMin), PgType::numeric, "-9223372036854775808"},
      {real(0.1), PgType::numeric, "0.1"},
      {real(5e-324), PgType::numeric, "5e-324"},
      {real(-1.7976931348623157e308), PgType::numeric, "-1.7976931348623157e+308"},
      {real(kInfinity), PgType::numeric, "Infinity"},
      {real(-kInfinity), PgType::numeric, "-Infinity"},
      {text("1"), PgType::numeric, "!22P02"},
      {integer(-5), PgType::text, "-5"},
      {real(2), PgType::text, "2.0"},
      {real(1e100), PgType::text, "1e+100"},
      {real(0.1 + 0.2), PgType::text, "0.30000000000000004"},
      {real(kInfinity), PgType::text, "Inf"},
      {text(""), PgType::text, ""},
      {text("é\n"), PgType::text, "é\n"},
      {text(std::string_view("a\0b", 3)), PgType::text, "!22021"},
      {text("a\xFF"), PgType::text, "!22021"},
      {blob("a"), PgType::text, "!42804"},
      {blob(std::string_view("\0\xFF", 2)), PgType::bytea, std::string("\0\xFF", 2)},
      {text("a\xFF"), PgType::bytea, "a\xFF"},
      {integer(7), PgType::bytea, "7"},
      {real(2), PgType::bytea, "2.0"},
      {text("2000-01-02"), PgType::date, "1"},
      {text("1999-12-31"), PgType::date, "-1"},
      {text("2000-01-02 00:00"), PgType::date, "!22007"},
      {integer(1), PgType::date, "!22007"},
      {text("2000-01-02"), PgType::timestamp, "86400000000"},
      {text("2000-01-01 00:00Z"), PgType::timestamp, "!22007"},
      {text("2000-01-01 00:00Z"), PgType::timestamptz, "0"},
      {text("2000-01-01 00:00"), PgType::timestamptz, "0"},
      {text("soon"), PgType::timestamptz, "!22007"},
      {text("{\"a\":1}"), PgType::jsonb, "{\"a\":1}"},
      {text("{"), PgType::jsonb, "!22P02"},
      {text("\"\\u0000\""), PgType::jsonb, "!22P05"},
      {integer(5), PgType::jsonb, "5"},
      {real(0.5), PgType::jsonb, "0.5"},
      {real(kInfinity), PgType::jsonb, "!22P02"},
      {blob("{}"), PgType::jsonb, "!22P02"},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(decoded(row.cell, row.type), row.expected)
        << name_of(row.cell.storage_class) << " " << row.cell.bytes << " as " << sql_name(row.type);
  }
  EXPECT_EQ(decoded(text("{"), PgType::jsonb, TextCheck::utf8), "{") << "left to the server";
  EXPECT_EQ(decoded(text("\xFF"), PgType::jsonb, TextCheck::utf8), "!22021");
}

// Shortest digits read back as the same double, for doubles of every magnitude.
TEST(Cell, RealsSurviveAsTextAndNumeric) {
  std::uint64_t bits = 88172645463325252ULL;
  for (int i = 0; i < 20000; ++i) {
    bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
    double number;
    std::memcpy(&number, &bits, sizeof number);
    if (!std::isfinite(number)) continue;
    ASSERT_EQ(std::strtod(decoded(real(number), PgType::text).c_str(), nullptr), number);
    ASSERT_EQ(std::strtod(decoded(real(number), PgType::numeric).c_str(), nullptr), number);
  }
}

// Every bad sequence at every place of a word of eight, at the end and before more text.
TEST(Cell, FindsEveryKindOfBadUtf8) {
  const std::string kBad[] = {"\x80",
                              "\xBF",
                              "\xC0\x80",
                              "\xC1\xBF",
                              "\xC2",
                              "\xC2\x41",
                              "\xE0\x80\x80",
                              "\xE0\x9F\xBF",
                              "\xE1\x80",
                              "\xE1\x80\x41",
                              "\xED\xA0\x80",
                              "\xED\xBF\xBF",
                              "\xF0\x80\x80\x80",
                              "\xF0\x8F\xBF\xBF",
                              "\xF1\x80\x80",
                              "\xF1\x80\x80\x41",
                              "\xF4\x90\x80\x80",
                              "\xF5\x80\x80\x80",
                              "\xF8\x88\x80\x80\x80",
                              "\xFE",
                              "\xFF",
                              std::string(1, '\0')};
  const std::string kGood[] = {"\x01",   "\x7F",   "\u0080", "\u07FF",     "\u0800",
                               "\uD7FF", "\uE000", "\uFFFF", "\U00010000", "\U0010FFFF"};
  for (std::size_t before = 0; before < 18; ++before) {
    for (const char* after : {"", "z", "zzzzzzzzz"}) {
      const std::string lead(before, 'a');
      for (const std::string& bad : kBad) EXPECT_TRUE(check_text(lead + bad + after)) << before << bad;
      for (const std::string& good : kGood) EXPECT_FALSE(check_text(lead + good + after)) << before << good;
    }
  }
}

TEST(Cell, PrintableIsAlwaysText) {
  EXPECT_EQ(printable("a\n\xC3\xA9\xFF\x7F", 100), "a?é??");
  EXPECT_EQ(printable("ééé", 5), "éé") << "cut at a character";
  EXPECT_EQ(printable(std::string_view("a\0b", 3), 3), "a?b");
  EXPECT_EQ(printable("", 5), "");
}

}  // namespace
}  // namespace rowhouse::bridge
