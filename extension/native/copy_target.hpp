// Rows into a table through the server's own COPY, with the bridge's encoder as its data source.
//
// COPY called this way checks neither privileges nor row security: both are looked at here, before the first row.
#pragma once

#include "pg_compat.hpp"

#include <string>
#include <vector>

#include "bridge/changes.hpp"
#include "bridge/row_marks.hpp"
#include "target_table.hpp"

namespace rowhouse {

/// Whether a COPY of ours is under way: what a trigger of its target sees.
bool is_copying();

/// Where COPY stood when it failed, from its own state: its message says so too, but in the language of the server.
struct CopyPlace {
  std::int64_t line;
  char column[NAMEDATALEN];
};

class CopyTarget {
 public:
  /// Rows with `columns` that belong to `tenant` go to `target`, made for `plan`. Refuses a role without the right to
  /// insert. Rows go by a stage where row security binds the role, where the ledger has chunks of the table (`is_known`),
  /// and where the tenant has rows in it already. Throws.
  CopyTarget(const TargetTable& target, const bridge::TablePlan& plan, std::string tenant,
             const std::vector<bridge::CopyColumn>& columns, bool is_known);

  struct Loaded {
    std::int64_t rows = 0;  ///< that came in
    std::vector<std::size_t> kept_back;  ///< rows that were changed in PostgreSQL too
    std::string xids;       ///< `imported` and what wrote these
  };
  /// Puts the rows of a chunk that have a change into the table; those that are refused go to its rejects. `imported`
  /// wrote what is there of the file. Throws what is not the data's fault.
  Loaded load(bridge::Chunk& chunk, const std::vector<bridge::Change>& changes, const std::string& imported);
  /// Deletes rows by their keys, but for those changed in PostgreSQL.
  void remove(const std::vector<std::string>& keys, const std::string& imported);

  const bridge::KeyColumns& key() const { return key_; }

 private:
  struct Applied;
  bool must_merge(bool is_known) const;
  Applied copy(const bridge::Chunk& chunk, std::size_t first, std::size_t last, CopyPlace& place);
  Applied apply(const std::string& stream, bool has_all_columns, const std::string& imported, bool replace,
                CopyPlace& place);

  const TargetTable& target_;
  const bridge::TablePlan& plan_;
  const std::string tenant_;
  const std::vector<bridge::CopyColumn> columns_;
  bridge::KeyColumns key_;
  bool goes_by_stage_ = false;
};

}  // namespace rowhouse
