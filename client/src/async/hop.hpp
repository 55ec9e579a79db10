#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/associated_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/cancellation_state.hpp>
#include <asio/co_spawn.hpp>
#include <asio/dispatch.hpp>
#include <asio/execution/outstanding_work.hpp>
#include <asio/prefer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace rowhouse::detail {

template <class T>
struct AwaitedBy;
template <class T, class Executor>
struct AwaitedBy<asio::awaitable<T, Executor>> {
  using type = T;
};
// What an awaitable of this type gives.
template <class Awaitable>
using Awaited = typename AwaitedBy<Awaitable>::type;

// Stops when the token does, or the slot of the coroutine is emitted to: Asio's cancellation as a stop token, which may
// be asked for from any thread.
class Stopping {
 public:
  Stopping(asio::cancellation_slot slot, const std::stop_token& token, std::stop_source source)
      : source_(std::move(source)), slot_(slot), on_stop_(token, Request{source_}) {
    if (slot_.is_connected())
      slot_.assign([source = source_](asio::cancellation_type) mutable { source.request_stop(); });
  }
  ~Stopping() {
    if (slot_.is_connected()) slot_.clear();
  }
  Stopping(const Stopping&) = delete;
  Stopping& operator=(const Stopping&) = delete;
  std::stop_token token() const { return source_.get_token(); }

 private:
  struct Request {
    std::stop_source source;
    void operator()() noexcept { source.request_stop(); }
  };

  std::stop_source source_;
  asio::cancellation_slot slot_;
  std::stop_callback<Request> on_stop_;
};

// Resumes the coroutine that waits on its own executor, which stays busy until then.
template <class Handler>
struct Return {
  using Guard = decltype(asio::prefer(asio::get_associated_executor(std::declval<Handler&>()),
                                      asio::execution::outstanding_work.tracked));
  explicit Return(Handler the_handler)
      : guard(asio::prefer(asio::get_associated_executor(the_handler), asio::execution::outstanding_work.tracked)),
        handler(std::move(the_handler)) {}
  void operator()(std::exception_ptr error) {
    asio::dispatch(guard, [own = std::move(handler), error]() mutable { std::move(own)(error); });
  }
  Guard guard;
  Handler handler;
};

// Runs `work(stop token)`, a coroutine, on another executor, and gives what it gives. The work owns what it uses: it
// goes on to its end whatever becomes of the coroutine that waits for it. `source`: stops it as well.
template <class Work>
auto hop(asio::any_io_executor executor, std::stop_token stop, Work work, std::stop_source source = {})
    -> asio::awaitable<Awaited<std::invoke_result_t<Work&, std::stop_token>>> {
  using R = Awaited<std::invoke_result_t<Work&, std::stop_token>>;
  using Kept = std::conditional_t<std::is_void_v<R>, bool, std::optional<R>>;
  const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
  const Stopping stopping(state.slot(), stop, std::move(source));
  const auto kept = std::make_shared<Kept>();
  const auto run = [](Work own, std::stop_token asked, std::shared_ptr<Kept> keep) -> asio::awaitable<void> {
    if constexpr (std::is_void_v<R>)
      co_await own(asked);
    else
      keep->emplace(co_await own(asked));
  };
  // Asio's own way would hand the slot on, to be emitted to from another executor than the work's.
  const auto start = [](auto handler, asio::any_io_executor there, asio::awaitable<void> running) {
    asio::co_spawn(there, std::move(running), Return(std::move(handler)));
  };
  // Each in a statement of its own: g++ 12 destroys some temporaries of a co_await twice.
  asio::use_awaitable_t<> token;
  asio::awaitable<void> running = run(std::move(work), stopping.token(), kept);
  auto done = asio::async_initiate<asio::use_awaitable_t<>, void(std::exception_ptr)>(start, token, std::move(executor),
                                                                                      std::move(running));
  co_await std::move(done);
  if constexpr (!std::is_void_v<R>) co_return *std::move(*kept);
}

}  // namespace rowhouse::detail
