// A statement of SQLite that ends with its scope, whatever ends that.
#pragma once

#include <sqlite3.h>

#include <memory>

namespace rowhouse::bridge {

struct Finalizer {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalizer>;

/// Prepares the statement; a SQLite result code.
inline int prepare(sqlite3* connection, const char* sql, Statement& statement) {
  sqlite3_stmt* prepared = nullptr;
  const int code = sqlite3_prepare_v2(connection, sql, -1, &prepared, nullptr);
  statement.reset(prepared);
  return code;
}

}  // namespace rowhouse::bridge
