// Rows for the stage that rowhouse.import_apply() works off: a chunk's rows with a number and what is to become of each.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bridge/copy_encoder.hpp"

namespace rowhouse::bridge {

/// As the stage writes them; a row with `none` is not sent.
enum class Change : char { none = 0, insert = 'n', update = 'u', remove = 'd' };

/// The names of the stage's two last columns: a row's number in its chunk, and its Change.
inline constexpr const char* kNumberColumn = "rowhouse_row";
inline constexpr const char* kChangeColumn = "rowhouse_change";

/// Rows [first, last) of a chunk that were not refused, as a complete COPY stream with the stage's two columns behind
/// the chunk's.
std::string encode_changes(const Chunk& chunk, std::size_t first, std::size_t last, const std::vector<Change>& changes);

/// Rows to be removed: the tenant, the key's columns as in RowMark::key, the two of the stage. Numbered from 0.
std::string encode_removals(std::string_view tenant, const std::vector<std::string>& keys, std::size_t key_columns);

}  // namespace rowhouse::bridge
