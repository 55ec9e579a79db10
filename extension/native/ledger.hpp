// The import protocol's tables: what was imported from which file, and what was set aside.
//
// Both hold every tenant's, so importing roles have no rights on them: fixed statements write them as their owner.
#pragma once

#include "pg_compat.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bridge/copy_encoder.hpp"

namespace rowhouse {

struct LedgerEntry {
  std::string schema, table, digest;
};

/// The part of the ledger that is about one file of one tenant. Throws PgError.
class Ledger {
 public:
  Ledger(std::string tenant, std::string source);

  std::optional<LedgerEntry> find(const std::string& source_table) const;
  /// A table that was dropped since its imports holds nothing of what the ledger says.
  void forget_target(const std::string& schema, const std::string& table) const;
  /// What the table looks like in its source, to export it again.
  void write_source_table(const bridge::Table& table, const bridge::TablePlan& plan, const std::string& schema) const;
  /// Rejects are found anew by every run. Returns the keys of rows that collided with another row's key, which can't be
  /// seen once both are taken for rows of the run before.
  std::set<std::string> take_back_rejects(const std::string& source_table) const;
  void write_rejects(const std::string& source_table, const std::vector<bridge::Reject>& rejects) const;
  void write(const std::string& source_table, const LedgerEntry& entry, std::int64_t rows, std::int64_t rejected) const;

 private:
  const std::string tenant_, source_;
  Oid owner_ = InvalidOid;
};

}  // namespace rowhouse
