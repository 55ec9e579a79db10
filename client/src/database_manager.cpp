#include "rowhouse/database_manager.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "lease.hpp"

namespace rowhouse {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostConnections = 10'000;

void require(bool right, const std::string& message) {
  if (!right) throw ConfigurationError(message);
}

void validate(const DatabaseOptions& options) {
  require(options.max_connections >= 1 && options.max_connections <= kMostConnections,
          "max_connections is " + std::to_string(options.max_connections) + ", allowed are 1 to 10000");
  require(options.checkout_timeout.count() >= 0, "checkout_timeout is negative");
  require(options.connect_timeout.count() >= 0, "connect_timeout is negative");
  require(options.busy_timeout.count() >= 0 && options.busy_timeout.count() <= 3'600'000,
          "busy_timeout is not between 0 and one hour");
  require(!options.schema.empty(), "schema is empty");
}

void validate(const RetryOptions& options) {
  require(options.max_attempts >= 1, "max_attempts is less than 1");
  require(options.max_time.count() >= 0, "max_time is negative");
  require(options.first_delay.count() >= 0 && options.max_delay >= options.first_delay,
          "first_delay is negative or above max_delay");
}

// A random part of the exponential delay: those who collided do not meet again at the same time.
std::chrono::microseconds backoff(const RetryOptions& options, int attempt) {
  thread_local std::minstd_rand random{std::random_device{}()};
  const std::chrono::microseconds highest =
      std::min<std::chrono::microseconds>(options.max_delay, options.first_delay * (1LL << std::min(attempt - 1, 20)));
  return std::chrono::microseconds(std::uniform_int_distribution<std::int64_t>(0, highest.count())(random));
}

}  // namespace

struct DatabaseManager::Impl final : detail::Pool {
  Impl(Url the_url, DatabaseOptions the_options) : url(std::move(the_url)), settings(std::move(the_options)) {
    validate(settings);
    require(url.is_sqlite() || url.is_postgresql(),
            "no database of this kind: the URL's scheme is " + url.scheme() + ", known are sqlite and postgresql");
    in_memory = url.is_sqlite() && url.database().empty();
    if (in_memory) settings.max_connections = 1;  // each connection would have a database of its own
  }

  std::unique_ptr<detail::Connection> connect() const {
    return url.is_sqlite() ? detail::connect_sqlite(url, settings) : detail::connect_postgres(url, settings);
  }

  // A usable connection, counted as in use.
  std::unique_ptr<detail::Connection> check_out() {
    std::unique_lock lock(mutex);
    ++waiting;
    const bool free = came_back.wait_for(lock, settings.checkout_timeout,
                                         [this] { return !idle.empty() || in_use < settings.max_connections; });
    --waiting;
    if (!free) {
      throw_error("53300",
                  "no connection came free within " + std::to_string(settings.checkout_timeout.count()) + " ms: all " +
                      std::to_string(settings.max_connections) + " are in use",
                  {.hint = "Return sessions sooner, or raise max_connections."});
    }
    ++in_use;
    std::vector<std::unique_ptr<detail::Connection>> broken;  // closed outside the lock
    while (!idle.empty()) {
      std::unique_ptr<detail::Connection> connection = std::move(idle.back());
      idle.pop_back();
      if (connection->usable()) return connection;
      broken.push_back(std::move(connection));
    }
    lock.unlock();
    try {
      return connect();
    } catch (...) {
      release();
      throw;
    }
  }

  void release() noexcept {
    {
      const std::lock_guard lock(mutex);
      --in_use;
    }
    came_back.notify_one();
  }

  void give_back(std::unique_ptr<detail::Connection> connection, bool touched) noexcept override {
    try {
      connection->rollback();
      if (touched && settings.reset_on_return) connection->reset();
      if (connection->usable()) {
        const std::lock_guard lock(mutex);
        idle.push_back(std::move(connection));
      }
    } catch (...) {
      // Not fit for another user: closed below.
    }
    connection.reset();
    release();
  }

  const DatabaseOptions& options() const noexcept override { return settings; }

  const Url url;
  DatabaseOptions settings;
  bool in_memory = false;
  mutable std::mutex mutex;  // guards what follows
  std::condition_variable came_back;
  std::vector<std::unique_ptr<detail::Connection>> idle;  // the last one is taken first: the others may age
  std::size_t in_use = 0;
  std::size_t waiting = 0;
};

DatabaseManager::DatabaseManager(Url url, DatabaseOptions options)
    : impl_(std::make_shared<Impl>(std::move(url), std::move(options))) {}
DatabaseManager::DatabaseManager(std::string_view url, DatabaseOptions options)
    : DatabaseManager(Url::parse(url), std::move(options)) {}
DatabaseManager::DatabaseManager(const DatabaseManager&) noexcept = default;
DatabaseManager& DatabaseManager::operator=(const DatabaseManager&) noexcept = default;
DatabaseManager::~DatabaseManager() = default;

Session DatabaseManager::session() {
  return Session(std::make_shared<detail::Lease>(impl_, impl_->check_out(), std::nullopt));
}

Session DatabaseManager::session(std::string tenant) {
  detail::check_tenant(tenant);
  return Session(std::make_shared<detail::Lease>(impl_, impl_->check_out(), std::move(tenant)));
}

void DatabaseManager::run(const std::function<void(Transaction&)>& work, const RetryOptions& options) {
  validate(options);
  const Clock::time_point start = Clock::now();
  for (int attempt = 1;; ++attempt) {
    try {
      Session borrowed = session();
      Transaction transaction = borrowed.begin(options.transaction);
      work(transaction);
      transaction.commit();
      return;
    } catch (const Error& error) {
      const bool again = error.retryable() && attempt < options.max_attempts &&
                         Clock::now() - start < options.max_time &&
                         (!options.retry_if || options.retry_if(error, attempt));
      if (!again) throw;
    }
    std::this_thread::sleep_for(backoff(options, attempt));
  }
}

const Url& DatabaseManager::url() const noexcept { return impl_->url; }
const DatabaseOptions& DatabaseManager::options() const noexcept { return impl_->settings; }
Database DatabaseManager::database() const noexcept {
  return impl_->url.is_sqlite() ? Database::kSqlite : Database::kPostgresql;
}

PoolStatistics DatabaseManager::statistics() const {
  const std::lock_guard lock(impl_->mutex);
  return {impl_->in_use, impl_->idle.size(), impl_->waiting};
}

void DatabaseManager::close_idle() noexcept {
  if (impl_->in_memory) return;                              // the connection is the database
  std::vector<std::unique_ptr<detail::Connection>> closing;  // outlives the lock
  const std::lock_guard lock(impl_->mutex);
  closing.swap(impl_->idle);
}

}  // namespace rowhouse
