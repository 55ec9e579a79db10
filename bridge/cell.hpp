// One value as SQLite stores it, and the same value checked and converted for a PostgreSQL type.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace rowhouse::bridge {

enum class PgType;

enum class StorageClass { null, integer, real, text, blob };
const char* name_of(StorageClass storage_class);

/// `bytes` (text and blob) point into SQLite's memory and live until the statement steps.
struct Cell {
  StorageClass storage_class = StorageClass::null;
  std::int64_t integer = 0;
  double real = 0;
  std::string_view bytes;
};

/// The storage class of a stored value, which is not read for it: long text stays on its overflow pages.
StorageClass class_of(sqlite3_value* stored);

/// Reads a value: a column of the current row, whose bytes live until the statement steps, or an argument of a function
/// that SQLite calls, whose bytes live as long as the call. False when SQLite ran out of memory. The connection is one
/// thread's at a time: SQLite's locks are not taken.
bool read_cell(sqlite3_value* stored, Cell& cell);

/// The same for a cell that has its storage class already.
bool read_value(sqlite3_value* stored, Cell& cell);

/// The same for column `index` of the statement's current row.
bool read_cell(sqlite3_stmt* statement, int index, Cell& cell);

/// A checked value. Which field holds it follows from the type it was decoded for:
/// boolean, bigint: `integer`; double precision: `real`; date: `integer`, days since 2000-01-01; timestamp and
/// timestamptz: `integer`, microseconds since 2000-01-01 UTC; text, bytea, jsonb: `bytes`; numeric: `bytes`, decimal
/// digits as PostgreSQL reads them ("NaN" never, "Infinity" and "-Infinity" possibly).
/// `bytes` point into the cell or into `scratch`.
struct Value {
  bool null = false;
  std::int64_t integer = 0;
  double real = 0;
  std::string_view bytes;
  char scratch[40] = {};
};

/// Why a value can't be kept as the wanted type. Both point to literals.
struct Refusal {
  const char* sqlstate = nullptr;
  const char* reason = nullptr;
  explicit operator bool() const { return sqlstate != nullptr; }
};

/// How far text is checked here rather than by whoever receives it.
enum class TextCheck {
  none,  ///< not at all: the server that receives it judges
  utf8,  ///< valid UTF-8 without NUL
  json   ///< and, for jsonb, what jsonb refuses: bad syntax, an escaped NUL, half a surrogate pair
};

/// Checks and converts. Faithful or refused: nothing is rounded, cut or replaced on the way.
Refusal decode(const Cell& cell, PgType type, TextCheck how, Value& value);

/// Valid UTF-8 of 1 to 4 bytes without NUL: what PostgreSQL takes as text.
Refusal check_text(std::string_view bytes);
/// `bytes` for people, cut to `max` bytes at a character: valid UTF-8 without control characters, each of which, and
/// each byte that is no text, shows as a question mark.
std::string printable(std::string_view bytes, std::size_t max);
/// Text that jsonb takes; depth and the magnitude of numbers are left to the server.
Refusal check_json(std::string_view bytes);

}  // namespace rowhouse::bridge
