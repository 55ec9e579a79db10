#include <fcntl.h>
#include <libpq-fe.h>

#include <asio/experimental/awaitable_operators.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/use_awaitable.hpp>

#include "async/async_connection.hpp"
#include "async/hop.hpp"
#include "async/threads.hpp"
#include "postgres_call.hpp"
#include "postgres_copy.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse::detail {
namespace {

using asio::use_awaitable;

constexpr std::chrono::milliseconds kLookIntoTls{50};
constexpr std::chrono::milliseconds kGraceToCancel{2'000};  // for the answer to a cancel request
constexpr std::chrono::milliseconds kAskAgain{100};         // to cancel, while there is no answer

// The loop has a descriptor of its own: libpq closes its one when a connection is lost, and the next connection may get
// the same number while the loop still knows it as the first one's.
int duplicate(int socket) {
  const int own = fcntl(socket, F_DUPFD_CLOEXEC, 0);
  if (own < 0)
    throw_error("53000", "the socket of a connection can not be watched", {.hint = "See the limit of open files."});
  return own;
}

// libpq's socket in an event loop. Whatever happens is on the connection's strand.
class AsyncPostgres final : public AsyncConnection, public std::enable_shared_from_this<AsyncPostgres> {
 public:
  AsyncPostgres(asio::any_io_executor strand, std::shared_ptr<PostgresWire> wire, const DatabaseOptions& options,
                asio::any_io_executor threads)
      : strand_(std::move(strand)),
        threads_(std::move(threads)),
        wire_(std::move(wire)),
        descriptor_(strand_),
        deadline_(strand_),
        look_(strand_),
        session_timeout_(detail::session_timeout(options)) {}

  // After the first step of libpq.
  asio::awaitable<void> finish_to_connect(std::chrono::milliseconds timeout, std::stop_token stop);

  asio::any_io_executor executor() const override { return strand_; }
  Database database() const noexcept override { return Database::kPostgresql; }

  asio::awaitable<Result> execute(const Call& call) override {
    PostgresCall outgoing;
    outgoing.statement(call, wire_->in_transaction());
    co_return co_await run(outgoing, !wire_->in_transaction());
  }

  asio::awaitable<Result> execute_alone(const Identity& identity, const Call& call) override {
    PostgresCall outgoing;
    TransactionOptions options;
    options.read_only = identity.read_only;
    outgoing.begin(options, identity, session_timeout_);
    outgoing.statement(call, false);
    outgoing.add("COMMIT");
    std::exception_ptr error;
    try {
      co_return co_await run(outgoing, !identity.read_only);
    } catch (...) {
      error = std::current_exception();
    }
    co_await rollback();
    std::rethrow_exception(error);
  }

  asio::awaitable<std::size_t> copy_in(const std::string& sql, const Fill& fill) override {
    PostgresCopy copy(*wire_, sql, fill);
    co_await drive(copy);
    co_return copy.take();
  }
  asio::awaitable<std::size_t> copy_out(const std::string& sql, const Take& take) override {
    PostgresCopy copy(*wire_, sql, take);
    co_await drive(copy);
    co_return copy.take();
  }

  asio::awaitable<void> begin(const TransactionOptions& options, const Identity& identity) override {
    PostgresCall outgoing;
    outgoing.begin(options, identity, session_timeout_);
    read_only_ = options.read_only;
    std::exception_ptr error;
    try {
      co_await run(outgoing, false);
      co_return;
    } catch (...) {
      error = std::current_exception();
    }
    co_await rollback();
    std::rethrow_exception(error);
  }

  asio::awaitable<void> commit() override {
    read_only_ = false;
    // A loss that is noticed now is certain to have come before the commit.
    const bool may_commit = wire_->usable();
    check_committed(co_await run("COMMIT", may_commit));
  }
  asio::awaitable<void> rollback() override {
    read_only_ = false;
    if (!wire_->alive() || !wire_->in_transaction()) co_return;
    limits_.stop = {};  // a caller who wants to stop still wants this
    co_await run("ROLLBACK", false);
  }
  asio::awaitable<void> savepoint(const std::string& name) override { co_await run("SAVEPOINT " + name, false); }
  asio::awaitable<void> rollback_to(const std::string& name) override {
    limits_.stop = {};
    co_await run("ROLLBACK TO SAVEPOINT " + name, false);
  }
  asio::awaitable<void> release(const std::string& name) override { co_await run("RELEASE SAVEPOINT " + name, false); }
  void set_limits(const CallLimits& limits) override { limits_ = limits; }
  bool usable() noexcept override { return !demoted_ && wire_->usable(); }
  asio::awaitable<void> ping() override { co_await run("SELECT 1", false); }
  asio::awaitable<void> reset() override;

 private:
  asio::awaitable<Result> run(const PostgresCall& outgoing, bool may_commit);
  asio::awaitable<PostgresResult> run(std::string sql, bool may_commit);
  asio::awaitable<PostgresWire::Results> exchange(std::span<const PostgresStatement> statements, bool may_commit);
  asio::awaitable<void> require_iso_dates();
  template <class Steps>
  asio::awaitable<void> drive(Steps& steps);
  asio::awaitable<void> wait(Wait what);
  asio::awaitable<bool> cancel_statement();
  void ring_after(std::chrono::milliseconds duration);
  void ring(std::uint64_t exchange);
  // Rings for this exchange, from any thread.
  auto bell(std::uint64_t exchange) {
    return [weak = weak_from_this(), strand = strand_, exchange] {
      asio::post(strand, [weak, exchange] {
        if (const auto self = weak.lock()) self->ring(exchange);
      });
    };
  }

  const asio::any_io_executor strand_;
  const asio::any_io_executor threads_;
  const std::shared_ptr<PostgresWire> wire_;
  asio::posix::stream_descriptor descriptor_;
  asio::steady_timer deadline_;
  asio::steady_timer look_;
  const std::chrono::milliseconds session_timeout_;
  CallLimits limits_;
  std::uint64_t exchange_ = 0;  // tells a ring for an earlier one
  bool rung_ = false;           // time is up, or the caller wants to stop
  bool read_only_ = false;
  bool demoted_ = false;
};

// Wakes the exchange that waits. From the strand.
void AsyncPostgres::ring(std::uint64_t exchange) {
  if (exchange != exchange_) return;
  rung_ = true;
  descriptor_.cancel();
}

void AsyncPostgres::ring_after(std::chrono::milliseconds duration) {
  deadline_.expires_after(duration);
  deadline_.async_wait([weak = weak_from_this(), number = exchange_](asio::error_code error) {
    const auto self = weak.lock();
    if (!error && self) self->ring(number);
  });
}

// Until the socket is ready, or something rings, or for no reason.
asio::awaitable<void> AsyncPostgres::wait(Wait what) {
  using asio::posix::stream_descriptor;
  using namespace asio::experimental::awaitable_operators;
  // Bytes may have come that are in the TLS library, where the socket does not show them.
  if (wire_->encrypted()) {
    look_.expires_after(kLookIntoTls);
    look_.async_wait([weak = weak_from_this()](asio::error_code error) {
      const auto self = weak.lock();
      if (!error && self) self->descriptor_.cancel();
    });
  }
  asio::error_code ignored;
  if (what == Wait::kBoth) {
    try {
      co_await (descriptor_.async_wait(stream_descriptor::wait_read, use_awaitable) ||
                descriptor_.async_wait(stream_descriptor::wait_write, use_awaitable));
    } catch (const asio::system_error&) {
      // Rung.
    }
  } else {
    const auto side = what == Wait::kRead ? stream_descriptor::wait_read : stream_descriptor::wait_write;
    co_await descriptor_.async_wait(side, asio::redirect_error(use_awaitable, ignored));
  }
  if (wire_->encrypted()) look_.cancel();
}

// Waits, without blocking the loop, until the server has taken the request; false when it does not in time.
asio::awaitable<bool> AsyncPostgres::cancel_statement() {
  const auto taken = std::make_shared<asio::steady_timer>(strand_, kGraceToCancel);
  asio::post(threads_, [request = wire_->canceller(), taken, strand = strand_] {
    request();
    asio::post(strand, [taken] { taken->cancel(); });
  });
  asio::error_code error;
  co_await taken->async_wait(asio::redirect_error(use_awaitable, error));
  co_return !!error;
}

// Takes the steps of what was sent, within the limits.
template <class Steps>
asio::awaitable<void> AsyncPostgres::drive(Steps& steps) {
  const std::uint64_t number = ++exchange_;
  rung_ = false;
  const std::stop_callback on_stop(limits_.stop, bell(number));
  if (limits_.timeout.count() > 0) ring_after(limits_.timeout);
  std::optional<Clock::time_point> end;  // of the server's time to answer a request to cancel
  for (Wait what = steps.step(); what != Wait::kNothing; what = steps.step()) {
    if (steps.wants_cancel()) rung_ = true;
    if (std::exchange(rung_, false)) {
      if (end && Clock::now() >= *end) steps.give_up();
      if (!end) end = Clock::now() + kGraceToCancel;
      steps.stop_sending();
      const bool taken = co_await cancel_statement();
      if (!taken) steps.give_up();
      ring_after(kAskAgain);
    } else {
      co_await wait(what);
    }
  }
  ++exchange_;
  if (end || limits_.timeout.count() > 0) deadline_.cancel();
}

asio::awaitable<PostgresWire::Results> AsyncPostgres::exchange(std::span<const PostgresStatement> statements,
                                                               bool may_commit) {
  if (limits_.stop.stop_requested()) throw_error("57014", "the caller has asked to stop");
  wire_->send(statements, may_commit);
  co_await drive(*wire_);
  if (wire_->is_stale()) {
    if (wire_->in_transaction()) co_await run("ROLLBACK", false);
    wire_->send(statements, may_commit);
    co_await drive(*wire_);
  }
  co_return wire_->take();
}

asio::awaitable<PostgresResult> AsyncPostgres::run(std::string sql, bool may_commit) {
  const std::array statements{PostgresStatement{sql, {}}};
  co_return (co_await exchange(statements, may_commit)).front();
}

asio::awaitable<Result> AsyncPostgres::run(const PostgresCall& outgoing, bool may_commit) {
  try {
    auto results = co_await exchange(outgoing.statements(), may_commit);
    co_return to_result(std::move(results.at(outgoing.wanted())));
  } catch (const Error& error) {
    if (tells_of_demotion(error, read_only_)) demoted_ = true;
    throw;
  }
}

asio::awaitable<void> AsyncPostgres::reset() {
  std::vector<PostgresStatement> statements;
  for (const std::string_view sql : kResetStatements) statements.push_back({sql, {}});
  const auto results = co_await exchange(statements, false);
  if (results.back().value(0, 0) == "t") co_await run("DEALLOCATE ALL", false);
  co_await require_iso_dates();
}

// Text results are read back by this library: dates in one style alone. The server tells its style unasked.
asio::awaitable<void> AsyncPostgres::require_iso_dates() {
  const char* style = PQparameterStatus(wire_->connection(), "DateStyle");
  if (style == nullptr || !std::string_view(style).starts_with("ISO")) co_await run("SET datestyle TO 'ISO'", false);
}

asio::awaitable<void> AsyncPostgres::finish_to_connect(std::chrono::milliseconds timeout, std::stop_token stop) {
  const std::stop_callback on_stop(stop, bell(++exchange_));
  if (timeout.count() > 0) ring_after(timeout);
  // libpq wants the socket to be writable before its first step, and may use another one after each.
  for (Wait what = Wait::kWrite; what != Wait::kNothing; what = wire_->step_connect()) {
    descriptor_.assign(duplicate(wire_->socket()));
    co_await wait(what);
    descriptor_.close();
    if (!rung_) continue;
    if (stop.stop_requested()) throw_error("57014", "the caller has asked to stop");
    wire_->fail_to_connect_in_time();
  }
  ++exchange_;
  deadline_.cancel();
  descriptor_.assign(duplicate(wire_->socket()));
  co_await require_iso_dates();
}

}  // namespace

asio::awaitable<std::shared_ptr<AsyncConnection>> connect_postgres_async(asio::any_io_executor executor, Url url,
                                                                         DatabaseOptions options,
                                                                         std::stop_token stop) {
  const asio::any_io_executor strand = asio::make_strand(executor);
  const asio::any_io_executor threads = Threads::of(executor);
  // Looks names up, which blocks.
  auto start = [url, options](std::stop_token) -> asio::awaitable<std::shared_ptr<PostgresWire>> {
    co_return PostgresWire::start(url, postgres_options(options));
  };
  auto started = hop(threads, stop, std::move(start));
  const std::shared_ptr<PostgresWire> wire = co_await std::move(started);
  auto finish = [strand, threads, wire,
                 options](std::stop_token asked) -> asio::awaitable<std::shared_ptr<AsyncConnection>> {
    const auto connection = std::make_shared<AsyncPostgres>(strand, wire, options, threads);
    co_await connection->finish_to_connect(options.connect_timeout, asked);
    co_return connection;
  };
  auto finished = hop(strand, stop, std::move(finish));
  co_return co_await std::move(finished);
}

}  // namespace rowhouse::detail
