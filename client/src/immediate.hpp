#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace rowhouse::detail {

template <class T>
class Immediate;

// The answer of something that does not wait: there already.
template <class T>
struct Ready {
  T value;
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  T await_resume() { return std::move(value); }
};

template <class T>
class ImmediatePromise {
 public:
  template <class V>
  void return_value(V&& value) {
    value_.emplace(std::forward<V>(value));
  }
  T take() { return *std::move(value_); }

 private:
  std::optional<T> value_;
};

template <>
class ImmediatePromise<void> {
 public:
  void return_void() const noexcept {}
  void take() const noexcept {}
};

// A coroutine that never waits: it has run to its end when it is returned. So what is written once with co_await, for
// awaitables, is the blocking library's as well: there each answer, an Immediate or a plain result, is there at once.
template <class T>
class [[nodiscard]] Immediate {
 public:
  struct promise_type : ImmediatePromise<T> {
    Immediate get_return_object() { return Immediate(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void unhandled_exception() noexcept { error = std::current_exception(); }
    template <class R>
    Immediate<R> await_transform(Immediate<R> answer) const noexcept {
      return answer;
    }
    template <class R>
    Ready<std::decay_t<R>> await_transform(R&& answer) const {
      return {std::forward<R>(answer)};
    }
    std::exception_ptr error;
  };

  Immediate(Immediate&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
  Immediate& operator=(Immediate&&) = delete;
  ~Immediate() {
    if (coroutine_) coroutine_.destroy();
  }

  // Once: what it gives, or throws.
  T get() {
    if (coroutine_.promise().error) std::rethrow_exception(coroutine_.promise().error);
    return coroutine_.promise().take();
  }

  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  T await_resume() { return get(); }

 private:
  explicit Immediate(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_(coroutine) {}

  std::coroutine_handle<promise_type> coroutine_;
};

}  // namespace rowhouse::detail
