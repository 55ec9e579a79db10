#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
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

template <class R>
using Kept = std::conditional_t<std::is_void_v<R>, bool, std::optional<R>>;

// Asks to stop, from any thread.
struct RequestStop {
  std::stop_source source;
  void operator()() noexcept { source.request_stop(); }
};

// A coroutine's handler, whose cancellation by Asio asks `source` to stop and ends nothing on its own. Asio forgets
// that whenever a handler is called, so each one that waits is made so.
template <class Handler>
auto asking_to_stop(std::stop_source source, Handler handler) {
  auto slot = asio::get_associated_cancellation_slot(handler);
  if (slot.is_connected())
    slot.assign([source = std::move(source)](asio::cancellation_type) mutable { source.request_stop(); });
  return asio::bind_cancellation_slot(asio::cancellation_slot(), std::move(handler));
}

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
// goes on to its end whatever becomes of the coroutine that waits for it. Stopped by the token, by the source, and by
// Asio's cancellation of the coroutine that waits.
template <class Work>
auto hop(asio::any_io_executor executor, std::stop_token stop, Work work, std::stop_source source = {})
    -> asio::awaitable<Awaited<std::invoke_result_t<Work&, std::stop_token>>> {
  using R = Awaited<std::invoke_result_t<Work&, std::stop_token>>;
  const std::stop_callback on_stop(stop, RequestStop{source});
  const auto kept = std::make_shared<Kept<R>>();
  const auto run = [](Work own, std::stop_token asked, std::shared_ptr<Kept<R>> keep) -> asio::awaitable<void> {
    if constexpr (std::is_void_v<R>)
      co_await own(asked);
    else
      keep->emplace(co_await own(asked));
  };
  // Asio's own way would hand the slot on, to be emitted to from another executor than the work's.
  const auto start = [&source](auto handler, asio::any_io_executor there, asio::awaitable<void> running) {
    asio::co_spawn(there, std::move(running), Return(asking_to_stop(source, std::move(handler))));
  };
  // Each in a statement of its own: g++ 12 destroys some temporaries of a co_await twice.
  asio::use_awaitable_t<> token;
  asio::awaitable<void> running = run(std::move(work), source.get_token(), kept);
  auto done = asio::async_initiate<asio::use_awaitable_t<>, void(std::exception_ptr)>(start, token, std::move(executor),
                                                                                      std::move(running));
  co_await std::move(done);
  if constexpr (!std::is_void_v<R>) co_return *std::move(*kept);
}

// The same where the caller is. What the work waits for has handlers that are asking_to_stop(); Asio's cancellation
// does not throw into it meanwhile.
template <class Work>
auto here(std::stop_token stop, Work work, std::stop_source source = {})
    -> asio::awaitable<Awaited<std::invoke_result_t<Work&, std::stop_token>>> {
  using R = Awaited<std::invoke_result_t<Work&, std::stop_token>>;
  const std::stop_callback on_stop(stop, RequestStop{source});
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  Kept<R> kept{};
  std::exception_ptr error;
  try {
    auto working = work(source.get_token());
    if constexpr (std::is_void_v<R>)
      co_await std::move(working);
    else
      kept.emplace(co_await std::move(working));
  } catch (...) {
    error = std::current_exception();
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  if (error) std::rethrow_exception(error);
  if constexpr (!std::is_void_v<R>) co_return *std::move(kept);
}

}  // namespace rowhouse::detail
