// The two ways to call the library, so that what is done with it is written once, as coroutines: blocking calls have
// ended when they are awaited.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>
#include <type_traits>
#include <utility>
#include <vector>

#include "rowhouse/async/database_manager.hpp"
#include "rowhouse/async/repository.hpp"
#include "rowhouse/database_manager.hpp"
#include "rowhouse/repository.hpp"

namespace ways {

struct Blocking {
  using Manager = rowhouse::DatabaseManager;
  using Session = rowhouse::Session;
  using Transaction = rowhouse::Transaction;
  using Repository = rowhouse::IntegratedObjectRepository;
  using Parameters = std::vector<rowhouse::Value>;
  static constexpr const char* kName = "threads";

  static Manager manager(asio::any_io_executor, const rowhouse::Url& url, const rowhouse::DatabaseOptions& options) {
    return Manager(url, options);
  }
  template <class Call>
  static auto answer(Call call) -> asio::awaitable<std::invoke_result_t<Call&>> {
    co_return call();
  }
  // `work(transaction)` is a coroutine.
  template <class Work>
  static asio::awaitable<void> in_transaction(Manager& manager, Work work, rowhouse::RetryOptions options) {
    manager.run_in_transaction(
        [&](Transaction& transaction) {
          asio::io_context own(1);
          auto done = asio::co_spawn(own, work(transaction), asio::use_future);
          own.run();
          done.get();
        },
        options);
    co_return;
  }
};

struct Awaiting {
  using Manager = rowhouse::async::DatabaseManager;
  using Session = rowhouse::async::Session;
  using Transaction = rowhouse::async::Transaction;
  using Repository = rowhouse::async::IntegratedObjectRepository;
  using Parameters = rowhouse::async::Parameters;
  static constexpr const char* kName = "coroutines";

  static Manager manager(asio::any_io_executor executor, const rowhouse::Url& url,
                         const rowhouse::DatabaseOptions& options) {
    return Manager(std::move(executor), url, options);
  }
  template <class Call>
  static auto answer(Call call) {
    return call();
  }
  template <class Work>
  static asio::awaitable<void> in_transaction(Manager& manager, Work work, rowhouse::RetryOptions options) {
    return manager.run_in_transaction(std::move(work), std::move(options));
  }
};

}  // namespace ways
