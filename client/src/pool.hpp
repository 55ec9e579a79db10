#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

#include "lease.hpp"
#include "pool_options.hpp"

namespace rowhouse::detail {

std::unique_ptr<Connection> connect(const Url& url, const DatabaseOptions& options, const ObservedDatabase& observed);

// The connections of one manager to one server. Thread-safe.
class ConnectionPool final : public Pool {
 public:
  ConnectionPool(Url url, DatabaseOptions options);

  // A connection that answers; whoever waits longest is served first. Throws 53300 when none comes free in time, 57014
  // on a request to stop.
  std::unique_ptr<Connection> check_out(const std::stop_token& stop = {});
  void give_back(std::unique_ptr<Connection> connection, bool touched) noexcept override;
  void warm_up();
  void close_idle() noexcept;

  const Url& url() const noexcept { return url_; }
  const DatabaseOptions& options() const noexcept override { return options_; }
  const ObservedDatabase& observed() const noexcept override { return observed_; }
  PoolStatistics statistics() const;
  bool was_reachable() const noexcept { return was_reachable_; }

 private:
  struct Waiter {
    std::condition_variable_any came;
    bool granted = false;
  };
  using Closing = std::vector<std::unique_ptr<Connection>>;  // closed outside the lock

  void wait_for_permit(const std::stop_token& stop);
  void give_permit_back() noexcept;
  std::unique_ptr<Connection> take_idle();
  bool is_fit(Connection& connection) const noexcept;
  void close_long_idle(Closing& closing) noexcept;
  bool is_in_memory() const noexcept { return url_.is_sqlite() && url_.database().empty(); }

  const Url url_;
  const DatabaseOptions options_;
  const ObservedDatabase observed_;
  std::atomic<bool> was_reachable_{false};
  mutable std::mutex mutex_;                      // guards what follows
  std::deque<std::unique_ptr<Connection>> idle_;  // the last one is taken first: the others may age
  std::size_t in_use_ = 0;                        // permits given
  std::list<Waiter*> waiters_;
};

}  // namespace rowhouse::detail
