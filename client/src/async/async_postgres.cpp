#include <fcntl.h>
#include <libpq-fe.h>

#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/use_awaitable.hpp>
#include <mutex>

#include "async/async_connection.hpp"
#include "async/hop.hpp"
#include "async/threads.hpp"
#include "postgres_call.hpp"
#include "postgres_copy.hpp"
#include "row_stream.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse::detail {
namespace {

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

// libpq's socket in an event loop. A call runs where its caller is; others only ring, to end what it waits for.
class AsyncPostgres final : public AsyncConnection, public std::enable_shared_from_this<AsyncPostgres> {
 public:
  AsyncPostgres(asio::any_io_executor executor, std::shared_ptr<PostgresWire> wire, const DatabaseOptions& options,
                asio::any_io_executor threads)
      : executor_(std::move(executor)),
        threads_(std::move(threads)),
        wire_(std::move(wire)),
        descriptor_(executor_),
        deadline_(executor_),
        look_(executor_),
        session_timeout_(detail::session_timeout(options)) {}

  // After the first step of libpq.
  asio::awaitable<void> finish_to_connect();

  asio::any_io_executor executor() const override { return {}; }
  Database database() const noexcept override { return Database::kPostgresql; }

  asio::awaitable<Result> execute(const Call& call) override {
    PostgresCall outgoing;
    outgoing.statement(call, wire_->in_transaction());
    Results results = co_await exchange(outgoing.statements(), !wire_->in_transaction());
    co_return to_result(std::move(results.at(outgoing.wanted())));
  }

  asio::awaitable<Result> execute_alone(const Identity& identity, const Call& call) override {
    PostgresCall outgoing;
    outgoing.alone(call, identity, session_timeout_);
    std::exception_ptr error;
    try {
      Results results = co_await exchange(outgoing.statements(), !identity.read_only);
      co_return to_result(std::move(results.at(outgoing.wanted())));
    } catch (...) {
      error = std::current_exception();
    }
    co_await rollback();
    std::rethrow_exception(error);
  }

  asio::awaitable<std::shared_ptr<AskedRows>> ask(const Call& call) override {
    if (stream_) co_await settle();
    co_return stream_ = std::make_shared<RowStream>(*wire_, call);
  }
  asio::awaitable<Result> answer(AskedRows& asked) override {
    if (static_cast<const RowStream&>(asked).lacks_rows()) co_await receive();
    co_return asked.take();
  }

  asio::awaitable<std::size_t> copy_in(const std::string& sql, const Fill& fill) override {
    if (stream_) co_await settle();
    PostgresCopy copy(*wire_, sql, fill);
    co_await drive(copy);
    co_return copy.take();
  }
  asio::awaitable<std::size_t> copy_out(const std::string& sql, const Take& take) override {
    if (stream_) co_await settle();
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
      co_await exchange(outgoing.statements(), false);
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
    if (driving_ || !wire_->alive() || !wire_->in_transaction()) co_return;
    limits_.stop = std::stop_source(std::nostopstate);  // a caller who wants to stop still wants this
    co_await run("ROLLBACK", false);
  }
  asio::awaitable<void> savepoint(const std::string& name) override { co_await run("SAVEPOINT " + name, false); }
  asio::awaitable<void> rollback_to(const std::string& name) override {
    limits_.stop = std::stop_source(std::nostopstate);
    co_await run("ROLLBACK TO SAVEPOINT " + name, false);
  }
  asio::awaitable<void> release(const std::string& name) override { co_await run("RELEASE SAVEPOINT " + name, false); }
  void set_limits(const AsyncLimits& limits) override { limits_ = limits; }
  bool usable() noexcept override { return !demoted_ && !driving_ && wire_->usable(); }
  asio::awaitable<void> ping() override { co_await run("SELECT 1", false); }
  asio::awaitable<void> reset() override;

 private:
  using Results = PostgresWire::Results;

  asio::awaitable<PostgresResult> run(std::string sql, bool may_commit);
  asio::awaitable<Results> exchange(std::span<const PostgresStatement> statements, bool may_commit);
  asio::awaitable<void> receive();
  asio::awaitable<void> settle();
  asio::awaitable<void> require_iso_dates();
  void watch_socket();
  template <class Steps>
  asio::awaitable<void> drive(Steps& steps);
  asio::awaitable<void> wait(Wait what);
  asio::awaitable<void> wait_for(asio::posix::stream_descriptor::wait_type side);
  asio::awaitable<bool> cancel_statement();
  std::uint64_t begin_exchange();
  void ring_after(std::chrono::milliseconds duration);
  void ring(std::uint64_t exchange);
  bool take_ring();
  void wake();
  // A handler that wakes what waits.
  auto waking() {
    return [weak = weak_from_this()](asio::error_code error) {
      const auto self = weak.lock();
      if (!error && self) self->wake();
    };
  }

  const asio::any_io_executor executor_;
  const asio::any_io_executor threads_;
  const std::shared_ptr<PostgresWire> wire_;
  std::shared_ptr<RowStream> stream_;  // in flight, or the last that was
  asio::posix::stream_descriptor descriptor_;
  asio::steady_timer deadline_;
  asio::steady_timer look_;
  const std::chrono::milliseconds session_timeout_;
  AsyncLimits limits_;
  std::mutex mutex_;            // guards waits for descriptor_, and the two that follow
  std::uint64_t exchange_ = 0;  // tells a ring for an earlier one
  bool rung_ = false;           // time is up, or the caller wants to stop
  bool driving_ = false;        // an exchange has not come to its end
  asio::error_code ignored_;    // of a wait
  bool read_only_ = false;
  bool demoted_ = false;
};

std::uint64_t AsyncPostgres::begin_exchange() {
  const std::lock_guard lock(mutex_);
  rung_ = false;
  return ++exchange_;
}

// Ends what the exchange waits for, or will wait for next. From any thread.
void AsyncPostgres::ring(std::uint64_t exchange) {
  const std::lock_guard lock(mutex_);
  if (exchange != exchange_) return;
  rung_ = true;
  asio::error_code ignored;
  descriptor_.cancel(ignored);
}

bool AsyncPostgres::take_ring() {
  const std::lock_guard lock(mutex_);
  return std::exchange(rung_, false);
}

// Lets what waits look again.
void AsyncPostgres::wake() {
  const std::lock_guard lock(mutex_);
  asio::error_code ignored;
  descriptor_.cancel(ignored);
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
  if (what == Wait::kBoth) {
    const std::lock_guard lock(mutex_);
    descriptor_.async_wait(stream_descriptor::wait_read, waking());
  }
  const auto side = what == Wait::kRead ? stream_descriptor::wait_read : stream_descriptor::wait_write;
  if (what != Wait::kBoth && !wire_->encrypted()) return wait_for(side);
  return [](std::shared_ptr<AsyncPostgres> self, auto wanted, bool both) -> asio::awaitable<void> {
    // Bytes may have come that are in the TLS library, where the socket does not show them.
    if (self->wire_->encrypted()) {
      self->look_.expires_after(kLookIntoTls);
      self->look_.async_wait(self->waking());
    }
    co_await self->wait_for(wanted);
    if (both) self->wake();  // the other side is not waited for any more
    self->look_.cancel();
  }(shared_from_this(), side, what == Wait::kBoth);
}

asio::awaitable<void> AsyncPostgres::wait_for(asio::posix::stream_descriptor::wait_type side) {
  const auto start = [this, side](auto handler) {
    auto resume = asking_to_stop(limits_.stop, std::move(handler));
    const std::lock_guard lock(mutex_);
    descriptor_.async_wait(side, std::move(resume));
    if (rung_) descriptor_.cancel();
  };
  auto token = asio::redirect_error(asio::use_awaitable, ignored_);
  return asio::async_initiate<decltype(token), void(asio::error_code)>(start, token);
}

// Waits, without blocking the loop, until the server has taken the request; false when it does not in time.
asio::awaitable<bool> AsyncPostgres::cancel_statement() {
  const auto strand = asio::make_strand(executor_);
  const auto taken = std::make_shared<asio::steady_timer>(strand, kGraceToCancel);
  auto ask = [threads = threads_, request = wire_->canceller(), strand,
              taken](const std::stop_token&) -> asio::awaitable<bool> {
    asio::post(threads, [request, taken, strand] {
      request();
      asio::post(strand, [taken] { taken->cancel(); });
    });
    asio::error_code error;
    co_await taken->async_wait(asio::redirect_error(asio::use_awaitable, error));
    co_return !!error;
  };
  auto asked = hop(strand, {}, std::move(ask), limits_.stop);
  co_return co_await std::move(asked);
}

// Takes the steps of what was sent, within the limits.
template <class Steps>
asio::awaitable<void> AsyncPostgres::drive(Steps& steps) {
  const std::uint64_t number = begin_exchange();
  driving_ = true;
  const std::stop_callback on_stop(limits_.stop.get_token(), [this, number] { ring(number); });
  if (limits_.timeout.count() > 0) ring_after(limits_.timeout);
  std::optional<Clock::time_point> end;  // of the server's time to answer a request to cancel
  for (Wait what = steps.step(); what != Wait::kNothing; what = steps.step()) {
    if (take_ring() || steps.wants_cancel()) {
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
  driving_ = false;
  begin_exchange();
  if (end || limits_.timeout.count() > 0) deadline_.cancel();
}

asio::awaitable<PostgresWire::Results> AsyncPostgres::exchange(std::span<const PostgresStatement> statements,
                                                               bool may_commit) {
  if (stream_) co_await settle();
  if (limits_.stop.stop_requested()) throw_error("57014", "the caller has asked to stop");
  try {
    wire_->send(statements, may_commit);
    co_await drive(*wire_);
    if (wire_->is_stale()) {
      if (wire_->in_transaction()) co_await run("ROLLBACK", false);
      wire_->send(statements, may_commit);
      co_await drive(*wire_);
    }
    co_return wire_->take();
  } catch (const Error& error) {
    if (tells_of_demotion(error, read_only_)) demoted_ = true;
    throw;
  }
}

// What the stream waits for.
asio::awaitable<void> AsyncPostgres::receive() {
  try {
    co_await drive(*stream_);
  } catch (...) {
    stream_->fail(std::current_exception());
  }
}

// All that is on its way to the stream.
asio::awaitable<void> AsyncPostgres::settle() {
  stream_->want_all();
  if (stream_->in_flight()) co_await receive();
  stream_.reset();
}

asio::awaitable<PostgresResult> AsyncPostgres::run(std::string sql, bool may_commit) {
  const std::array statements{PostgresStatement{sql, {}}};
  co_return (co_await exchange(statements, may_commit)).front();
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

void AsyncPostgres::watch_socket() {
  const std::lock_guard lock(mutex_);
  if (descriptor_.is_open()) descriptor_.close();
  descriptor_.assign(duplicate(wire_->socket()));
}

asio::awaitable<void> AsyncPostgres::finish_to_connect() {
  const std::uint64_t number = begin_exchange();
  const std::stop_callback on_stop(limits_.stop.get_token(), [this, number] { ring(number); });
  if (limits_.timeout.count() > 0) ring_after(limits_.timeout);
  // libpq wants the socket to be writable before its first step, and may use another one after each.
  for (Wait what = Wait::kWrite; what != Wait::kNothing; what = wire_->step_connect()) {
    watch_socket();
    co_await wait(what);
    if (!take_ring()) continue;
    if (limits_.stop.stop_requested()) throw_error("57014", "the caller has asked to stop");
    wire_->fail_to_connect_in_time();
  }
  begin_exchange();
  deadline_.cancel();
  watch_socket();
  co_await require_iso_dates();
}

}  // namespace

asio::awaitable<std::shared_ptr<AsyncConnection>> connect_postgres_async(asio::any_io_executor executor, Url url,
                                                                         DatabaseOptions options,
                                                                         std::stop_token stop) {
  const asio::any_io_executor threads = Threads::of(executor);
  // Looks names up, which blocks.
  auto start = [url, options](std::stop_token) -> asio::awaitable<std::shared_ptr<PostgresWire>> {
    co_return PostgresWire::start(url, postgres_options(options));
  };
  auto started = hop(threads, stop, std::move(start));
  const std::shared_ptr<PostgresWire> wire = co_await std::move(started);
  const auto connection = std::make_shared<AsyncPostgres>(executor, wire, options, threads);
  const std::stop_source source;
  connection->set_limits({.timeout = options.connect_timeout, .stop = source});
  auto finished = here(
      stop, [connection](const std::stop_token&) { return connection->finish_to_connect(); }, source);
  co_await std::move(finished);
  connection->set_limits({});
  co_return connection;
}

}  // namespace rowhouse::detail
