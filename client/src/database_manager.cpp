#include "rowhouse/database_manager.hpp"

#include <condition_variable>
#include <mutex>
#include <utility>

#include "lease.hpp"
#include "pool_use.hpp"
#include "retry.hpp"

namespace rowhouse {
namespace {

// True when there was a request to stop.
bool sleep(std::chrono::microseconds duration, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, duration, [] { return false; });
  return stop.stop_requested();
}

}  // namespace

struct DatabaseManager::Impl {
  Impl(Url url, DatabaseOptions options)
      : pool(std::make_shared<detail::ConnectionPool>(std::move(url), std::move(options))),
        replicas(detail::Replicas<detail::Blocking>::of(pool)) {}

  const std::shared_ptr<detail::ConnectionPool> pool;
  const std::unique_ptr<detail::Replicas<detail::Blocking>> replicas;  // null: there are none
};

DatabaseManager::DatabaseManager(Url url, DatabaseOptions options)
    : impl_(std::make_shared<Impl>(std::move(url), std::move(options))) {}
DatabaseManager::DatabaseManager(std::string_view url, DatabaseOptions options)
    : DatabaseManager(Url::parse(url), std::move(options)) {}
DatabaseManager::DatabaseManager(const DatabaseManager&) noexcept = default;
DatabaseManager& DatabaseManager::operator=(const DatabaseManager&) noexcept = default;
DatabaseManager::~DatabaseManager() = default;

Session DatabaseManager::lend(detail::Identity identity, const std::stop_token& stop,
                              const std::shared_ptr<detail::Writes>& writes) {
  const auto& pool = impl_->pool;
  return Session(std::make_shared<detail::Lease>(pool, pool->check_out(stop), std::move(identity), writes));
}

Session DatabaseManager::lend_reader(detail::Identity identity, const std::shared_ptr<detail::Writes>& writes) {
  identity.read_only = true;
  if (impl_->replicas) {
    if (auto choice = impl_->replicas->choose(writes, {}).get()) {
      return Session(std::make_shared<detail::Lease>(choice->pool, std::move(choice->connection), std::move(identity)));
    }
  }
  return lend(std::move(identity));
}

Session DatabaseManager::session() { return lend({}); }

Session DatabaseManager::session(std::string tenant) {
  detail::check_tenant(tenant);
  return lend({.tenant = std::move(tenant)});
}

Session DatabaseManager::session(LoginToken login) {
  if (database() == Database::kSqlite) throw_error("0A000", "SQLite cannot check a login token");
  std::string tenant = login.tenant();
  return lend({.tenant = std::move(tenant), .login = std::move(login)});
}

Session DatabaseManager::read_session() { return lend_reader({}); }

Session DatabaseManager::read_session(std::string tenant) {
  detail::check_tenant(tenant);
  return lend_reader({.tenant = std::move(tenant)});
}

void DatabaseManager::run(const std::function<void(Transaction&)>& work, const RetryOptions& options,
                          const std::shared_ptr<detail::Writes>& writes) {
  detail::Retries retries(options, impl_->pool->options(), impl_->pool->observed());
  while (true) {
    std::optional<Session> borrowed;
    std::optional<detail::Retries::Delay> delay;
    try {
      borrowed.emplace(lend({}, options.transaction.stop, writes));
    } catch (const Error& error) {
      if (impl_->pool->was_reachable()) delay = retries.after_lost_server(error);
      if (!delay) throw;
    }
    if (borrowed) {
      try {
        Transaction transaction = borrowed->begin(options.transaction);
        work(transaction);
        transaction.commit();
        return;
      } catch (const Error& error) {
        delay = retries.after(error);
        if (!delay) throw;
      }
    }
    borrowed.reset();
    if (sleep(*delay, options.transaction.stop)) throw_error("57014", "the caller has asked to stop");
  }
}

const Url& DatabaseManager::url() const noexcept { return impl_->pool->url(); }
const DatabaseOptions& DatabaseManager::options() const noexcept { return impl_->pool->options(); }
Database DatabaseManager::database() const noexcept {
  return url().is_sqlite() ? Database::kSqlite : Database::kPostgresql;
}
PoolStatistics DatabaseManager::statistics() const { return impl_->pool->statistics(); }
void DatabaseManager::warm_up() { impl_->pool->warm_up(); }
void DatabaseManager::close_idle() noexcept { impl_->pool->close_idle(); }

}  // namespace rowhouse
