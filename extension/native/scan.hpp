// One pass over a table of a SQLite file for a foreign scan: C++ that throws, without a call into the server's data.
#pragma once

#include "pg_compat.hpp"

#include <memory>
#include <string>
#include <vector>

#include "bridge/row_reader.hpp"
#include "options.hpp"

namespace rowhouse {

/// Opens the file for reading, so that a cancel of this backend stops it. Throws.
std::unique_ptr<bridge::Source> open_source(const std::string& path, bool check_integrity);

/// The table of the file that goes by `name`, case aside as in SQLite. Throws HV00R, with a hint at what is near.
bridge::Table find_table(const bridge::Source& source, const std::string& name);

class Scan {
 public:
  /// Opens the file and prepares the statement that reads the columns with the given attribute numbers. Throws.
  Scan(const ForeignTableSpec& spec, const int* attributes, int count);

  /// Reads the next row into values(): false at the end. Throws on a value that is not one of its column's type.
  bool next();
  void rewind() { reader_->rewind(); }

  const std::string& sql() const { return reader_->sql(); }
  std::size_t columns() const { return types_.size(); }
  int attribute(std::size_t column) const { return attributes_[column]; }
  bridge::PgType type(std::size_t column) const { return types_[column]; }
  const bridge::Value& value(std::size_t column) const { return values_[column]; }

  /// A guess at the number of rows from what is cheap to look up.
  double estimated_rows() const;
  /// "column "c" of table "t" in file "f", row 7", cut to the buffer.
  void describe_place(std::size_t column, char* buffer, std::size_t size) const noexcept;

 private:
  std::string place(std::size_t column) const;

  std::unique_ptr<bridge::Source> source_;
  bridge::Table table_;
  std::vector<int> attributes_;
  std::vector<std::string> names_;
  std::vector<bridge::PgType> types_;
  std::vector<bridge::Value> values_;
  std::unique_ptr<bridge::RowReader> reader_;
};

}  // namespace rowhouse
