#include "async/threads.hpp"

#include <asio/execution/context.hpp>

namespace rowhouse::detail {
namespace {

constexpr std::size_t kThreads = 4;

}  // namespace

asio::execution_context::id Threads::id;

Threads::Threads(asio::execution_context& context) : asio::execution_context::service(context), pool_(kThreads) {}

Threads& Threads::service(const asio::any_io_executor& executor) {
  return asio::use_service<Threads>(asio::query(executor, asio::execution::context));
}

asio::any_io_executor Threads::aside(const asio::any_io_executor& executor) {
  Threads& own = service(executor);
  const std::lock_guard lock(own.mutex_);
  if (!own.aside_) own.aside_.emplace(1);
  return own.aside_->get_executor();
}

// What runs ends, what waits never starts.
void Threads::shutdown() {
  ending_.request_stop();
  pool_.stop();
  if (aside_) aside_->stop();
  pool_.join();
  if (aside_) aside_->join();
}

}  // namespace rowhouse::detail
