#include "migration/interrupt_watch.hpp"

namespace rowhouse::detail {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(50);
constexpr std::size_t kStatements = 32;                   // kept prepared: a fleet's files all take the same
constexpr auto kGrace = std::chrono::milliseconds(1000);  // for a server that takes the cancellation

}  // namespace

InterruptWatch::InterruptWatch(std::function<bool()> interrupted) : interrupted_(std::move(interrupted)) {
  if (interrupted_) thread_ = std::thread([this] { watch(); });
}

InterruptWatch::~InterruptWatch() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  ended_.notify_all();
  if (thread_.joinable()) thread_.join();
}

PostgresConnection InterruptWatch::connect(const Url& url) {
  PostgresConnection connection =
      PostgresConnection::connect(url, {.statement_cache = kStatements, .stop = stop_.get_token()});
  const std::lock_guard lock(mutex_);
  std::erase_if(lines_, [](const PostgresLine& line) { return line.is_closed(); });
  lines_.push_back(connection.line());
  return connection;
}

void InterruptWatch::watch() {
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, kPoll, [this] { return is_over_; })) {
    if (interrupted_()) return strike(lock);
  }
}

void InterruptWatch::strike(std::unique_lock<std::mutex>& lock) {
  stop_.request_stop();
  for (const PostgresLine& line : lines_) line.cancel_soon();
  for (auto wait = kGrace; !ended_.wait_for(lock, wait, [this] { return is_over_; }); wait = kPoll) {
    for (const PostgresLine& line : lines_) line.cut();
  }
}

void InterruptWatch::throw_interrupted() { throw_error("57014", "interrupted"); }

}  // namespace rowhouse::detail
