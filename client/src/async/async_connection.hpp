#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "connection.hpp"
#include "pool_options.hpp"

namespace rowhouse::detail {

// What async::Session and async::Transaction need of a database: Connection, by coroutines. All but executor(),
// database() and usable() is called on its executor, which runs one thing at a time; arguments live until the end.
class AsyncConnection {
 public:
  using Fill = std::function<std::size_t(std::span<char>)>;
  using Take = std::function<void(std::string_view)>;

  virtual ~AsyncConnection() = default;
  virtual asio::any_io_executor executor() const = 0;
  virtual Database database() const noexcept = 0;
  virtual asio::awaitable<Result> execute(const Call& call) = 0;
  virtual asio::awaitable<Result> execute_alone(const Identity& identity, const Call& call) = 0;
  virtual asio::awaitable<std::size_t> copy_in(const std::string& sql, const Fill& fill) = 0;
  virtual asio::awaitable<std::size_t> copy_out(const std::string& sql, const Take& take) = 0;
  virtual asio::awaitable<void> begin(const TransactionOptions& options, const Identity& identity) = 0;
  virtual asio::awaitable<void> commit() = 0;
  virtual asio::awaitable<void> rollback() = 0;
  virtual asio::awaitable<void> savepoint(const std::string& name) = 0;
  virtual asio::awaitable<void> rollback_to(const std::string& name) = 0;
  virtual asio::awaitable<void> release(const std::string& name) = 0;
  virtual void set_limits(const CallLimits& limits) = 0;
  virtual bool usable() noexcept = 0;
  virtual asio::awaitable<void> ping() = 0;
  virtual asio::awaitable<void> reset() = 0;

  // The pool's notes.
  Clock::time_point made = Clock::now();
  Clock::time_point returned{};
};

// From any executor; what is made waits on `executor`.
asio::awaitable<std::shared_ptr<AsyncConnection>> connect_postgres_async(asio::any_io_executor executor, Url url,
                                                                         DatabaseOptions options, std::stop_token stop);
asio::awaitable<std::shared_ptr<AsyncConnection>> connect_sqlite_async(asio::any_io_executor executor, Url url,
                                                                       DatabaseOptions options, std::stop_token stop);

}  // namespace rowhouse::detail
