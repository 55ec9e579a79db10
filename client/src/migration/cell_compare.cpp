#include "migration/cell_compare.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "bridge/timestamp.hpp"

namespace rowhouse::detail {
namespace {

using bridge::Cell;
using bridge::PgType;
using bridge::StorageClass;

// The text that PostgreSQL holds for a cell kept as text or bytea.
std::string as_text(const Cell& cell) {
  if (cell.storage_class == StorageClass::integer) return std::to_string(cell.integer);
  if (cell.storage_class == StorageClass::real) {
    bridge::Value value;
    bridge::decode(cell, PgType::text, bridge::TextCheck::utf8, value);
    return std::string(value.bytes);
  }
  return std::string(cell.bytes);
}

int nibble(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

bool same_integer(const Cell& cell, const std::string& printed) {
  std::int64_t number = 0;
  const auto end = std::from_chars(printed.data(), printed.data() + printed.size(), number);
  if (end.ec != std::errc() || end.ptr != printed.data() + printed.size()) return false;
  if (cell.storage_class == StorageClass::integer) return cell.integer == number;
  return cell.storage_class == StorageClass::real && cell.real == static_cast<double>(number) &&
         static_cast<std::int64_t>(cell.real) == number;
}

bool is_infinite(const Cell& cell) { return cell.storage_class == StorageClass::real && std::isinf(cell.real); }

// To the last digit, which a double may not hold.
bool same_decimal(const Cell& cell, const std::string& printed) {
  if (cell.storage_class == StorageClass::text || cell.storage_class == StorageClass::blob) return false;
  if (is_infinite(cell)) return printed == (cell.real < 0 ? "-Infinity" : "Infinity");
  return plain_number(as_text(cell)) == plain_number(printed);
}

bool same_double(const Cell& cell, const std::string& printed) {
  const double number = std::strtod(printed.c_str(), nullptr);
  if (cell.storage_class == StorageClass::real) return cell.real == number;
  return cell.storage_class == StorageClass::integer && static_cast<double>(cell.integer) == number;
}

bool same_boolean(const Cell& cell, const std::string& printed) {
  if (cell.storage_class == StorageClass::integer) return (cell.integer != 0) == (printed == "t");
  return cell.storage_class == StorageClass::text && !cell.bytes.empty() &&
         ((cell.bytes[0] | 0x20) == 't') == (printed == "t");
}

bool same_time(const Cell& cell, const std::string& printed) {
  bridge::ParsedTime ours, theirs;
  return cell.storage_class == StorageClass::text && bridge::parse_time(cell.bytes, ours) &&
         bridge::parse_time(printed, theirs) && ours.microseconds == theirs.microseconds;
}

// A document of PostgreSQL with every number as a string in one spelling, marked by what no string there can hold: a
// number of JSON has any digits, one of a parser has not.
std::string numbers_as_text(std::string_view document) {
  std::string out;
  bool in_string = false;
  for (std::size_t i = 0; i < document.size(); ++i) {
    const char c = document[i];
    if (!in_string && (c == '-' || (c >= '0' && c <= '9'))) {
      const std::size_t end = std::min(document.find_first_not_of("+-.0123456789eE", i), document.size());
      out += "\"\\u0000" + plain_number(document.substr(i, end - i)) + '"';
      i = end - 1;
      continue;
    }
    out += c;
    if (c == '"') in_string = !in_string;
    if (in_string && c == '\\' && i + 1 < document.size()) out += document[++i];
  }
  return out;
}

bool same_json(const Cell& cell, const std::string& printed) {
  const std::string text = as_text(cell);
  if (text == printed) return true;
  const nlohmann::json ours = nlohmann::json::parse(numbers_as_text(text), nullptr, false);
  const nlohmann::json theirs = nlohmann::json::parse(numbers_as_text(printed), nullptr, false);
  return !ours.is_discarded() && !theirs.is_discarded() && ours == theirs;
}

}  // namespace

std::string to_hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text(2 + 2 * bytes.size(), '\\');
  char* out = text.data() + 1;
  *out++ = 'x';
  for (unsigned char byte : bytes) {
    *out++ = kDigits[byte >> 4];
    *out++ = kDigits[byte & 15];
  }
  return text;
}

std::string from_hex(std::string_view printed) {
  std::string bytes;
  for (std::size_t i = 2; i + 1 < printed.size(); i += 2) {
    bytes += static_cast<char>(nibble(printed[i]) * 16 + nibble(printed[i + 1]));
  }
  return bytes;
}

std::string plain_number(std::string_view text) {
  const bool negative = text.substr(0, 1) == "-";
  std::string digits;
  std::int64_t power = 0, exponent = 0;
  bool fraction = false;
  for (std::size_t i = negative ? 1 : 0; i < text.size(); ++i) {
    if (text[i] == 'e' || text[i] == 'E') {
      const std::size_t first = i + (text.substr(i + 1, 1) == "+" ? 2 : 1);
      std::from_chars(text.data() + first, text.data() + text.size(), exponent);
      break;
    }
    if (text[i] == '.') {
      fraction = true;
      continue;
    }
    digits += text[i];
    power -= fraction;
  }
  digits.erase(0, digits.find_first_not_of('0'));
  if (digits.empty()) return "0";
  for (; digits.back() == '0'; digits.pop_back()) ++power;
  return (negative ? "-" : "") + digits + "e" + std::to_string(power + exponent);
}

void split_copy_row(std::string_view line, std::vector<std::optional<std::string>>& fields) {
  fields.clear();
  if (!line.empty() && line.back() == '\n') line.remove_suffix(1);
  std::string field;
  bool null = false;
  for (std::size_t i = 0; i <= line.size(); ++i) {
    if (i == line.size() || line[i] == '\t') {
      fields.push_back(null ? std::nullopt : std::optional<std::string>(std::move(field)));
      field.clear();
      null = false;
    } else if (line[i] == '\\' && i + 1 < line.size()) {
      constexpr std::string_view kCodes = "bfnrtv", kMeanings = "\b\f\n\r\t\v";
      const char code = line[++i];
      const std::size_t known = kCodes.find(code);
      if (code == 'N') {
        null = true;
      } else {
        field += known == std::string_view::npos ? code : kMeanings[known];
      }
    } else {
      field += line[i];
    }
  }
}

bool same_value(const Cell& cell, const std::optional<std::string>& printed, PgType type) {
  if (cell.storage_class == StorageClass::null || !printed) return cell.storage_class == StorageClass::null && !printed;
  switch (type) {
    case PgType::boolean:
      return same_boolean(cell, *printed);
    case PgType::bigint:
      return same_integer(cell, *printed);
    case PgType::double_precision:
      return same_double(cell, *printed);
    case PgType::numeric:
      return same_decimal(cell, *printed);
    case PgType::text:
      return as_text(cell) == *printed;
    case PgType::bytea:
      return as_text(cell) == from_hex(*printed);
    case PgType::date:
    case PgType::timestamp:
    case PgType::timestamptz:
      return same_time(cell, *printed);
    case PgType::jsonb:
      return same_json(cell, *printed);
  }
  return false;
}

int compare_key(const Cell& cell, const std::string& printed, PgType type) {
  if (same_value(cell, printed, type)) return 0;
  if (type == PgType::text) return as_text(cell).compare(printed);
  if (type == PgType::bytea) return as_text(cell).compare(from_hex(printed));
  if (cell.storage_class == StorageClass::integer && printed.find_first_of(".eIN") == std::string::npos)
    return cell.integer < std::strtoll(printed.c_str(), nullptr, 10) ? -1 : 1;
  const double ours = cell.storage_class == StorageClass::real ? cell.real : static_cast<double>(cell.integer);
  return ours < std::strtod(printed.c_str(), nullptr) ? -1 : 1;
}

}  // namespace rowhouse::detail
