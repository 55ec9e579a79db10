#include "retry.hpp"

#include <algorithm>
#include <random>

#include "rowhouse/error.hpp"

namespace rowhouse::detail {
namespace {

void require(bool right, const char* message) {
  if (!right) throw ConfigurationError(message);
}

}  // namespace

void validate(const RetryOptions& options) {
  require(options.max_attempts >= 1, "max_attempts is less than 1");
  require(options.max_time.count() >= 0, "max_time is negative");
  require(options.first_delay.count() >= 0 && options.max_delay >= options.first_delay,
          "first_delay is negative or above max_delay");
}

Retries::Retries(const RetryOptions& options, const DatabaseOptions& settings, const ObservedDatabase& database)
    : options_(options), settings_(settings), database_(database) {
  validate(options);
}

std::optional<Retries::Delay> Retries::after(const Error& error) {
  const bool again = error.retryable() && ++attempts_ < options_.max_attempts && in_time() &&
                     (!options_.retry_if || options_.retry_if(error, attempts_));
  return again ? wait(error) : std::nullopt;
}

std::optional<Retries::Delay> Retries::after_lost_server(const Error& error) {
  return error.kind() == ErrorKind::kConnection && in_time() ? wait(error) : std::nullopt;
}

// A random part of the exponential delay: those who collided do not meet again at the same time.
std::optional<Retries::Delay> Retries::wait(const Error& error) {
  thread_local std::minstd_rand random{std::random_device{}()};
  const Delay highest = std::min<Delay>(options_.max_delay, options_.first_delay * (1LL << std::min(waits_++, 20)));
  const Delay delay(std::uniform_int_distribution<std::int64_t>(0, highest.count())(random));
  if (settings_.observer) settings_.observer->retrying({database_, std::max(attempts_, 1), delay, error});
  return delay;
}

}  // namespace rowhouse::detail
