#include "bridge/cell.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "bridge/timestamp.hpp"
#include "bridge/types.hpp"

namespace rowhouse::bridge {
namespace {

constexpr std::int64_t kMicrosecondsPerDay = 86400LL * 1000000;

constexpr Refusal kNotInteger{"22P02", "the value is not an integer"};
constexpr Refusal kNotNumber{"22P02", "the value is not a number"};
constexpr Refusal kInexact{"22003", "the integer has more digits than a double precision holds"};
constexpr Refusal kNotBoolean{"22P02", "the value is neither 0, 1 nor a word for true or false"};
constexpr Refusal kNotTime{"22007", "the value is not a date or time in ISO form"};
constexpr Refusal kNotJson{"22P02", "the value is not JSON"};
constexpr Refusal kBlobAsText{"42804", "the value is a blob in a column of text"};

std::string_view render(std::int64_t number, Value& value) {
  const auto end = std::to_chars(value.scratch, value.scratch + sizeof value.scratch, number);
  return {value.scratch, static_cast<std::size_t>(end.ptr - value.scratch)};
}

// The shortest digits that read back as the same double, with a point or an exponent as SQLite writes reals.
std::string_view render(double number, Value& value, const char* infinity) {
  if (std::isinf(number)) {
    char* at = value.scratch;
    if (number < 0) *at++ = '-';
    std::strcpy(at, infinity);
    return value.scratch;
  }
  char* end = std::to_chars(value.scratch, value.scratch + sizeof value.scratch - 2, number).ptr;
  const std::string_view digits(value.scratch, static_cast<std::size_t>(end - value.scratch));
  if (digits.find_first_of(".e") == std::string_view::npos) {
    *end++ = '.';
    *end++ = '0';
  }
  return {value.scratch, static_cast<std::size_t>(end - value.scratch)};
}

bool exact_in_double(std::int64_t number) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 53;
  return number >= -kLimit && number <= kLimit;
}

bool integer_in_double(double number, std::int64_t& integer) {
  if (!(number >= -9223372036854775808.0 && number < 9223372036854775808.0) || std::trunc(number) != number)
    return false;
  integer = static_cast<std::int64_t>(number);
  return true;
}

bool is_word(std::string_view text, std::string_view word) {
  if (text.size() != word.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((text[i] | 0x20) != word[i]) return false;
  }
  return true;
}

Refusal decode_boolean(const Cell& cell, Value& value) {
  if (cell.storage_class == StorageClass::integer && (cell.integer == 0 || cell.integer == 1)) {
    value.integer = cell.integer;
    return {};
  }
  if (cell.storage_class == StorageClass::text) {
    value.integer = is_word(cell.bytes, "true");
    if (value.integer || is_word(cell.bytes, "false")) return {};
  }
  return kNotBoolean;
}

Refusal decode_bigint(const Cell& cell, Value& value) {
  if (cell.storage_class == StorageClass::integer) {
    value.integer = cell.integer;
    return {};
  }
  if (cell.storage_class == StorageClass::real && integer_in_double(cell.real, value.integer)) return {};
  return kNotInteger;
}

Refusal decode_double(const Cell& cell, Value& value) {
  if (cell.storage_class == StorageClass::real) {
    value.real = cell.real;
    return {};
  }
  if (cell.storage_class != StorageClass::integer) return kNotNumber;
  if (!exact_in_double(cell.integer)) return kInexact;
  value.real = static_cast<double>(cell.integer);
  return {};
}

Refusal check(std::string_view bytes, TextCheck how) {
  if (how == TextCheck::none) return {};
  return how == TextCheck::json ? check_json(bytes) : check_text(bytes);
}

Refusal decode_text(const Cell& cell, TextCheck how, Value& value) {
  switch (cell.storage_class) {
    case StorageClass::integer:
      value.bytes = render(cell.integer, value);
      return {};
    case StorageClass::real:
      value.bytes = render(cell.real, value, "Inf");
      return {};
    case StorageClass::blob:
      return kBlobAsText;
    default:
      value.bytes = cell.bytes;
      return check(cell.bytes, how == TextCheck::none ? how : TextCheck::utf8);
  }
}

Refusal decode_numeric(const Cell& cell, Value& value) {
  if (cell.storage_class == StorageClass::integer) {
    value.bytes = render(cell.integer, value);
    return {};
  }
  if (cell.storage_class != StorageClass::real) return kNotNumber;
  value.bytes = render(cell.real, value, "Infinity");
  return {};
}

Refusal decode_bytea(const Cell& cell, Value& value) {
  if (cell.storage_class == StorageClass::integer) {
    value.bytes = render(cell.integer, value);
  } else if (cell.storage_class == StorageClass::real) {
    value.bytes = render(cell.real, value, "Inf");
  } else {
    value.bytes = cell.bytes;
  }
  return {};
}

Refusal decode_time(const Cell& cell, PgType type, Value& value) {
  ParsedTime time;
  if (cell.storage_class != StorageClass::text || !parse_time(cell.bytes, time)) return kNotTime;
  if (type == PgType::date) {
    if (!time.date_only) return kNotTime;
    value.integer = time.microseconds / kMicrosecondsPerDay;
    return {};
  }
  if (type == PgType::timestamp && time.with_zone) return kNotTime;
  value.integer = time.microseconds;
  return {};
}

Refusal decode_jsonb(const Cell& cell, TextCheck how, Value& value) {
  switch (cell.storage_class) {
    case StorageClass::integer:
      value.bytes = render(cell.integer, value);
      return {};
    case StorageClass::real:
      if (std::isinf(cell.real)) return kNotJson;
      value.bytes = render(cell.real, value, "");
      return {};
    case StorageClass::blob:
      return kNotJson;
    default:
      value.bytes = cell.bytes;
      return check(cell.bytes, how);
  }
}

}  // namespace

const char* name_of(StorageClass storage_class) {
  constexpr const char* kNames[] = {"null", "integer", "real", "text", "blob"};
  return kNames[static_cast<int>(storage_class)];
}

StorageClass class_of(sqlite3_value* stored) {
  switch (sqlite3_value_type(stored)) {
    case SQLITE_INTEGER:
      return StorageClass::integer;
    case SQLITE_FLOAT:
      return StorageClass::real;
    case SQLITE_TEXT:
      return StorageClass::text;
    case SQLITE_BLOB:
      return StorageClass::blob;
    default:
      return StorageClass::null;
  }
}

bool read_cell(sqlite3_value* stored, Cell& cell) {
  cell = Cell{};
  cell.storage_class = class_of(stored);
  return read_value(stored, cell);
}

bool read_value(sqlite3_value* stored, Cell& cell) {
  const void* bytes = nullptr;
  switch (cell.storage_class) {
    case StorageClass::null:
      return true;
    case StorageClass::integer:
      cell.integer = sqlite3_value_int64(stored);
      return true;
    case StorageClass::real:
      cell.real = sqlite3_value_double(stored);
      return true;
    case StorageClass::text:
      bytes = sqlite3_value_text(stored);
      break;
    case StorageClass::blob:
      bytes = sqlite3_value_blob(stored);
      break;
  }
  cell.bytes = {static_cast<const char*>(bytes), static_cast<std::size_t>(sqlite3_value_bytes(stored))};
  return bytes != nullptr || (cell.storage_class == StorageClass::blob && cell.bytes.empty());
}

bool read_cell(sqlite3_stmt* statement, int index, Cell& cell) {
  return read_cell(sqlite3_column_value(statement, index), cell);
}

Refusal decode(const Cell& cell, PgType type, TextCheck how, Value& value) {
  value.null = cell.storage_class == StorageClass::null;
  if (value.null) return {};
  switch (type) {
    case PgType::boolean:
      return decode_boolean(cell, value);
    case PgType::bigint:
      return decode_bigint(cell, value);
    case PgType::double_precision:
      return decode_double(cell, value);
    case PgType::numeric:
      return decode_numeric(cell, value);
    case PgType::text:
      return decode_text(cell, how, value);
    case PgType::bytea:
      return decode_bytea(cell, value);
    case PgType::date:
    case PgType::timestamp:
    case PgType::timestamptz:
      return decode_time(cell, type, value);
    case PgType::jsonb:
      return decode_jsonb(cell, how, value);
  }
  return kNotNumber;
}

}  // namespace rowhouse::bridge
