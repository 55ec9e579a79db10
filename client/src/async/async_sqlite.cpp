#include <algorithm>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/use_awaitable.hpp>

#include "async/async_connection.hpp"
#include "async/hop.hpp"
#include "async/threads.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse::detail {
namespace {

constexpr std::chrono::milliseconds kFirstDelay{1};
constexpr std::chrono::milliseconds kLongestDelay{50};

// A blocking connection, whose calls run on the threads. Whoever waits for a lock holds no thread meanwhile: the one
// who has it may need one to give it back.
class AsyncSqlite final : public AsyncConnection {
 public:
  AsyncSqlite(asio::any_io_executor executor, std::unique_ptr<Connection> connection, const DatabaseOptions& options)
      : executor_(std::move(executor)), connection_(std::move(connection)), patience_(options.busy_timeout) {}

  asio::any_io_executor executor() const override { return executor_; }
  Database database() const noexcept override { return Database::kSqlite; }

  asio::awaitable<Result> execute(const Call& call) override {
    return patient([this, &call] { return connection_->execute(call); });
  }
  asio::awaitable<Result> execute_alone(const Identity& identity, const Call& call) override {
    return patient([this, &identity, &call] { return connection_->execute_alone(identity, call); });
  }
  asio::awaitable<std::shared_ptr<AskedRows>> ask(const Call& call) override {
    return patient([this, &call] { return connection_->ask(call); });
  }
  asio::awaitable<Result> answer(AskedRows& asked) override { co_return connection_->answer(asked); }
  asio::awaitable<std::size_t> copy_in(const std::string& sql, const Fill& fill) override {
    co_return connection_->copy_in(sql, fill);
  }
  asio::awaitable<std::size_t> copy_out(const std::string& sql, const Take& take) override {
    co_return connection_->copy_out(sql, take);
  }
  asio::awaitable<void> begin(const TransactionOptions& options, const Identity& identity) override {
    return patient([this, &options, &identity] { connection_->begin(options, identity); });
  }
  asio::awaitable<void> commit() override {
    return patient([this] { connection_->commit(); });
  }
  asio::awaitable<void> rollback() override {
    connection_->rollback();
    co_return;
  }
  asio::awaitable<void> savepoint(const std::string& name) override {
    connection_->savepoint(name);
    co_return;
  }
  asio::awaitable<void> rollback_to(const std::string& name) override {
    connection_->rollback_to(name);
    co_return;
  }
  asio::awaitable<void> release(const std::string& name) override {
    connection_->release(name);
    co_return;
  }
  void set_limits(const AsyncLimits& limits) override {
    limits_ = {.timeout = limits.timeout, .stop = limits.stop.get_token()};
    connection_->set_limits(limits_);
  }
  bool usable() noexcept override { return connection_->usable(); }
  asio::awaitable<void> ping() override { co_return; }
  asio::awaitable<void> reset() override { co_return; }

 private:
  // Runs `attempt` until the lock that it needs is free, as long as a caller may be made to wait.
  template <class Attempt>
  asio::awaitable<std::invoke_result_t<Attempt&>> patient(Attempt attempt) {
    const auto until = Clock::now() + patience_;
    std::optional<Clock::time_point> deadline;
    if (limits_.timeout.count() > 0) deadline = Clock::now() + limits_.timeout;
    for (auto delay = kFirstDelay;; delay = std::min(2 * delay, kLongestDelay)) {
      const bool last = Clock::now() >= until;
      connection_->caller_waits(!last);
      connection_->set_limits(limits_);
      try {
        co_return attempt();
      } catch (const Error& error) {
        if (last || error.sqlstate() != kLockIsTaken) throw;
      }
      if (deadline && Clock::now() >= *deadline) throw_error("57014", "the lock of the file did not come free in time");
      asio::steady_timer timer(executor_, std::min<Clock::duration>(delay, until - Clock::now()));
      asio::error_code ignored;
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
  }

  const asio::any_io_executor executor_;
  const std::unique_ptr<Connection> connection_;
  const std::chrono::milliseconds patience_;
  CallLimits limits_;
};

}  // namespace

asio::awaitable<std::shared_ptr<AsyncConnection>> connect_sqlite_async(asio::any_io_executor executor, Url url,
                                                                       DatabaseOptions options, std::stop_token stop) {
  const asio::any_io_executor own = asio::make_strand(Threads::of(executor));
  auto connect = [own, url, options](std::stop_token) -> asio::awaitable<std::shared_ptr<AsyncConnection>> {
    co_return std::make_shared<AsyncSqlite>(own, connect_sqlite(url, options), options);
  };
  auto connected = hop(own, stop, std::move(connect));
  co_return co_await std::move(connected);
}

}  // namespace rowhouse::detail
