// IMPORT FOREIGN SCHEMA: a foreign table for each table of the file, with types that hold what is stored.
//
// Every name from the file is quoted, every type is one of the bridge's: nothing in a file can become SQL.
#include "pg_compat.hpp"

#include <cstring>
#include <string>
#include <vector>

#include "boundary.hpp"
#include "bridge/plan.hpp"
#include "failure.hpp"
#include "fdw.hpp"
#include "scan.hpp"

namespace rowhouse {
namespace {

// The server's own quoting; `name` has no NUL, which the catalog makes sure of.
std::string in_quotes(const std::string& name) {
  const char* const text = name.c_str();
  return pg_call([&] { return quote_identifier(text); });
}

std::string literal(const std::string& value) {
  const char* const text = value.c_str();
  return pg_call([&] { return quote_literal_cstr(text); });
}

bool is_listed(const ImportForeignSchemaStmt* statement, const std::string& name) {
  ListCell* cell;
  foreach (cell, statement->table_list) {
    if (name == static_cast<const RangeVar*>(lfirst(cell))->relname) return true;
  }
  return false;
}

bool is_wanted(const ImportForeignSchemaStmt* statement, const std::string& name) {
  switch (statement->list_type) {
    case FDW_IMPORT_SCHEMA_LIMIT_TO:
      return is_listed(statement, name);
    case FDW_IMPORT_SCHEMA_EXCEPT:
      return !is_listed(statement, name);
    default:
      return true;
  }
}

std::string create_foreign_table(const bridge::TableProfile& profile, const std::string& name,
                                 const char* server_name) {
  std::string sql = "CREATE FOREIGN TABLE " + in_quotes(name) + " (";
  std::vector<std::string> taken;
  for (std::size_t i = 0; i < profile.table->columns.size(); ++i) {
    const bridge::Column& column = profile.table->columns[i];
    const bridge::TypeDecision decision =
        bridge::decide_type(column.declared_type, profile.columns[i], column.primary_key_position > 0);
    taken.push_back(bridge::fit_column_name(column.name, taken));
    sql += (i > 0 ? ", " : "") + in_quotes(taken.back()) + " " + bridge::sql_name(decision.type);
    if (taken.back() != column.name) sql += " OPTIONS (\"column\" " + literal(column.name) + ")";
  }
  return sql + ") SERVER " + in_quotes(server_name) + " OPTIONS (\"table\" " + literal(profile.table->name) + ")";
}

std::vector<std::string> create_statements(const ImportForeignSchemaStmt* statement, const char* path,
                                           const char* server_name) {
  if (std::strcmp(statement->remote_schema, "main") != 0)
    throw Failure{{"HV00Q", "a SQLite file has no schema \"" + std::string(statement->remote_schema) + "\"", "",
                   "Its tables are in the schema main: IMPORT FOREIGN SCHEMA main FROM SERVER …"}};
  if (statement->options != NIL)
    throw Failure{{"HV00D", "IMPORT FOREIGN SCHEMA takes no options from rowhouse_sqlite"}};
  const std::unique_ptr<bridge::Source> source = open_source(path, false);
  bridge::PlanOptions options;
  options.examine_text = true;  // a table of known types is looked at, too: this file may hold others
  options.wants_table = [&](const std::string& table) { return is_wanted(statement, bridge::fit_name(table)); };
  const bridge::FileProfile file = take(bridge::profile_file(*source, "", options));
  std::vector<std::string> statements;
  for (const bridge::TableProfile& table : file.tables) {
    statements.push_back(create_foreign_table(table, bridge::fit_name(table.table->name), server_name));
  }
  return statements;
}

}  // namespace

List* import_foreign_schema(ImportForeignSchemaStmt* statement, Oid server) {
  require_utf8();
  const ServerFile file = describe_server(server);
  List* commands = NIL;
  entry("fdw_import_schema", [&] {
    for (const std::string& sql : create_statements(statement, file.path, file.name)) {
      const char* const text = sql.c_str();
      commands = pg_call([&] { return lappend(commands, pstrdup(text)); });
    }
  });
  return commands;
}

}  // namespace rowhouse
