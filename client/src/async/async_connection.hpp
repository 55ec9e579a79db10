#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <utility>

#include "async/hop.hpp"
#include "connection.hpp"
#include "pool_options.hpp"

namespace rowhouse::detail {

// Of every call from now on.
struct AsyncLimits {
  std::chrono::milliseconds timeout{0};     // 0: none
  std::stop_source stop{std::nostopstate};  // Asio's cancellation of the coroutine that waits asks it to stop
};

// What async::Session and async::Transaction need of a database: Connection, by coroutines. One thing at a time, all
// but executor(), database() and usable() by at(); arguments live until the end.
class AsyncConnection {
 public:
  using Fill = std::function<std::size_t(std::span<char>)>;
  using Take = std::function<void(std::string_view)>;

  virtual ~AsyncConnection() = default;
  // Where its calls run, one thing at a time; none: where the caller is.
  virtual asio::any_io_executor executor() const = 0;
  virtual Database database() const noexcept = 0;
  virtual asio::awaitable<Result> execute(const Call& call) = 0;
  virtual asio::awaitable<Result> execute_alone(const Identity& identity, const Call& call) = 0;
  virtual asio::awaitable<std::shared_ptr<AskedRows>> ask(const Call& call) = 0;
  virtual asio::awaitable<Result> answer(AskedRows& asked) = 0;
  virtual asio::awaitable<std::size_t> copy_in(const std::string& sql, const Fill& fill) = 0;
  virtual asio::awaitable<std::size_t> copy_out(const std::string& sql, const Take& take) = 0;
  virtual asio::awaitable<void> begin(const TransactionOptions& options, const Identity& identity) = 0;
  virtual asio::awaitable<void> commit() = 0;
  virtual asio::awaitable<void> rollback() = 0;
  virtual asio::awaitable<void> savepoint(const std::string& name) = 0;
  virtual asio::awaitable<void> rollback_to(const std::string& name) = 0;
  virtual asio::awaitable<void> release(const std::string& name) = 0;
  virtual void set_limits(const AsyncLimits& limits) = 0;
  virtual bool usable() noexcept = 0;
  virtual asio::awaitable<void> ping() = 0;
  virtual asio::awaitable<void> reset() = 0;

  // The pool's notes.
  Clock::time_point made = Clock::now();
  Clock::time_point returned{};
};

// `work(stop token)`, a coroutine, where the connection works. Stopped by the token, by the source, and by Asio's
// cancellation of the coroutine that waits.
template <class Work>
auto at(const AsyncConnection& connection, std::stop_token stop, Work work, std::stop_source source = {}) {
  asio::any_io_executor executor = connection.executor();
  if (executor) return hop(std::move(executor), std::move(stop), std::move(work), std::move(source));
  return here(std::move(stop), std::move(work), std::move(source));
}

// From any executor; what is made waits on `executor`.
asio::awaitable<std::shared_ptr<AsyncConnection>> connect_postgres_async(asio::any_io_executor executor, Url url,
                                                                         DatabaseOptions options, std::stop_token stop);
asio::awaitable<std::shared_ptr<AsyncConnection>> connect_sqlite_async(asio::any_io_executor executor, Url url,
                                                                       DatabaseOptions options, std::stop_token stop);

}  // namespace rowhouse::detail
