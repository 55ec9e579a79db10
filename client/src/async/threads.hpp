#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/execution_context.hpp>
#include <asio/thread_pool.hpp>
#include <mutex>
#include <optional>
#include <stop_token>

namespace rowhouse::detail {

// The few threads on which SQLite works, names are looked up and servers are asked to cancel. One set for each
// execution context, which waits for them when it is destroyed.
class Threads final : public asio::execution_context::service {
 public:
  static asio::execution_context::id id;

  explicit Threads(asio::execution_context& context);
  static asio::any_io_executor of(const asio::any_io_executor& executor) {
    return service(executor).pool_.get_executor();
  }
  // One thread, made when first needed, for work that takes long: one after the other, in nobody's way.
  static asio::any_io_executor aside(const asio::any_io_executor& executor);
  // Asks to stop what takes long: the context ends.
  static std::stop_token ending(const asio::any_io_executor& executor) { return service(executor).ending_.get_token(); }

 private:
  static Threads& service(const asio::any_io_executor& executor);
  void shutdown() override;

  asio::thread_pool pool_;
  std::stop_source ending_;
  std::mutex mutex_;  // guards what follows
  std::optional<asio::thread_pool> aside_;
};

}  // namespace rowhouse::detail
