#include "migration/widening.hpp"

#include <algorithm>

#include "bridge/widening.hpp"
#include "migration/cell_compare.hpp"
#include "migration/key_copy.hpp"
#include "migration/referring_columns.hpp"
#include "migration/source_files.hpp"
#include "migration/target_views.hpp"

namespace rowhouse::detail {
namespace {

constexpr const char* kChangedRows = "pg_temp.rowhouse_changed_rows";
constexpr const char* kMarks = "pg_temp.rowhouse_marks";

class TableWidening {
 public:
  TableWidening(PostgresConnection& connection, bridge::TablePlan& table, const bridge::DdlOptions& ddl,
                ForeignKeysAside& foreign_keys)
      : connection_(connection),
        table_(table),
        ddl_(ddl),
        foreign_keys_(foreign_keys),
        target_(bridge::quote_qualified(ddl.schema, table.name)) {}

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
    is_bound_ =
        connection_.execute("SELECT pg_catalog.row_security_active($1::regclass)", {target_}).value(0, 0) == "t";
    for (const bridge::ColumnPlan* column : columns_) {
      if (remedy_.empty()) remedy_ = remedy_for_foreign_keys(connection_, target_, column->name);
    }
    find_tenants();
    note_changed_rows();
    for (const bridge::ColumnPlan* column : columns_) foreign_keys_.drop(target_, column->name);
    const std::vector<std::string> dropped = drop_views();
    drop_identities(changes);
    alter();
    convert_key();
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
  // The transaction is at its end then: what to do was asked before.
  [[noreturn]] void refuse(const Error& error) const {
    refuse_to_alter(alteration(*columns_.front()), std::string("the server says \"") + error.what() + "\"", remedy_);
  }

  void require_ours() const {
    const PostgresResult comment =
        connection_.execute("SELECT pg_catalog.starts_with(pg_catalog.obj_description($1::regclass, 'pg_class'), $2)",
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
      connection_.execute("INSERT INTO " + std::string(kChangedRows) + " SELECT " + key_list("kept.") + " FROM " +
                              target_ + " AS kept WHERE kept." + bridge::quote_identifier(table_.tenant_column) +
                              " = $1 AND kept.xmin NOT IN (SELECT pg_catalog.unnest(xids) FROM rowhouse.import_chunk "
                              "WHERE tenant = $1 AND target_schema = $2 AND target_table = $3 AND xids IS NOT NULL)",
                          {tenant, ddl_.schema, table_.name});
    }
  }

  std::vector<std::string> drop_views() {
    try {
      return drop_views_on(connection_, target_);
    } catch (const Error& error) {
      if (ends_the_run(error)) throw;
      refuse(error);
    }
  }

  void alter() {
    std::string sql;
    for (const bridge::ColumnPlan* column : columns_) sql += (sql.empty() ? "" : ", ") + alter_sql(alteration(*column));
    try {
      connection_.execute("ALTER TABLE " + target_ + " " + sql);
    } catch (const Error& error) {
      if (ends_the_run(error)) throw;
      refuse(error);
    }
  }

  bool is_in_key(const bridge::ColumnPlan& column) const {
    return std::find(table_.primary_key.begin(), table_.primary_key.end(), column.name) != table_.primary_key.end();
  }

  // Only integers number rows.
  void drop_identities(TableChanges& changes) {
    for (const bridge::ColumnPlan* column : columns_) {
      const PostgresResult identity = connection_.execute(
          "SELECT FROM pg_catalog.pg_attribute WHERE attrelid = $1::regclass AND attname = $2 AND attidentity <> ''",
          {target_, column->name});
      if (identity.rows() == 0) continue;
      connection_.execute("ALTER TABLE " + target_ + " ALTER COLUMN " + bridge::quote_identifier(column->name) +
                          " DROP IDENTITY");
      changes.notes.push_back("table \"" + table_.name + "\": column \"" + column->name +
                              "\" numbers new rows no more: they have to bring a value");
    }
  }

  // The rows that were noted, and the ledger's marks, have keys of the old types.
  void convert_key() {
    std::string changed, columns = "place integer", converted;
    std::vector<bridge::PgType> old_types, new_types;
    for (const std::string& name : table_.primary_key) {
      const bridge::ColumnPlan& column = *table_.find(name);
      const std::string quoted = bridge::quote_identifier(name);
      const bridge::PgType to = column.wider.value_or(column.type);
      old_types.push_back(column.type);
      new_types.push_back(to);
      columns += ", " + quoted + " " + bridge::sql_name(column.type);
      converted += (converted.empty() ? "" : ", ") + bridge::conversion_sql(quoted, column.type, to);
      if (column.wider) changed += (changed.empty() ? "" : ", ") + alter_sql(alteration(column));
    }
    if (changed.empty()) return;
    connection_.execute("ALTER TABLE " + std::string(kChangedRows) + " " + changed);
    connection_.execute("DROP TABLE IF EXISTS " + std::string(kMarks));
    connection_.execute("CREATE TEMPORARY TABLE rowhouse_marks (" + columns + ") ON COMMIT DROP");
    const PostgresResult entries = connection_.execute(
        "SELECT id FROM rowhouse.import_chunk WHERE target_schema = $1 AND target_table = $2 AND row_keys IS NOT NULL",
        {ddl_.schema, table_.name});
    for (std::size_t i = 0; i < entries.rows(); ++i)
      convert_marks(entries.text(i, 0), converted, old_types, new_types);
  }

  void convert_marks(const std::string& entry, const std::string& converted,
                     const std::vector<bridge::PgType>& old_types, const std::vector<bridge::PgType>& new_types) {
    const PostgresResult packed =
        connection_.execute("SELECT row_keys, row_digests FROM rowhouse.import_chunk WHERE id = $1", {entry});
    std::optional<std::vector<bridge::RowMark>> marks = bridge::unpack_marks(
        from_hex(packed.value(0, 0).value_or("")), from_hex(packed.value(0, 1).value_or("")), old_types);
    if (!marks) return;
    send_keys(connection_, kMarks, old_types.size(), *marks);
    std::size_t place = 0;
    read_keys(connection_, "SELECT " + converted + " FROM " + kMarks + " ORDER BY place",
              [&](std::string_view key) { marks->at(place++).key = key; });
    connection_.execute("TRUNCATE " + std::string(kMarks));
    connection_.execute("UPDATE rowhouse.import_chunk SET row_keys = $2::bytea WHERE id = $1",
                        {entry, to_hex(bridge::pack_marks(*marks, new_types).keys)});
  }

  // The rows written anew are this transaction's from here on, in the ledger, too. `keeps`: they are as a copy would
  // have made them, so that only chunks with rejects are sent again. True where any are.
  bool forget(bool keeps) {
    const std::string ours = " WHERE target_schema = $1 AND target_table = $2";
    connection_.execute(
        "UPDATE rowhouse.import_chunk SET xids = coalesce(xids, '{}') || pg_catalog.pg_current_xact_id()::xid" + ours,
        {ddl_.schema, table_.name});
    const std::string rows =
        keeps
            ? ""
            : ", row_digests = pg_catalog.decode(pg_catalog.repeat('00', pg_catalog.octet_length(row_digests)), 'hex')";
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
  ForeignKeysAside& foreign_keys_;
  const std::string target_;
  std::vector<bridge::ColumnPlan*> columns_;
  std::vector<std::string> tenants_;
  std::string remedy_;
  bool is_bound_ = false;
};

}  // namespace

std::string alter_sql(const Alteration& alteration) {
  const std::string name = bridge::quote_identifier(alteration.column);
  return "ALTER COLUMN " + name + " TYPE " + bridge::sql_name(alteration.to) + " USING " +
         bridge::conversion_sql(name, alteration.from, alteration.to);
}

std::string why_not_widened(const bridge::TablePlan& table, const bridge::ColumnPlan& column) {
  if (std::find(table.primary_key.begin(), table.primary_key.end(), column.name) != table.primary_key.end() &&
      !bridge::keeps_form(column.type, *column.wider))
    return std::string("it is part of the primary key, and what a ") + bridge::sql_name(column.type) +
           " becomes is not written as the files write it";
  if (bridge::can_widen(column.type, *column.wider)) return "";
  return std::string("not every ") + bridge::sql_name(column.type) + " is one";
}

void refuse_to_alter(const Alteration& alteration, const std::string& why, const std::string& hint) {
  Diagnostics diagnostics;
  diagnostics.message = "column \"" + alteration.column + "\" of table " + alteration.table + " is " +
                        bridge::sql_name(alteration.from) + ", and has to be " + bridge::sql_name(alteration.to) +
                        (alteration.chosen ? " as --types says" : " for what the files bring");
  diagnostics.detail = "It is not altered: " + why + ".";
  diagnostics.hint = hint.empty() ? "Run: ALTER TABLE " + alteration.table + " " + alter_sql(alteration) + ";" : hint;
  const std::string message = diagnostics.message;
  throw_error("42804", message, std::move(diagnostics));
}

void widen_columns(PostgresConnection& connection, bridge::Plan& plan, const bridge::DdlOptions& ddl,
                   TableChanges& changes) {
  std::deque<bridge::TablePlan> others = widen_referring(connection, plan, ddl.schema);
  ForeignKeysAside foreign_keys(connection);
  for (bridge::TablePlan& table : plan.tables) TableWidening(connection, table, ddl, foreign_keys).run(changes);
  for (bridge::TablePlan& table : others) TableWidening(connection, table, ddl, foreign_keys).run(changes);
  foreign_keys.make_again();
}

}  // namespace rowhouse::detail
