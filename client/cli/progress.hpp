#pragma once

#include <chrono>
#include <string>

#include "rowhouse/migration.hpp"

namespace rowhouse::cli {

/// Shows how far long work is, on stderr: a bar that rewrites itself on a terminal, a line every few seconds elsewhere.
class Progress {
 public:
  explicit Progress(bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(const MigrationProgress& progress);
  /// Ends the current bar, so that other output starts on a line of its own.
  void finish();

 private:
  std::string line(const MigrationProgress& progress) const;

  using Clock = std::chrono::steady_clock;
  const bool quiet_;
  const bool terminal_;
  std::string phase_;
  Clock::time_point phase_started_ = Clock::now();
  Clock::time_point last_shown_;
  MigrationProgress last_;
  bool open_ = false;
};

}  // namespace rowhouse::cli
