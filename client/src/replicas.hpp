#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "pool.hpp"

namespace rowhouse::detail {

// A place in the write-ahead log, in bytes.
using Position = std::int64_t;

// The replicas of one primary, and which of them is not too far behind. Thread-safe.
//
// How far behind is measured by the primary's own log, so an idle primary and a broken link are told apart: a replica
// is late by less than max_lag when it has replayed what the primary had written less than max_lag ago.
class Replicas {
 public:
  struct Choice {
    std::shared_ptr<ConnectionPool> pool;
    std::unique_ptr<Connection> connection;
  };

  Replicas(std::shared_ptr<ConnectionPool> primary, const DatabaseOptions& options);
  // What the primary has written by now, every commit that was answered included.
  Position written();
  // A connection to a replica that has replayed `wanted` and is not too late; nothing when there is none.
  std::optional<Choice> choose(Position wanted);

 private:
  using Clock = Connection::Clock;
  struct Replica {
    std::shared_ptr<ConnectionPool> pool;
    std::mutex mutex;  // guards what follows
    Position replayed = 0;
    Clock::time_point asked{};
    Clock::time_point down_until{};
  };
  struct Sample {
    Clock::time_point taken;
    Position written;
  };

  Position least_in_time();
  std::optional<Choice> try_one(Replica& replica, Position wanted);
  Clock::duration interval() const { return max_lag_ / 2; }

  const std::shared_ptr<ConnectionPool> primary_;
  const std::chrono::milliseconds max_lag_;
  std::vector<std::unique_ptr<Replica>> replicas_;
  std::mutex mutex_;  // guards what follows
  std::size_t next_ = 0;
  std::deque<Sample> samples_;  // of the primary, the oldest first
};

}  // namespace rowhouse::detail
