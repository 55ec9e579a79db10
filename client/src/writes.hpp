#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

namespace rowhouse::detail {

// A place in the write-ahead log, in bytes.
using Position = std::int64_t;

// What a unit of work has written, and where in the log that is. Thread-safe.
class Writes {
 public:
  // A statement or a commit that may have written has ended, whatever came of it.
  void note() noexcept { ++done_; }
  std::uint64_t done() const noexcept { return done_; }
  // A place behind all of it; nothing while it has to be asked for.
  std::optional<Position> position() const {
    const std::lock_guard lock(mutex_);
    if (done_ != placed_) return std::nullopt;
    return position_;
  }
  // The first `done` of them are before this place.
  void place(std::uint64_t done, Position position) {
    const std::lock_guard lock(mutex_);
    if (done <= placed_) return;
    placed_ = done;
    position_ = position;
  }

 private:
  std::atomic<std::uint64_t> done_{0};
  mutable std::mutex mutex_;  // guards what follows
  std::uint64_t placed_ = 0;
  Position position_ = 0;
};

}  // namespace rowhouse::detail
