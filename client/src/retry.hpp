#pragma once

#include <chrono>

#include "rowhouse/database_manager.hpp"

namespace rowhouse::detail {

void validate(const RetryOptions& options);

// Whether, when and how often a transaction is run again.
class Retries {
 public:
  using Delay = std::chrono::microseconds;

  Retries(const RetryOptions& options, const DatabaseOptions& settings, const ObservedDatabase& database);
  // How long to wait before the transaction is run again; nothing when the error is the caller's.
  std::optional<Delay> after(const Error& error);
  // The same when no connection could be made to a server that had answered before: it may be about to come back, or
  // another to take its place. No attempt of the work was made, so none is counted.
  std::optional<Delay> after_lost_server(const Error& error);

 private:
  std::optional<Delay> wait(const Error& error);
  bool in_time() const { return std::chrono::steady_clock::now() - start_ < options_.max_time; }

  const RetryOptions& options_;
  const DatabaseOptions& settings_;
  const ObservedDatabase& database_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  int attempts_ = 0;
  int waits_ = 0;
};

}  // namespace rowhouse::detail
