#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "rowhouse/async/session.hpp"
#include "rowhouse/database_manager.hpp"
#include "rowhouse/export.hpp"
#include "rowhouse/url.hpp"

namespace rowhouse {

namespace detail {

template <class T>
struct AwaitedResult;
template <class T, class Executor>
struct AwaitedResult<asio::awaitable<T, Executor>> {
  using type = T;
};

// Keeps what a transaction's work gives.
struct AsyncRun {
  template <class Manager, class Work,
            class R = typename AwaitedResult<std::invoke_result_t<Work&, async::Transaction&>>::type>
  static asio::awaitable<R> run(Manager manager, Work work, RetryOptions options, std::shared_ptr<Writes> writes) {
    if constexpr (std::is_void_v<R>) {
      co_await Manager::run(
          manager.impl_, [&work](async::Transaction& transaction) { return work(transaction); }, options, writes);
    } else {
      std::optional<R> result;
      const auto keep = [&](async::Transaction& transaction) -> asio::awaitable<void> {
        result.emplace(co_await work(transaction));
      };
      co_await Manager::run(manager.impl_, keep, options, writes);
      co_return *std::move(result);
    }
  }
};

}  // namespace detail

namespace async {

/// As rowhouse::DatabaseManager: the connections to one database. A handle: copies share one pool. Thread-safe.
///
/// PostgreSQL's connections wait in the executor's context, and no thread waits for one: a call goes on where its
/// caller runs. SQLite works on a few threads of the context's. The context must outlive the manager and its sessions.
/// A coroutine that is cancelled has to run on a strand, or in a context that one thread runs: Asio asks for it.
class ROWHOUSE_EXPORT DatabaseManager {
 public:
  /// Throws ConfigurationError for a URL of another kind or options out of range.
  DatabaseManager(asio::any_io_executor executor, Url url, DatabaseOptions options = {});
  /// The same.
  DatabaseManager(asio::any_io_executor executor, std::string_view url, DatabaseOptions options = {});
  /// Another handle.
  DatabaseManager(const DatabaseManager&) noexcept;
  /// Another handle.
  DatabaseManager& operator=(const DatabaseManager&) noexcept;
  ~DatabaseManager();

  /// A session without a tenant: protected tables are empty for it and refuse writes.
  /// Throws 53300 (kBusy) when no connection comes free in time.
  asio::awaitable<Session> session();
  /// A session for one tenant. Throws 22023 for a malformed id.
  asio::awaitable<Session> session(std::string tenant);
  /// As rowhouse::DatabaseManager::session(LoginToken).
  asio::awaitable<Session> session(LoginToken login);
  /// As rowhouse::DatabaseManager::read_session(): on a replica that is not too far behind, else on this database.
  asio::awaitable<Session> read_session();
  asio::awaitable<Session> read_session(std::string tenant);  ///< for one tenant

  /// Runs `work(Transaction&)`, which gives an awaitable, and commits; retries as rowhouse::DatabaseManager does, and
  /// waits in between without a thread. `work` must have no effect outside its transaction.
  template <class Work>
  auto run_in_transaction(Work work, RetryOptions options = {}) const {
    return run_in_transaction(std::move(work), std::move(options), nullptr);
  }

  asio::any_io_executor get_executor() const noexcept;  ///< as given
  const Url& url() const noexcept;                      ///< as given
  const DatabaseOptions& options() const noexcept;      ///< as given, fitted to the database
  Database database() const noexcept;                   ///< which kind it is
  PoolStatistics statistics() const;                    ///< of this moment
  /// Connects until there are min_connections, so that the first callers need not.
  asio::awaitable<void> warm_up();
  /// Sessions in use, and those opened later, are not affected.
  void close_idle() noexcept;

 private:
  friend struct detail::AsyncRun;
  template <class Way>
  friend class rowhouse::BasicUnitOfWork;
  using AnyWork = std::function<asio::awaitable<void>(Transaction&)>;
  struct Impl;

  template <class Work>
  auto run_in_transaction(Work work, RetryOptions options, std::shared_ptr<detail::Writes> writes) const {
    return detail::AsyncRun::run(*this, std::move(work), std::move(options), std::move(writes));
  }
  static asio::awaitable<void> run(std::shared_ptr<Impl> impl, AnyWork work, const RetryOptions& options,
                                   std::shared_ptr<detail::Writes> writes);
  asio::awaitable<Session> lend(detail::Identity identity, std::stop_token stop = {},
                                std::shared_ptr<detail::Writes> writes = nullptr) const;
  asio::awaitable<Session> lend_reader(detail::Identity identity,
                                       std::shared_ptr<detail::Writes> writes = nullptr) const;

  std::shared_ptr<Impl> impl_;
};

}  // namespace async

namespace detail {

// The way to use the library by coroutines of Asio.
struct ROWHOUSE_EXPORT Awaiting {
  using Manager = async::DatabaseManager;
  using Session = async::Session;
  using Transaction = async::Transaction;
  template <class R>
  using Answer = asio::awaitable<R>;
};

}  // namespace detail
}  // namespace rowhouse
