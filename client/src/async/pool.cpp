#include "async/pool.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/strand.hpp>
#include <asio/use_awaitable.hpp>
#include <utility>

#include "async/hop.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse::detail {

asio::awaitable<void> wait_for(std::shared_ptr<asio::steady_timer> timer, std::stop_token stop) {
  const std::stop_callback on_stop(stop, [timer] { asio::post(timer->get_executor(), [timer] { timer->cancel(); }); });
  asio::error_code ignored;
  co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

// A place in the queue for a connection; its timer wakes the coroutine that waits. All with the pool's lock.
class AsyncPool::Waiter {
 public:
  Waiter(const asio::any_io_executor& executor, std::chrono::milliseconds patience) : timer_(executor, patience) {}

  template <class Handler>
  void wait(Handler handler) {
    timer_.async_wait(std::move(handler));
    if (woken_) timer_.cancel();
  }
  void wake() {
    woken_ = true;
    timer_.cancel();
  }

  bool granted = false;

 private:
  asio::steady_timer timer_;
  bool woken_ = false;
};

AsyncPool::AsyncPool(asio::any_io_executor executor, Url url, DatabaseOptions options)
    : executor_(std::move(executor)),
      strand_(asio::make_strand(executor_)),
      url_(std::move(url)),
      options_(fitted(url_, std::move(options))),
      observed_(observed_database(url_)) {}

asio::awaitable<std::shared_ptr<AsyncConnection>> AsyncPool::check_out(std::stop_token stop) {
  const auto self = shared_from_this();
  if (!take_permit()) {
    const std::stop_source source;
    auto wait = [self, source](const std::stop_token&) { return self->wait_for_permit(source); };
    auto waiting = here(stop, std::move(wait), source);
    co_await std::move(waiting);
  }
  struct Permit {
    AsyncPool* pool;
    ~Permit() {
      if (pool != nullptr) pool->give_permit_back();
    }
  } permit{this};
  std::shared_ptr<AsyncConnection> found;
  for (found = take_idle(); found; found = take_idle()) {
    if (is_too_old(found->made, options_) || !found->usable()) continue;
    if (!is_to_be_asked(found->returned, options_)) break;
    const bool fit = co_await answers(found);
    if (fit) break;
  }
  if (!found) found = co_await connect(stop);
  permit.pool = nullptr;
  co_return found;
}

bool AsyncPool::take_permit() {
  const std::lock_guard lock(mutex_);
  if (!waiters_.empty() || in_use_ >= options_.max_connections) return false;
  ++in_use_;
  return true;
}

// Tells the observer, and throws the error if there is one.
void AsyncPool::end_wait(Clock::time_point start, const Error* error) {
  const PoolStatistics now = statistics();
  if (options_.observer) options_.observer->waited({observed_, Clock::now() - start, now.in_use, now.waiting, error});
  if (error != nullptr) throw *error;
}

asio::awaitable<void> AsyncPool::wait_for_permit(std::stop_source stop) {
  const auto start = Clock::now();
  Waiter waiter(executor_, options_.checkout_timeout);
  std::optional<Error> refusal;
  {
    const std::lock_guard lock(mutex_);
    if (waiters_.empty() && in_use_ < options_.max_connections) {
      ++in_use_;
      co_return;
    }
    if (waiters_.size() >= options_.max_waiting && options_.checkout_timeout.count() > 0)
      refusal = too_many_waiting(waiters_.size());
    else
      waiters_.push_back(&waiter);
  }
  if (!refusal) {
    co_await in_queue(waiter, stop);
    if (!waiter.granted)
      refusal = stop.stop_requested() ? Error("57014", "the caller has asked to stop") : none_came_free(options_);
  }
  end_wait(start, refusal ? &*refusal : nullptr);
}

// Until the waiter has a permit, its time is up, or somebody asks to stop; then it is out of the queue.
asio::awaitable<void> AsyncPool::in_queue(Waiter& waiter, std::stop_source stop) {
  const std::unique_ptr<Waiter, std::function<void(Waiter*)>> at_end(&waiter, [this](Waiter* gone) {
    const std::lock_guard lock(mutex_);
    if (!gone->granted) waiters_.remove(gone);
  });
  const std::stop_callback on_stop(stop.get_token(), [&] {
    const std::lock_guard lock(mutex_);
    waiter.wake();
  });
  const auto start = [&](auto handler) {
    auto resume = asking_to_stop(stop, std::move(handler));
    const std::lock_guard lock(mutex_);
    waiter.wait(std::move(resume));
  };
  asio::error_code ignored;
  auto token = asio::redirect_error(asio::use_awaitable, ignored);
  auto woken = asio::async_initiate<decltype(token), void(asio::error_code)>(start, token);
  co_await std::move(woken);
}

void AsyncPool::give_permit_back() noexcept {
  const std::lock_guard lock(mutex_);
  if (waiters_.empty()) {
    --in_use_;
    return;
  }
  Waiter& next = *waiters_.front();
  waiters_.pop_front();
  next.granted = true;
  next.wake();
}

std::shared_ptr<AsyncConnection> AsyncPool::take_idle() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return nullptr;
  auto connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

asio::awaitable<bool> AsyncPool::answers(std::shared_ptr<AsyncConnection> connection) {
  try {
    auto asking = at(*connection, {}, [connection](const std::stop_token&) {
      connection->set_limits({.timeout = kPingTimeout});
      return connection->ping();
    });
    co_await std::move(asking);
    co_return true;
  } catch (const Error&) {
    co_return false;
  }
}

asio::awaitable<std::shared_ptr<AsyncConnection>> AsyncPool::connect(std::stop_token stop) {
  const auto start = Clock::now();
  const auto tell = [&](const Error* error) {
    if (options_.observer) options_.observer->connected({observed_, Clock::now() - start, error});
  };
  try {
    const auto connect_to = url_.is_sqlite() ? connect_sqlite_async : connect_postgres_async;
    auto connecting = connect_to(executor_, url_, options_, stop);
    auto connection = co_await std::move(connecting);
    was_reachable_ = true;
    tell(nullptr);
    co_return connection;
  } catch (const Error& error) {
    tell(&error);
    throw;
  }
}

void AsyncPool::give_back(std::shared_ptr<AsyncConnection> connection, bool clean, bool touched) noexcept {
  try {
    if (clean && !(touched && options_.reset_on_return && !options_.transaction_pooler)) {
      put_idle(std::move(connection));
      give_permit_back();
      return;
    }
    asio::any_io_executor executor = connection->executor();
    if (!executor) executor = executor_;
    asio::co_spawn(
        std::move(executor),
        [](std::shared_ptr<AsyncPool> self, std::shared_ptr<AsyncConnection> own, bool reset) -> asio::awaitable<void> {
          co_await self->clean_up(std::move(own), reset);
          self->give_permit_back();
        }(shared_from_this(), std::move(connection), touched),
        asio::detached);
  } catch (...) {
    give_permit_back();  // the connection is closed
  }
}

asio::awaitable<void> AsyncPool::clean_up(std::shared_ptr<AsyncConnection> connection, bool touched) {
  try {
    const AsyncLimits limits{.timeout = kPingTimeout};
    connection->set_limits(limits);
    if (!connection->usable()) co_return;  // closed, as below
    co_await connection->rollback();
    const bool old = is_too_old(connection->made, options_);
    if (!old && touched && options_.reset_on_return && !options_.transaction_pooler) co_await connection->reset();
    put_idle(std::move(connection));
  } catch (...) {
    // Not fit for another user: closed.
  }
}

void AsyncPool::put_idle(std::shared_ptr<AsyncConnection> connection) {
  if (is_too_old(connection->made, options_) || !connection->usable()) return;
  connection->returned = Clock::now();
  const auto latest = connection->returned - options_.idle_timeout;
  Connections closing;  // outlives the lock
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(connection));
  while (options_.idle_timeout.count() > 0 && idle_.size() > 1 &&
         idle_.size() + in_use_ > options_.min_connections + 1 && idle_.front()->returned < latest) {
    closing.push_back(std::move(idle_.front()));
    idle_.pop_front();
  }
}

asio::awaitable<void> AsyncPool::warm_up() {
  const auto missing = [this] {
    const std::lock_guard lock(mutex_);
    return idle_.size() + in_use_ < options_.min_connections;
  };
  while (missing()) {
    auto connecting = connect({});
    auto connection = co_await std::move(connecting);
    connection->returned = Clock::now();
    const std::lock_guard lock(mutex_);
    idle_.push_front(std::move(connection));
  }
}

void AsyncPool::close_idle() noexcept {
  if (url_.is_sqlite() && url_.database().empty()) return;  // the connection is the database
  std::deque<std::shared_ptr<AsyncConnection>> closing;     // outlives the lock
  const std::lock_guard lock(mutex_);
  closing.swap(idle_);
}

PoolStatistics AsyncPool::statistics() const {
  const std::lock_guard lock(mutex_);
  return {in_use_, idle_.size(), waiters_.size()};
}

}  // namespace rowhouse::detail
