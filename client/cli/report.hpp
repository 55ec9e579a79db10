#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "after_migrate.hpp"
#include "rowhouse/audit.hpp"
#include "rowhouse/migration.hpp"
#include "rowhouse/tenant_export.hpp"

namespace rowhouse::cli {

/// Lines of cells with their columns lined up, for stdout; the first line is the header. Numbers stand to the right.
std::string aligned(const std::vector<std::vector<std::string>>& lines);

/// What a change of the registry has touched.
struct TenantChange {
  const char* command;
  std::vector<TenantRows> rows;
};

/// The last line of a migration's text.
std::string summary(const MigrationReport& report);

std::string to_text(const PlanReport& report);
std::string to_text(const Migrated& migrated);
std::string to_text(const VerifyReport& report);
std::string to_text(const ExportReport& report);
std::string to_text(const StatusReport& report);
std::string to_text(const std::vector<TenantRow>& tenants);
std::string to_text(const TenantChange& change);
std::string to_text(const AuditReport& report);
std::string to_text(const ProofReport& report);

/// The documents of --json. Every one has "rowhouse" (the version) and "command"; fields are only ever added.
nlohmann::json to_json(const PlanReport& report);
nlohmann::json to_json(const Migrated& migrated);
nlohmann::json to_json(const VerifyReport& report);
nlohmann::json to_json(const ExportReport& report);
nlohmann::json to_json(const StatusReport& report);
nlohmann::json to_json(const std::vector<TenantRow>& tenants);
nlohmann::json to_json(const TenantChange& change);
nlohmann::json to_json(const AuditReport& report);
nlohmann::json to_json(const ProofReport& report);
/// An error that ended the command.
nlohmann::json to_json(const std::string& command, const Error& error);

}  // namespace rowhouse::cli
