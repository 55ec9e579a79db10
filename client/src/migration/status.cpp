// What the ledger, the rejects and the registry say.
#include "bridge/tenant_id.hpp"
#include "migration/core_installer.hpp"
#include "migration/source_files.hpp"

namespace rowhouse {
StatusReport status(const Url& target, std::size_t reject_limit) {
  detail::PostgresConnection connection = detail::PostgresConnection::connect(target);
  StatusReport report;
  report.core = detail::installed_core(connection);
  if (report.core.empty()) return report;
  const detail::PostgresResult chunks = connection.execute(
      "SELECT tenant, source, source_table, target_table, sum(rows)::bigint, sum(rejected)::bigint, "
      "pg_catalog.to_char(max(imported_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') "
      "FROM rowhouse.import_chunk GROUP BY tenant, source, source_table, target_table "
      "ORDER BY tenant COLLATE \"C\", source COLLATE \"C\", source_table COLLATE \"C\"");
  for (std::size_t i = 0; i < chunks.rows(); ++i) {
    report.tables.push_back({chunks.text(i, 0), chunks.text(i, 1), chunks.text(i, 2), chunks.text(i, 3),
                             std::stoll("0" + chunks.text(i, 4)), std::stoll("0" + chunks.text(i, 5)),
                             chunks.text(i, 6)});
  }
  // A core of before the cut-over has none.
  const detail::PostgresResult cut_over = connection.execute(
      "SELECT t ->> 'id', pg_catalog.to_char((t ->> 'cut_over_at')::timestamptz AT TIME ZONE 'UTC', "
      "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM (SELECT pg_catalog.to_jsonb(tenant) FROM rowhouse.tenant) AS r (t) "
      "WHERE t ->> 'cut_over_at' IS NOT NULL ORDER BY t ->> 'id' COLLATE \"C\"");
  for (std::size_t i = 0; i < cut_over.rows(); ++i) report.cut_over.push_back({cut_over.text(i, 0), cut_over.text(i, 1)});
  const std::string limit = std::to_string(reject_limit);
  const detail::PostgresResult rejects = connection.execute(
      "SELECT tenant, source, source_table, key, column_name, sqlstate, reason FROM rowhouse.import_reject "
      "ORDER BY tenant COLLATE \"C\", source COLLATE \"C\", source_table COLLATE \"C\", id LIMIT $1",
      {limit});
  for (std::size_t i = 0; i < rejects.rows(); ++i) {
    report.rejects.push_back({rejects.text(i, 0), rejects.text(i, 1), rejects.text(i, 2), rejects.text(i, 3),
                              rejects.text(i, 4), rejects.text(i, 5), rejects.text(i, 6)});
  }
  return report;
}

std::vector<TenantRow> list_tenants(const Url& target) {
  detail::PostgresConnection connection = detail::PostgresConnection::connect(target);
  detail::require_core(connection, target);
  const detail::PostgresResult rows = connection.execute(
      "SELECT id, status, pg_catalog.to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), "
      "pg_catalog.to_char((pg_catalog.to_jsonb(t) ->> 'cut_over_at')::timestamptz AT TIME ZONE 'UTC', "
      "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM rowhouse.list_tenants() AS t");
  std::vector<TenantRow> tenants;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    tenants.push_back({rows.text(i, 0), rows.text(i, 1), rows.text(i, 2), rows.text(i, 3)});
  }
  return tenants;
}

void create_tenant(const Url& target, const std::string& id) {
  if (const bridge::Status status = bridge::check_tenant_id(id); !status.ok()) detail::throw_status(status);
  detail::PostgresConnection connection = detail::PostgresConnection::connect(target);
  detail::install_core(connection);
  connection.execute("SELECT rowhouse.create_tenant($1)", {id});
}

namespace {

std::vector<TenantRows> change_tenant(const Url& target, std::string_view sql,
                                      std::initializer_list<detail::PostgresParameter> parameters) {
  detail::PostgresConnection connection = detail::PostgresConnection::connect(target);
  detail::require_core(connection, target);
  const detail::PostgresResult changed = connection.execute(sql, parameters);
  std::vector<TenantRows> rows;
  for (std::size_t i = 0; changed.columns() == 2 && i < changed.rows(); ++i)
    rows.push_back({changed.text(i, 0), std::stoll("0" + changed.text(i, 1))});
  return rows;
}

}  // namespace

void suspend_tenant(const Url& target, const std::string& id) {
  change_tenant(target, "SELECT rowhouse.suspend_tenant($1)", {id});
}

void resume_tenant(const Url& target, const std::string& id) {
  change_tenant(target, "SELECT rowhouse.resume_tenant($1)", {id});
}

void reopen_tenant(const Url& target, const std::string& id) {
  change_tenant(target, "SELECT rowhouse.reopen_tenant($1)", {id});
}

std::vector<TenantRows> rename_tenant(const Url& target, const std::string& id, const std::string& new_id) {
  return change_tenant(target, "SELECT table_name, rows FROM rowhouse.rename_tenant($1, $2)", {id, new_id});
}

std::vector<TenantRows> drop_tenant(const Url& target, const std::string& id, bool purge) {
  return change_tenant(target, "SELECT table_name, rows FROM rowhouse.drop_tenant($1, $2)", {id, purge ? "t" : "f"});
}

}  // namespace rowhouse
