// Rows into a table through the server's own COPY, with the bridge's encoder as its data source.
//
// COPY called this way checks neither privileges nor row security: both are looked at here, before the first row.
#pragma once

#include "pg_compat.hpp"

#include <optional>
#include <string>

#include "bridge/chunk_loader.hpp"

namespace rowhouse {

/// Whether a COPY of ours is under way: what a trigger of its target sees.
bool is_copying();

class CopyTarget {
 public:
  /// The table `relation`, for rows with `columns` that belong to `tenant`. Refuses a role
  /// without the right to insert. A role that row security binds goes by the stage, and so do rows that may be in the
  /// table already (`is_rerun`): what is there stays. Throws.
  CopyTarget(Oid relation, std::string tenant, const std::vector<bridge::CopyColumn>& columns, bool is_rerun);

  /// Copies rows [first, last) of a chunk in a subtransaction: what bridge::load_chunk wants. Throws what is not the
  /// data's fault.
  std::optional<bridge::CopyRefusal> try_copy(const bridge::Chunk& chunk, std::size_t first, std::size_t last);

  /// Rows that came by the stage and were in the table already.
  std::int64_t rows_present() const { return rows_present_; }

 private:
  Oid stage();
  std::int64_t merge();

  const Oid relation_;
  const std::string tenant_;
  const bool is_rerun_;
  bool goes_by_stage_ = false;
  List* columns_ = NIL;
  std::string stage_;
  std::int64_t rows_present_ = 0;
};

}  // namespace rowhouse
