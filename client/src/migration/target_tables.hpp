#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bridge/ddl.hpp"
#include "postgres_connection.hpp"
#include "rowhouse/migration.hpp"

namespace rowhouse::detail {

// Settings that the bridge's text forms and error positions rely on.
void prepare_session(PostgresConnection& connection);

// What stands in the schema: tables that earlier runs made, and names that are taken.
bridge::TargetNames read_target_names(PostgresConnection& connection, const std::string& schema);

// What make_tables() has changed in tables that were there.
struct TableChanges {
  std::vector<std::string> notes;
  bool sends_again = false;  // the ledger was made to forget rows that earlier runs brought: their files have to be looked at
};

// Installs the core and makes and protects the tables of the plan where they are missing, gives existing ones the
// columns they lack and wider types where theirs do not hold what the files bring, and turns the plan's types and keys
// into those of the tables that are there. One transaction. `before_change` is called before one that changes anything is
// committed, and before it locks a table that is there; what it throws ends it.
TableChanges make_tables(PostgresConnection& connection, bridge::Plan& plan, const MigrationOptions& options,
                         const std::function<void()>& before_change);

// Whether a column that is there has to become wider for a type that is chosen. Throws 42804 for one that can't.
bool choices_widen(PostgresConnection& connection, const MigrationOptions& options);

// A table as it is there: the columns of types that SQLite columns are copied to, and its key.
bridge::TablePlan read_table(PostgresConnection& connection, const std::string& schema, const std::string& table);

// Turns the types and the key of a planned table into those of the table in the database. Columns that the database
// lacks leave the plan and are returned. Throws 42P01 where there is no such table, 42804 where a type does not fit.
std::vector<bridge::ColumnPlan> align_with_target(PostgresConnection& connection, bridge::TablePlan& table,
                                                  const std::string& schema);

}  // namespace rowhouse::detail
