// The encoder against a reader of its own: what a type's field says, read as PostgreSQL reads it and printed as it prints,
// is the value that the cell holds, by the rules of verify, which knows nothing of the encoder.
//   values: class, and eight bytes or a string
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>

#include "bridge/copy_encoder.hpp"
#include "client/src/migration/cell_compare.hpp"
#include "tests/fuzz/promise.hpp"

using namespace rowhouse::bridge;
using namespace rowhouse::fuzz;

namespace {

constexpr std::int64_t kMicrosecondsADay = 86'400'000'000;

std::uint64_t take(std::string_view& field, std::size_t bytes) {
  promise(field.size() >= bytes, "as many bytes as the type has");
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < bytes; ++i) number = number << 8 | static_cast<unsigned char>(field[i]);
  field.remove_prefix(bytes);
  return number;
}

// numeric_recv: count of digits to the base 10000, weight of the first, sign, digits behind the point, digits.
std::string numeric(std::string_view field) {
  const auto count = static_cast<int>(take(field, 2));
  const auto weight = static_cast<std::int16_t>(take(field, 2));
  const std::uint64_t sign = take(field, 2), scale = take(field, 2);
  if (sign == 0xD000 || sign == 0xF000) return sign == 0xD000 ? "Infinity" : "-Infinity";
  promise((sign == 0 || sign == 0x4000) && scale <= 0x3FFF, "a sign and a scale");
  std::string text(sign == 0x4000 ? "-" : "");
  std::string digits;
  for (int i = 0; i < count; ++i) {
    const std::uint64_t digit = take(field, 2);
    promise(digit < 10000, "digits below 10000");
    char four[8];
    std::snprintf(four, sizeof four, "%04d", static_cast<int>(digit));
    digits += four;
  }
  promise(field.empty(), "nothing behind the digits");
  const int point = (weight + 1) * 4;  // how many of the digits are before it
  // The server cuts what its scale does not tell.
  const std::size_t kept = static_cast<std::size_t>(std::max(0, point + static_cast<int>(scale)));
  promise(digits.size() <= kept || digits.find_first_not_of('0', kept) == std::string::npos, "a scale for all digits");
  return text + (digits.empty() ? "0" : digits) + "e" + std::to_string(point - static_cast<int>(digits.size()));
}

std::string date(std::int64_t days) {  // since 2000-01-01, by the civil calendar
  std::int64_t z = days + 10957 + 719468;
  const std::int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const std::int64_t of_era = z - era * 146097;
  const std::int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const std::int64_t day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month = (5 * day_of_year + 2) / 153;
  const std::int64_t day = day_of_year - (153 * month + 2) / 5 + 1;
  char text[64];
  std::snprintf(text, sizeof text, "%04lld-%02lld-%02lld",
                static_cast<long long>(year_of_era + era * 400 + (month >= 10 ? 1 : 0)),
                static_cast<long long>(month < 10 ? month + 3 : month - 9), static_cast<long long>(day));
  return text;
}

std::string timestamp(std::int64_t microseconds) {
  std::int64_t days = microseconds / kMicrosecondsADay, rest = microseconds % kMicrosecondsADay;
  if (rest < 0) --days, rest += kMicrosecondsADay;
  char text[64];
  std::snprintf(text, sizeof text, " %02d:%02d:%02d.%06d", static_cast<int>(rest / 3'600'000'000),
                static_cast<int>(rest / 60'000'000 % 60), static_cast<int>(rest / 1'000'000 % 60),
                static_cast<int>(rest % 1'000'000));
  return date(days) + text;
}

std::string real(double number) {
  if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
  char text[64];
  std::snprintf(text, sizeof text, "%.17g", number);
  return text;
}

std::string printed(PgType type, std::string_view field) {
  check_field(type, field);
  switch (type) {
    case PgType::boolean:
      return take(field, 1) == 1 ? "t" : "f";
    case PgType::bigint:
      return std::to_string(static_cast<std::int64_t>(take(field, 8)));
    case PgType::double_precision: {
      const std::uint64_t bits = take(field, 8);
      double number = 0;
      std::memcpy(&number, &bits, sizeof number);
      return real(number);
    }
    case PgType::numeric:
      return numeric(field);
    case PgType::bytea:
      return rowhouse::detail::to_hex(field);
    case PgType::date:
      return date(static_cast<std::int32_t>(take(field, 4)));
    case PgType::timestamp:
      return timestamp(static_cast<std::int64_t>(take(field, 8)));
    case PgType::timestamptz:
      return timestamp(static_cast<std::int64_t>(take(field, 8))) + "+00";
    case PgType::jsonb:
      return std::string(field.substr(1));
    default:
      return std::string(field);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes input(data, size);
  for (int i = 0; i < 100 && !input.empty(); ++i) {
    const Cell cell = read_cell(input);
    for (PgType type : kAllTypes) {
      Value value;
      if (decode(cell, type, TextCheck::json, value)) continue;
      std::string encoded;
      append_binary(encoded, type, value);
      std::string_view field(encoded);
      const std::uint64_t length = take(field, 4);
      promise(value.null ? length == 0xFFFFFFFF && field.empty() : length == field.size(), "a length of the field");
      const auto text = value.null ? std::nullopt : std::optional<std::string>(printed(type, field));
      promise(rowhouse::detail::same_value(cell, text, type), "the value that the cell holds");
    }
  }
  return 0;
}
