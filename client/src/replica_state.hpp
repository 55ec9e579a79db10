#pragma once

#include <chrono>
#include <deque>
#include <mutex>
#include <optional>
#include <string_view>

#include "pool_options.hpp"
#include "writes.hpp"

namespace rowhouse::detail {

// What the primary has written by now, every commit that was answered included.
inline constexpr std::string_view kWrittenPosition =
    "SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::bigint";
// What a replica has replayed; nothing from a server that is no replica, or no longer.
inline constexpr std::string_view kReplayedPosition =
    "SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_replay_lsn(), '0/0')::bigint"
    " WHERE pg_catalog.pg_is_in_recovery()";
inline constexpr std::chrono::milliseconds kPositionTimeout{5'000};  // for the answer to either

// How far the primary's log was when: by it a replica's lag is measured in time. Thread-safe.
class PrimaryLog {
 public:
  explicit PrimaryLog(std::chrono::milliseconds max_lag) : max_lag_(max_lag) {}
  // What a replica must have replayed, so as not to be later than max_lag; nothing when the primary has to be asked.
  std::optional<Position> least();
  // The same, after the primary was asked.
  Position least_after(Clock::time_point asked, Position written);

 private:
  struct Sample {
    Clock::time_point taken;
    Position written;
  };

  const std::chrono::milliseconds max_lag_;
  std::mutex mutex_;            // guards what follows
  std::deque<Sample> samples_;  // the oldest first
};

// What is known of one replica. Thread-safe.
class ReplicaState {
 public:
  explicit ReplicaState(std::chrono::milliseconds max_lag) : max_lag_(max_lag) {}
  // Whether it did not answer a moment ago.
  bool is_down() const;
  void note_down();
  // Whether it is known to have replayed so much, without asking. `made`: when the connection to it was; an older
  // answer may be another server's.
  bool has(Position wanted, Clock::time_point made) const;
  // Whether its answer says so.
  bool note(Clock::time_point asked, std::optional<Position> replayed, Position wanted);

 private:
  const std::chrono::milliseconds max_lag_;
  mutable std::mutex mutex_;  // guards what follows
  Position replayed_ = 0;
  Clock::time_point asked_{};
  Clock::time_point down_until_{};
};

}  // namespace rowhouse::detail
