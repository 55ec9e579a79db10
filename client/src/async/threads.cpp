#include "async/threads.hpp"

#include <asio/execution/context.hpp>

namespace rowhouse::detail {
namespace {

constexpr std::size_t kThreads = 4;

}  // namespace

asio::execution_context::id Threads::id;

Threads::Threads(asio::execution_context& context) : asio::execution_context::service(context), pool_(kThreads) {}

asio::any_io_executor Threads::of(const asio::any_io_executor& executor) {
  return asio::use_service<Threads>(asio::query(executor, asio::execution::context)).pool_.get_executor();
}

// What runs ends, what waits never starts.
void Threads::shutdown() {
  pool_.stop();
  pool_.join();
}

}  // namespace rowhouse::detail
