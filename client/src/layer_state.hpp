#pragma once

#include <atomic>
#include <map>
#include <shared_mutex>
#include <string>

#include "object_key.hpp"
#include "rowhouse/migration_layer.hpp"

namespace rowhouse::detail {

// What a migration layer knows without a database: the companies' modes, what was counted, who is told. Thread-safe.
class LayerState {
 public:
  using Handler = std::function<void(const MigrationDifference&)>;

  explicit LayerState(MigrationMode mode) : default_mode_(mode) {}

  MigrationMode mode(std::string_view company_id) const;
  void set_mode(MigrationMode mode);
  void set_mode(std::string_view company_id, MigrationMode mode);
  void on_difference(Handler handler);
  void tell(std::string_view company_id, const ObjectKey& key, std::vector<std::string> columns,
            std::optional<std::string> sqlstate, std::string message) const;
  MigrationCounters counters() const noexcept {
    return {sqlite_writes, postgres_writes, compared, different, refused, reconciled};
  }

  std::atomic<std::uint64_t> sqlite_writes{0}, postgres_writes{0}, compared{0}, different{0}, refused{0}, reconciled{0};

 private:
  mutable std::shared_mutex mutex_;  // guards what follows
  MigrationMode default_mode_;
  std::map<std::string, MigrationMode, std::less<>> modes_;
  Handler handler_;
};

// A transaction for the company.
RetryOptions of_company(std::string_view company_id, bool read_only = false);

}  // namespace rowhouse::detail
