#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "rowhouse/error.hpp"
#include "rowhouse/export.hpp"
#include "rowhouse/session.hpp"
#include "rowhouse/url.hpp"

namespace rowhouse {

struct DatabaseOptions {
  std::size_t max_connections = 20;                    ///< 1 to 10,000; a SQLite database in memory has exactly one
  std::chrono::milliseconds checkout_timeout{30'000};  ///< wait for a free connection; 0: do not wait
  std::chrono::milliseconds connect_timeout{10'000};   ///< PostgreSQL; 0: no limit
  std::chrono::milliseconds busy_timeout{20'000};      ///< SQLite: wait for another writer
  bool reset_on_return = true;                         ///< PostgreSQL: DISCARD ALL after statements of the caller's own
  std::string schema = "public";                       ///< PostgreSQL: where the tables of the repositories are
  std::string application_name = "rowhouse";           ///< PostgreSQL: as pg_stat_activity shows it
};

struct RetryOptions {
  TransactionOptions transaction{};
  int max_attempts = 10;
  std::chrono::milliseconds max_time{30'000};  ///< no further attempt starts after this
  std::chrono::milliseconds first_delay{10};   ///< doubled each time, then a random part of it is waited
  std::chrono::milliseconds max_delay{1'000};
  /// Asked before each retry, after retryable(); false: the error is thrown.
  std::function<bool(const Error& error, int attempt)> retry_if{};
};

struct PoolStatistics {
  std::size_t in_use = 0;
  std::size_t idle = 0;
  std::size_t waiting = 0;
};

/// The connections to one database. Connects when first needed. A handle: copies share one pool. Thread-safe.
class ROWHOUSE_EXPORT DatabaseManager {
 public:
  /// Throws ConfigurationError for a URL of another kind or options out of range.
  explicit DatabaseManager(Url url, DatabaseOptions options = {});
  explicit DatabaseManager(std::string_view url, DatabaseOptions options = {});
  DatabaseManager(const DatabaseManager&) noexcept;
  DatabaseManager& operator=(const DatabaseManager&) noexcept;
  ~DatabaseManager();

  /// A session without a tenant: protected tables are empty for it and refuse writes.
  /// Throws 53300 (kBusy) when no connection comes free in time.
  Session session();
  /// A session for one tenant. Throws 22023 for a malformed id.
  Session session(std::string tenant);

  /// Runs `work(Transaction&)` and commits; on a serialization failure, deadlock, busy lock or lost connection runs it
  /// again in a new transaction, never when a commit is in doubt. `work` must have no effect outside its transaction.
  template <class Work>
  auto run_in_transaction(Work&& work, const RetryOptions& options = {}) {
    using R = std::invoke_result_t<Work&, Transaction&>;
    if constexpr (std::is_void_v<R>) {
      run(work, options);
    } else {
      std::optional<R> result;
      run([&](Transaction& transaction) { result.emplace(work(transaction)); }, options);
      return *std::move(result);
    }
  }

  const Url& url() const noexcept;
  const DatabaseOptions& options() const noexcept;
  Database database() const noexcept;
  PoolStatistics statistics() const;
  /// Sessions in use, and those opened later, are not affected.
  void close_idle() noexcept;

 private:
  void run(const std::function<void(Transaction&)>& work, const RetryOptions& options);

  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace rowhouse
