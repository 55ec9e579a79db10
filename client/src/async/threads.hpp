#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/execution_context.hpp>
#include <asio/thread_pool.hpp>

namespace rowhouse::detail {

// The few threads on which SQLite works, names are looked up and servers are asked to cancel. One set for each
// execution context, which waits for them when it is destroyed.
class Threads final : public asio::execution_context::service {
 public:
  static asio::execution_context::id id;

  explicit Threads(asio::execution_context& context);
  static asio::any_io_executor of(const asio::any_io_executor& executor);

 private:
  void shutdown() override;

  asio::thread_pool pool_;
};

}  // namespace rowhouse::detail
