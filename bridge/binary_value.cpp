// Values in the form that PostgreSQL's receive functions read.
#include <bit>
#include <cstring>

#include "bridge/copy_encoder.hpp"

namespace rowhouse::bridge {
namespace {

template <class Integer>
void append_integer(std::string& out, Integer value) {
  char bytes[sizeof value];
  for (std::size_t i = 0; i < sizeof value; ++i) {
    bytes[i] = static_cast<char>(static_cast<std::make_unsigned_t<Integer>>(value) >> (8 * (sizeof value - 1 - i)));
  }
  out.append(bytes, sizeof bytes);
}

void append_sized(std::string& out, std::string_view bytes) {
  append_integer(out, static_cast<std::int32_t>(bytes.size()));
  out += bytes;
}

constexpr std::uint16_t kNumericPositive = 0x0000, kNumericNegative = 0x4000;
constexpr std::uint16_t kNumericInfinity = 0xD000, kNumericMinusInfinity = 0xF000;

void append_numeric_head(std::string& out, std::size_t digits, int weight, std::uint16_t sign, int scale) {
  append_integer(out, static_cast<std::int32_t>(8 + 2 * digits));
  append_integer(out, static_cast<std::int16_t>(digits));
  append_integer(out, static_cast<std::int16_t>(weight));
  append_integer(out, sign);
  append_integer(out, static_cast<std::int16_t>(scale));
}

// numeric is base 10000: `text` is [-]digits[.digits][e[+-]digits], at most 24 characters, or an infinity.
void append_numeric(std::string& out, std::string_view text) {
  const bool negative = text.front() == '-';
  if (negative) text.remove_prefix(1);
  if (text == "Infinity") return append_numeric_head(out, 0, 0, negative ? kNumericMinusInfinity : kNumericInfinity, 0);

  std::string digits;
  int point = -1, exponent = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.') {
      point = static_cast<int>(digits.size());
    } else if (text[i] == 'e') {
      exponent = std::stoi(std::string(text.substr(i + 1)));
      break;
    } else {
      digits += text[i];
    }
  }
  // The decimal point stands behind `point` digits; then pad to whole groups of four on both sides of it.
  if (point < 0) point = static_cast<int>(digits.size());
  point += exponent;
  int scale = static_cast<int>(digits.size()) - point;
  if (scale < 0) digits.append(static_cast<std::size_t>(-scale), '0'), scale = 0;
  if (point < 0) digits.insert(0, static_cast<std::size_t>(-point), '0'), point = 0;
  const int lead = (4 - point % 4) % 4;
  digits.insert(0, static_cast<std::size_t>(lead), '0');
  digits.append((4 - digits.size() % 4) % 4, '0');
  int weight = (point + lead) / 4 - 1;

  std::size_t first = 0, last = digits.size();
  while (first < last && digits.compare(first, 4, "0000") == 0) first += 4, --weight;
  while (last > first && digits.compare(last - 4, 4, "0000") == 0) last -= 4;
  if (first == last) weight = 0;
  append_numeric_head(out, (last - first) / 4, weight, negative && first < last ? kNumericNegative : kNumericPositive,
                      scale);
  for (; first < last; first += 4) {
    append_integer(out, static_cast<std::int16_t>((digits[first] - '0') * 1000 + (digits[first + 1] - '0') * 100 +
                                                  (digits[first + 2] - '0') * 10 + (digits[first + 3] - '0')));
  }
}

}  // namespace

void append_binary(std::string& out, PgType type, const Value& value) {
  if (value.null) return append_integer(out, std::int32_t{-1});
  switch (type) {
    case PgType::boolean:
      append_integer(out, std::int32_t{1});
      out += static_cast<char>(value.integer != 0);
      break;
    case PgType::bigint:
    case PgType::timestamp:
    case PgType::timestamptz:
      append_integer(out, std::int32_t{8});
      append_integer(out, value.integer);
      break;
    case PgType::date:
      append_integer(out, std::int32_t{4});
      append_integer(out, static_cast<std::int32_t>(value.integer));
      break;
    case PgType::double_precision:
      append_integer(out, std::int32_t{8});
      append_integer(out, std::bit_cast<std::int64_t>(value.real));
      break;
    case PgType::numeric:
      append_numeric(out, value.bytes);
      break;
    case PgType::text:
    case PgType::bytea:
      append_sized(out, value.bytes);
      break;
    case PgType::jsonb:
      append_integer(out, static_cast<std::int32_t>(value.bytes.size() + 1));
      out += '\1';  // the version of jsonb's binary form
      out += value.bytes;
      break;
  }
}

}  // namespace rowhouse::bridge
