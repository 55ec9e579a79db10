#pragma once

#include <span>
#include <string>
#include <vector>

#include "bridge/types.hpp"
#include "lease.hpp"

namespace rowhouse::detail {

// A table's columns and how values get into them by COPY: binary when the bridge knows every type, else as text.
class CopyRows {
 public:
  // Looks the types up. 42P01 and 42703 for what is not there.
  CopyRows(Lease& lease, const CopyTarget& target);

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

// Writes what `next` fills into rows; their number.
std::size_t copy_in(Lease& lease, const CopyTarget& target, const RowSource& next);

}  // namespace rowhouse::detail
