#include "migration/export_value.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

#include "bridge/cell.hpp"
#include "migration/cell_compare.hpp"

namespace rowhouse::detail {
namespace {

struct TypeRow {
  std::string_view name;
  PrintedAs as;
  const char* declared;
};

constexpr TypeRow kTypes[] = {
    {"boolean", PrintedAs::boolean, "BOOLEAN"},
    {"smallint", PrintedAs::integer, "INTEGER"},
    {"integer", PrintedAs::integer, "INTEGER"},
    {"bigint", PrintedAs::integer, "INTEGER"},
    {"real", PrintedAs::real, "REAL"},
    {"double precision", PrintedAs::real, "REAL"},
    {"numeric", PrintedAs::numeric, "NUMERIC"},
    {"bytea", PrintedAs::bytea, "BLOB"},
    {"date", PrintedAs::text, "DATE"},
    {"timestamp without time zone", PrintedAs::text, "TIMESTAMP"},
    {"timestamp with time zone", PrintedAs::timestamptz, "TIMESTAMP"},
    {"json", PrintedAs::text, "JSON"},
    {"jsonb", PrintedAs::text, "JSON"},
};

const TypeRow* row_of(std::string_view type) {
  for (const TypeRow& row : kTypes) {
    if (row.name == type) return &row;
  }
  return nullptr;
}

template <class Number>
std::optional<Number> whole(std::string_view text) {
  Number number{};
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || end.ec != std::errc() || end.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

// A double as the encoder writes it into text.
std::string text_of(double number) {
  bridge::Value value;
  bridge::decode({bridge::StorageClass::real, 0, number, {}}, bridge::PgType::text, bridge::TextCheck::utf8, value);
  return std::string(value.bytes);
}

// Whether SQLite makes a number of this text where the column's affinity asks for one.
bool looks_like_number(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n\v\f\r";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return false;
  text = text.substr(first, text.find_last_not_of(kBlanks) + 1 - first);
  if (text[0] == '+') text.remove_prefix(1);
  double number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  return end.ec != std::errc::invalid_argument && end.ptr == text.data() + text.size() &&
         text.find_first_of("0123456789") != std::string_view::npos;
}

void bind_text(sqlite3_stmt* statement, int index, std::string_view text) {
  sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

void bind_blob(sqlite3_stmt* statement, int index, std::string_view bytes) {
  sqlite3_bind_blob64(statement, index, bytes.empty() ? "" : bytes.data(), bytes.size(), SQLITE_TRANSIENT);
}

// SQLite reads numbers out of text less exactly than from_chars: they are bound as the numbers they are.
bool bind_number(sqlite3_stmt* statement, int index, const std::string& text, Affinity affinity) {
  if (affinity == Affinity::text) {
    bind_text(statement, index, text);
    return true;
  }
  if (const auto integer = whole<std::int64_t>(text)) {
    sqlite3_bind_int64(statement, index, *integer);
    return affinity != Affinity::real || std::abs(*integer) <= (std::int64_t{1} << 53);
  }
  if (text == "Infinity" || text == "-Infinity") {
    const double infinity = std::numeric_limits<double>::infinity();
    sqlite3_bind_double(statement, index, text[0] == '-' ? -infinity : infinity);
    return true;
  }
  const auto number = whole<double>(text);
  if (number && std::isfinite(*number) && plain_number(text_of(*number)) == plain_number(text)) {
    sqlite3_bind_double(statement, index, *number);
    return true;
  }
  bind_text(statement, index, text);
  return affinity == Affinity::none || !looks_like_number(text);
}

// A text in a column that makes numbers of texts: one that was a number in the source has its spelling.
bool bind_any_text(sqlite3_stmt* statement, int index, const std::string& text, Affinity affinity) {
  const bool makes_numbers = affinity != Affinity::none && affinity != Affinity::text;
  if (!makes_numbers || !looks_like_number(text)) {
    bind_text(statement, index, text);
    return true;
  }
  const auto integer = whole<std::int64_t>(text);
  const auto number = whole<double>(text);
  const bool is_spelled_so = integer ? std::to_string(*integer) == text : number && text_of(*number) == text;
  return bind_number(statement, index, text, affinity) && is_spelled_so;
}

bool bind_bytes(sqlite3_stmt* statement, int index, const std::string& printed, Affinity affinity, bool only_blobs) {
  const std::string bytes = from_hex(printed);
  if (only_blobs || affinity == Affinity::none || bridge::check_text(bytes)) {
    bind_blob(statement, index, bytes);
    return true;
  }
  return bind_any_text(statement, index, bytes, affinity);
}

// PostgreSQL prints +00, which SQLite's functions do not read.
std::string with_minutes(const std::string& printed) {
  const std::size_t sign = printed.find_last_of("+-");
  return sign != std::string::npos && sign > 10 && printed.size() == sign + 3 ? printed + ":00" : printed;
}

std::string without_zone(const std::string& printed) {
  return printed.size() > 3 && printed.compare(printed.size() - 3, 3, "+00") == 0 ? printed.substr(0, printed.size() - 3)
                                                                                 : with_minutes(printed);
}

}  // namespace

Affinity affinity_of(std::string_view declared_type) {
  std::string words;
  for (char c : declared_type) words += c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  const auto holds = [&](const char* part) { return words.find(part) != std::string::npos; };
  if (holds("INT")) return Affinity::integer;
  if (holds("CHAR") || holds("CLOB") || holds("TEXT")) return Affinity::text;
  if (words.empty() || holds("BLOB")) return Affinity::none;
  if (holds("REAL") || holds("FLOA") || holds("DOUB")) return Affinity::real;
  return Affinity::numeric;
}

PrintedAs printed_as(std::string_view type) {
  const TypeRow* row = row_of(type);
  return row ? row->as : PrintedAs::text;
}

const char* declared_for(std::string_view type) {
  const TypeRow* row = row_of(type);
  return row ? row->declared : "TEXT";
}

bool bind_printed(sqlite3_stmt* statement, int index, const std::optional<std::string>& printed, PrintedAs as,
                  Affinity affinity, bool only_blobs) {
  if (!printed) {
    sqlite3_bind_null(statement, index);
    return true;
  }
  switch (as) {
    case PrintedAs::boolean:
      sqlite3_bind_int64(statement, index, *printed == "t");
      return true;
    case PrintedAs::integer:
    case PrintedAs::numeric:
      return bind_number(statement, index, *printed, affinity);
    case PrintedAs::real:
      if (const auto number = whole<double>(*printed); number && std::isfinite(*number)) {
        sqlite3_bind_double(statement, index, *number);
        return true;
      }
      return bind_number(statement, index, *printed, affinity);
    case PrintedAs::bytea:
      return bind_bytes(statement, index, *printed, affinity, only_blobs);
    case PrintedAs::timestamptz:
      bind_text(statement, index, with_minutes(*printed));
      return true;
    case PrintedAs::utc_time:
      bind_text(statement, index, without_zone(*printed));
      return true;
    case PrintedAs::text:
      break;
  }
  return bind_any_text(statement, index, *printed, affinity);
}

}  // namespace rowhouse::detail
