#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

#include "async/async_connection.hpp"
#include "pool_options.hpp"

namespace rowhouse::detail {

// On the timer's executor: until it expires, is cancelled, or somebody asks to stop.
asio::awaitable<void> wait_for(std::shared_ptr<asio::steady_timer> timer, std::stop_token stop);

// The connections of one async::DatabaseManager. Thread-safe: nobody waits with the lock, and nothing is done with it
// but changes of the lists.
class AsyncPool final : public std::enable_shared_from_this<AsyncPool> {
 public:
  AsyncPool(asio::any_io_executor executor, Url url, DatabaseOptions options);

  // A connection that answers; whoever waits longest is served first. Throws 53300 when none comes free in time, 57014
  // on a request to stop.
  asio::awaitable<std::shared_ptr<AsyncConnection>> check_out(std::stop_token stop = {});
  // `clean`: no transaction can be open on it, and nothing is left in its session.
  void give_back(std::shared_ptr<AsyncConnection> connection, bool clean, bool touched) noexcept;
  asio::awaitable<void> warm_up();
  void close_idle() noexcept;

  const asio::any_io_executor& executor() const noexcept { return executor_; }
  // Runs one thing at a time.
  const asio::any_io_executor& strand() const noexcept { return strand_; }
  const Url& url() const noexcept { return url_; }
  const DatabaseOptions& options() const noexcept { return options_; }
  const ObservedDatabase& observed() const noexcept { return observed_; }
  PoolStatistics statistics() const;
  bool was_reachable() const noexcept { return was_reachable_; }

 private:
  class Waiter;
  using Connections = std::vector<std::shared_ptr<AsyncConnection>>;

  bool take_permit();
  asio::awaitable<void> wait_for_permit(std::stop_source stop);
  asio::awaitable<void> in_queue(Waiter& waiter, std::stop_source stop);
  void end_wait(Clock::time_point start, const Error* error);
  void give_permit_back() noexcept;
  std::shared_ptr<AsyncConnection> take_idle();
  asio::awaitable<bool> answers(std::shared_ptr<AsyncConnection> connection);
  asio::awaitable<std::shared_ptr<AsyncConnection>> connect(std::stop_token stop);
  asio::awaitable<void> clean_up(std::shared_ptr<AsyncConnection> connection, bool touched);
  void put_idle(std::shared_ptr<AsyncConnection> connection);

  const asio::any_io_executor executor_;
  const asio::any_io_executor strand_;
  const Url url_;
  const DatabaseOptions options_;
  const ObservedDatabase observed_;
  std::atomic<bool> was_reachable_{false};
  mutable std::mutex mutex_;                           // guards what follows
  std::deque<std::shared_ptr<AsyncConnection>> idle_;  // the last one is taken first: the others may age
  std::size_t in_use_ = 0;                             // permits given
  std::list<Waiter*> waiters_;
};

}  // namespace rowhouse::detail
