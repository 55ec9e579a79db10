#pragma once

#include <sqlite3.h>

#include <optional>
#include <string>
#include <string_view>

namespace rowhouse::detail {

// What SQLite makes of a value that is stored in a column, by the column's declared type.
enum class Affinity { none, integer, real, numeric, text };
Affinity affinity_of(std::string_view declared_type);

// How a value that PostgreSQL prints is to be read.
enum class PrintedAs { text, boolean, integer, real, numeric, bytea, timestamptz, utc_time };
PrintedAs printed_as(std::string_view type);
// A declared type that gives such a value back.
const char* declared_for(std::string_view type);

// Binds a value as PostgreSQL prints it. False when SQLite will store it changed: a number of more digits than it can
// hold in a column that makes numbers of text. `only_blobs`: every value of the column came from a blob.
bool bind_printed(sqlite3_stmt* statement, int index, const std::optional<std::string>& printed, PrintedAs as,
                  Affinity affinity, bool only_blobs);

}  // namespace rowhouse::detail
