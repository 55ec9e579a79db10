#include "pool.hpp"

#include <algorithm>
#include <utility>

#include "rowhouse/error.hpp"

namespace rowhouse::detail {
std::unique_ptr<Connection> connect(const Url& url, const DatabaseOptions& options, const ObservedDatabase& observed) {
  const auto start = Clock::now();
  const auto tell = [&](const Error* error) {
    if (options.observer) options.observer->connected({observed, Clock::now() - start, error});
  };
  try {
    auto connection = url.is_sqlite() ? connect_sqlite(url, options) : connect_postgres(url, options);
    tell(nullptr);
    return connection;
  } catch (const Error& error) {
    tell(&error);
    throw;
  }
}

ConnectionPool::ConnectionPool(Url url, DatabaseOptions options)
    : url_(std::move(url)), options_(fitted(url_, std::move(options))), observed_(observed_database(url_)) {}

std::unique_ptr<Connection> ConnectionPool::check_out(const std::stop_token& stop) {
  wait_for_permit(stop);
  try {
    if (auto connection = take_idle()) return connection;
    auto connection = connect(url_, options_, observed_);
    was_reachable_ = true;
    return connection;
  } catch (...) {
    give_permit_back();
    throw;
  }
}

void ConnectionPool::wait_for_permit(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (waiters_.empty() && in_use_ < options_.max_connections) {
    ++in_use_;
    return;
  }
  const auto start = Clock::now();
  const auto end = [&](std::optional<Error> error) {
    const PoolWaitEvent event{observed_, Clock::now() - start, in_use_, waiters_.size(), error ? &*error : nullptr};
    lock.unlock();
    if (options_.observer) options_.observer->waited(event);
    if (error) throw *error;
  };
  if (waiters_.size() >= options_.max_waiting && options_.checkout_timeout.count() > 0) {
    end(too_many_waiting(waiters_.size()));
  }
  Waiter waiter;
  const auto place = waiters_.insert(waiters_.end(), &waiter);
  waiter.came.wait_for(lock, stop, options_.checkout_timeout, [&] { return waiter.granted; });
  if (waiter.granted) return end(std::nullopt);
  waiters_.erase(place);
  if (stop.stop_requested()) end(Error("57014", "the caller has asked to stop"));
  end(none_came_free(options_));
}

void ConnectionPool::give_permit_back() noexcept {
  const std::lock_guard lock(mutex_);
  if (waiters_.empty()) {
    --in_use_;
    return;
  }
  Waiter& next = *waiters_.front();
  waiters_.pop_front();
  next.granted = true;
  next.came.notify_one();  // under the lock: the waiter may be gone right after
}

std::unique_ptr<Connection> ConnectionPool::take_idle() {
  while (true) {
    std::unique_ptr<Connection> connection;
    {
      const std::lock_guard lock(mutex_);
      if (idle_.empty()) return nullptr;
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
    if (is_fit(*connection)) return connection;
  }
}

bool ConnectionPool::is_fit(Connection& connection) const noexcept {
  if (is_too_old(connection.made, options_) || !connection.usable()) return false;
  if (!is_to_be_asked(connection.returned, options_)) return true;
  try {
    connection.set_limits({.timeout = kPingTimeout});
    connection.ping();
    return true;
  } catch (...) {
    return false;
  }
}

void ConnectionPool::give_back(std::unique_ptr<Connection> connection, bool touched) noexcept {
  Closing closing;
  try {
    connection->set_limits({.timeout = kPingTimeout});
    connection->rollback();
    const bool old = is_too_old(connection->made, options_);
    if (!old && touched && options_.reset_on_return && !options_.transaction_pooler) connection->reset();
    if (!old && connection->usable()) {
      connection->returned = Clock::now();
      const std::lock_guard lock(mutex_);
      idle_.push_back(std::move(connection));
      close_long_idle(closing);
    }
  } catch (...) {
    // Not fit for another user: closed below.
  }
  connection.reset();
  give_permit_back();
}

void ConnectionPool::close_long_idle(Closing& closing) noexcept {
  if (options_.idle_timeout.count() == 0) return;
  const auto latest = Clock::now() - options_.idle_timeout;
  while (idle_.size() > 1 && idle_.size() + in_use_ > options_.min_connections + 1 &&
         idle_.front()->returned < latest) {
    closing.push_back(std::move(idle_.front()));
    idle_.pop_front();
  }
}

void ConnectionPool::warm_up() {
  Closing made;
  try {
    while (true) {
      {
        const std::lock_guard lock(mutex_);
        if (idle_.size() + in_use_ + made.size() >= options_.min_connections) break;
      }
      made.push_back(connect(url_, options_, observed_));
      made.back()->returned = Clock::now();
      was_reachable_ = true;
    }
  } catch (...) {
    // Those that could be made are not thrown away.
    const std::lock_guard lock(mutex_);
    for (auto& connection : made) idle_.push_front(std::move(connection));
    throw;
  }
  const std::lock_guard lock(mutex_);
  for (auto& connection : made) idle_.push_front(std::move(connection));
}

void ConnectionPool::close_idle() noexcept {
  if (is_in_memory()) return;                       // the connection is the database
  std::deque<std::unique_ptr<Connection>> closing;  // outlives the lock
  const std::lock_guard lock(mutex_);
  closing.swap(idle_);
}

PoolStatistics ConnectionPool::statistics() const {
  const std::lock_guard lock(mutex_);
  return {in_use_, idle_.size(), waiters_.size()};
}

}  // namespace rowhouse::detail
