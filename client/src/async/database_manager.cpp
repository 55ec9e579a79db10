#include "rowhouse/async/database_manager.hpp"

#include <utility>

#include "async/lease.hpp"
#include "async/pool.hpp"
#include "retry.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse::async {
namespace {

using asio::awaitable;

DatabaseOptions without_replicas(DatabaseOptions options) {
  if (options.replicas.empty()) return options;
  throw ConfigurationError("the asynchronous manager reads from no replicas",
                           "Leave them out, or give a replica a manager of its own.");
}

}  // namespace

struct DatabaseManager::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::any_io_executor executor, Url url, DatabaseOptions options)
      : pool(std::make_shared<detail::AsyncPool>(std::move(executor), std::move(url),
                                                 without_replicas(std::move(options)))) {}

  static awaitable<Session> lend(std::shared_ptr<Impl> self, detail::Identity identity, std::stop_token stop = {}) {
    auto connection = co_await self->pool->check_out(stop);
    co_return Session(std::make_shared<detail::AsyncLease>(self->pool, std::move(connection), std::move(identity)));
  }

  // Waits for as long; throws 57014 on a request to stop.
  awaitable<void> sleep(std::chrono::microseconds duration, std::stop_token stop) const {
    const auto timer = std::make_shared<asio::steady_timer>(pool->strand(), duration);
    auto slept = detail::hop(pool->strand(), stop, [timer](std::stop_token asked) -> awaitable<void> {
      co_await detail::wait_for(timer, asked);
      if (asked.stop_requested()) throw_error("57014", "the caller has asked to stop");
    });
    co_await std::move(slept);
  }

  const std::shared_ptr<detail::AsyncPool> pool;
};

DatabaseManager::DatabaseManager(asio::any_io_executor executor, Url url, DatabaseOptions options)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(url), std::move(options))) {}
DatabaseManager::DatabaseManager(asio::any_io_executor executor, std::string_view url, DatabaseOptions options)
    : DatabaseManager(std::move(executor), Url::parse(url), std::move(options)) {}
DatabaseManager::DatabaseManager(const DatabaseManager&) noexcept = default;
DatabaseManager& DatabaseManager::operator=(const DatabaseManager&) noexcept = default;
DatabaseManager::~DatabaseManager() = default;

awaitable<Session> DatabaseManager::session() { return Impl::lend(impl_, {}); }

awaitable<Session> DatabaseManager::session(std::string tenant) {
  detail::check_tenant(tenant);
  return Impl::lend(impl_, {.tenant = std::move(tenant)});
}

awaitable<Session> DatabaseManager::session(LoginToken login) {
  if (database() == Database::kSqlite) throw_error("0A000", "SQLite cannot check a login token");
  std::string tenant = login.tenant();
  return Impl::lend(impl_, {.tenant = std::move(tenant), .login = std::move(login)});
}

awaitable<Session> DatabaseManager::read_session() { return Impl::lend(impl_, {.read_only = true}); }

awaitable<Session> DatabaseManager::read_session(std::string tenant) {
  detail::check_tenant(tenant);
  return Impl::lend(impl_, {.tenant = std::move(tenant), .read_only = true});
}

awaitable<void> DatabaseManager::run(std::shared_ptr<Impl> impl, Work work, const RetryOptions& options) {
  detail::Retries retries(options, impl->pool->options(), impl->pool->observed());
  while (true) {
    std::optional<Session> borrowed;
    std::optional<detail::Retries::Delay> delay;
    try {
      auto lending = Impl::lend(impl, {}, options.transaction.stop);
      borrowed.emplace(co_await std::move(lending));
    } catch (const Error& error) {
      if (impl->pool->was_reachable()) delay = retries.after_lost_server(error);
      if (!delay) throw;
    }
    if (borrowed) {
      try {
        Transaction transaction = co_await borrowed->begin(options.transaction);
        co_await work(transaction);
        co_await transaction.commit();
        co_return;
      } catch (const Error& error) {
        delay = retries.after(error);
        if (!delay) throw;
      }
    }
    borrowed.reset();
    co_await impl->sleep(*delay, options.transaction.stop);
  }
}

const Url& DatabaseManager::url() const noexcept { return impl_->pool->url(); }
const DatabaseOptions& DatabaseManager::options() const noexcept { return impl_->pool->options(); }
Database DatabaseManager::database() const noexcept {
  return url().is_sqlite() ? Database::kSqlite : Database::kPostgresql;
}
PoolStatistics DatabaseManager::statistics() const { return impl_->pool->statistics(); }

awaitable<void> DatabaseManager::warm_up() {
  return [](std::shared_ptr<detail::AsyncPool> pool) -> awaitable<void> { co_await pool->warm_up(); }(impl_->pool);
}

void DatabaseManager::close_idle() noexcept { impl_->pool->close_idle(); }

}  // namespace rowhouse::async
