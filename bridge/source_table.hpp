// What of a source's table has to be known to make it again: its SQL, and which column became which.
#pragma once

#include <string>

#include "bridge/plan.hpp"

namespace rowhouse::bridge {

/// CREATE TABLE and its CREATE INDEX as written, each ended by ";\n"; empty where the text is no valid UTF-8.
std::string source_sql(const Table& table);

/// The columns as a JSON array in the source's order: {"source": name in the source, "name": name in PostgreSQL,
/// "declared": type as written}, and "stored": "blob" where every value is one. SQLite's rowid, where it has a column of its own in PostgreSQL, comes last without a
/// source. Columns that the plan lacks are left out.
std::string source_columns(const Table& table, const TablePlan& plan);

}  // namespace rowhouse::bridge
