#include "migration/widening.hpp"

#include <algorithm>

#include "bridge/widening.hpp"
#include "migration/constraints.hpp"
#include "migration/source_files.hpp"
#include "migration/target_views.hpp"

namespace rowhouse::detail {
namespace {

constexpr const char* kChangedRows = "pg_temp.rowhouse_changed_rows";

class TableWidening {
 public:
  TableWidening(PostgresConnection& connection, bridge::TablePlan& table, const bridge::DdlOptions& ddl)
      : connection_(connection), table_(table), ddl_(ddl), target_(bridge::quote_qualified(ddl.schema, table.name)) {}

  void run(TableChanges& changes) {
    for (bridge::ColumnPlan& column : table_.columns) {
      if (column.wider) columns_.push_back(&column);
    }
    if (columns_.empty()) return;
    connection_.execute("LOCK TABLE " + target_ + " IN ACCESS EXCLUSIVE MODE");
    require_ours();
    for (const bridge::ColumnPlan* column : columns_) {
      if (const std::string why = why_not_widened(table_, *column); !why.empty()) refuse(*column, why);
    }
    is_bound_ = connection_.execute("SELECT pg_catalog.row_security_active($1::regclass)", {target_}).value(0, 0) == "t";
    find_tenants();
    note_changed_rows();
    drop_foreign_keys();
    const std::vector<std::string> dropped = drop_views();
    alter();
    const bool keeps = std::all_of(columns_.begin(), columns_.end(), [](const bridge::ColumnPlan* column) {
      return bridge::keeps_form(column->type, *column->wider);
    });
    changes.sends_again |= forget(keeps);
    touch_changed_rows();
    for (bridge::ColumnPlan* column : columns_) {
      changes.notes.push_back("table \"" + table_.name + "\": column \"" + column->name + "\" was " +
                              bridge::sql_name(column->type) + " and is " + bridge::sql_name(*column->wider) + " now");
      column->type = *column->wider;
      column->wider.reset();
    }
    changes.notes.insert(changes.notes.end(), dropped.begin(), dropped.end());
  }

 private:
  Alteration alteration(const bridge::ColumnPlan& column) const {
    return {target_, column.name, column.type, *column.wider, column.chosen};
  }

  [[noreturn]] void refuse(const bridge::ColumnPlan& column, const std::string& why) const {
    refuse_to_alter(alteration(column), why);
  }

  void require_ours() const {
    const PostgresResult comment = connection_.execute(
        "SELECT pg_catalog.starts_with(pg_catalog.obj_description($1::regclass, 'pg_class'), $2)",
        {target_, bridge::table_comment("")});
    if (comment.value(0, 0) != "t") refuse(*columns_.front(), "rowhouse did not make the table");
  }

  void find_tenants() {
    const PostgresResult rows = connection_.execute(
        "SELECT DISTINCT tenant FROM rowhouse.import_chunk WHERE target_schema = $1 AND target_table = $2 ORDER BY 1",
        {ddl_.schema, table_.name});
    for (std::size_t i = 0; i < rows.rows(); ++i) tenants_.emplace_back(rows.value(i, 0).value_or(""));
  }

  void set_tenant(const std::string& tenant) {
    if (is_bound_) connection_.execute("SELECT rowhouse.set_tenant($1)", {tenant});
  }

  std::string key_list(const std::string& prefix) const {
    std::string list = prefix + bridge::quote_identifier(table_.tenant_column);
    for (const std::string& name : table_.primary_key) list += ", " + prefix + bridge::quote_identifier(name);
    return list;
  }

  // Rows of the ledger's tenants that another transaction wrote than one of the ledger's.
  void note_changed_rows() {
    connection_.execute("DROP TABLE IF EXISTS " + std::string(kChangedRows));
    connection_.execute("CREATE TEMPORARY TABLE rowhouse_changed_rows ON COMMIT DROP AS SELECT " + key_list("") +
                        " FROM " + target_ + " WITH NO DATA");
    for (const std::string& tenant : tenants_) {
      set_tenant(tenant);
      connection_.execute(
          "INSERT INTO " + std::string(kChangedRows) + " SELECT " + key_list("kept.") + " FROM " + target_ +
              " AS kept WHERE kept." + bridge::quote_identifier(table_.tenant_column) +
              " = $1 AND kept.xmin NOT IN (SELECT pg_catalog.unnest(xids) FROM rowhouse.import_chunk "
              "WHERE tenant = $1 AND target_schema = $2 AND target_table = $3 AND xids IS NOT NULL)",
          {tenant, ddl_.schema, table_.name});
    }
  }

  // Those that rowhouse made: they ask for equal types on both sides, and come back after the load where these are.
  void drop_foreign_keys() {
    for (const bridge::ColumnPlan* column : columns_) {
      const PostgresResult keys = connection_.execute(
          "SELECT k.conrelid::pg_catalog.regclass, pg_catalog.quote_ident(k.conname) FROM pg_catalog.pg_constraint AS k "
          "JOIN pg_catalog.pg_attribute AS a ON a.attrelid = $1::regclass AND a.attname = $2 WHERE k.contype = 'f' "
          "AND ((k.conrelid = a.attrelid AND a.attnum = ANY (k.conkey)) "
          "OR (k.confrelid = a.attrelid AND a.attnum = ANY (k.confkey))) "
          "AND pg_catalog.obj_description(k.oid, 'pg_constraint') = $3",
          {target_, column->name, kMadeFromSqlite});
      for (std::size_t i = 0; i < keys.rows(); ++i)
        connection_.execute("ALTER TABLE " + std::string(keys.value(i, 0).value_or("")) + " DROP CONSTRAINT " +
                            std::string(keys.value(i, 1).value_or("")));
    }
  }

  std::vector<std::string> drop_views() {
    try {
      return drop_views_on(connection_, target_);
    } catch (const Error& error) {
      if (ends_the_run(error)) throw;
      refuse(*columns_.front(), std::string("the server says \"") + error.what() + "\"");
    }
  }

  void alter() {
    std::string sql;
    for (const bridge::ColumnPlan* column : columns_) sql += (sql.empty() ? "" : ", ") + alter_sql(alteration(*column));
    try {
      connection_.execute("ALTER TABLE " + target_ + " " + sql);
    } catch (const Error& error) {
      if (ends_the_run(error)) throw;
      refuse(*columns_.front(), std::string("the server says \"") + error.what() + "\"");
    }
  }

  // The rows written anew are this transaction's from here on, in the ledger, too. `keeps`: they are as a copy would have
  // made them, so that only chunks with rejects are sent again. True where any are.
  bool forget(bool keeps) {
    const std::string ours = " WHERE target_schema = $1 AND target_table = $2";
    connection_.execute(
        "UPDATE rowhouse.import_chunk SET xids = coalesce(xids, '{}') || pg_catalog.pg_current_xact_id()::xid" + ours,
        {ddl_.schema, table_.name});
    const std::string rows =
        keeps ? "" : ", row_digests = pg_catalog.decode(pg_catalog.repeat('00', pg_catalog.octet_length(row_digests)), 'hex')";
    return connection_
               .execute("UPDATE rowhouse.import_chunk SET digest = 'widened'" + rows + ours +
                            (keeps ? " AND rejected > 0" : "") + " RETURNING id",
                        {ddl_.schema, table_.name})
               .rows() > 0;
  }

  // In a transaction of its own within this one, which the ledger does not know.
  void touch_changed_rows() {
    connection_.execute("SAVEPOINT rowhouse_changed");
    const std::string tenant = bridge::quote_identifier(table_.tenant_column);
    for (const std::string& one : tenants_) {
      set_tenant(one);
      std::string same = "kept." + tenant + " = $1 AND changed." + tenant + " = $1";
      for (const std::string& key : table_.primary_key)
        same += " AND kept." + bridge::quote_identifier(key) + " = changed." + bridge::quote_identifier(key);
      connection_.execute("UPDATE " + target_ + " AS kept SET " + tenant + " = kept." + tenant + " FROM " +
                              kChangedRows + " AS changed WHERE " + same,
                          {one});
    }
    connection_.execute("RELEASE SAVEPOINT rowhouse_changed");
    if (is_bound_) connection_.execute("SELECT rowhouse.reset_tenant()");
  }

  PostgresConnection& connection_;
  bridge::TablePlan& table_;
  const bridge::DdlOptions& ddl_;
  const std::string target_;
  std::vector<bridge::ColumnPlan*> columns_;
  std::vector<std::string> tenants_;
  bool is_bound_ = false;
};

}  // namespace

std::string alter_sql(const Alteration& alteration) {
  const std::string name = bridge::quote_identifier(alteration.column);
  return "ALTER COLUMN " + name + " TYPE " + bridge::sql_name(alteration.to) + " USING " +
         bridge::conversion_sql(name, alteration.from, alteration.to);
}

std::string why_not_widened(const bridge::TablePlan& table, const bridge::ColumnPlan& column) {
  if (std::find(table.primary_key.begin(), table.primary_key.end(), column.name) != table.primary_key.end())
    return "it is part of the primary key, by which later runs find the rows again";
  if (bridge::can_widen(column.type, *column.wider)) return "";
  return std::string("not every ") + bridge::sql_name(column.type) + " is one";
}

void refuse_to_alter(const Alteration& alteration, const std::string& why) {
  Diagnostics diagnostics;
  diagnostics.message = "column \"" + alteration.column + "\" of table " + alteration.table + " is " +
                        bridge::sql_name(alteration.from) + ", and has to be " + bridge::sql_name(alteration.to) +
                        (alteration.chosen ? " as --types says" : " for what the files bring");
  diagnostics.detail = "It is not altered: " + why + ".";
  diagnostics.hint = "Run: ALTER TABLE " + alteration.table + " " + alter_sql(alteration) + ";";
  const std::string message = diagnostics.message;
  throw_error("42804", message, std::move(diagnostics));
}

void widen_columns(PostgresConnection& connection, bridge::TablePlan& table, const bridge::DdlOptions& ddl,
                   TableChanges& changes) {
  TableWidening(connection, table, ddl).run(changes);
}

}  // namespace rowhouse::detail
