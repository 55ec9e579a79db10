// What the rows of a table have become since their import, told by the marks that the ledger kept of them.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "bridge/changes.hpp"
#include "bridge/row_marks.hpp"

namespace rowhouse::bridge {

/// Used in three steps: add the marks of chunks that the file has no more as they were, show the chunks that it has
/// instead, then ask. Holds a key and a digest for each row of these chunks.
class Difference {
 public:
  explicit Difference(KeyColumns key) : key_(std::move(key)) {}

  /// Marks that can't be read, or were made for a key of other types, count as none: such rows are found to be new.
  void add_marks(const PackedMarks& marks);
  void show(const Chunk& chunk);

  /// Keys of rows that the file has no more.
  std::vector<std::string> removals() const;
  /// What is to be done with each row of a chunk: nothing where it is as it was.
  std::vector<Change> changes(const Chunk& chunk) const;
  /// Marks of a chunk's rows that are in the table now. `kept_back` are rows of the table that others have changed:
  /// they are compared with what the file had when they were brought, the next time too.
  PackedMarks marks(const Chunk& chunk, const std::vector<std::size_t>& kept_back = {}) const;

 private:
  // `owner` is the digest of the row that has the key now, 0 where none has: two rows of a file may have one key in
  // PostgreSQL, and the one that was brought has it.
  struct Base {
    std::uint64_t digest;
    std::uint64_t owner = 0;
  };
  const KeyColumns key_;
  std::unordered_map<std::string, Base> base_;
};

/// The marks of a chunk's rows that are in the table.
PackedMarks marks_of(const Chunk& chunk, const KeyColumns& key);

/// The chunks of a file beside those in the ledger: what is missing there, and which entries the file has no more.
struct ChunkMatch {
  std::vector<ChunkIdentity> missing;
  std::vector<std::size_t> stale;  ///< places in `entries`
  std::int64_t missing_rows = 0;
};
/// Reads the table once. Entries that are `due` are stale, and their chunks missing, though the file has them.
Result<ChunkMatch> match_chunks(const Source& source, const Table& table, const std::vector<ChunkIdentity>& entries,
                                const std::vector<bool>& due, std::uint64_t salt = 0);

}  // namespace rowhouse::bridge
