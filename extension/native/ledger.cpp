#include "pg_compat.hpp"

#include "ledger.hpp"

#include "bridge/source_table.hpp"

#include "sql.hpp"

namespace rowhouse {

Ledger::Ledger(std::string tenant, std::string source) : tenant_(std::move(tenant)), source_(std::move(source)) {
  owner_ = to_oid(
      ask_sql("SELECT relowner FROM pg_catalog.pg_class WHERE oid = 'rowhouse.import_chunk'::pg_catalog.regclass"));
}

std::optional<LedgerEntry> Ledger::find(const std::string& source_table) const {
  const std::vector<SqlRow> rows = run_sql(
      "SELECT target_schema, target_table, digest FROM rowhouse.import_chunk "
      "WHERE tenant = $1 AND source = $2 AND source_table = $3 AND key_from = ''",
      {tenant_, source_, source_table}, owner_);
  if (rows.empty()) return std::nullopt;
  return LedgerEntry{rows[0][0].value_or(""), rows[0][1].value_or(""), rows[0][2].value_or("")};
}

void Ledger::forget_target(const std::string& schema, const std::string& table) const {
  run_sql(
      "DELETE FROM rowhouse.import_reject AS r USING rowhouse.import_chunk AS c WHERE c.target_schema = $1 "
      "AND c.target_table = $2 AND (r.tenant, r.source, r.source_table) = (c.tenant, c.source, c.source_table)",
      {schema, table}, owner_);
  for (const char* ledger : {"import_chunk", "import_table"}) {
    run_sql("DELETE FROM rowhouse." + std::string(ledger) + " WHERE target_schema = $1 AND target_table = $2",
            {schema, table}, owner_);
  }
}

void Ledger::write_source_table(const bridge::Table& table, const bridge::TablePlan& plan,
                                const std::string& schema) const {
  run_sql(
      "INSERT INTO rowhouse.import_table "
      "(tenant, source, source_table, target_schema, target_table, source_sql, columns, sequence) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7::pg_catalog.jsonb, $8) "
      "ON CONFLICT (tenant, source, source_table, target_schema) DO UPDATE SET target_table = excluded.target_table, "
      "source_sql = excluded.source_sql, columns = excluded.columns, sequence = excluded.sequence",
      {tenant_, source_, table.name, schema, plan.name, bridge::source_sql(table), bridge::source_columns(table, plan),
       table.autoincrement ? Parameter(table.sequence) : Parameter::null_of(INT8OID)},
      owner_);
}

std::set<std::string> Ledger::take_back_rejects(const std::string& source_table) const {
  std::set<std::string> collided;
  for (const SqlRow& row : run_sql("DELETE FROM rowhouse.import_reject WHERE tenant = $1 AND source = $2 "
                                   "AND source_table = $3 RETURNING key, sqlstate",
                                   {tenant_, source_, source_table}, owner_)) {
    if (row[1] == "23505") collided.insert(row[0].value_or(""));
  }
  return collided;
}

void Ledger::write_rejects(const std::string& source_table, const std::vector<bridge::Reject>& rejects) const {
  const auto optional = [](const std::string& text) { return text.empty() ? Parameter() : Parameter(text); };
  for (const bridge::Reject& reject : rejects) {
    run_sql(
        "INSERT INTO rowhouse.import_reject "
        "(tenant, source, source_table, key, column_name, storage_class, value, sqlstate, reason) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        {tenant_, source_, source_table, reject.key, optional(reject.column), optional(reject.storage_class),
         reject.storage_class.empty() ? Parameter::null_of(BYTEAOID) : Parameter(reject.value, BYTEAOID),
         reject.sqlstate, reject.reason},
        owner_);
  }
}

void Ledger::write(const std::string& source_table, const LedgerEntry& entry, std::int64_t rows,
                   std::int64_t rejected) const {
  run_sql(
      "INSERT INTO rowhouse.import_chunk "
      "(tenant, source, source_table, target_schema, target_table, key_from, rows, rejected, digest) "
      "VALUES ($1, $2, $3, $4, $5, '', $6, $7, $8) "
      "ON CONFLICT (tenant, source, source_table, key_from) DO UPDATE SET rows = excluded.rows, "
      "rejected = excluded.rejected, digest = excluded.digest, imported_at = excluded.imported_at, "
      "target_schema = excluded.target_schema, target_table = excluded.target_table",
      {tenant_, source_, source_table, entry.schema, entry.table, rows, rejected, entry.digest}, owner_);
}

}  // namespace rowhouse
