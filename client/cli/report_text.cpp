// What people read on standard output.
#include "report.hpp"

#include <algorithm>
#include <cstdio>

namespace rowhouse::cli {
namespace {

std::string number(std::int64_t value) { return std::to_string(value); }

// Characters, not bytes: names may be in any script.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

std::string number(std::size_t value) { return std::to_string(value); }

std::string counted(std::size_t value, const char* what) {
  return number(value) + " " + what + (value == 1 ? "" : "s");
}

std::string in_seconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", seconds);
  return text;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

std::string listed(const std::vector<std::string>& names) { return names.empty() ? "none" : joined(names); }

}  // namespace

std::string aligned(const std::vector<std::vector<std::string>>& lines) {
  std::vector<std::size_t> widths;
  for (const std::vector<std::string>& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i]));
  }
  std::string text;
  for (const std::vector<std::string>& line : lines) {
    std::string row;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const std::string space(widths[i] - width(line[i]), ' ');
      row += (i == 0 ? "" : "  ") + (is_number(line[i]) ? space + line[i] : line[i] + space);
    }
    row.erase(row.find_last_not_of(' ') + 1);
    text += row + "\n";
  }
  return text;
}

namespace {

std::string hazards_as_text(const std::vector<PlannedHazard>& hazards) {
  std::vector<std::vector<std::string>> lines = {{"hazard", "where", "count", "first", "becomes"}};
  for (const PlannedHazard& hazard : hazards)
    lines.push_back({hazard.kind, hazard.table + (hazard.column.empty() ? "" : "." + hazard.column),
                     number(hazard.count), hazard.sample, hazard.becomes});
  return aligned(lines);
}

}  // namespace

std::string to_text(const PlanReport& report) {
  std::string text;
  for (const PlannedTable& table : report.tables) {
    text += "table " + table.name + ": " + number(table.rows) + " rows, key (" + table.columns.front().name +
            (table.primary_key.empty() ? "" : ", " + joined(table.primary_key)) + ")\n";
    std::vector<std::vector<std::string>> lines;
    for (const PlannedColumn& column : table.columns)
      lines.push_back({"  " + column.name, column.type, column.evidence});
    text += aligned(lines);
    for (const std::string& note : table.notes) text += "  note: " + note + "\n";
    if (table.exists)
      text += "  in the database; added: " + listed(table.added) + "; widened: " + listed(table.widened) + "\n";
    text += "\n";
  }
  for (const PlannedView& view : report.views) text += "view " + view.name + ": made of the one in the files\n";
  for (const std::string& note : report.notes) text += "note: " + note + "\n";
  if (!report.hazards.empty()) text += (report.notes.empty() ? "" : "\n") + hazards_as_text(report.hazards) + "\n";
  return text + number(report.files) + " files read, " + number(report.tables.size()) + " tables, " +
         number(report.failures.size()) + " files refused\n";
}

namespace {

std::string totals_of(const VerifyReport& report) {
  std::int64_t equal = 0, wrong = 0, changed = 0, elsewhere = 0;
  for (const VerifiedTable& table : report.tables) {
    equal += table.rows;
    wrong += table.differences();
    changed += table.changed;
    elsewhere += table.elsewhere;
  }
  return number(equal) + " rows equal in every cell, " + number(wrong) + " differences" +
         (changed > 0 ? " (" + number(changed) + " of them rows that were changed or deleted in PostgreSQL)" : "") +
         (elsewhere > 0 ? ", " + number(elsewhere) + " rows that other files brought" : "") + "\n";
}

}  // namespace

std::string summary(const MigrationReport& report) {
  TableOutcome sum;
  for (const TableOutcome& table : report.tables) sum.add_counts(table);
  return number(sum.rows) + " rows copied, " +
         (sum.updated + sum.deleted > 0 ? number(sum.updated) + " updated, " + number(sum.deleted) + " deleted, "
                                        : "") +
         (sum.kept_deleted > 0 ? number(sum.kept_deleted) + " deleted in PostgreSQL and left so, " : "") +
         number(sum.rejected) + " set aside in rowhouse.import_reject, " +
         (sum.repaired > 0 ? number(sum.repaired) + " values changed by --on-nul or --on-invalid-utf8, " : "") +
         number(report.failures.size()) + " files refused, " + in_seconds(report.seconds) + "\n";
}

std::string to_text(const Migrated& migrated) {
  const MigrationReport& report = migrated.report;
  std::vector<std::vector<std::string>> lines = {
      {"tenant", "file", "table", "copied", "updated", "deleted", "present", "conflicts", "rejected", ""}};
  for (const TableOutcome& table : report.tables) {
    lines.push_back({table.tenant, table.source, table.table, number(table.rows), number(table.updated),
                     number(table.deleted), number(table.present), number(table.conflicts), number(table.rejected),
                     table.unchanged ? "unchanged" : ""});
  }
  std::string text = (report.tables.empty() ? "" : aligned(lines)) + summary(report);
  if (migrated.verified)
    text += "verified: " + (migrated.equal() ? totals_of(*migrated.verified) : to_text(*migrated.verified));
  if (migrated.audited) text += "audited: " + to_text(*migrated.audited);
  if (migrated.cut_over)
    text += migrated.cut_over->empty() ? "not cut over\n"
                                       : "cut over: lives in PostgreSQL since " + *migrated.cut_over + "\n";
  return text;
}

std::string to_text(const VerifyReport& report) {
  std::vector<std::vector<std::string>> lines = {
      {"tenant", "file", "table", "equal", "rejected", "different", "missing", "unexpected"}};
  std::string examples;
  for (const VerifiedTable& table : report.tables) {
    lines.push_back({table.tenant, table.source, table.table, number(table.rows), number(table.rejected),
                     number(table.different), number(table.missing), number(table.unexpected)});
    for (const std::string& example : table.examples)
      examples += table.tenant + " " + table.table + ": " + example + "\n";
  }
  return (report.tables.empty() ? "" : aligned(lines)) + examples + totals_of(report);
}

std::string to_text(const ExportReport& report) {
  std::vector<std::vector<std::string>> lines = {{"table", "in the file", "rows", "rejected"}};
  std::int64_t rows = 0, rejected = 0;
  for (const ExportedTable& table : report.tables) {
    lines.push_back({table.table, table.source_table, number(table.rows), number(table.rejected)});
    rows += table.rows;
    rejected += table.rejected;
  }
  std::string text = aligned(lines) + number(rows) + " rows of tenant \"" + report.tenant + "\" written to \"" +
                     report.path + "\", " + in_seconds(report.seconds) + "\n";
  if (rejected > 0)
    text += number(rejected) + " rows that the import set aside are not in it: see rowhouse.import_reject\n";
  return text;
}

std::string to_text(const StatusReport& report) {
  if (report.core.empty()) return "rowhouse is not installed in this database\n";
  std::vector<std::vector<std::string>> lines = {{"tenant", "file", "table", "rows", "rejected", "imported"}};
  for (const StatusRow& table : report.tables) {
    lines.push_back(
        {table.tenant, table.source, table.table, number(table.rows), number(table.rejected), table.imported_at});
  }
  std::string text = "rowhouse as " + report.core + "\n" + (report.tables.empty() ? "" : aligned(lines));
  for (const CutOverTenant& tenant : report.cut_over)
    text += "tenant \"" + tenant.id + "\" lives in PostgreSQL since " + tenant.since + "\n";
  if (report.rejects.empty()) return text + "no rejects\n";
  lines = {{"tenant", "file", "table", "key", "column", "sqlstate", "reason"}};
  for (const RejectRow& reject : report.rejects) {
    lines.push_back(
        {reject.tenant, reject.source, reject.source_table, reject.key, reject.column, reject.sqlstate, reject.reason});
  }
  return text + "\nrejects\n" + aligned(lines);
}

std::string to_text(const std::vector<TenantRow>& tenants) {
  std::vector<std::vector<std::string>> lines = {{"tenant", "status", "created", "cut over"}};
  for (const TenantRow& tenant : tenants)
    lines.push_back({tenant.id, tenant.status, tenant.created_at, tenant.cut_over_at});
  return aligned(lines);
}

std::string to_text(const TenantChange& change) {
  std::vector<std::vector<std::string>> lines = {{"table", "rows"}};
  for (const TenantRows& table : change.rows) lines.push_back({table.table, number(table.rows)});
  return aligned(lines);
}

std::string to_text(const AuditReport& report) {
  std::string text;
  for (const AuditFinding& finding : report.findings) {
    text += finding.severity + "  " + finding.rule + "  " + finding.object + "\n    " + finding.detail + "\n";
    if (finding.remedy) text += "    remedy: " + *finding.remedy + ";\n";
  }
  const std::size_t infos = report.count("info");
  return text + (report.findings.empty() ? "" : "\n") + counted(report.count("error"), "error") + ", " +
         counted(report.count("warning"), "warning") + (infos > 0 ? ", " + number(infos) + " for information" : "") +
         "\n";
}

std::string to_text(const ProofReport& report) {
  std::vector<std::vector<std::string>> lines = {{"outcome", "attack", "object", "detail"}};
  for (const ProofAttempt& attempt : report.attempts)
    lines.push_back({attempt.outcome, attempt.attack, attempt.object, attempt.detail});
  return aligned(lines) + "\n" + counted(report.count("leaked"), "leak") + ", " + number(report.count("held")) +
         " held, " + number(report.count("not applicable")) + " not applicable\n";
}

}  // namespace rowhouse::cli
