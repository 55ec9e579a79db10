// How others than its owner end what a connection of libpq waits for. All thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

struct pg_cancel;
struct pg_conn;

namespace rowhouse::detail {

// Asks the server to stop what is in progress, and never hits anything else: nothing begins or ends on the connection
// while a request is under way. Each thing in progress has a number.
class PostgresCanceller {
 public:
  PostgresCanceller() = default;
  ~PostgresCanceller();
  PostgresCanceller(const PostgresCanceller&) = delete;
  PostgresCanceller& operator=(const PostgresCanceller&) = delete;

  // Blocks until the server has taken the request; nothing happens when another number is in progress, or none.
  void cancel(std::uint64_t wanted) noexcept;
  std::uint64_t use() const noexcept { return use_; }  // what is in progress, or was last
  bool asked() const noexcept { return asked_; }       // it was asked to stop

  // For the connection's owner.
  void connected(pg_conn* connection);
  void set_in_use(bool now);  // waits for a request that is under way
  void lost() noexcept { in_use_ = false; }

 private:
  std::atomic<std::uint64_t> use_{0};
  std::atomic<bool> asked_{false};
  std::atomic<bool> in_use_{false};  // becomes true or false with the mutex, but on a lost connection
  std::mutex mutex_;                 // held while a request is under way
  pg_cancel* request_ = nullptr;
};

// A connection as those see it who do not wait for its owner. May outlive it.
class PostgresLine {
 public:
  explicit PostgresLine(pg_conn* connection);
  // Asks the server to stop the statement in progress, if there is one: by a thread of its own, which waits for nobody.
  // The request may hit the statement that follows.
  void cancel_soon() const;
  // Whoever waits for the connection finds it lost.
  void cut() const noexcept;
  bool is_closed() const noexcept;
  // By the owner, who is about to close the socket.
  void close() const noexcept;

 private:
  struct End;
  std::shared_ptr<End> end_;
};

}  // namespace rowhouse::detail
