#pragma once

#include <span>
#include <string>
#include <vector>

#include "bridge/types.hpp"
#include "connection.hpp"
#include "rowhouse/table_statements.hpp"
#include "send_buffer.hpp"

namespace rowhouse::detail {

// A table's columns and how values get into them by COPY: binary when the bridge knows every type, else as text.
class CopyRows {
 public:
  // What to ask the database before: the types of the table's columns.
  static Statement types_of(const CopyTarget& target);
  // 42703 for a column that is not there.
  CopyRows(const CopyTarget& target, const Result& types);

  const std::string& sql() const noexcept { return sql_; }
  void append_header(std::string& out) const;
  // 22023 for a wrong number of values, 42804 for one that does not fit its column.
  void append(std::string& out, std::span<const Value> row) const;
  void append_end(std::string& out) const;

 private:
  void append_binary(std::string& out, std::size_t column, const Value& value) const;

  std::vector<std::string> names_;
  std::vector<bridge::PgType> types_;  // empty: as text
  std::string sql_;
};

// The rows of a source as a stream of bytes, made as they are sent.
class CopySource {
 public:
  CopySource(const CopyRows& rows, const RowSource& next) : rows_(rows), next_(next) { rows_.append_header(pending_.bytes); }
  // Writes to the buffer and returns how much; 0 is the end.
  std::size_t fill(std::span<char> buffer);

 private:
  const CopyRows& rows_;
  const RowSource& next_;
  std::vector<Value> row_;
  SendBuffer pending_;
  bool ended_ = false;
};

// For databases without COPY: the statement that inserts one row.
std::string insert_statement(const CopyTarget& target);

}  // namespace rowhouse::detail
