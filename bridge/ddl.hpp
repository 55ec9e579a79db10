// A plan as SQL: what is made before the load, and what after it.
#pragma once

#include <string>
#include <vector>

#include "bridge/plan.hpp"

namespace rowhouse::bridge {

struct DdlOptions {
  std::string schema = "public";
  bool lz4 = false;              ///< the server can compress with lz4
  bool columns_set_null = true;  ///< the server knows ON DELETE SET NULL (columns): PostgreSQL 15
};

/// CREATE TABLE IF NOT EXISTS with its keys, for a table that rowhouse makes; without indexes and protection.
std::string create_table_sql(const TablePlan& table, const DdlOptions& options);
/// COMMENT ON TABLE that says which SQLite table it was made from: by it a later run finds the table again.
std::string comment_table_sql(const TablePlan& table, const DdlOptions& options);
/// What the comment says of a table of SQLite.
std::string table_comment(const std::string& source_name);

/// CREATE INDEX IF NOT EXISTS for each index, to be run after the load; in the order of table.indexes.
std::vector<std::string> create_index_sql(const TablePlan& table, const DdlOptions& options);

/// A constraint that is added after the load. `add` binds rows to come, `validate` looks at those that are there.
struct ConstraintSql {
  std::string name;
  std::string table;
  std::string add;
  std::string validate;
};
/// The checks of a table, then its foreign keys.
std::vector<ConstraintSql> check_sql(const TablePlan& table, const DdlOptions& options);
std::vector<ConstraintSql> foreign_key_sql(const TablePlan& table, const DdlOptions& options);

}  // namespace rowhouse::bridge
