#include "pg_compat.hpp"

#include "scan.hpp"

#include <algorithm>
#include <cstdio>

#include "boundary.hpp"
#include "closest_match.hpp"
#include "failure.hpp"

namespace rowhouse {
namespace {

bool same_name(const std::string& a, const std::string& b) { return sqlite3_stricmp(a.c_str(), b.c_str()) == 0; }

// The name in the source that a foreign column reads: a column's, or the empty string for the rowid.
std::string find_column(const bridge::Table& table, const std::string& name) {
  std::vector<std::string> known;
  for (const bridge::Column& column : table.columns) {
    if (same_name(column.name, name)) return column.name;
    known.push_back(column.name);
  }
  if (!table.rowid_name.empty() && same_name(table.rowid_name, name)) return "";
  throw Failure{{"HV005", "table \"" + table.name + "\" of the SQLite file has no column \"" + name + "\"", "",
                 closest_match_hint(name, known, "columns")}};
}

bridge::PgType column_type(const ForeignTableSpec& spec, int attribute) {
  bridge::PgType type;
  const Oid declared = spec.types[attribute - 1];
  const int32 modifier = spec.modifiers[attribute - 1];
  if (bridge_type(declared, modifier, type)) return type;
  const char* const name = pg_call([&] { return format_type_with_typemod(declared, modifier); });
  throw Failure{{"HV004",
                 "foreign table \"" + std::string(spec.name) + "\": a column of a SQLite file can't be read as " + name,
                 "The column is \"" + std::string(spec.source_columns[attribute - 1]) + "\".",
                 "Declare it as boolean, bigint, double precision, numeric, text, bytea, date, timestamp, timestamptz "
                 "or jsonb, without length or precision, and cast it in the query."}};
}

// One number from a statement of our own; `otherwise` where it yields none.
double look_up(const bridge::Source& source, const std::string& sql, double otherwise) {
  sqlite3_stmt* statement = nullptr;
  double number = otherwise;
  if (sqlite3_prepare_v2(source.connection(), sql.c_str(), -1, &statement, nullptr) == SQLITE_OK &&
      sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL)
    number = sqlite3_column_double(statement, 0);
  sqlite3_finalize(statement);
  return number;
}

}  // namespace

std::unique_ptr<bridge::Source> open_source(const std::string& path, bool check_integrity) {
  bridge::SourceOptions options;
  options.check_integrity = check_integrity;
  options.interrupted = is_interrupted;
  return take(bridge::Source::open(path, options));
}

bridge::Table find_table(const bridge::Source& source, const std::string& name) {
  bridge::Catalog catalog = take(bridge::read_catalog(source));
  std::vector<std::string> known;
  for (bridge::Table& table : catalog.tables) {
    if (same_name(table.name, name)) return std::move(table);
    known.push_back(table.name);
  }
  for (const bridge::PassedOver& object : catalog.passed_over) {
    if (same_name(object.name, name))
      throw Failure{
          {"HV00R", object.kind + " \"" + object.name + "\" of the SQLite file can't be read: " + object.reason}};
  }
  throw Failure{{"HV00R", "the SQLite file \"" + source.file_name() + "\" has no table \"" + name + "\"", "",
                 closest_match_hint(name, known, "tables")}};
}

Scan::Scan(const ForeignTableSpec& spec, const int* attributes, int count)
    : source_(open_source(spec.path, false)),
      table_(find_table(*source_, spec.source_table)),
      attributes_(attributes, attributes + count),
      values_(static_cast<std::size_t>(count)) {
  for (int attribute : attributes_) {
    names_.push_back(find_column(table_, spec.source_columns[attribute - 1]));
    types_.push_back(column_type(spec, attribute));
  }
  reader_ = take(bridge::RowReader::open(*source_, table_, names_));
}

bool Scan::next() {
  if (!take(reader_->next())) {
    check(source_->check_unchanged());
    return false;
  }
  for (std::size_t i = 0; i < types_.size(); ++i) {
    const bridge::Cell& cell = reader_->cells()[i];
    if (const bridge::Refusal refusal = bridge::decode(cell, types_[i], bridge::TextCheck::utf8, values_[i]))
      throw Failure{{refusal.sqlstate,
                     std::string("could not read a value as ") + bridge::sql_name(types_[i]) + ": " + refusal.reason,
                     "It is " + place(i) + ", of storage class " + bridge::name_of(cell.storage_class) + ".",
                     "Declare the foreign column with a type that holds all its values: text, or bytea where there are "
                     "blobs."}};
  }
  return true;
}

// An upper bound from the rowids at both ends, kept below what the file's pages can hold; a row of few columns takes at
// least as many bytes as it has columns, and two more.
double Scan::estimated_rows() const {
  const double pages = look_up(*source_, "PRAGMA page_count", 1),
               page_size = look_up(*source_, "PRAGMA page_size", 4096);
  const double most = std::max(1.0, pages * page_size / (static_cast<double>(table_.columns.size()) + 2));
  if (table_.rowid_name.empty() || table_.rowid_hidden || table_.is_virtual) return most / 8;
  const std::string rowid = bridge::quote_sqlite(table_.rowid_name);
  const std::string from = " FROM " + table_.rows_sql();
  const double first = look_up(*source_, "SELECT min(" + rowid + ")" + from, 1);
  const double last = look_up(*source_, "SELECT max(" + rowid + ")" + from, 0);
  return std::clamp(last - first + 1, 0.0, most);
}

std::string Scan::place(std::size_t column) const {
  return "column \"" + (names_[column].empty() ? table_.rowid_name : names_[column]) + "\" of table \"" + table_.name +
         "\" in \"" + source_->file_name() + "\", row " + reader_->key();
}

void Scan::describe_place(std::size_t column, char* buffer, std::size_t size) const noexcept {
  try {
    std::snprintf(buffer, size, "%s", place(column).c_str());
  } catch (...) {
    std::snprintf(buffer, size, "a SQLite file");
  }
}

}  // namespace rowhouse
