#include "rowhouse/async/database_manager.hpp"

#include <utility>

#include "async/async_pool_use.hpp"
#include "async/lease.hpp"
#include "retry.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse::async {
namespace {

using asio::awaitable;

using Replicas = detail::Replicas<detail::Awaiting>;

}  // namespace

struct DatabaseManager::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::any_io_executor executor, Url url, DatabaseOptions options)
      : pool(std::make_shared<detail::AsyncPool>(std::move(executor), std::move(url), std::move(options))),
        replicas(Replicas::of(pool)) {}

  static awaitable<Session> lend(std::shared_ptr<Impl> self, detail::Identity identity, std::stop_token stop = {},
                                 std::shared_ptr<detail::Writes> writes = nullptr) {
    auto connection = co_await self->pool->check_out(stop);
    co_return Session(std::make_shared<detail::AsyncLease>(self->pool, std::move(connection), std::move(identity),
                                                           std::move(writes)));
  }

  static awaitable<Session> lend_reader(std::shared_ptr<Impl> self, detail::Identity identity,
                                        std::shared_ptr<detail::Writes> writes) {
    identity.read_only = true;
    if (self->replicas) {
      auto choosing = detail::hop(self->pool->strand(), {}, [self, writes](std::stop_token stop) {
        return self->replicas->choose(writes, stop);
      });
      Replicas::Choice choice = co_await std::move(choosing);
      if (choice) {
        co_return Session(std::make_shared<detail::AsyncLease>(choice->pool, std::exchange(choice->connection, nullptr),
                                                               std::move(identity)));
      }
    }
    auto lending = lend(self, std::move(identity));
    co_return co_await std::move(lending);
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
  const std::unique_ptr<Replicas> replicas;  // null: there are none
};

DatabaseManager::DatabaseManager(asio::any_io_executor executor, Url url, DatabaseOptions options)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(url), std::move(options))) {}
DatabaseManager::DatabaseManager(asio::any_io_executor executor, std::string_view url, DatabaseOptions options)
    : DatabaseManager(std::move(executor), Url::parse(url), std::move(options)) {}
DatabaseManager::DatabaseManager(const DatabaseManager&) noexcept = default;
DatabaseManager& DatabaseManager::operator=(const DatabaseManager&) noexcept = default;
DatabaseManager::~DatabaseManager() = default;

awaitable<Session> DatabaseManager::lend(detail::Identity identity, std::stop_token stop,
                                         std::shared_ptr<detail::Writes> writes) const {
  return Impl::lend(impl_, std::move(identity), std::move(stop), std::move(writes));
}

awaitable<Session> DatabaseManager::lend_reader(detail::Identity identity,
                                                std::shared_ptr<detail::Writes> writes) const {
  return Impl::lend_reader(impl_, std::move(identity), std::move(writes));
}

awaitable<Session> DatabaseManager::session() { return lend({}); }

awaitable<Session> DatabaseManager::session(std::string tenant) {
  detail::check_tenant(tenant);
  return lend({.tenant = std::move(tenant)});
}

awaitable<Session> DatabaseManager::session(LoginToken login) {
  if (database() == Database::kSqlite) throw_error("0A000", "SQLite cannot check a login token");
  std::string tenant = login.tenant();
  return lend({.tenant = std::move(tenant), .login = std::move(login)});
}

awaitable<Session> DatabaseManager::read_session() { return lend_reader({}); }

awaitable<Session> DatabaseManager::read_session(std::string tenant) {
  detail::check_tenant(tenant);
  return lend_reader({.tenant = std::move(tenant)});
}

awaitable<void> DatabaseManager::run(std::shared_ptr<Impl> impl, AnyWork work, const RetryOptions& options,
                                     std::shared_ptr<detail::Writes> writes) {
  detail::Retries retries(options, impl->pool->options(), impl->pool->observed());
  while (true) {
    std::optional<Session> borrowed;
    std::optional<detail::Retries::Delay> delay;
    try {
      auto lending = Impl::lend(impl, {}, options.transaction.stop, writes);
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

asio::any_io_executor DatabaseManager::get_executor() const noexcept { return impl_->pool->executor(); }
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
