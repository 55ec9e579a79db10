#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "replica_state.hpp"
#include "rowhouse/error.hpp"
#include "runner.hpp"

namespace rowhouse::detail {

// How a pool of either way lends connections:
//
//   Pool, Held                              the pool, and how one holds a connection of it
//   like(pool, url, options)                another pool, used where this one is
//   check_out(pool, stop) -> Task<Held>     see the pool
//   ask(held, call, limits) -> Task<Result> one statement outside a transaction
//   give_back(pool, held)
template <class Way>
struct PoolUse;

// A connection that goes back unless it is taken.
template <class Way>
struct Loan {
  using Use = PoolUse<Way>;

  Loan(std::shared_ptr<typename Use::Pool> the_pool, typename Use::Held the_connection)
      : pool(std::move(the_pool)), connection(std::move(the_connection)) {}
  Loan(Loan&&) noexcept = default;
  ~Loan() {
    if (connection) Use::give_back(*pool, std::move(connection));
  }

  std::shared_ptr<typename Use::Pool> pool;
  typename Use::Held connection;
};

// The replicas of one primary, and which of them is not too far behind. Thread-safe. Written once for both ways to
// wait.
//
// How far behind is measured by the primary's own log, so an idle primary and a broken link are told apart: a replica
// is late by less than max_lag when it has replayed what the primary had written less than max_lag ago.
template <class Way>
class Replicas {
 public:
  using Use = PoolUse<Way>;
  using Pool = typename Use::Pool;
  template <class R>
  using Task = typename Runner<Way>::template Task<R>;
  using Choice = std::optional<Loan<Way>>;

  // Null when there are none. Throws ConfigurationError for one that is no PostgreSQL database.
  static std::unique_ptr<Replicas> of(std::shared_ptr<Pool> primary) {
    if (primary->options().replicas.empty()) return nullptr;
    return std::unique_ptr<Replicas>(new Replicas(std::move(primary)));
  }

  // A connection to a replica that has all that `writes` has, if there is such, and is not too late; nothing when there
  // is none. Throws when the primary can not say what was written.
  Task<Choice> choose(std::shared_ptr<Writes> writes, std::stop_token stop) {
    Position wanted = 0;
    if (writes) {
      auto placing = place(*writes, stop);
      wanted = co_await std::move(placing);
    }
    auto looking = least_in_time(stop);
    const std::optional<Position> least = co_await std::move(looking);
    if (!least) co_return std::nullopt;  // nobody knows how late they are; the primary will say what is wrong
    wanted = std::max(wanted, *least);
    const std::size_t first = next_++;
    for (std::size_t i = 0; i < replicas_.size(); ++i) {
      auto trying = try_one(*replicas_[(first + i) % replicas_.size()], wanted, stop);
      Choice choice = co_await std::move(trying);
      if (choice) co_return std::move(choice);
    }
    co_return std::nullopt;
  }

 private:
  struct Replica {
    Replica(std::shared_ptr<Pool> the_pool, std::chrono::milliseconds max_lag)
        : pool(std::move(the_pool)), state(max_lag) {}
    const std::shared_ptr<Pool> pool;
    ReplicaState state;
  };

  explicit Replicas(std::shared_ptr<Pool> primary)
      : primary_(std::move(primary)), log_(primary_->options().max_replica_lag) {
    for (const Url& url : primary_->options().replicas) {
      if (!url.is_postgresql()) throw ConfigurationError("a replica is no PostgreSQL database: " + url.masked());
      DatabaseOptions own = primary_->options();
      own.replicas.clear();
      own.min_connections = 0;
      const auto max_lag = own.max_replica_lag;
      replicas_.push_back(std::make_unique<Replica>(Use::like(*primary_, url, std::move(own)), max_lag));
    }
  }

  static Task<std::optional<Position>> ask(Loan<Way>& loan, std::string_view sql, std::stop_token stop) {
    auto asking = Use::ask(loan.connection, sql, CallLimits{kPositionTimeout, stop});
    const Result result = co_await std::move(asking);
    if (result.empty()) co_return std::nullopt;
    co_return result.one().template get<std::optional<Position>>(0);
  }

  Task<Position> written(std::stop_token stop) {
    auto borrowing = Use::check_out(primary_, stop);
    typename Use::Held held = co_await std::move(borrowing);
    Loan<Way> loan(primary_, std::move(held));
    auto asking = ask(loan, kWrittenPosition, stop);
    const std::optional<Position> position = co_await std::move(asking);
    co_return position.value_or(0);
  }

  Task<Position> place(Writes& writes, std::stop_token stop) {
    const std::uint64_t done = writes.done();
    const std::optional<Position> known = writes.position();
    if (known) co_return *known;
    auto asking = written(stop);
    const Position position = co_await std::move(asking);
    writes.place(done, position);
    co_return position;
  }

  // What a replica must have replayed, so as not to be later than max_lag; nothing when the primary does not tell.
  Task<std::optional<Position>> least_in_time(std::stop_token stop) {
    const std::optional<Position> known = log_.least();
    if (known) co_return known;
    const auto asked = Clock::now();
    std::optional<Position> position;
    try {
      auto asking = written(stop);
      position = co_await std::move(asking);
    } catch (const Error&) {
      if (stop.stop_requested()) throw;
    }
    if (!position) co_return std::nullopt;
    co_return log_.least_after(asked, *position);
  }

  Task<Choice> try_one(Replica& replica, Position wanted, std::stop_token stop) {
    if (replica.state.is_down()) co_return std::nullopt;
    Choice choice;
    bool fits = false;
    try {
      auto borrowing = Use::check_out(replica.pool, stop);
      typename Use::Held held = co_await std::move(borrowing);
      choice.emplace(replica.pool, std::move(held));
      fits = replica.state.has(wanted, choice->connection->made);
      if (!fits) {
        const auto asked = Clock::now();
        auto asking = ask(*choice, kReplayedPosition, stop);
        const std::optional<Position> replayed = co_await std::move(asking);
        fits = replica.state.note(asked, replayed, wanted);
      }
    } catch (const Error&) {
      if (stop.stop_requested()) throw;
      replica.state.note_down();
      fits = false;
    }
    if (!fits) co_return std::nullopt;
    co_return std::move(choice);
  }

  const std::shared_ptr<Pool> primary_;
  std::vector<std::unique_ptr<Replica>> replicas_;
  std::atomic<std::size_t> next_{0};
  PrimaryLog log_;
};

}  // namespace rowhouse::detail
