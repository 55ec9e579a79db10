#include "migration/referring_columns.hpp"

#include <algorithm>

#include "bridge/ddl.hpp"
#include "migration/constraints.hpp"
#include "migration/target_tables.hpp"

namespace rowhouse::detail {
namespace {

constexpr std::string_view kReferring =
    "SELECT c.relname, a.attname FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_class AS c ON c.oid = "
    "k.conrelid "
    "JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace "
    "CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS pair (own, other) "
    "JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = pair.own "
    "JOIN pg_catalog.pg_attribute AS o ON o.attrelid = k.confrelid AND o.attnum = pair.other "
    "WHERE k.contype = 'f' AND k.confrelid = pg_catalog.to_regclass($1) AND o.attname = $2 AND n.nspname = $3 "
    "AND pg_catalog.obj_description(k.oid, 'pg_constraint') = $4 ORDER BY 1, 2";

// Those of which the column is a part, on either side.
constexpr const char* kPartOf =
    " FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_attribute AS a ON a.attrelid = $1::regclass AND a.attname "
    "= $2 "
    "WHERE k.contype = 'f' AND ((k.conrelid = a.attrelid AND a.attnum = ANY (k.conkey)) "
    "OR (k.confrelid = a.attrelid AND a.attnum = ANY (k.confkey))) "
    "AND pg_catalog.obj_description(k.oid, 'pg_constraint') IS ";

}  // namespace

std::deque<bridge::TablePlan> widen_referring(PostgresConnection& connection, bridge::Plan& plan,
                                              const std::string& schema) {
  std::deque<bridge::TablePlan> others;
  std::deque<std::pair<std::string, const bridge::ColumnPlan*>> wider;
  for (const bridge::TablePlan& table : plan.tables) {
    for (const bridge::ColumnPlan& column : table.columns) {
      if (column.wider) wider.emplace_back(table.name, &column);
    }
  }
  const auto find = [&](const std::string& name) -> bridge::TablePlan& {
    const auto is_it = [&](const bridge::TablePlan& table) { return table.name == name; };
    const auto planned = std::find_if(plan.tables.begin(), plan.tables.end(), is_it);
    if (planned != plan.tables.end()) return *planned;
    const auto other = std::find_if(others.begin(), others.end(), is_it);
    return other != others.end() ? *other : others.emplace_back(read_table(connection, schema, name));
  };
  for (; !wider.empty(); wider.pop_front()) {
    const auto& [table, column] = wider.front();
    const PostgresResult referring =
        connection.execute(kReferring, {bridge::quote_qualified(schema, table), column->name, schema, kMadeFromSqlite});
    for (std::size_t i = 0; i < referring.rows(); ++i) {
      bridge::TablePlan& from = find(referring.text(i, 0));
      for (bridge::ColumnPlan& own : from.columns) {
        if (own.name != referring.text(i, 1) || own.wider || own.type == *column->wider) continue;
        own.wider = column->wider;
        wider.emplace_back(from.name, &own);
      }
    }
  }
  return others;
}

void ForeignKeysAside::drop(const std::string& table, const std::string& column) {
  const PostgresResult keys = connection_.execute(
      "SELECT k.conrelid::pg_catalog.regclass, pg_catalog.quote_ident(k.conname), "
      "pg_catalog.pg_get_constraintdef(k.oid), "
      "k.conrelid::oid, k.conkey, k.confrelid::oid, k.confkey" +
          std::string(kPartOf) + "NOT DISTINCT FROM $3",
      {table, column, kMadeFromSqlite});
  for (std::size_t i = 0; i < keys.rows(); ++i) {
    keys_.push_back({keys.text(i, 0), keys.text(i, 1), keys.text(i, 2), keys.text(i, 3),
                     keys.text(i, 4), keys.text(i, 5), keys.text(i, 6)});
    connection_.execute("ALTER TABLE " + keys_.back().table + " DROP CONSTRAINT " + keys_.back().name);
  }
}

void ForeignKeysAside::make_again() {
  for (const Key& key : keys_) {
    const PostgresResult differ = connection_.execute(
        "SELECT FROM unnest($2::int2[], $4::int2[]) AS pair (own, other) "
        "JOIN pg_catalog.pg_attribute AS a ON a.attrelid = $1::oid AND a.attnum = pair.own "
        "JOIN pg_catalog.pg_attribute AS o ON o.attrelid = $3::oid AND o.attnum = pair.other "
        "WHERE a.atttypid <> o.atttypid",
        {key.from, key.columns, key.to, key.referenced});
    if (differ.rows() > 0) continue;
    connection_.execute("ALTER TABLE " + key.table + " ADD CONSTRAINT " + key.name + " " + key.definition);
    connection_.execute("COMMENT ON CONSTRAINT " + key.name + " ON " + key.table + " IS " +
                        bridge::quote_literal(kMadeFromSqlite));
  }
  keys_.clear();
}

std::string remedy_for_foreign_keys(PostgresConnection& connection, const std::string& table,
                                    const std::string& column) {
  const PostgresResult keys = connection.execute(
      "SELECT pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I;', k.conrelid::pg_catalog.regclass, k.conname)" +
          std::string(kPartOf) + "DISTINCT FROM $3 ORDER BY 1",
      {table, column, kMadeFromSqlite});
  std::string remedy;
  for (std::size_t i = 0; i < keys.rows(); ++i) remedy += (i == 0 ? "Run: " : " ") + keys.text(i, 0);
  return remedy.empty() ? remedy
                        : remedy + " Then the same command, and make the foreign key again over columns of one type.";
}

}  // namespace rowhouse::detail
