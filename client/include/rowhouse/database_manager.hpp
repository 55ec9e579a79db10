#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "rowhouse/error.hpp"
#include "rowhouse/export.hpp"
#include "rowhouse/observer.hpp"
#include "rowhouse/session.hpp"
#include "rowhouse/url.hpp"

namespace rowhouse {

template <class Way>
class BasicUnitOfWork;

namespace detail {
struct Identity;
class Writes;
}  // namespace detail

/// How a manager works. Durations and numbers out of range are a ConfigurationError.
struct DatabaseOptions {
  std::size_t max_connections = 20;                    ///< 1 to 10,000; a SQLite database in memory has exactly one
  std::chrono::milliseconds checkout_timeout{30'000};  ///< wait for a free connection; 0: do not wait
  std::chrono::milliseconds connect_timeout{10'000};   ///< PostgreSQL; 0: no limit
  std::chrono::milliseconds busy_timeout{20'000};      ///< SQLite: wait for another writer
  bool reset_on_return = true;                ///< PostgreSQL: reset the session after statements of the caller's own
  std::string schema = "public";              ///< PostgreSQL: where the tables of the repositories are
  std::string application_name = "rowhouse";  ///< PostgreSQL: as pg_stat_activity shows it

  std::size_t min_connections = 0;  ///< idle ones that are kept however long they are; see warm_up()
  std::size_t max_waiting = 1'000;  ///< callers that wait for a connection; a further one is refused at once with 53300
  std::chrono::milliseconds idle_timeout{600'000};    ///< an idle connection more than the least is closed; 0: never
  std::chrono::milliseconds max_lifetime{3'600'000};  ///< an older one is closed when it comes back; 0: never
  std::chrono::milliseconds health_check{
      30'000};  ///< PostgreSQL: idle for longer, the server is asked before it is lent
  std::chrono::milliseconds statement_timeout{0};  ///< as in CallOptions, for all statements; 0: the server's own
  std::chrono::milliseconds call_timeout{0};       ///< as in CallOptions, for all calls; 0: none
  /// Statements that a connection keeps prepared; 0: none. On PostgreSQL the one unused for longest makes room.
  std::size_t statement_cache = 200;
  /// PostgreSQL: there is a pooler such as PgBouncer between, which gives the next transaction another server session.
  /// Nothing then is kept in the session: no prepared statement, no setting, no reset.
  bool transaction_pooler = false;

  /// PostgreSQL: servers that replicate this one, for read_session(). Each has a pool of its own, of the same size.
  std::vector<Url> replicas{};
  std::chrono::milliseconds max_replica_lag{1'000};  ///< a replica that is further behind is not read from

  std::shared_ptr<Observer> observer{};  ///< told of connections, statements, retries and waits
  std::chrono::milliseconds slow_statement{
      0};                     ///< from this duration the observer's slow_statement is called; 0: never
  bool observe_text = false;  ///< events carry the text of statements
};

/// How run_in_transaction() works and when it gives up.
struct RetryOptions {
  TransactionOptions transaction{};            ///< of each attempt
  int max_attempts = 10;                       ///< with the first one
  std::chrono::milliseconds max_time{30'000};  ///< no further attempt starts after this
  std::chrono::milliseconds first_delay{10};   ///< doubled each time, then a random part of it is waited
  std::chrono::milliseconds max_delay{1'000};  ///< no wait is longer
  /// Asked before each retry, after retryable(); false: the error is thrown.
  std::function<bool(const Error& error, int attempt)> retry_if{};
};

/// The connections of a manager, without those to replicas.
struct PoolStatistics {
  std::size_t in_use = 0;   ///< lent to sessions
  std::size_t idle = 0;     ///< open and free
  std::size_t waiting = 0;  ///< callers that wait for one
};

/// The connections to one database. Connects when first needed. A handle: copies share one pool. Thread-safe.
class ROWHOUSE_EXPORT DatabaseManager {
 public:
  /// Throws ConfigurationError for a URL of another kind or options out of range.
  explicit DatabaseManager(Url url, DatabaseOptions options = {});
  /// The same for a URL as text, see Url::parse.
  explicit DatabaseManager(std::string_view url, DatabaseOptions options = {});
  DatabaseManager(const DatabaseManager&) noexcept;             ///< another handle of the same pool
  DatabaseManager& operator=(const DatabaseManager&) noexcept;  ///< becomes another handle of the same pool
  ~DatabaseManager();

  /// A session without a tenant: protected tables are empty for it and refuse writes.
  /// Throws 53300 (kBusy) when no connection comes free in time.
  Session session();
  /// A session for one tenant. Throws 22023 for a malformed id.
  Session session(std::string tenant);
  /// A session in a sealed database, for the tenant that the token names; the token is checked with each transaction.
  /// Throws 0A000 on SQLite, which can check none.
  Session session(LoginToken login);

  /// To read only, without a tenant or for one: on a replica that is at most max_replica_lag behind, else on this
  /// database. What was written a moment ago may be missing; UnitOfWork keeps that together. Refuses writes with 25006.
  Session read_session();
  /// The same for one tenant. Throws 22023 for a malformed id.
  Session read_session(std::string tenant);

  /// Runs `work(Transaction&)` and commits; on a serialization failure, deadlock, busy lock or lost connection runs it
  /// again in a new transaction, never when a commit is in doubt. `work` must have no effect outside its transaction.
  template <class Work>
  auto run_in_transaction(Work&& work, const RetryOptions& options = {}) {
    return run_in_transaction(std::forward<Work>(work), options, nullptr);
  }

  /// What it connects to.
  const Url& url() const noexcept;
  /// As they are in force.
  const DatabaseOptions& options() const noexcept;
  /// The kind of database.
  Database database() const noexcept;
  /// What the connections do right now.
  PoolStatistics statistics() const;
  /// Connects until there are min_connections, so that the first callers need not.
  void warm_up();
  /// Closes the connections that are free. Sessions in use, and those opened later, are not affected.
  void close_idle() noexcept;

 private:
  template <class Way>
  friend class BasicUnitOfWork;

  template <class Work>
  auto run_in_transaction(Work&& work, const RetryOptions& options, const std::shared_ptr<detail::Writes>& writes) {
    using R = std::invoke_result_t<Work&, Transaction&>;
    if constexpr (std::is_void_v<R>) {
      run(work, options, writes);
    } else {
      std::optional<R> result;
      run([&](Transaction& transaction) { result.emplace(work(transaction)); }, options, writes);
      return *std::move(result);
    }
  }

  void run(const std::function<void(Transaction&)>& work, const RetryOptions& options,
           const std::shared_ptr<detail::Writes>& writes);
  Session lend(detail::Identity identity, const std::stop_token& stop = {},
               const std::shared_ptr<detail::Writes>& writes = nullptr);
  Session lend_reader(detail::Identity identity, const std::shared_ptr<detail::Writes>& writes = nullptr);

  struct Impl;
  std::shared_ptr<Impl> impl_;
};

namespace detail {

// The way to use the library by waiting: an answer is the result.
struct ROWHOUSE_EXPORT Blocking {
  using Manager = DatabaseManager;
  using Session = rowhouse::Session;
  using Transaction = rowhouse::Transaction;
  template <class R>
  using Answer = R;
};

}  // namespace detail

}  // namespace rowhouse
