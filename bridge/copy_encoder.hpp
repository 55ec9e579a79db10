// Rows as PostgreSQL's binary COPY format, a chunk at a time, and what of them could not be kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bridge/chunk_cutter.hpp"
#include "bridge/plan.hpp"
#include "bridge/row_reader.hpp"

namespace rowhouse::bridge {

/// A source row that was set aside: which, where, what was found there, and why.
struct Reject {
  std::string key;            ///< the row's key in the source: its rowid, or a JSON array of the key's values
  std::string column;         ///< name in the source; empty when the row as a whole is refused
  std::string storage_class;  ///< of the value; empty when the row as a whole is refused
  std::string value;          ///< the bytes as found, cut to kRejectValueMax
  std::string sqlstate;
  std::string reason;
};
inline constexpr std::size_t kRejectValueMax = 1024 * 1024;

struct CopyColumn {
  std::string name;         ///< in PostgreSQL
  std::string source_name;  ///< empty for the tenant and the rowid
  PgType type = PgType::text;
};

/// Encoded rows with their boundaries and keys, so that any run of them can be sent (again) on its own.
struct Chunk {
  std::vector<CopyColumn> columns;
  std::string bytes;
  std::vector<std::size_t> row_ends;  ///< offset behind each row
  std::vector<std::string> keys;      ///< the source key of each row
  std::vector<std::uint64_t> digests;  ///< of each row's values in the source
  std::vector<bool> refused;          ///< encoded rows that did not get in; each has its entry in `rejects`
  std::vector<Reject> rejects;        ///< rows that did not get in
  ChunkIdentity identity;             ///< of all its rows, rejects included
  std::map<std::size_t, std::size_t> repaired;  ///< by row, how many of its values the text policy changed

  std::size_t rows() const { return row_ends.size(); }
  std::size_t row_begin(std::size_t row) const { return row == 0 ? 0 : row_ends[row - 1]; }
  /// The encoded value at `column` of `row`, without its length word; a null data pointer for NULL.
  std::string_view field(std::size_t row, std::size_t column) const;
  void clear();
};

/// The SQLSTATE and reason of a row that is kept back, since PostgreSQL's was changed as well.
inline constexpr const char* kConflictState = "RH001";
inline constexpr const char* kConflictReason = "changed in PostgreSQL since its import, and in the file";
/// Refuses an encoded row as a whole.
void set_row_aside(Chunk& chunk, std::size_t row, const char* sqlstate, const char* reason);

/// Signature, flags and the length of an (empty) header extension; what ends a stream.
inline constexpr std::string_view kCopyHeader("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
inline constexpr std::string_view kCopyTrailer("\377\377", 2);

/// Serves rows [first, last) of a chunk, or all of several, but for those refused, as a complete COPY stream: header,
/// rows, trailer. Pull: call read until 0. The chunks, all with the same columns, must outlive it unchanged.
class CopyStream {
 public:
  CopyStream(const Chunk& chunk, std::size_t first, std::size_t last);
  explicit CopyStream(std::span<const Chunk* const> chunks);
  /// Of a stream that is complete already.
  explicit CopyStream(std::string_view complete) : parts_{complete} {}
  /// Copies up to buffer.size() bytes; the number copied, 0 at the end.
  std::size_t read(std::span<char> buffer);

 private:
  void add(const Chunk& chunk, std::size_t first, std::size_t last);

  std::vector<std::string_view> parts_;
  std::size_t part_ = 0;
};

struct EncoderLimits {
  ChunkLimits chunk;
  std::size_t row_bytes = 1000 * 1000 * 1000;  ///< a longer row is set aside: PostgreSQL holds none of 1 GiB
};

/// Reads one table of one file and encodes it by a plan, in the chunks that ChunkScanner finds. The encoded columns are
/// the tenant, then those of the plan that the file's table has, in order. Keep source and plan alive meanwhile.
class CopyEncoder {
 public:
  /// `range`: only rows from key to key of a chunk of a table with rowids, which is then the first one encoded.
  /// 54011 for a table of more columns than PostgreSQL can hold.
  static Result<std::unique_ptr<CopyEncoder>> open(const Source& source, const Table& table, const TablePlan& plan,
                                                   const std::string& tenant, const EncoderLimits& limits = {},
                                                   const std::optional<RowidRange>& range = std::nullopt);
  /// The columns that an encoder of the table would have.
  static Result<std::vector<CopyColumn>> columns_of(const Table& table, const TablePlan& plan);
  ~CopyEncoder();

  /// Fills `chunk` with the next rows: true, or false when the table has no more (the chunk is then empty).
  Result<bool> next(Chunk& chunk);

  /// The encoded columns, the tenant's first: the column list of the COPY.
  const std::vector<CopyColumn>& columns() const { return columns_; }
  std::int64_t rows_read() const { return rows_read_; }

 private:
  CopyEncoder(const Table& table, const TablePlan& plan, std::string tenant, const EncoderLimits& limits);
  Status map_columns(const Table& table);
  const Cell& cell_of(std::size_t column) const { return reader_->cells()[cells_[column]]; }
  void encode_row(Chunk& chunk);
  bool is_set_aside(Chunk& chunk, bool is_superseded);
  void reject(Chunk& chunk, const std::string& column, const Cell* cell, const Refusal& refusal);

  const TablePlan& plan_;
  const std::string tenant_;
  const EncoderLimits limits_;
  ChunkCutter cutter_;
  std::unique_ptr<RowReader> reader_;
  std::vector<CopyColumn> columns_;
  std::vector<std::size_t> cells_;  ///< where the reader has each of columns_ but the first
  std::vector<bool> repairs_;       ///< by column, whether the text policy may change its values
  std::string kept_;                ///< the last value that it changed
  std::vector<std::pair<std::string, std::size_t>> tenant_cells_;  ///< the source's own tenant columns, and where
  std::vector<std::int64_t> superseded_;
  std::int64_t rows_read_ = 0;
};

/// Appends a value in binary COPY form: a length word and the bytes that `type`'s receive function reads.
void append_binary(std::string& out, PgType type, const Value& value);

}  // namespace rowhouse::bridge
