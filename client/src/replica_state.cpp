#include "replica_state.hpp"

namespace rowhouse::detail {
namespace {

constexpr std::chrono::milliseconds kPauseWhenDown{1'000};

// How long an answer is good for.
Clock::duration interval(std::chrono::milliseconds max_lag) { return max_lag / 2; }

}  // namespace

std::optional<Position> PrimaryLog::least() {
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  while (samples_.size() > 1 && now - samples_[0].taken > max_lag_) samples_.pop_front();
  if (samples_.empty() || now - samples_.back().taken >= interval(max_lag_)) return std::nullopt;
  return samples_.front().written;
}

Position PrimaryLog::least_after(Clock::time_point asked, Position written) {
  const std::lock_guard lock(mutex_);
  samples_.push_back({asked, written});
  while (asked - samples_.front().taken > max_lag_) samples_.pop_front();
  return samples_.front().written;
}

bool ReplicaState::is_down() const {
  const std::lock_guard lock(mutex_);
  return Clock::now() < down_until_;
}

void ReplicaState::note_down() {
  const std::lock_guard lock(mutex_);
  down_until_ = Clock::now() + kPauseWhenDown;
}

// What was replayed stays so.
bool ReplicaState::has(Position wanted, Clock::time_point made) const {
  const std::lock_guard lock(mutex_);
  return replayed_ >= wanted && Clock::now() - asked_ < interval(max_lag_) && made < asked_;
}

bool ReplicaState::note(Clock::time_point asked, std::optional<Position> replayed, Position wanted) {
  const std::lock_guard lock(mutex_);
  replayed_ = replayed.value_or(-1);
  asked_ = asked;
  return replayed_ >= wanted;
}

}  // namespace rowhouse::detail
