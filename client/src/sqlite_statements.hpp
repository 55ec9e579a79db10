#pragma once

#include <sqlite3.h>

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "rowhouse/row.hpp"

namespace rowhouse::detail {

struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};
using StatementPtr = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

// What to do about a result code; may be empty.
std::string sqlite_hint(int code);

// The prepared statements of one connection, of which it keeps some for the next time.
class SqliteStatements {
 public:
  // `name` is the database's in messages.
  SqliteStatements(sqlite3* connection, std::string name, std::size_t kept_at_most)
      : connection_(connection), name_(std::move(name)), kept_at_most_(kept_at_most) {}

  // One that was kept, or a new one; null for a comment or nothing. It is the caller's while it runs: the taker of its
  // rows may execute the same text.
  StatementPtr take(std::string_view sql);
  void keep(std::string_view sql, StatementPtr statement);
  // The parameters must live until the statement is kept or gone.
  void bind(sqlite3_stmt* statement, std::span<const Value> parameters) const;
  // Throws what SQLite said last.
  [[noreturn]] void fail(int code) const;

 private:
  StatementPtr prepare(std::string_view sql) const;

  sqlite3* connection_;
  std::string name_;
  std::size_t kept_at_most_;
  std::map<std::string, StatementPtr, std::less<>> kept_;  // by text; null while one is taken
};

}  // namespace rowhouse::detail
