#include "migration/target_tables.hpp"

#include <algorithm>

#include "bridge/target.hpp"
#include "bridge/views.hpp"
#include "bridge/widening.hpp"
#include "migration/choices.hpp"
#include "migration/core_installer.hpp"
#include "migration/source_files.hpp"
#include "migration/widening.hpp"

namespace rowhouse::detail {
namespace {

// The columns of a table with types and primary key; empty when there is no such table.
std::vector<bridge::TargetColumn> read_columns(PostgresConnection& connection, const std::string& schema,
                                               const std::string& table) {
  const PostgresResult rows = connection.execute(
      "SELECT a.attname, pg_catalog.format_type(a.atttypid, NULL), coalesce(a.attnum = ANY (k.conkey), false) "
      "FROM pg_catalog.pg_attribute AS a "
      "JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid "
      "JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace "
      "LEFT JOIN pg_catalog.pg_constraint AS k ON k.conrelid = c.oid AND k.contype = 'p' "
      "WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped "
      "ORDER BY coalesce(pg_catalog.array_position(k.conkey, a.attnum), 0), a.attnum",
      {schema, table});
  std::vector<bridge::TargetColumn> columns;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    columns.push_back({rows.text(i, 0), rows.text(i, 1),
                       rows.value(i, 2) == "t"});
  }
  return columns;
}

// What the comments say that create_table_sql()'s tables carry.
void read_made_tables(PostgresConnection& connection, const std::string& schema, bridge::TargetNames& names) {
  const std::string prefix = bridge::table_comment("");
  const PostgresResult rows = connection.execute(
      "SELECT c.relname, pg_catalog.substr(d.description, pg_catalog.length($2) + 1), a.attname "
      "FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace "
      "JOIN pg_catalog.pg_description AS d ON d.objoid = c.oid AND d.objsubid = 0 "
      "AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass "
      "JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
      "WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND pg_catalog.starts_with(d.description, $2) "
      "ORDER BY c.relname, a.attnum",
      {schema, prefix});
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    const std::string name(rows.value(i, 0).value_or(""));
    if (names.tables.empty() || names.tables.back().name != name)
      names.tables.push_back({rows.text(i, 1), name, {}});
    names.tables.back().columns.emplace_back(rows.value(i, 2).value_or(""));
  }
}

[[noreturn]] void refuse_schema(const std::string& schema) {
  Diagnostics diagnostics;
  diagnostics.message = "schema \"" + schema + "\" does not exist";
  diagnostics.hint = "Create it with CREATE SCHEMA, or name another one with --schema.";
  const std::string message = diagnostics.message;
  throw_error("3F000", message, std::move(diagnostics));
}

// A table that was dropped since its import holds nothing of what the ledger says.
void forget_imports(PostgresConnection& connection, const std::string& schema, const std::string& table) {
  connection.execute(
      "DELETE FROM rowhouse.import_reject AS r USING rowhouse.import_chunk AS c WHERE c.target_schema = $1 "
      "AND c.target_table = $2 AND (r.chunk = c.id OR (r.chunk IS NULL "
      "AND (r.tenant, r.source, r.source_table) = (c.tenant, c.source, c.source_table)))",
      {schema, table});
  for (const char* ledger : {"import_chunk", "import_table"}) {
    connection.execute("DELETE FROM rowhouse." + std::string(ledger) + " WHERE target_schema = $1 AND target_table = $2",
                       {schema, table});
  }
}

void make_table(PostgresConnection& connection, bridge::TablePlan& table, const bridge::DdlOptions& ddl,
                const std::function<void()>& before_change) {
  if (read_columns(connection, ddl.schema, table.name).empty()) {
    forget_imports(connection, ddl.schema, table.name);
    if (!table.integrated_objects) {
      connection.execute(bridge::create_table_sql(table, ddl));
      connection.execute(bridge::comment_table_sql(table, ddl));
    }
  }
  if (table.integrated_objects) connection.execute("SELECT rowhouse.create_integrated_objects($1)", {ddl.schema});
  const std::string qualified = bridge::quote_qualified(ddl.schema, table.name);
  const std::vector<bridge::ColumnPlan> lacking = align_with_target(connection, table, ddl.schema);
  const auto is_wider = [](const bridge::ColumnPlan& column) { return column.wider.has_value(); };
  if (!lacking.empty() || std::any_of(table.columns.begin(), table.columns.end(), is_wider)) before_change();
  for (const bridge::ColumnPlan& column : lacking) {
    connection.execute("ALTER TABLE " + qualified + " ADD COLUMN " + bridge::quote_identifier(column.name) + " " +
                       bridge::sql_name(column.type));
    if (!column.default_sql.empty())
      connection.execute("ALTER TABLE " + qualified + " ALTER COLUMN " + bridge::quote_identifier(column.name) +
                         " SET DEFAULT " + column.default_sql);
    table.columns.push_back(column);
    table.columns.back().not_null = false;
  }
}

}  // namespace

void prepare_session(PostgresConnection& connection) {
  connection.execute_script(
      "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET bytea_output = 'hex'; SET extra_float_digits = 3; "
      "SET client_min_messages = 'warning'; SET statement_timeout = 0; SET client_encoding = 'UTF8'; "
      "SET default_transaction_isolation = 'read committed'");
}

bridge::TargetNames read_target_names(PostgresConnection& connection, const std::string& schema) {
  bridge::TargetNames names;
  read_made_tables(connection, schema, names);
  const PostgresResult others = connection.execute(
      "SELECT c.relname, coalesce(t.relname, ''), CASE WHEN c.relkind = 'v' AND pg_catalog.starts_with(d.description, $2) "
      "THEN pg_catalog.substr(d.description, pg_catalog.length($2) + 1) END FROM pg_catalog.pg_class AS c "
      "JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace "
      "LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid "
      "LEFT JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid "
      "LEFT JOIN pg_catalog.pg_description AS d ON d.objoid = c.oid AND d.objsubid = 0 "
      "AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass "
      "WHERE n.nspname = $1 AND c.relkind NOT IN ('r', 'p', 't')",
      {schema, bridge::view_comment("")});
  for (std::size_t i = 0; i < others.rows(); ++i) {
    names.others.emplace(others.value(i, 0).value_or(""), others.value(i, 1).value_or(""));
    if (others.value(i, 2)) names.views.emplace(others.value(i, 0).value_or(""), *others.value(i, 2));
  }
  return names;
}

std::vector<bridge::ColumnPlan> align_with_target(PostgresConnection& connection, bridge::TablePlan& table,
                                                  const std::string& schema) {
  const std::vector<bridge::TargetColumn> target = read_columns(connection, schema, table.name);
  if (target.empty()) throw_error("42P01", "there is no table " + bridge::quote_qualified(schema, table.name));
  bridge::Result<std::vector<bridge::ColumnPlan>> lacking = bridge::fit_to_target(table, target);
  if (!lacking.ok()) throw_status(lacking.status());
  return std::move(lacking.value());
}

bridge::TablePlan read_table(PostgresConnection& connection, const std::string& schema, const std::string& table) {
  bridge::TablePlan plan;
  plan.name = table;
  plan.tenant_column = connection
                           .execute("SELECT tenant_column FROM rowhouse.protected_tables WHERE table_name = $1::regclass",
                                    {bridge::quote_qualified(schema, table)})
                           .value(0, 0)
                           .value_or("");
  for (const bridge::TargetColumn& there : read_columns(connection, schema, table)) {
    bridge::ColumnPlan column;
    column.name = there.name;
    if (there.name == plan.tenant_column || !bridge::type_from_name(there.type, column.type)) continue;
    if (there.in_key) plan.primary_key.push_back(there.name);
    plan.columns.push_back(std::move(column));
  }
  return plan;
}

bool choices_widen(PostgresConnection& connection, const MigrationOptions& options) {
  bool widens = false;
  const std::vector<bridge::TypeChoice> choices = chosen_types(options);
  if (choices.empty()) return widens;
  const bridge::TargetNames names = read_target_names(connection, options.schema);
  for (const bridge::TargetNames::Table& table : names.tables) {
    for (const bridge::TargetColumn& column : read_columns(connection, options.schema, table.name)) {
      const bridge::TypeChoice* const choice = bridge::find_choice(choices, table.source_name, column.name);
      bridge::PgType type;
      if (!choice || !bridge::type_from_name(column.type, type) || type == choice->type) continue;
      if (!bridge::can_widen(type, choice->type))
        refuse_to_alter({bridge::quote_qualified(options.schema, table.name), column.name, type, choice->type, true},
                        std::string("not every ") + bridge::sql_name(type) + " is one");
      widens = true;
    }
  }
  return widens;
}

TableChanges make_tables(PostgresConnection& connection, bridge::Plan& plan, const MigrationOptions& options,
                         const std::function<void()>& before_change) {
  TableChanges changes;
  bridge::DdlOptions ddl;
  ddl.schema = options.schema;
  ddl.lz4 = connection
                .execute(
                    "SELECT FROM pg_catalog.pg_settings WHERE name = 'default_toast_compression' "
                    "AND 'lz4' = ANY (enumvals)")
                .rows() > 0;
  connection.begin();
  connection.execute("SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('rowhouse.tables', 0))");
  if (connection.execute("SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1", {options.schema}).rows() == 0)
    refuse_schema(options.schema);
  install_core(connection);
  for (bridge::TablePlan& table : plan.tables) make_table(connection, table, ddl, before_change);
  widen_columns(connection, plan, ddl, changes);
  for (const bridge::TablePlan& table : plan.tables)
    connection.execute("SELECT rowhouse.protect($1::regclass, $2)",
                       {bridge::quote_qualified(ddl.schema, table.name), table.tenant_column});
  if (connection.execute("SELECT pg_catalog.pg_current_xact_id_if_assigned()").value(0, 0)) before_change();
  connection.commit();
  return changes;
}

}  // namespace rowhouse::detail
