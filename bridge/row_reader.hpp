// The rows of one table in key order, as cells.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bridge/catalog.hpp"
#include "bridge/cell.hpp"
#include "bridge/types.hpp"

namespace rowhouse::bridge {

/// A column to sort by as PostgreSQL would sort what it becomes: numbers by value, text by its bytes in UTF-8.
struct OrderColumn {
  std::string name;  ///< in the source; empty for the rowid
  PgType type;
};

/// Rowids from one to another, both included.
struct RowidRange {
  std::int64_t first = 0, last = 0;
};
/// The condition of it, with its WHERE.
std::string range_sql(const Table& table, const RowidRange& range);

/// Steps through a table by its own b-tree (never an index, which may lack rows). Keep the Source alive meanwhile.
class RowReader {
 public:
  /// `columns` are names in the source; an empty name reads the rowid. Cells come in that order. Rows come by `order`;
  /// where that is empty by rowid, or by the primary key of a table without one. `range`: not all rows of a table that
  /// has rowids.
  static Result<std::unique_ptr<RowReader>> open(const Source& source, const Table& table,
                                                 const std::vector<std::string>& columns,
                                                 const std::vector<OrderColumn>& order = {},
                                                 const std::optional<RowidRange>& range = std::nullopt);
  ~RowReader();
  RowReader(const RowReader&) = delete;
  RowReader& operator=(const RowReader&) = delete;

  /// The next row into cells(): true, or false at the end. An error is a Status and ends the reading.
  Result<bool> next();
  const std::vector<Cell>& cells() const { return cells_; }
  /// The current row's key for people and ledgers: the rowid, or a JSON array of the key's values.
  std::string key() const;
  /// The current row's rowid; 0 in a table without one.
  std::int64_t rowid() const { return key_is_rowid_ ? sqlite3_column_int64(statement_, 0) : 0; }
  /// The SELECT that is run, for EXPLAIN.
  const std::string& sql() const { return sql_; }
  /// Back to before the first row.
  void rewind();

 private:
  RowReader(const Source& source, std::string table_name) : source_(source), table_name_(std::move(table_name)) {}

  const Source& source_;
  std::string table_name_;
  std::string sql_;
  sqlite3_stmt* statement_ = nullptr;
  std::vector<Cell> cells_;
  int key_columns_ = 0;
  bool key_is_rowid_ = false;
  bool at_end_ = false;
};

}  // namespace rowhouse::bridge
