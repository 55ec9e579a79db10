// The import protocol's tables: what was imported from which file, and what was set aside.
//
// Both hold every tenant's, so importing roles have no rights on them: fixed statements write them as their owner.
#pragma once

#include "pg_compat.hpp"

#include <string>
#include <vector>

#include "bridge/row_marks.hpp"

namespace rowhouse {

/// A chunk that an earlier import has brought.
struct LedgerChunk {
  std::string id;
  bridge::ChunkIdentity identity;
};

/// The part of the ledger that is about one file of one tenant. Throws PgError.
class Ledger {
 public:
  Ledger(std::string tenant, std::string source);

  /// One import of a tenant at a time: the second waits, sees what the first has written, and leaves it. RH003 when the
  /// tenant's files are not to be imported any more.
  void begin_import() const;
  /// Chunks of a table of the file that are in tables of `schema`.
  std::vector<LedgerChunk> chunks(const std::string& source_table, const std::string& schema) const;
  /// The marks of a chunk's rows; `xids` is an array as PostgreSQL prints it.
  bridge::PackedMarks marks(const std::string& id, std::string& xids) const;
  /// Takes an entry out together with its rejects.
  void forget(const std::string& id) const;
  /// Writes that a chunk is in its table, and which of its rows are not. `xids` wrote the others.
  void write(const std::string& source_table, Oid relation, const bridge::Chunk& chunk, const bridge::PackedMarks& marks,
             const std::string& xids) const;
  /// A table that was dropped since its imports holds nothing of what the ledger says.
  void forget_target(const std::string& schema, const std::string& table) const;
  /// What the table looks like in its source, to export it again.
  void write_source_table(const bridge::TableProfile& profile, const bridge::TablePlan& plan,
                          const std::string& schema) const;

 private:
  void write_rejects(const std::string& source_table, const std::vector<bridge::Reject>& rejects,
                     const std::string& chunk) const;

  const std::string tenant_, source_;
  Oid owner_ = InvalidOid;
};

}  // namespace rowhouse
