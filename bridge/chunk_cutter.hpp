// Where a table is cut into chunks, and what each chunk is known by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bridge/row_reader.hpp"

namespace rowhouse::bridge {

/// Rows that follow each other in a table: equal contents have equal identities, whoever reads them.
struct ChunkIdentity {
  std::string key_from;  ///< source key of the first row; empty for the chunk of a table without rows
  std::string key_to;    ///< of the last row
  std::int64_t rows = 0;
  std::string digest;  ///< 32 hex digits over every value with its storage class

  bool operator==(const ChunkIdentity&) const = default;
};

/// How much a chunk holds at most. A chunk ends earlier behind a row whose key says so: a row that comes or goes moves
/// the ends of a chunk or two, not of all that follow.
struct ChunkLimits {
  std::size_t bytes = 4 * 1024 * 1024;  ///< of the rows' values in SQLite; one row may exceed it
  std::size_t rows = 50000;
  std::uint64_t salt = 0;  ///< of the digests: rows that are kept in another way are other rows
};

/// Is shown the rows of a table one by one, in order, and says when a chunk is full.
class ChunkCutter {
 public:
  ChunkCutter(const Table& table, ChunkLimits limits);

  void begin();
  /// Takes the reader's row, whose first cells are the table's columns in order. `set_aside`: it will not be loaded for
  /// the sake of other rows, which is a part of what the chunk is known by. Returns the row's own digest.
  std::uint64_t add(const RowReader& reader, bool set_aside);
  bool full() const { return full_; }
  std::int64_t rows() const { return static_cast<std::int64_t>(digests_.size()); }
  ChunkIdentity identity() const;

 private:
  const ChunkLimits limits_;
  std::vector<std::size_t> order_;  ///< the columns by name, so that a column's place does not matter
  std::vector<std::uint64_t> digests_;
  std::string key_from_, key_to_, row_;
  std::size_t bytes_ = 0;
  bool full_ = false;
};

/// Reads a table once, without converting anything, for the identities of its chunks. Keep the Source alive meanwhile.
class ChunkScanner {
 public:
  static Result<std::unique_ptr<ChunkScanner>> open(const Source& source, const Table& table, ChunkLimits limits = {});
  /// The next chunk: true, or false behind the last. A table without rows has one chunk, without rows.
  Result<bool> next(ChunkIdentity& chunk);

 private:
  ChunkScanner(const Table& table, ChunkLimits limits) : cutter_(table, limits) {}

  ChunkCutter cutter_;
  std::unique_ptr<RowReader> reader_;
  std::vector<std::int64_t> superseded_;
  bool any_ = false;
};

}  // namespace rowhouse::bridge
