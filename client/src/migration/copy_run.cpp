#include "migration/copy_run.hpp"

namespace rowhouse::detail {

void CopyRun::advance(const MigrationSource& source, const std::string& table, std::int64_t rows) {
  const std::lock_guard lock(mutex);
  progress.tenant = source.tenant;
  progress.table = table;
  progress.rows += rows;
  report_progress(options, progress);
}

bool CopyRun::suspend(const ForeignKeyInTheWay& key) {
  const std::lock_guard lock(mutex);
  return constraints->suspend(key.table, key.constraint);
}

void CopyRun::suspend_actions_on(const std::vector<std::string>& tables) {
  const std::lock_guard lock(mutex);
  constraints->suspend_actions_on(tables);
}

void CopyRun::count_rejects(std::int64_t rejects) {
  const std::lock_guard lock(mutex);
  rejected += rejects;
  if (!options.max_rejects || rejected <= static_cast<std::int64_t>(*options.max_rejects)) return;
  throw_error(
      kTooManyRejectsState,
      std::to_string(rejected) + " rows would be set aside, " + std::to_string(*options.max_rejects) + " are allowed",
      Diagnostics{.hint = "See why with rowhouse plan, or allow more with --max-rejects."});
}

}  // namespace rowhouse::detail
