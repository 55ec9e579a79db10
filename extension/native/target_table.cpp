#include "pg_compat.hpp"

#include "target_table.hpp"

#include "boundary.hpp"
#include "bridge/ddl.hpp"
#include "bridge/target.hpp"
#include "failure.hpp"
#include "sql.hpp"
#include "subtransaction.hpp"

namespace rowhouse {
namespace {

struct Found {
  Oid relation, owner;
};

std::optional<Found> find_relation(const std::string& schema, const std::string& table) {
  const std::vector<SqlRow> rows = run_sql(
      "SELECT c.oid, c.relowner FROM pg_catalog.pg_class AS c "
      "JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2",
      {schema, table});
  if (rows.empty()) return std::nullopt;
  return Found{to_oid(rows[0][0]), to_oid(rows[0][1])};
}

bool server_has_lz4() {
  return ask_sql(
             "SELECT true FROM pg_catalog.pg_settings WHERE name = 'default_toast_compression' "
             "AND 'lz4' = ANY (enumvals)")
      .has_value();
}

void create_table(const bridge::TablePlan& plan, const std::string& schema, const TargetTable& target) {
  if (plan.integrated_objects) {
    run_sql("SELECT rowhouse.create_integrated_objects($1::pg_catalog.name)", {schema});
    return;
  }
  const bridge::DdlOptions ddl{schema, server_has_lz4()};
  run_sql(bridge::create_table_sql(plan, ddl));
  run_sql(bridge::comment_table_sql(plan, ddl));
  run_sql("SELECT rowhouse.protect($1::pg_catalog.regclass, $2::pg_catalog.name)", {target.name, plan.tenant_column});
}

// The tenant column that the table is protected by. A row in a table that is not would be everyone's.
void adopt_tenant_column(bridge::TablePlan& plan, const TargetTable& target) {
  const std::vector<SqlRow> rows =
      run_sql("SELECT tenant_column, tenant_type FROM rowhouse.protected_tables WHERE table_name = $1",
              {Parameter::relation(target.relation)});
  if (rows.empty())
    throw Failure{{"55000", target.name + " is there but not a protected table", "",
                   "Protect it with rowhouse.protect(), rename it, or import into another schema: the first of "
                   "search_path is used."}};
  if (!rows[0][0])
    throw Failure{{"55000", "the rows of " + target.name + " are for every tenant to read, none is one tenant's", "",
                   "Import into another schema: the first of search_path is used."}};
  const std::string type = rows[0][1].value();
  if (type != "text" && type != "character varying")
    throw Failure{{"42804",
                   "tenant column \"" + rows[0][0].value() + "\" of " + target.name + " is of type " + type +
                       ", an import needs text",
                   "", "Import into another schema: the first of search_path is used."}};
  plan.tenant_column = rows[0][0].value();
  if (plan.find(plan.tenant_column))
    throw Failure{{"42701",
                   "column \"" + plan.tenant_column + "\" of the SQLite table \"" + plan.source_name +
                       "\" is no tenant column, but that of " + target.name + " is",
                   "It holds other values than the tenant's id.", "Import into another schema."}};
}

std::vector<bridge::TargetColumn> read_columns(Oid relation) {
  std::vector<bridge::TargetColumn> columns;
  for (const SqlRow& row : run_sql("SELECT a.attname, pg_catalog.format_type(a.atttypid, NULL), "
                                   "coalesce(a.attnum = ANY (k.conkey), false) FROM pg_catalog.pg_attribute AS a "
                                   "LEFT JOIN pg_catalog.pg_constraint AS k "
                                   "ON k.conrelid = a.attrelid AND k.contype = 'p' "
                                   "WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
                                   {Parameter::relation(relation)})) {
    columns.push_back({row[0].value(), row[1].value(), row[2] == "t"});
  }
  return columns;
}

// Files of one fleet differ: a column that this one has first is added, and NULL for the rows of the others.
void add_columns(bridge::TablePlan& plan, const TargetTable& target) {
  for (bridge::ColumnPlan& column : take(bridge::fit_to_target(plan, read_columns(target.relation)))) {
    run_sql("ALTER TABLE " + target.name + " ADD COLUMN " + bridge::quote_identifier(column.name) + " " +
            bridge::sql_name(column.type));
    if (!target.is_new) {
      const char *const name = column.name.c_str(), *const table = target.name.c_str();
      pg_call([&] { ereport(NOTICE, (errmsg("column \"%s\" is added to %s", name, table))); });
    }
    column.not_null = false;
    plan.columns.push_back(std::move(column));
  }
}

}  // namespace

TargetTable prepare_target(bridge::TablePlan& plan, const std::string& schema, const Ledger& ledger) {
  TargetTable target;
  target.name = bridge::quote_qualified(schema, plan.name);
  std::optional<Found> found = find_relation(schema, plan.name);
  if (!found) {
    run_sql("SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('rowhouse.tables', 0))");
    found = find_relation(schema, plan.name);  // by whoever held the lock
  }
  target.is_new = !found;
  if (target.is_new) {
    ledger.forget_target(schema, plan.name);
    create_table(plan, schema, target);
    found = find_relation(schema, plan.name);
  }
  target.relation = found.value().relation;
  target.owner = found.value().owner;
  adopt_tenant_column(plan, target);
  add_columns(plan, target);
  return target;
}

void make_indexes(const bridge::TablePlan& plan, const std::string& schema) {
  for (const std::string& sql : bridge::create_index_sql(plan, {schema})) {
    const std::optional<bridge::CopyRefusal> refusal = try_subtransaction([&]() -> std::optional<bridge::CopyRefusal> {
      run_sql(sql);
      return std::nullopt;
    });
    if (!refusal) continue;
    const char *const table = plan.name.c_str(), *const reason = refusal->message.c_str();
    pg_call([&] { ereport(WARNING, (errmsg("an index of table \"%s\" could not be made: %s", table, reason))); });
  }
}

void move_sequence(const TargetTable& target, const std::string& column, std::int64_t last) {
  // The owner's right, as for a row that takes its id from an identity column.
  run_sql(
      "SELECT pg_catalog.setval(s.name::pg_catalog.regclass, $3) "
      "FROM (SELECT pg_catalog.pg_get_serial_sequence($1, $2) AS name) AS s WHERE s.name IS NOT NULL "
      "AND coalesce(pg_catalog.pg_sequence_last_value(s.name::pg_catalog.regclass), 0) < $3",
      {target.name, column, last}, target.owner);
}

}  // namespace rowhouse
