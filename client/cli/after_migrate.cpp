#include "after_migrate.hpp"

#include <algorithm>
#include <set>

namespace rowhouse::cli {
namespace {

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// `kind:schema.table` and what belongs to it, each name as it is or in quotes.
bool is_about(const std::string& object, const std::string& schema, const std::string& table) {
  const std::string name = object.substr(object.find(':') + 1);
  for (const std::string& space : {schema, '"' + schema + '"'}) {
    for (const std::string& relation : {table, '"' + table + '"'}) {
      const std::string whole = space + '.' + relation;
      if (name == whole || name.starts_with(whole + '.')) return true;
    }
  }
  return false;
}

}  // namespace

bool Migrated::equal() const {
  return !verified || verified->is_copied(report);
}

void verify_after(Migrated& migrated, const std::vector<MigrationSource>& sources, const SourceStates& before, const Url& to,
                  const MigrationOptions& how) {
  std::set<std::pair<std::string, std::string>> sent;
  for (const TableOutcome& table : migrated.report.tables) {
    if (!table.unchanged) sent.emplace(table.tenant, table.source);
  }
  std::vector<MigrationSource> copied;
  std::map<std::pair<std::string, std::string>, std::string> paths;
  for (const MigrationSource& source : sources) {
    const std::pair name(source.tenant, file_name(source.path));
    if (sent.count(name) == 0) continue;
    copied.push_back(source);
    paths[name] = source.path;
  }
  if (copied.empty()) return;
  migrated.verified = verify(copied, to, how);
  std::set<std::string> moved;
  const auto has_moved = [&](const std::string& path) {
    if (before.at(path) == source_state(path)) return false;
    moved.insert(path);
    return true;
  };
  std::erase_if(migrated.verified->tables, [&](const VerifiedTable& table) {
    return table.differences() > table.changed && has_moved(paths.at({table.tenant, table.source}));
  });
  std::erase_if(migrated.verified->failures, [&](const FileFailure& failure) { return has_moved(failure.path); });
  migrated.moved.assign(moved.begin(), moved.end());
  for (const std::string& path : moved)
    migrated.report.notes.push_back("\"" + path + "\" was written to since it was copied: run again to take that over");
}

void audit_after(Migrated& migrated, const Url& to, const MigrationOptions& how) {
  std::set<std::string> tables;
  for (const TableOutcome& table : migrated.report.tables) {
    if (!table.unchanged) tables.insert(table.table);
  }
  if (tables.empty()) return;
  try {
    migrated.audited = audit(to, how.interrupted);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kPermission) throw;
    migrated.report.notes.push_back("this role may not audit: " + std::string(error.what()));
    return;
  }
  std::vector<AuditFinding>& findings = migrated.audited->findings;
  std::erase_if(findings, [](const AuditFinding& finding) { return finding.severity == "info"; });
  const std::size_t all = findings.size();
  std::erase_if(findings, [&](const AuditFinding& finding) {
    return std::none_of(tables.begin(), tables.end(),
                        [&](const std::string& table) { return is_about(finding.object, how.schema, table); });
  });
  migrated.audited_elsewhere = all - findings.size();
  if (migrated.audited_elsewhere > 0)
    migrated.report.notes.push_back("the audit finds " + std::to_string(migrated.audited_elsewhere) +
                                    " errors or warnings elsewhere: see rowhouse audit");
}

}  // namespace rowhouse::cli
