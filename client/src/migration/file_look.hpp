#pragma once

#include <optional>

#include "bridge/chunk_cutter.hpp"
#include "migration/deleted_rows.hpp"
#include "migration/source_files.hpp"

namespace rowhouse::detail {

// A table of a file with chunks that are not in PostgreSQL as they are now.
struct TableLook {
  std::string name;       // in the source
  bool is_known = false;  // the ledger has entries: `missing` says which chunks are to be read, else all are
  std::vector<bridge::ChunkIdentity> missing{};
  std::vector<std::string> stale{};        // ids of entries that no chunk of the file has any more
  std::int64_t rows = 0;                   // in the missing chunks
  std::int64_t kept_deleted = 0;           // rows of the other chunks that were deleted in PostgreSQL
  std::shared_ptr<const KeysThere> there{};  // where rows of the stale ones may have been, too
};

// What a file has to bring, found by reading it once beside the ledger.
struct FileLook {
  MigrationSource source;
  std::vector<TableLook> tables;  // only those with something to do
  std::vector<TableOutcome> unchanged;
  std::vector<std::string> gone;  // tables that the ledger knows and the file has no more
  std::string stamp;              // of the ledger that was looked at
  const TableLook* find(const std::string& table) const;
};

// `file` is open, and `ledger` what the database has of it.
FileLook look_at(const bridge::Source& file, const MigrationSource& source, const MigrationOptions& options,
                 const FileLedger& ledger);

}  // namespace rowhouse::detail
