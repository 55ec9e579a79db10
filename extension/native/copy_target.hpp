// Rows into a table through the server's own COPY, with the bridge's encoder as its data source.
//
// COPY called this way checks neither privileges nor row security: both are looked at here, before the first row.
#pragma once

#include "pg_compat.hpp"

#include <optional>
#include <set>
#include <string>

#include "bridge/chunk_loader.hpp"
#include "target_table.hpp"

namespace rowhouse {

/// Whether a COPY of ours is under way: what a trigger of its target sees.
bool is_copying();

/// What an earlier import of the same source into the same table has left.
struct EarlierImport {
  bool happened = false;
  /// Source keys of rows that it set aside because another row has their key.
  std::set<std::string> collided;
};

class CopyTarget {
 public:
  /// Rows with `columns` that belong to `tenant` go to `target`, made for `plan`. Refuses a role without the right to
  /// insert. A role that row security binds goes by the stage; so do rows where the tenant has some in the table
  /// already: what is there stays. Throws.
  CopyTarget(const TargetTable& target, const bridge::TablePlan& plan, std::string tenant,
             const std::vector<bridge::CopyColumn>& columns, EarlierImport earlier);

  /// Copies rows [first, last) of a chunk in a subtransaction: what bridge::load_chunk wants. Throws what is not the
  /// data's fault.
  std::optional<bridge::CopyRefusal> try_copy(const bridge::Chunk& chunk, std::size_t first, std::size_t last);

  /// Rows that came by the stage and were in the table already.
  std::int64_t rows_present() const { return rows_present_; }

 private:
  bool must_merge() const;
  Oid stage();
  bool merge(const bridge::Chunk& chunk, std::size_t first, std::size_t last, std::int64_t& present);
  std::int64_t count_same(const bridge::Chunk& chunk) const;

  const TargetTable& target_;
  const bridge::TablePlan& plan_;
  const std::string tenant_;
  const EarlierImport earlier_;
  List* columns_ = NIL;
  bool goes_by_stage_ = false;
  std::string stage_;
  std::int64_t rows_present_ = 0;
};

}  // namespace rowhouse
