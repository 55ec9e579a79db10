#pragma once

#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "migration/batch_sender.hpp"
#include "migration/constraints.hpp"
#include "migration/workers.hpp"

namespace rowhouse::detail {

// What all copies of a run share. Thread-safe where it says so.
struct CopyRun {
  const MigrationOptions& options;
  const std::string& name;
  const bridge::Plan& plan;
  std::function<PostgresConnection&(std::size_t worker)> connection;  // of a worker
  std::function<void(std::size_t worker)> read_ahead;  // begins to read what the worker will copy next
  Workers& workers;
  std::set<std::string> bound;  // tables into which row security lets this role not COPY
  std::mutex mutex;             // guards what follows
  Constraints* constraints;     // on a connection of its own
  MigrationProgress progress;
  std::int64_t rejected = 0;

  void advance(const MigrationSource& source, const std::string& table, std::int64_t rows);
  // True when the foreign key was ours and is away now.
  bool suspend(const ForeignKeyInTheWay& key);
  void suspend_actions_on(const std::vector<std::string>& tables);
  // Throws when more rows are set aside than allowed.
  void count_rejects(std::int64_t rejects);
};

}  // namespace rowhouse::detail
