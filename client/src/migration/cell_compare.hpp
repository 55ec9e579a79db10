#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/cell.hpp"
#include "bridge/types.hpp"

namespace rowhouse::detail {

// One row of COPY's text format taken apart: backslash escapes undone, nullopt for NULL.
void split_copy_row(std::string_view line, std::vector<std::optional<std::string>>& fields);

// Whether a cell of SQLite and a value as PostgreSQL prints it are the same. Does not go through the encoder that
// copied the cell: text by bytes, numbers by value, times by moment, JSON by meaning.
bool same_value(const bridge::Cell& cell, const std::optional<std::string>& printed, bridge::PgType type);

// A decimal number in one spelling: sign, digits without zeros at the ends, power of ten.
std::string plain_number(std::string_view text);
// The bytes of a bytea as PostgreSQL prints it.
std::string from_hex(std::string_view printed);
// And back.
std::string to_hex(std::string_view bytes);

// Order of a key's cell and a printed key value of the same type: negative, zero or positive.
int compare_key(const bridge::Cell& cell, const std::string& printed, bridge::PgType type);

}  // namespace rowhouse::detail
