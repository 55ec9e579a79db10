#include "replicas.hpp"

#include <algorithm>
#include <utility>

#include "rowhouse/error.hpp"

namespace rowhouse::detail {
namespace {

constexpr std::chrono::milliseconds kPauseWhenDown{1'000};
constexpr std::chrono::milliseconds kAnswerIn{5'000};

constexpr std::string_view kWritten =
    "SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::bigint";
// Nothing from a server that is no replica, or no longer.
constexpr std::string_view kReplayed =
    "SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_replay_lsn(), '0/0')::bigint"
    " WHERE pg_catalog.pg_is_in_recovery()";

std::optional<Position> ask(Connection& connection, std::string_view sql) {
  connection.set_limits({.timeout = kAnswerIn});
  const Result result = connection.execute({sql, {}});
  if (result.empty()) return std::nullopt;
  return result.one().get<std::optional<Position>>(0);
}

}  // namespace

Replicas::Replicas(std::shared_ptr<ConnectionPool> primary, const DatabaseOptions& options)
    : primary_(std::move(primary)), max_lag_(options.max_replica_lag) {
  for (const Url& url : options.replicas) {
    if (!url.is_postgresql()) throw ConfigurationError("a replica is no PostgreSQL database: " + url.masked());
    DatabaseOptions own = options;
    own.replicas.clear();
    own.min_connections = 0;
    replicas_.push_back(std::make_unique<Replica>());
    replicas_.back()->pool = std::make_shared<ConnectionPool>(url, std::move(own));
  }
}

Position Replicas::written() {
  auto connection = primary_->check_out();
  try {
    const Position position = ask(*connection, kWritten).value_or(0);
    primary_->give_back(std::move(connection), false);
    return position;
  } catch (...) {
    primary_->give_back(std::move(connection), false);
    throw;
  }
}

// What a replica must have replayed, so as not to be later than max_lag.
Position Replicas::least_in_time() {
  {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    while (samples_.size() > 1 && now - samples_[0].taken > max_lag_) samples_.pop_front();
    if (!samples_.empty() && now - samples_.back().taken < interval()) return samples_.front().written;
  }
  const auto taken = Clock::now();
  const Position position = written();
  const std::lock_guard lock(mutex_);
  samples_.push_back({taken, position});
  while (taken - samples_.front().taken > max_lag_) samples_.pop_front();
  return samples_.front().written;
}

std::optional<Replicas::Choice> Replicas::try_one(Replica& replica, Position wanted) {
  {
    const std::lock_guard lock(replica.mutex);
    if (Clock::now() < replica.down_until) return std::nullopt;
  }
  std::unique_ptr<Connection> connection;
  try {
    connection = replica.pool->check_out();
    const auto now = Clock::now();
    bool known = false;
    {
      const std::lock_guard lock(replica.mutex);
      // Of this very server, so not older than the connection; what was replayed stays so.
      known = replica.replayed >= wanted && now - replica.asked < interval() && connection->made < replica.asked;
    }
    if (known) return Choice{replica.pool, std::move(connection)};
    const auto replayed = ask(*connection, kReplayed);
    const std::lock_guard lock(replica.mutex);
    replica.replayed = replayed.value_or(-1);
    replica.asked = now;
    if (replica.replayed >= wanted) return Choice{replica.pool, std::move(connection)};
  } catch (const Error&) {
    const std::lock_guard lock(replica.mutex);
    replica.down_until = Clock::now() + kPauseWhenDown;
  }
  if (connection) replica.pool->give_back(std::move(connection), false);
  return std::nullopt;
}

std::optional<Replicas::Choice> Replicas::choose(Position wanted) {
  if (replicas_.empty()) return std::nullopt;
  try {
    wanted = std::max(wanted, least_in_time());
  } catch (const Error&) {
    return std::nullopt;  // nobody knows how late they are; the primary will say what is wrong
  }
  std::size_t first = 0;
  {
    const std::lock_guard lock(mutex_);
    first = next_++;
  }
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    if (auto choice = try_one(*replicas_[(first + i) % replicas_.size()], wanted)) return choice;
  }
  return std::nullopt;
}

}  // namespace rowhouse::detail
