#pragma once

#include "async/async_runner.hpp"
#include "async/pool.hpp"
#include "replicas.hpp"

namespace rowhouse::detail {

template <>
struct PoolUse<Awaiting> {
  using Pool = AsyncPool;
  using Held = std::shared_ptr<AsyncConnection>;

  static std::shared_ptr<Pool> like(const Pool& pool, const Url& url, DatabaseOptions options) {
    return std::make_shared<Pool>(pool.executor(), url, std::move(options));
  }
  static asio::awaitable<Held> check_out(std::shared_ptr<Pool> pool, std::stop_token stop) {
    auto borrowing = pool->check_out(std::move(stop));
    co_return co_await std::move(borrowing);
  }
  // `sql` is a constant.
  static asio::awaitable<Result> ask(const Held& connection, std::string_view sql, CallLimits limits) {
    const std::stop_source stop;
    auto ask = [held = connection, sql, timeout = limits.timeout,
                stop](const std::stop_token&) -> asio::awaitable<Result> {
      held->set_limits({.timeout = timeout, .stop = stop});
      const Call call{.sql = sql, .parameters = {}};
      co_return co_await held->execute(call);
    };
    auto asking = at(*connection, limits.stop, std::move(ask), stop);
    co_return co_await std::move(asking);
  }
  static void give_back(Pool& pool, Held connection) noexcept { pool.give_back(std::move(connection), true, false); }
};

}  // namespace rowhouse::detail
