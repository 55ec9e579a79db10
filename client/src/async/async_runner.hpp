#pragma once

#include <asio/awaitable.hpp>

#include "async/hop.hpp"
#include "async/threads.hpp"
#include "rowhouse/async/database_manager.hpp"
#include "rowhouse/async/repository.hpp"
#include "runner.hpp"

namespace rowhouse::detail {

template <>
struct Runner<Awaiting> {
  template <class R>
  using Task = asio::awaitable<R>;
  using Objects = async::IntegratedObjectRepository;
  template <class T>
  using Rows = async::TableRepository<T>;

  template <class R>
  static asio::awaitable<R> answer(asio::awaitable<R> task) {
    return task;
  }
  static asio::awaitable<Result> ask(async::Transaction& transaction, std::string sql, std::vector<Value> values) {
    return transaction.execute(sql, std::move(values));
  }
  template <class Work>
  static auto in_transaction(async::DatabaseManager manager, const Work& work, RetryOptions options)
      -> std::invoke_result_t<const Work&, async::Transaction&> {
    const auto run = [&work](async::Transaction& transaction) { return work(transaction); };
    auto running = manager.run_in_transaction(run, std::move(options));
    co_return co_await std::move(running);
  }
  static async::DatabaseManager beside(const async::DatabaseManager& manager, Url url, DatabaseOptions options) {
    return async::DatabaseManager(manager.get_executor(), std::move(url), std::move(options));
  }
  template <class Work>
  static auto aside(async::DatabaseManager manager, Work work)
      -> asio::awaitable<std::invoke_result_t<Work&, std::stop_token>> {
    using R = std::invoke_result_t<Work&, std::stop_token>;
    auto doing =
        hop(Threads::aside(manager.get_executor()), Threads::ending(manager.get_executor()),
            [work = std::move(work)](std::stop_token stop) mutable -> asio::awaitable<R> { co_return work(stop); });
    co_return co_await std::move(doing);
  }
};

}  // namespace rowhouse::detail
