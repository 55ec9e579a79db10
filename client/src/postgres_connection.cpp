#include "postgres_connection.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <thread>
#include <utility>
#include <vector>

#include "postgres_call.hpp"
#include "postgres_copy.hpp"
#include "postgres_error.hpp"
#include "sql_text.hpp"

namespace rowhouse::detail {
namespace {

using Clock = std::chrono::steady_clock;

struct ClearResult {
  void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using ResultPtr = std::unique_ptr<PGresult, ClearResult>;

constexpr std::chrono::milliseconds kLookIntoTls{50};
constexpr std::chrono::milliseconds kLookForStop{50};
constexpr std::chrono::milliseconds kGraceToCancel{2'000};  // for the answer to a cancel request
constexpr std::chrono::milliseconds kAskAgain{100};         // to cancel, while there is no answer

// Waits for the socket; false when the deadline has passed.
bool wait_for(int socket, short events, std::optional<Clock::time_point> deadline) {
  while (true) {
    int timeout = -1;
    if (deadline) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now()).count();
      if (left <= 0) return false;
      timeout = static_cast<int>(std::min<std::int64_t>(left, INT_MAX));
    }
    pollfd descriptor{socket, events, 0};
    const int ready = poll(&descriptor, 1, timeout);
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;
  }
}

Clock::time_point sooner(std::optional<Clock::time_point> a, Clock::time_point b) { return a ? std::min(*a, b) : b; }

// A statement terminated by NUL, as libpq wants it. One with NUL inside would be cut there, and mean something else.
std::string terminated(std::string_view sql) {
  if (sql.find('\0') != std::string_view::npos) throw_error("42601", "the statement contains a NUL byte");
  return std::string(sql);
}

bool failed(const PGresult* result) {
  switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_NONFATAL_ERROR:
      return false;
    default:
      return true;
  }
}

}  // namespace

struct PostgresConnection::Impl {
  std::unique_ptr<PostgresWire> wire;
  std::shared_ptr<RowStream> stream;  // in flight, or the last that was
  std::string database;
  CallLimits limits;

  PGconn* get() const noexcept { return wire->connection(); }

  void drain() const noexcept {
    while (PQstatus(get()) == CONNECTION_OK) {
      const ResultPtr result(PQgetResult(get()));
      if (!result) return;
      const ExecStatusType status = PQresultStatus(result.get());
      if (status == PGRES_COPY_IN) PQputCopyEnd(get(), "not expected here");
      if (status == PGRES_COPY_OUT) drain_copy_out();
    }
  }

  void drain_copy_out() const noexcept {
    char* data = nullptr;
    while (PQgetCopyData(get(), &data, 0) > 0) PQfreemem(data);
  }

  // The result of a statement already sent; all that follows it is read too.
  ResultPtr finish(ResultPtr result, bool may_have_committed) const {
    if (!result || failed(result.get())) {
      drain();
      throw_result_error(get(), result.get(), may_have_committed);
    }
    drain();
    return result;
  }

  PostgresResult run(std::string_view sql, bool may_commit);
  ResultPtr run_simple(std::string_view sql, const char* refusal);
  std::vector<PostgresResult> run(std::span<const PostgresStatement> statements, bool may_commit);
  void receive() noexcept;
  void settle() noexcept;
  template <class Steps>
  void drive(Steps& steps);
  void abort_copy(ExecStatusType direction) const noexcept {
    if (direction == PGRES_COPY_IN)
      PQputCopyEnd(get(), "COPY needs copy_in");
    else
      drain_copy_out();
    drain();
  }
};

// Takes the steps of what was sent, within the limits.
template <class Steps>
void PostgresConnection::Impl::drive(Steps& steps) {
  const std::stop_callback on_stop(limits.stop, [this] { wire->cancel(); });
  std::optional<Clock::time_point> deadline;
  if (limits.timeout.count() > 0) deadline = Clock::now() + limits.timeout;
  bool stopping = false;
  for (Wait wait = steps.step(); wait != Wait::kNothing; wait = steps.step()) {
    if (steps.wants_cancel()) wire->cancel();
    if (stopping || limits.stop.stop_requested()) steps.stop_sending();
    const auto until = sooner(deadline, Clock::now() + (wire->encrypted() ? kLookIntoTls : kAskAgain));
    if (wait_for(wire->socket(), wait == Wait::kRead ? POLLIN : POLLIN | POLLOUT, until)) continue;
    const bool late = deadline && Clock::now() >= *deadline;
    if (late && stopping) steps.give_up();
    if (!late && !wire->asked_to_cancel()) continue;
    if (!std::exchange(stopping, true)) deadline = Clock::now() + kGraceToCancel;
    std::thread(wire->canceller()).detach();  // may outlive the connection
  }
}

std::vector<PostgresResult> PostgresConnection::Impl::run(std::span<const PostgresStatement> statements,
                                                          bool may_commit) {
  settle();
  if (limits.stop.stop_requested()) throw_error("57014", "the caller has asked to stop");
  wire->send(statements, may_commit);
  drive(*wire);
  if (wire->is_stale()) {
    if (wire->in_transaction()) run("ROLLBACK", false);
    wire->send(statements, may_commit);
    drive(*wire);
  }
  return wire->take();
}

// What the stream waits for.
void PostgresConnection::Impl::receive() noexcept {
  try {
    drive(*stream);
  } catch (...) {
    stream->fail(std::current_exception());
  }
}

// All that is on its way to the stream.
void PostgresConnection::Impl::settle() noexcept {
  if (!stream) return;
  stream->want_all();
  if (stream->in_flight()) receive();
  stream.reset();
}

PostgresResult PostgresConnection::Impl::run(std::string_view sql, bool may_commit) {
  const std::array statements{PostgresStatement{sql, {}}};
  return run(statements, may_commit).front();
}

PostgresConnection::PostgresConnection(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
PostgresConnection::PostgresConnection(PostgresConnection&&) noexcept = default;
PostgresConnection& PostgresConnection::operator=(PostgresConnection&&) noexcept = default;
PostgresConnection::~PostgresConnection() = default;

PostgresConnection PostgresConnection::connect(std::string_view url, const PostgresOptions& options) {
  return connect(Url::parse(url), options);
}

PostgresConnection PostgresConnection::connect(const Url& url, const PostgresOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->wire = PostgresWire::start(url, options);
  std::optional<Clock::time_point> deadline;
  if (options.connect_timeout.count() > 0) deadline = Clock::now() + options.connect_timeout;
  // libpq wants the socket to be writable before its first step.
  for (Wait wait = Wait::kWrite; wait != Wait::kNothing; wait = impl->wire->step_connect()) {
    const short events = wait == Wait::kRead ? POLLIN : POLLOUT;
    while (!wait_for(impl->wire->socket(), events,
                     options.stop.stop_possible() ? sooner(deadline, Clock::now() + kLookForStop) : deadline)) {
      if (options.stop.stop_requested()) throw_error("57014", "the caller has asked to stop");
      if (deadline && Clock::now() >= *deadline) impl->wire->fail_to_connect_in_time();
    }
  }
  impl->database = PQdb(impl->get());
  PostgresConnection made(std::move(impl));
  made.require_iso_dates();
  return made;
}

// Text results are read back by this library: dates in one style alone. The server tells its style unasked.
void PostgresConnection::require_iso_dates() {
  const char* style = PQparameterStatus(impl_->get(), "DateStyle");
  if (style == nullptr || !std::string_view(style).starts_with("ISO")) execute("SET datestyle TO 'ISO'");
}

void PostgresConnection::reset() {
  std::vector<PostgresStatement> statements;
  for (const std::string_view sql : kResetStatements) statements.push_back({sql, {}});
  const auto results = execute_pipeline(statements, false);
  if (results.back().value(0, 0) == "t") execute("DEALLOCATE ALL");
  require_iso_dates();
}

PostgresResult PostgresConnection::execute(std::string_view sql, std::span<const PostgresParameter> parameters) {
  if (first_keyword(sql) == "COPY") return copy_on_server(sql);
  const std::array statements{PostgresStatement{sql, parameters}};
  return impl_->run(statements, impl_->wire->idle()).front();
}

PostgresResult PostgresConnection::execute(std::string_view sql, std::initializer_list<PostgresParameter> parameters) {
  return execute(sql, std::span(parameters.begin(), parameters.size()));
}

// By the simple protocol, which takes COPY and several statements: `refusal` says what is wrong with a COPY that would
// need the client.
ResultPtr PostgresConnection::Impl::run_simple(std::string_view sql, const char* refusal) {
  settle();
  const PostgresUse use(*wire);
  const bool may_commit = wire->idle();
  ResultPtr result(PQexec(get(), terminated(sql).c_str()));
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT) {
    abort_copy(status);
    throw_error("0A000", refusal);
  }
  return finish(std::move(result), may_commit);
}

// Between the server and its own files.
PostgresResult PostgresConnection::copy_on_server(std::string_view sql) {
  return PostgresResult(impl_->run_simple(sql, "COPY to or from the client needs copy_in or copy_out").release());
}

void PostgresConnection::execute_script(std::string_view sql) {
  impl_->run_simple(sql, "a script cannot COPY to or from the client");
}

std::vector<PostgresResult> PostgresConnection::execute_pipeline(std::span<const PostgresStatement> statements) {
  return impl_->run(statements, impl_->wire->idle());
}

std::vector<PostgresResult> PostgresConnection::execute_pipeline(std::span<const PostgresStatement> statements,
                                                                 bool may_commit) {
  return impl_->run(statements, may_commit);
}

std::shared_ptr<RowStream> PostgresConnection::ask(const Call& call) {
  impl_->settle();
  return impl_->stream = std::make_shared<RowStream>(*impl_->wire, call);
}

Result PostgresConnection::answer(RowStream& asked) {
  if (asked.lacks_rows()) impl_->receive();
  return asked.take();
}

void PostgresConnection::set_limits(CallLimits limits) { impl_->limits = std::move(limits); }

std::size_t PostgresConnection::copy_in(std::string_view sql, const Fill& fill) {
  impl_->settle();
  PostgresCopy copy(*impl_->wire, sql, fill);
  impl_->drive(copy);
  return copy.take();
}

std::size_t PostgresConnection::copy_out(std::string_view sql, const Take& take) {
  impl_->settle();
  PostgresCopy copy(*impl_->wire, sql, take);
  impl_->drive(copy);
  return copy.take();
}

void PostgresConnection::begin(std::string_view begin_sql, std::optional<std::string_view> tenant,
                               std::string_view then) {
  const std::array<PostgresParameter, 1> parameters{tenant};
  std::vector<PostgresStatement> statements{{begin_sql, {}}};
  if (tenant) statements.push_back({kSetTenant, parameters});
  if (!then.empty()) statements.push_back({then, {}});
  try {
    impl_->run(statements, false);
  } catch (...) {
    rollback();
    throw;
  }
}

void PostgresConnection::commit(std::span<const PostgresStatement> last) {
  // A loss that is noticed now is certain to have come before the commit.
  if (!usable()) throw_result_error(impl_->get(), nullptr, false);
  std::vector<PostgresStatement> statements(last.begin(), last.end());
  statements.push_back({"COMMIT", {}});
  check_committed(impl_->run(statements, true).back());
}

void PostgresConnection::rollback() {
  if (!impl_->wire->alive() || !in_transaction()) return;
  // A caller who wants to stop still wants this.
  const CallLimits limits = std::exchange(impl_->limits, CallLimits{.timeout = impl_->limits.timeout});
  impl_->run("ROLLBACK", false);
  impl_->limits = limits;
}

void PostgresConnection::savepoint(std::string_view name) { impl_->run("SAVEPOINT " + quote_identifier(name), false); }
void PostgresConnection::rollback_to(std::string_view name) {
  impl_->run("ROLLBACK TO SAVEPOINT " + quote_identifier(name), false);
}
void PostgresConnection::release(std::string_view name) {
  impl_->run("RELEASE SAVEPOINT " + quote_identifier(name), false);
}

void PostgresConnection::cancel() noexcept { impl_->wire->cancel(); }
PostgresLine PostgresConnection::line() { return impl_->wire->line(); }
bool PostgresConnection::in_transaction() const noexcept { return impl_->wire->in_transaction(); }
bool PostgresConnection::usable() noexcept { return impl_->wire->usable(); }
int PostgresConnection::server_version() const noexcept { return PQserverVersion(impl_->get()); }
int PostgresConnection::backend_pid() const noexcept { return PQbackendPID(impl_->get()); }
const std::string& PostgresConnection::database() const noexcept { return impl_->database; }
void PostgresConnection::on_notice(NoticeHandler handler) { impl_->wire->on_notice(std::move(handler)); }

std::string PostgresConnection::quote_identifier(std::string_view name) const {
  if (name.find('\0') != std::string_view::npos) throw_error("42602", "a name contains a NUL byte");
  const std::unique_ptr<char, decltype(&PQfreemem)> quoted(PQescapeIdentifier(impl_->get(), name.data(), name.size()),
                                                           &PQfreemem);
  if (!quoted) throw_error("22021", "a name is not valid UTF-8");
  return quoted.get();
}

}  // namespace rowhouse::detail
