#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "rowhouse/table_statements.hpp"
#include "send_buffer.hpp"

namespace rowhouse::detail {

// The rows of an upsert_many(), checked, in the order of their keys. Of rows with one key the last counts, but kept
// columns it lacks stay.
class TableBatch {
 public:
  // `row(i)` gives the values of row i. An error about one says which it is. The shape must live as long.
  TableBatch(const TableStatements& statements, std::size_t rows,
             const std::function<std::vector<Value>(std::size_t)>& row);

  std::size_t size() const noexcept { return distinct_.size(); }
  std::vector<Value> take_row(std::size_t number) { return std::move(values_[distinct_[number]]); }
  // The rows as COPY's binary format, made as they are sent: writes to the buffer and returns how much; 0 is the end.
  std::size_t fill(std::span<char> buffer);

 private:
  const std::vector<Value>& row(std::size_t number) const { return values_[distinct_[number]]; }
  void encode_next();

  const TableShape& shape_;
  const std::vector<std::size_t> columns_;
  std::vector<std::vector<Value>> values_;
  std::vector<std::size_t> distinct_;  // numbers of rows, in the order of keys
  std::size_t next_ = 0;               // the row to encode; their number is the end
  SendBuffer pending_;
};

}  // namespace rowhouse::detail
