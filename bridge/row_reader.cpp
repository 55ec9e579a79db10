#include "bridge/row_reader.hpp"

#include "bridge/row_key.hpp"

namespace rowhouse::bridge {
namespace {

constexpr const char* kBytesFunction = "rowhouse_bytes";

// rowhouse_bytes(value): the bytes by which PostgreSQL writes the value as text or bytea, as a blob.
void bytes_of_value(sqlite3_context* context, int, sqlite3_value** arguments) {
  Cell cell;
  if (!read_cell(arguments[0], cell)) return sqlite3_result_error_nomem(context);
  if (cell.storage_class == StorageClass::null) return sqlite3_result_null(context);
  Value value;
  decode(cell, PgType::bytea, TextCheck::utf8, value);
  sqlite3_result_blob(context, value.bytes.empty() ? "" : value.bytes.data(), static_cast<int>(value.bytes.size()),
                      SQLITE_TRANSIENT);
}

int prepare(sqlite3* connection, const std::string& sql, sqlite3_stmt** statement) {
  return sqlite3_prepare_v3(connection, sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, statement, nullptr);
}

// Text is compared as it is written in PostgreSQL, whatever its storage class, collation and encoding here.
std::string order_term(const Table& table, const OrderColumn& column) {
  const std::string name = quote_sqlite(column.name.empty() ? table.rowid_name : column.name);
  const bool by_bytes = column.type == PgType::text || column.type == PgType::bytea;
  return by_bytes ? std::string(kBytesFunction) + "(" + name + ")" : name;
}

}  // namespace

std::string range_sql(const Table& table, const RowidRange& range) {
  return " WHERE " + quote_sqlite(table.rowid_name) + " BETWEEN " + std::to_string(range.first) + " AND " +
         std::to_string(range.last);
}

Result<std::unique_ptr<RowReader>> RowReader::open(const Source& source, const Table& table,
                                                   const std::vector<std::string>& columns,
                                                   const std::vector<OrderColumn>& order,
                                                   const std::optional<RowidRange>& range) {
  std::unique_ptr<RowReader> reader(new RowReader(source, table.name));
  const std::vector<std::string> key = row_key_columns(table);
  reader->key_is_rowid_ = !table.rowid_name.empty();
  reader->key_columns_ = static_cast<int>(key.size());

  std::string& sql = reader->sql_;
  std::string by;
  for (const std::string& column : key) {
    sql += (sql.empty() ? "SELECT " : ", ") + quote_sqlite(column);
    if (order.empty()) by += (by.empty() ? " ORDER BY " : ", ") + quote_sqlite(column);
  }
  for (const OrderColumn& column : order) by += (by.empty() ? " ORDER BY " : ", ") + order_term(table, column);
  for (const std::string& column : columns) {
    sql += (sql.empty() ? "SELECT " : ", ") + quote_sqlite(column.empty() ? table.rowid_name : column);
  }
  sql += " FROM " + table.rows_sql();
  if (range) sql += range_sql(table, *range);
  sql += by;

  sqlite3* connection = source.connection();
  int code = prepare(connection, sql, &reader->statement_);
  if ((code & 0xff) == SQLITE_ERROR && !order.empty()) {
    // Made for the first reader that needs it: while statements run, SQLite lets no function be made anew.
    code = sqlite3_create_function_v2(connection, kBytesFunction, 1,
                                      SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, nullptr, bytes_of_value,
                                      nullptr, nullptr, nullptr);
    if (code == SQLITE_OK) code = prepare(connection, sql, &reader->statement_);
  }
  if (code != SQLITE_OK) return source.failure(code, "read table \"" + table.name + "\"");
  reader->cells_.resize(columns.size());
  return reader;
}

RowReader::~RowReader() { sqlite3_finalize(statement_); }

Result<bool> RowReader::next() {
  if (at_end_) return false;  // a further step would begin the statement anew
  const int code = sqlite3_step(statement_);
  at_end_ = code != SQLITE_ROW;
  if (code == SQLITE_DONE) return false;
  if (code != SQLITE_ROW) return source_.failure(code, "read table \"" + table_name_ + "\"");
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    if (!read_cell(statement_, key_columns_ + static_cast<int>(i), cells_[i]))
      return source_.failure(sqlite3_errcode(source_.connection()), "read table \"" + table_name_ + "\"");
  }
  return true;
}

std::string RowReader::key() const { return row_key(statement_, 0, key_columns_, key_is_rowid_); }

void RowReader::rewind() {
  sqlite3_reset(statement_);
  at_end_ = false;
}

}  // namespace rowhouse::bridge
