// How a row of SQLite is named to people, in the ledger and among the rows set aside.
#pragma once

#include <sqlite3.h>

#include <string>
#include <vector>

#include "bridge/catalog.hpp"

namespace rowhouse::bridge {

/// The columns that name a row: its rowid, or the primary key of a table without one.
std::vector<std::string> row_key_columns(const Table& table);

/// The current row's key out of `count` columns of the statement from `first` on: the rowid, or a JSON array of the key's
/// values.
std::string row_key(sqlite3_stmt* statement, int first, int count, bool by_rowid);

}  // namespace rowhouse::bridge
