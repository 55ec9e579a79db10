// What programs read on standard output.
#include "report.hpp"
#include "rowhouse/version.hpp"

namespace rowhouse::cli {
namespace {

using nlohmann::json;

json document(const std::string& command) { return {{"rowhouse", kVersion}, {"command", command}}; }

json to_json(const std::vector<FileFailure>& failures) {
  json list = json::array();
  for (const FileFailure& failure : failures) {
    list.push_back({{"path", failure.path},
                    {"tenant", failure.tenant},
                    {"sqlstate", failure.sqlstate},
                    {"message", failure.message},
                    {"detail", failure.detail},
                    {"hint", failure.hint}});
  }
  return list;
}

// What every row of a report says of itself first; `more` follows.
template <class Table>
json identified(const Table& table, json more) {
  json out = {{"tenant", table.tenant}, {"source", table.source}, {"source_table", table.source_table}};
  if constexpr (requires { table.table; }) out["table"] = table.table;
  out.update(more);
  return out;
}

json tables_of(const VerifyReport& report) {
  json tables = json::array();
  for (const VerifiedTable& table : report.tables) {
    tables.push_back(identified(table, {{"rows", table.rows},
                                        {"rejected", table.rejected},
                                        {"different", table.different},
                                        {"missing", table.missing},
                                        {"unexpected", table.unexpected},
                                        {"changed", table.changed},
                                        {"deleted", table.deleted},
                                        {"elsewhere", table.elsewhere},
                                        {"examples", table.examples}}));
  }
  return tables;
}

}  // namespace

nlohmann::json to_json(const PlanReport& report) {
  json out = document("plan");
  out["files"] = report.files;
  out["tables"] = json::array();
  for (const PlannedTable& table : report.tables) {
    json columns = json::array();
    for (const PlannedColumn& column : table.columns) {
      columns.push_back({{"name", column.name},
                         {"source_name", column.source_name},
                         {"type", column.type},
                         {"evidence", column.evidence}});
    }
    out["tables"].push_back({{"name", table.name},
                             {"source_name", table.source_name},
                             {"rows", table.rows},
                             {"columns", columns},
                             {"primary_key", table.primary_key},
                             {"notes", table.notes},
                             {"exists", table.exists},
                             {"added", table.added},
                             {"widened", table.widened},
                             {"ddl", table.ddl}});
  }
  out["hazards"] = json::array();
  for (const PlannedHazard& hazard : report.hazards)
    out["hazards"].push_back({{"kind", hazard.kind},
                              {"table", hazard.table},
                              {"column", hazard.column},
                              {"count", hazard.count},
                              {"sample", hazard.sample},
                              {"becomes", hazard.becomes}});
  out["views"] = json::array();
  for (const PlannedView& view : report.views)
    out["views"].push_back({{"name", view.name}, {"source_name", view.source_name}});
  out["ddl_after"] = report.ddl_after;
  out["notes"] = report.notes;
  out["failures"] = to_json(report.failures);
  return out;
}

nlohmann::json to_json(const Migrated& migrated) {
  const MigrationReport& report = migrated.report;
  json out = document("migrate");
  out["seconds"] = report.seconds;
  out["tables"] = json::array();
  for (const TableOutcome& table : report.tables) {
    out["tables"].push_back(identified(table, {{"rows", table.rows},
                                               {"updated", table.updated},
                                               {"deleted", table.deleted},
                                               {"present", table.present},
                                               {"conflicts", table.conflicts},
                                               {"kept_deleted", table.kept_deleted},
                                               {"rejected", table.rejected},
                                               {"repaired", table.repaired},
                                               {"unchanged", table.unchanged}}));
  }
  out["verified"] = nullptr;
  if (migrated.verified) {
    out["verified"] = {{"equal", migrated.equal()},
                       {"tables", tables_of(*migrated.verified)},
                       {"failures", to_json(migrated.verified->failures)},
                       {"moved", migrated.moved}};
  }
  out["audited"] = nullptr;
  if (migrated.audited) {
    out["audited"] = to_json(*migrated.audited);
    out["audited"].erase("rowhouse");
    out["audited"].erase("command");
    out["audited"]["elsewhere"] = migrated.audited_elsewhere;
  }
  out["cut_over"] = migrated.cut_over && !migrated.cut_over->empty() ? json(*migrated.cut_over) : json(nullptr);
  out["notes"] = report.notes;
  out["failures"] = to_json(report.failures);
  return out;
}

nlohmann::json to_json(const VerifyReport& report) {
  json out = document("verify");
  out["equal"] = report.equal();
  out["tables"] = tables_of(report);
  out["failures"] = to_json(report.failures);
  return out;
}

nlohmann::json to_json(const ExportReport& report) {
  json out = document("export");
  out["tenant"] = report.tenant;
  out["path"] = report.path;
  out["seconds"] = report.seconds;
  out["tables"] = json::array();
  for (const ExportedTable& table : report.tables) {
    out["tables"].push_back({{"table", table.table},
                             {"source_table", table.source_table},
                             {"rows", table.rows},
                             {"rejected", table.rejected},
                             {"imported", table.imported}});
  }
  out["notes"] = report.notes;
  return out;
}

nlohmann::json to_json(const std::string& command, const Error& error) {
  json out = document(command);
  out["error"] = {
      {"sqlstate", error.sqlstate()}, {"message", error.what()}, {"detail", error.detail()}, {"hint", error.hint()}};
  return out;
}

nlohmann::json to_json(const StatusReport& report) {
  json out = document("status");
  out["core"] = report.core;
  out["cut_over"] = json::array();
  for (const CutOverTenant& tenant : report.cut_over)
    out["cut_over"].push_back({{"tenant", tenant.id}, {"since", tenant.since}});
  out["tables"] = json::array();
  for (const StatusRow& table : report.tables) {
    out["tables"].push_back(
        identified(table, {{"rows", table.rows}, {"rejected", table.rejected}, {"imported_at", table.imported_at}}));
  }
  out["rejects"] = json::array();
  for (const RejectRow& reject : report.rejects) {
    out["rejects"].push_back(identified(
        reject,
        {{"key", reject.key}, {"column", reject.column}, {"sqlstate", reject.sqlstate}, {"reason", reject.reason}}));
  }
  return out;
}

nlohmann::json to_json(const std::vector<TenantRow>& tenants) {
  json out = document("tenant list");
  out["tenants"] = json::array();
  for (const TenantRow& tenant : tenants)
    out["tenants"].push_back({{"id", tenant.id},
                              {"status", tenant.status},
                              {"created_at", tenant.created_at},
                              {"cut_over_at", tenant.cut_over_at.empty() ? json(nullptr) : json(tenant.cut_over_at)}});
  return out;
}

nlohmann::json to_json(const TenantChange& change) {
  json out = document(change.command);
  out["tables"] = json::array();
  for (const TenantRows& table : change.rows) out["tables"].push_back({{"table", table.table}, {"rows", table.rows}});
  return out;
}

nlohmann::json to_json(const AuditReport& report) {
  json out = document("audit");
  out["errors"] = report.count("error");
  out["warnings"] = report.count("warning");
  out["findings"] = json::array();
  for (const AuditFinding& finding : report.findings) {
    out["findings"].push_back({{"severity", finding.severity},
                               {"rule", finding.rule},
                               {"object", finding.object},
                               {"detail", finding.detail},
                               {"remedy", finding.remedy ? json(*finding.remedy) : json(nullptr)}});
  }
  return out;
}

nlohmann::json to_json(const ProofReport& report) {
  json out = document("prove");
  out["leaked"] = report.count("leaked");
  out["held"] = report.count("held");
  out["attempts"] = json::array();
  for (const ProofAttempt& attempt : report.attempts) {
    out["attempts"].push_back({{"attack", attempt.attack},
                               {"object", attempt.object},
                               {"outcome", attempt.outcome},
                               {"detail", attempt.detail}});
  }
  return out;
}

}  // namespace rowhouse::cli
