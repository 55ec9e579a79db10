// The asynchronous library: each awaitable is run to its end on a loop of two threads.
#include <asio/co_spawn.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>

#include "rowhouse/async/database_manager.hpp"
#include "rowhouse/async/repository.hpp"
#include "run.hpp"

namespace conformance {

struct Awaiting {
  using Manager = rowhouse::async::DatabaseManager;
  using Session = rowhouse::async::Session;
  using Transaction = rowhouse::async::Transaction;
  using Repository = rowhouse::async::IntegratedObjectRepository;

  static asio::thread_pool& loop() {
    static asio::thread_pool threads(2);
    return threads;
  }
  // For work that waits for the loop.
  static asio::thread_pool& workers() {
    static asio::thread_pool threads(8);
    return threads;
  }

  static Manager manager(const rowhouse::Url& url) { return Manager(loop().get_executor(), url); }

  template <class Ask>
  static auto wait(const Ask& ask) {
    using R = typename rowhouse::detail::AwaitedResult<decltype(ask())>::type;
    const auto strand = asio::make_strand(loop());
    if constexpr (std::is_void_v<R>) {
      asio::co_spawn(
          strand, [&]() -> asio::awaitable<void> { co_await ask(); }, asio::use_future)
          .get();
    } else {
      std::optional<R> result;
      const auto keep = [&]() -> asio::awaitable<void> { result.emplace(co_await ask()); };
      asio::co_spawn(strand, keep, asio::use_future).get();
      return *std::move(result);
    }
  }
  template <class Do>
  static asio::awaitable<void> work(Do work) {
    const auto blocking = [&]() -> asio::awaitable<void> {
      work();
      co_return;
    };
    co_await asio::co_spawn(workers(), blocking, asio::use_awaitable);
  }
};

}  // namespace conformance

int main(int count, char** arguments) { return conformance::run<conformance::Awaiting>(count, arguments); }
