#include "pg_compat.hpp"

#include "ledger.hpp"

#include "bridge/source_table.hpp"

#include "sql.hpp"

namespace rowhouse {
namespace {

std::string unhex(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  return bytes;
}

}  // namespace

Ledger::Ledger(std::string tenant, std::string source) : tenant_(std::move(tenant)), source_(std::move(source)) {
  owner_ = to_oid(
      ask_sql("SELECT relowner FROM pg_catalog.pg_class WHERE oid = 'rowhouse.import_chunk'::pg_catalog.regclass"));
}

void Ledger::begin_import() const {
  run_sql("SELECT rowhouse.lock_imports($1)", {tenant_}, owner_);
  run_sql("SELECT rowhouse.check_importable($1)", {tenant_}, owner_);
}

std::vector<LedgerChunk> Ledger::chunks(const std::string& source_table, const std::string& schema) const {
  std::vector<LedgerChunk> chunks;
  for (const SqlRow& row : run_sql("SELECT id, key_from, coalesce(key_to, ''), rows + rejected, digest "
                                   "FROM rowhouse.import_chunk WHERE tenant = $1 AND source = $2 "
                                   "AND source_table = $3 AND target_schema = $4 ORDER BY id",
                                   {tenant_, source_, source_table, schema}, owner_)) {
    chunks.push_back({row[0].value(),
                      {row[1].value(), row[2].value(), std::stoll(row[3].value_or("0")), row[4].value()}});
  }
  return chunks;
}

bridge::PackedMarks Ledger::marks(const std::string& id, std::string& xids) const {
  const std::vector<SqlRow> rows = run_sql(
      "SELECT pg_catalog.encode(row_keys, 'hex'), pg_catalog.encode(row_digests, 'hex'), coalesce(xids, '{}') "
      "FROM rowhouse.import_chunk WHERE id = $1::bigint",
      {id}, owner_);
  xids = rows.at(0)[2].value();
  return {unhex(rows[0][0].value_or("")), unhex(rows[0][1].value_or(""))};
}

// Rejects of an earlier version's entries name no chunk.
void Ledger::forget(const std::string& id) const {
  run_sql(
      "DELETE FROM rowhouse.import_reject AS r USING rowhouse.import_chunk AS c WHERE c.id = $1::bigint "
      "AND (r.chunk = c.id OR (r.chunk IS NULL AND r.tenant = c.tenant AND r.source = c.source "
      "AND r.source_table = c.source_table))",
      {id}, owner_);
  run_sql("DELETE FROM rowhouse.import_chunk WHERE id = $1::bigint", {id}, owner_);
}

void Ledger::forget_target(const std::string& schema, const std::string& table) const {
  run_sql(
      "DELETE FROM rowhouse.import_reject AS r USING rowhouse.import_chunk AS c WHERE c.target_schema = $1 "
      "AND c.target_table = $2 AND (r.chunk = c.id OR (r.chunk IS NULL "
      "AND (r.tenant, r.source, r.source_table) = (c.tenant, c.source, c.source_table)))",
      {schema, table}, owner_);
  for (const char* ledger : {"import_chunk", "import_table"}) {
    run_sql("DELETE FROM rowhouse." + std::string(ledger) + " WHERE target_schema = $1 AND target_table = $2",
            {schema, table}, owner_);
  }
}

void Ledger::write_source_table(const bridge::TableProfile& profile, const bridge::TablePlan& plan,
                                const std::string& schema) const {
  const bridge::Table& table = *profile.table;
  run_sql(
      "INSERT INTO rowhouse.import_table "
      "(tenant, source, source_table, target_schema, target_table, source_sql, columns, sequence) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7::pg_catalog.jsonb, $8) "
      "ON CONFLICT (tenant, source, source_table, target_schema) DO UPDATE SET target_table = excluded.target_table, "
      "source_sql = excluded.source_sql, columns = excluded.columns, sequence = excluded.sequence",
      {tenant_, source_, table.name, schema, plan.name, bridge::source_sql(table), bridge::source_columns(table, plan),
       table.autoincrement ? Parameter(profile.sequence) : Parameter::null_of(INT8OID)},
      owner_);
}

void Ledger::write(const std::string& source_table, Oid relation, const bridge::Chunk& chunk,
                   const bridge::PackedMarks& marks, const std::string& xids) const {
  const bridge::ChunkIdentity& identity = chunk.identity;
  const auto rejected = static_cast<std::int64_t>(chunk.rejects.size());
  const std::string id = ask_sql(
      "SELECT rowhouse.import_record($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::pg_catalog.xid[])",
      {tenant_, source_, source_table, Parameter::relation(relation), identity.key_from, identity.key_to,
       identity.rows - rejected, rejected, identity.digest, Parameter(marks.keys, BYTEAOID),
       Parameter(marks.digests, BYTEAOID), xids},
      owner_).value();
  write_rejects(source_table, chunk.rejects, id);
}

void Ledger::write_rejects(const std::string& source_table, const std::vector<bridge::Reject>& rejects,
                           const std::string& chunk) const {
  const auto optional = [](const std::string& text) { return text.empty() ? Parameter() : Parameter(text); };
  for (const bridge::Reject& reject : rejects) {
    run_sql(
        "INSERT INTO rowhouse.import_reject "
        "(tenant, source, source_table, key, column_name, storage_class, value, sqlstate, reason, chunk) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::bigint)",
        {tenant_, source_, source_table, reject.key, optional(reject.column), optional(reject.storage_class),
         reject.storage_class.empty() ? Parameter::null_of(BYTEAOID) : Parameter(reject.value, BYTEAOID),
         reject.sqlstate, reject.reason, chunk},
        owner_);
  }
}

}  // namespace rowhouse
