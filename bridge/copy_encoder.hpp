// Rows as PostgreSQL's binary COPY format, a chunk at a time, and what of them could not be kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

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
  std::vector<Reject> rejects;        ///< rows that did not get in

  std::size_t rows() const { return row_ends.size(); }
  std::size_t row_begin(std::size_t row) const { return row == 0 ? 0 : row_ends[row - 1]; }
  /// The encoded value at `column` of `row`, without its length word; a null data pointer for NULL.
  std::string_view field(std::size_t row, std::size_t column) const;
  void clear();
};

/// Serves rows [first, last) of a chunk as a complete COPY stream: header, rows, trailer. Pull: call read until 0.
/// The chunk must outlive it unchanged.
class CopyStream {
 public:
  CopyStream(const Chunk& chunk, std::size_t first, std::size_t last);
  /// Copies up to buffer.size() bytes; the number copied, 0 at the end.
  std::size_t read(std::span<char> buffer);

 private:
  std::string_view parts_[3];
  int part_ = 0;
};

/// Reads one table of one file and encodes it by a plan. The encoded columns are the tenant, then those of the plan
/// that the file's table has, in order. Keep source and plan alive meanwhile.
class CopyEncoder {
 public:
  /// A chunk ends with the row that reaches one of the first three.
  struct Limits {
    std::size_t bytes = 8 * 1024 * 1024;
    std::size_t rows = 50000;
    std::size_t rejects = 1000;
    std::size_t row_bytes = 1000 * 1000 * 1000;  ///< a longer row is set aside: PostgreSQL holds none of 1 GiB
  };

  /// 54011 for a table of more columns than PostgreSQL can hold.
  static Result<std::unique_ptr<CopyEncoder>> open(const Source& source, const Table& table, const TablePlan& plan,
                                                   const std::string& tenant);
  ~CopyEncoder();

  /// Fills `chunk` with the next rows: true, or false when the table has no more (the chunk is then empty).
  Result<bool> next(Chunk& chunk, const Limits& limits);

  /// The encoded columns, the tenant's first: the column list of the COPY.
  const std::vector<CopyColumn>& columns() const { return columns_; }
  /// 32 hex digits over every value read so far, storage classes included: equal contents give equal digests.
  std::string digest() const;
  std::int64_t rows_read() const { return rows_read_; }

 private:
  struct Digest;
  CopyEncoder(const TablePlan& plan, std::string tenant);
  void encode_row(Chunk& chunk, std::size_t row_bytes_max);
  bool is_set_aside(Chunk& chunk);
  void reject(Chunk& chunk, const std::string& column, const Cell* cell, const Refusal& refusal);

  const TablePlan& plan_;
  const std::string tenant_;
  std::unique_ptr<RowReader> reader_;
  std::vector<CopyColumn> columns_;
  std::vector<std::string> tenant_columns_;  ///< the source's own, read behind the others
  std::vector<std::int64_t> superseded_;
  std::unique_ptr<Digest> digest_;
  std::int64_t rows_read_ = 0;
};

/// Appends a value in binary COPY form: a length word and the bytes that `type`'s receive function reads.
void append_binary(std::string& out, PgType type, const Value& value);

}  // namespace rowhouse::bridge
