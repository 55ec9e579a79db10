#pragma once

#include <set>

#include "bridge/chunk_loader.hpp"
#include "migration/source_files.hpp"
#include "postgres_connection.hpp"

namespace rowhouse::detail {

// Copies one table of one file into PostgreSQL, within the caller's transaction, which has the tenant set.
class TableLoader {
 public:
  TableLoader(PostgresConnection& connection, const bridge::Source& file, const MigrationSource& source,
              const bridge::Table& table, const bridge::TablePlan& plan, const MigrationOptions& options);

  // Copies, writes rejects and the ledger. `advanced` is told how many rows were read since it was last called.
  TableOutcome load(const std::function<void(std::int64_t)>& advanced);

 private:
  enum class Route { direct, stage };  // COPY into the table, or into a stage that is merged under the policies

  std::unique_ptr<bridge::CopyEncoder> open_encoder() const;
  std::optional<std::string> ledger_digest() const;
  std::string current_digest() const;
  Route choose_route() const;
  void take_back_rejects();
  std::optional<bridge::CopyRefusal> try_copy(const bridge::Chunk& chunk, std::size_t first, std::size_t last);
  void copy(const bridge::Chunk& chunk, std::size_t first, std::size_t last, const std::string& into);
  bool merge(const std::string& stage, const bridge::Chunk& chunk, std::size_t first, std::size_t last);
  std::int64_t count_same(const std::string& stage, const bridge::Chunk& chunk) const;
  void write_rejects(const bridge::Chunk& chunk);
  void write_ledger(const std::string& digest);

  PostgresConnection& connection_;
  const bridge::Source& file_;
  const MigrationSource& source_;
  const bridge::Table& table_;
  const bridge::TablePlan& plan_;
  const MigrationOptions& options_;
  const std::string target_;
  Route route_ = Route::direct;
  bool rerun_ = false;              // the ledger has an earlier state of the table
  std::set<std::string> collided_;  // keys that an earlier run set aside for having the key of another row
  TableOutcome outcome_;
};

}  // namespace rowhouse::detail
