// A SQLite file into its tables, in the transaction of the caller, by the import protocol.
#pragma once

#include "pg_compat.hpp"

#include <string>
#include <vector>

#include "bridge/difference.hpp"
#include "bridge/plan.hpp"
#include "bridge/source.hpp"
#include "copy_target.hpp"
#include "ledger.hpp"
#include "target_table.hpp"

namespace rowhouse {

struct ImportedTable {
  Oid relation = InvalidOid;
  std::int64_t rows = 0;      ///< that came in now
  std::int64_t rejected = 0;  ///< that were set aside now
};

/// Opens, checks and plans a file. The caller is connected to SPI, and has made `tenant` the current one. Throws.
class Importer {
 public:
  Importer(const std::string& path, std::string tenant, std::string schema, bool check_integrity);

  /// All tables of the file, in order of their names.
  std::vector<ImportedTable> run();

 private:
  ImportedTable import_table(const bridge::TableProfile& profile);
  template <class Take>
  void read_missing(const bridge::Table& table, const bridge::TablePlan& plan, bool is_known,
                    const bridge::ChunkMatch& match, Take take_chunk) const;
  void load(const bridge::Table& table, const bridge::TablePlan& plan, const TargetTable& target,
            const std::vector<LedgerChunk>& entries, const bridge::ChunkMatch& match, ImportedTable& imported);

  const std::string tenant_, schema_;
  const std::unique_ptr<bridge::Source> source_;
  const Ledger ledger_;
  bridge::FileProfile profile_;
  bridge::Plan plan_;
};

}  // namespace rowhouse
