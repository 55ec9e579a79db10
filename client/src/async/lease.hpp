#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "async/hop.hpp"
#include "async/pool.hpp"
#include "lease_state.hpp"
#include "rowhouse/table_statements.hpp"
#include "writes.hpp"

namespace rowhouse::detail {

// A statement of a caller and all that belongs to it.
struct Question {
  Question(std::string text, std::vector<Value> values, const CallOptions& asked)
      : sql(std::move(text)), parameters(std::move(values)), options(asked), name(asked.name) {}
  std::string sql;
  std::vector<Value> parameters;
  CallOptions options;  // its name is `name`
  std::string name;
  RowSink sink{};     // takes the rows; empty: the result has them
  bool ours = false;  // see Call
};

// A connection on loan, shared by a session, its transactions and repositories. One call at a time: call() brings it to
// where the connection works, and there all that returns an awaitable here is to run.
class AsyncLease final : public std::enable_shared_from_this<AsyncLease> {
 public:
  AsyncLease(std::shared_ptr<AsyncPool> pool, std::shared_ptr<AsyncConnection> connection, Identity identity,
             std::shared_ptr<Writes> writes = nullptr)
      : pool_(std::move(pool)),
        connection_(std::move(connection)),
        state_(pool_->options(), std::move(identity)),
        writes_(std::move(writes)) {}
  ~AsyncLease();
  AsyncLease(const AsyncLease&) = delete;
  AsyncLease& operator=(const AsyncLease&) = delete;

  Database database() const noexcept { return connection_->database(); }
  const DatabaseOptions& options() const noexcept { return pool_->options(); }
  const std::optional<std::string>& tenant() const noexcept {
    return abandoned_ == 0 ? state_.identity().tenant : state_.tenant();
  }
  std::uint64_t open_transaction() const noexcept { return abandoned_ == 0 ? 0 : state_.open_transaction(); }
  std::stop_token stop_of(const CallOptions& options) const { return state_.limits(options).stop; }

  // The transaction (0) or the savepoint of this depth was left without an end: it is rolled back before the next call.
  void abandon(int depth) noexcept;
  // Thread-safe: stops the call in progress.
  void cancel() noexcept;

  // `work(*this)`, a coroutine, where the connection works. It owns what it uses. Stopped by the token, by cancel(),
  // and by Asio's cancellation of the coroutine that waits.
  template <class Work>
  auto call(std::stop_token stop, Work work) {
    const std::stop_source source;
    {
      const std::lock_guard lock(mutex_);
      in_progress_ = source;
    }
    auto run = [self = shared_from_this(), work = std::move(work), source](const std::stop_token&) mutable {
      self->stop_ = source;
      const int depth = self->abandoned_.exchange(kNothing);
      return depth == kNothing ? work(*self) : self->after_rollback(depth, work);
    };
    return at(*connection_, std::move(stop), std::move(run), source);
  }

  asio::awaitable<void> begin(const TransactionOptions& options);
  asio::awaitable<void> commit();
  asio::awaitable<void> rollback();
  asio::awaitable<Result> execute(const Question& question);
  // Within a transaction, rows taken as they come: see Connection.
  asio::awaitable<void> ask(Asked& asked, const Statement& statement);
  asio::awaitable<Result> answer(Asked& asked);
  asio::awaitable<std::size_t> for_each(const Question& question);
  asio::awaitable<std::size_t> copy_in(const std::string& sql, const AsyncConnection::Fill& fill);
  asio::awaitable<std::size_t> copy_out(const std::string& sql, const AsyncConnection::Take& take);
  asio::awaitable<void> savepoint(int depth);
  asio::awaitable<void> end_savepoint(int depth, bool keep);
  // What a statement of the caller's leaves in the session is reset before others get it.
  void touch() noexcept { state_.touched = true; }

 private:
  static constexpr int kNothing = -1;

  template <class Work>
  std::invoke_result_t<Work&, AsyncLease&> after_rollback(int depth, Work& work) {
    if (depth == 0)
      co_await rollback();
    else
      co_await end_savepoint(depth, false);
    auto working = work(*this);
    co_return co_await std::move(working);
  }
  asio::awaitable<Result> start(const Call& call);
  AsyncLimits limits(const CallOptions& options) const { return {state_.limits(options).timeout, stop_}; }
  void note_write() noexcept {
    if (writes_) writes_->note();
  }

  const std::shared_ptr<AsyncPool> pool_;
  std::shared_ptr<AsyncConnection> connection_;
  LeaseState state_;
  const std::shared_ptr<Writes> writes_;     // null: nobody asks
  std::stop_source stop_{std::nostopstate};  // of the call in progress
  std::atomic<int> abandoned_{kNothing};
  std::mutex mutex_;  // guards what follows
  std::stop_source in_progress_{std::nostopstate};
};

}  // namespace rowhouse::detail
