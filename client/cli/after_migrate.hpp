#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rowhouse/audit.hpp"
#include "rowhouse/migration.hpp"

namespace rowhouse::cli {

/// A migration, and what was found out about it afterwards.
struct Migrated {
  MigrationReport report;
  std::optional<VerifyReport> verified;  ///< of the files of which something was sent
  std::vector<std::string> moved;        ///< of them, those that were written to meanwhile and differ: they prove nothing
  std::optional<AuditReport> audited;    ///< errors and warnings about the tables of which something was sent
  std::size_t audited_elsewhere = 0;     ///< errors and warnings about everything else
  std::optional<std::string> cut_over;   ///< since when; empty when it was wanted and did not come about

  /// Whether what was copied is there. Rows that were changed in PostgreSQL since their import are no news.
  bool equal() const;
};

/// What source_state() said of each file before it was copied.
using SourceStates = std::map<std::string, std::string>;

void verify_after(Migrated& migrated, const std::vector<MigrationSource>& sources, const SourceStates& before, const Url& to,
                  const MigrationOptions& how);
/// A role that may not ask is told so in a note.
void audit_after(Migrated& migrated, const Url& to, const MigrationOptions& how);

}  // namespace rowhouse::cli
