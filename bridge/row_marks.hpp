// What the ledger remembers of each row that a chunk has brought: its key in PostgreSQL, and what the file had in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/copy_encoder.hpp"

namespace rowhouse::bridge {

struct RowMark {
  std::string key;  ///< the key's columns as COPY's binary format has them, each behind its length
  std::uint64_t digest = 0;
};

/// The columns of a chunk that make the key of its target, without the tenant.
struct KeyColumns {
  std::vector<std::string> names;
  std::vector<std::size_t> places;  ///< in Chunk::columns
  std::vector<PgType> types;
};

/// The columns by which a table's rows are found again: its key, and for an object without a number its natural key.
/// 42703 where the file's table lacks one.
Result<KeyColumns> key_columns(const TablePlan& plan, const std::vector<CopyColumn>& columns);

std::string row_key(const Chunk& chunk, std::size_t row, const KeyColumns& key);

/// Two arrays of transactions as PostgreSQL prints them, such as {1,2}, as one that names each once.
std::string merge_xids(std::string_view a, std::string_view b);

/// Marks as two byte strings: keys, which repeat themselves, and digests, which do not.
struct PackedMarks {
  std::string keys;
  std::string digests;
};
PackedMarks pack_marks(const std::vector<RowMark>& marks, const std::vector<PgType>& types);
/// Whether keys were packed for a key of these types.
bool are_keys_of(std::string_view keys, const std::vector<PgType>& types);
/// Nothing when they were packed for a key of other types, or are no marks.
std::optional<std::vector<RowMark>> unpack_marks(std::string_view keys, std::string_view digests,
                                                 const std::vector<PgType>& types);

}  // namespace rowhouse::bridge
