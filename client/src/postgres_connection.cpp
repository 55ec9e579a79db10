#include "postgres_connection.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "connect_parameters.hpp"
#include "postgres_error.hpp"

namespace rowhouse::detail {
namespace {

using Clock = std::chrono::steady_clock;

struct FinishConnection {
  void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
};
struct ClearResult {
  void operator()(PGresult* result) const noexcept { PQclear(result); }
};
struct FreeCancel {
  void operator()(PGcancel* cancel) const noexcept { PQfreeCancel(cancel); }
};
using ResultPtr = std::unique_ptr<PGresult, ClearResult>;

constexpr std::size_t kCopyBuffer = 256 * 1024;

PGresult* raw(void* result) { return static_cast<PGresult*>(result); }

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

PostgresResult::PostgresResult(void* pg_result) noexcept
    : result_(pg_result, [](void* result) { PQclear(raw(result)); }) {}
std::size_t PostgresResult::rows() const noexcept { return static_cast<std::size_t>(PQntuples(raw(result_.get()))); }
std::size_t PostgresResult::columns() const noexcept { return static_cast<std::size_t>(PQnfields(raw(result_.get()))); }
std::string_view PostgresResult::column_name(std::size_t column) const {
  const char* name = PQfname(raw(result_.get()), static_cast<int>(column));
  return name != nullptr ? name : std::string_view{};
}
unsigned PostgresResult::column_type(std::size_t column) const {
  return PQftype(raw(result_.get()), static_cast<int>(column));
}
std::optional<std::string_view> PostgresResult::value(std::size_t row, std::size_t column) const {
  const int r = static_cast<int>(row);
  const int c = static_cast<int>(column);
  if (row >= rows() || column >= columns()) throw_error("XX000", "row or column of a result is out of range");
  if (PQgetisnull(raw(result_.get()), r, c) != 0) return std::nullopt;
  return std::string_view(PQgetvalue(raw(result_.get()), r, c),
                          static_cast<std::size_t>(PQgetlength(raw(result_.get()), r, c)));
}
std::size_t PostgresResult::affected_rows() const {
  return static_cast<std::size_t>(std::strtoull(PQcmdTuples(raw(result_.get())), nullptr, 10));
}
std::string_view PostgresResult::command_tag() const { return PQcmdStatus(raw(result_.get())); }

struct PostgresConnection::Impl {
  std::unique_ptr<PGconn, FinishConnection> connection;
  std::string database;
  NoticeHandler on_notice;
  std::mutex cancel_mutex;  // guards cancel alone
  std::unique_ptr<PGcancel, FreeCancel> cancel;

  PGconn* get() const noexcept { return connection.get(); }

  static void receive_notice(void* argument, const PGresult* result) noexcept {
    const auto* self = static_cast<const Impl*>(argument);
    if (!self->on_notice) return;
    const auto text = [&](int code) {
      const char* field = PQresultErrorField(result, code);
      return std::string_view(field != nullptr ? field : "");
    };
    try {
      self->on_notice({text(PG_DIAG_SEVERITY_NONLOCALIZED), text(PG_DIAG_SQLSTATE), text(PG_DIAG_MESSAGE_PRIMARY)});
    } catch (...) {
      // A handler's exception can not pass through libpq, and a notice is not worth ending the process for.
    }
  }

  // True when a statement sent now could commit by itself.
  bool autocommits() const noexcept { return PQtransactionStatus(get()) == PQTRANS_IDLE; }

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

  ResultPtr run(std::string_view sql, std::span<const PostgresParameter> parameters, bool may_commit) const;
  std::vector<PostgresResult> run_pipeline(std::span<const PostgresStatement> statements, bool may_commit) const;
  ResultPtr start_copy(std::string_view sql, ExecStatusType expected) const;
};

namespace {

// C strings of parameters, which libpq wants terminated.
class ParameterArrays {
 public:
  explicit ParameterArrays(std::span<const PostgresParameter> parameters) {
    texts_.reserve(parameters.size());
    for (const PostgresParameter& parameter : parameters) {
      if (!parameter) {
        pointers_.push_back(nullptr);
        continue;
      }
      if (parameter->find('\0') != std::string_view::npos) {
        throw_error("22021", "parameter $" + std::to_string(pointers_.size() + 1) + " contains a NUL byte",
                    Diagnostics{.hint = "PostgreSQL text cannot hold NUL; remove it or store bytea."});
      }
      pointers_.push_back(texts_.emplace_back(*parameter).c_str());
    }
  }
  int size() const { return static_cast<int>(pointers_.size()); }
  const char* const* data() const { return pointers_.empty() ? nullptr : pointers_.data(); }

 private:
  std::vector<std::string> texts_;
  std::vector<const char*> pointers_;
};

}  // namespace

ResultPtr PostgresConnection::Impl::run(std::string_view sql, std::span<const PostgresParameter> parameters,
                                        bool may_commit) const {
  const ParameterArrays arrays(parameters);
  ResultPtr result(
      PQexecParams(get(), terminated(sql).c_str(), arrays.size(), nullptr, arrays.data(), nullptr, nullptr, 0));
  if (result && (PQresultStatus(result.get()) == PGRES_COPY_IN || PQresultStatus(result.get()) == PGRES_COPY_OUT)) {
    if (PQresultStatus(result.get()) == PGRES_COPY_IN)
      PQputCopyEnd(get(), "COPY needs copy_in");
    else
      drain_copy_out();
    drain();
    throw_error("0A000", "COPY to or from the client needs copy_in or copy_out");
  }
  return finish(std::move(result), may_commit);
}

PostgresConnection::PostgresConnection(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
PostgresConnection::PostgresConnection(PostgresConnection&&) noexcept = default;
PostgresConnection& PostgresConnection::operator=(PostgresConnection&&) noexcept = default;
PostgresConnection::~PostgresConnection() = default;

PostgresConnection PostgresConnection::connect(std::string_view url, const PostgresOptions& options) {
  return connect(Url::parse(url), options);
}

PostgresConnection PostgresConnection::connect(const Url& url, const PostgresOptions& options) {
  if (!url.is_postgresql()) {
    throw ConfigurationError("not a PostgreSQL URL: its scheme is " + url.scheme(), "Use postgresql://...");
  }
  const ConnectParameters parameters(url, options);
  auto impl = std::make_unique<Impl>();
  impl->connection.reset(PQconnectStartParams(parameters.keywords().data(), parameters.values().data(), 0));
  PGconn* connection = impl->get();
  if (connection == nullptr) throw std::bad_alloc();
  if (PQstatus(connection) == CONNECTION_BAD) throw_connect_error(connection, url);
  PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);  // only so does a refused connection tell its SQLSTATE
  PQsetNoticeReceiver(connection, &Impl::receive_notice, impl.get());
  std::optional<Clock::time_point> deadline;
  if (options.connect_timeout.count() > 0) deadline = Clock::now() + options.connect_timeout;
  for (PostgresPollingStatusType step = PGRES_POLLING_WRITING; step != PGRES_POLLING_OK;
       step = PQconnectPoll(connection)) {
    if (step == PGRES_POLLING_FAILED) throw_connect_error(connection, url);
    if (!wait_for(PQsocket(connection), step == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline)) {
      throw ConnectionError(
          "08001",
          "cannot connect to " + url.masked() + " within " + std::to_string(options.connect_timeout.count()) + " ms",
          Diagnostics{.hint = "Check host and port of the URL, and the network between."});
    }
  }
  PQsetErrorVerbosity(connection, PQERRORS_DEFAULT);
  impl->database = PQdb(connection);
  impl->cancel.reset(PQgetCancel(connection));
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
  execute("DISCARD ALL");
  require_iso_dates();
}

PostgresResult PostgresConnection::execute(std::string_view sql, std::span<const PostgresParameter> parameters) {
  return PostgresResult(impl_->run(sql, parameters, impl_->autocommits()).release());
}

PostgresResult PostgresConnection::execute(std::string_view sql, std::initializer_list<PostgresParameter> parameters) {
  return execute(sql, std::span(parameters.begin(), parameters.size()));
}

void PostgresConnection::execute_script(std::string_view sql) {
  ResultPtr result(PQexec(impl_->get(), terminated(sql).c_str()));
  if (result && (PQresultStatus(result.get()) == PGRES_COPY_IN || PQresultStatus(result.get()) == PGRES_COPY_OUT)) {
    impl_->drain();
    throw_error("0A000", "a script cannot COPY to or from the client");
  }
  impl_->finish(std::move(result), impl_->autocommits());
}

std::vector<PostgresResult> PostgresConnection::execute_pipeline(std::span<const PostgresStatement> statements) {
  return impl_->run_pipeline(statements, impl_->autocommits());
}

std::vector<PostgresResult> PostgresConnection::Impl::run_pipeline(std::span<const PostgresStatement> statements,
                                                                   bool may_commit) const {
  PGconn* connection = get();
  std::vector<std::string> texts;
  std::vector<ParameterArrays> arrays;
  for (const PostgresStatement& statement : statements) {
    texts.push_back(terminated(statement.sql));
    arrays.emplace_back(statement.parameters);
  }
  if (PQenterPipelineMode(connection) == 0) throw_result_error(connection, nullptr, false);
  bool sent = true;
  for (std::size_t i = 0; i < statements.size() && sent; ++i) {
    sent = PQsendQueryParams(connection, texts[i].c_str(), arrays[i].size(), nullptr, arrays[i].data(), nullptr,
                             nullptr, 0) == 1;
  }
  sent = sent && PQpipelineSync(connection) == 1;
  std::vector<PostgresResult> results;
  ResultPtr error;
  while (sent && PQstatus(connection) == CONNECTION_OK) {
    ResultPtr result(PQgetResult(connection));
    if (!result) continue;  // between two statements
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_PIPELINE_SYNC) break;
    if (status == PGRES_PIPELINE_ABORTED) continue;
    if (failed(result.get()))
      error = std::move(result);
    else
      results.emplace_back(result.release());
  }
  if (PQstatus(connection) == CONNECTION_OK) PQexitPipelineMode(connection);
  if (error || results.size() < statements.size()) throw_result_error(connection, error.get(), may_commit);
  return results;
}

ResultPtr PostgresConnection::Impl::start_copy(std::string_view sql, ExecStatusType expected) const {
  ResultPtr result(PQexec(get(), terminated(sql).c_str()));
  if (result && PQresultStatus(result.get()) == expected) return result;
  const bool wrong = result && !failed(result.get());
  drain();
  if (wrong) throw_error("42601", "the statement is not a COPY in the direction of this call");
  throw_result_error(get(), result.get(), false);
}

std::size_t PostgresConnection::copy_in(std::string_view sql, const Fill& fill) {
  const bool may_commit = impl_->autocommits();
  impl_->start_copy(sql, PGRES_COPY_IN);
  PGconn* connection = impl_->get();
  std::vector<char> buffer(kCopyBuffer);
  try {
    while (const std::size_t size = fill(std::span(buffer))) {
      if (size > buffer.size()) throw_error("XX000", "a COPY source wrote more than its buffer");
      if (PQputCopyData(connection, buffer.data(), static_cast<int>(size)) != 1) break;
    }
  } catch (...) {
    PQputCopyEnd(connection, "the client gave up");
    impl_->drain();
    throw;
  }
  if (PQstatus(connection) == CONNECTION_OK) PQputCopyEnd(connection, nullptr);
  const ResultPtr result = impl_->finish(ResultPtr(PQgetResult(connection)), may_commit);
  return static_cast<std::size_t>(std::strtoull(PQcmdTuples(result.get()), nullptr, 10));
}

std::size_t PostgresConnection::copy_out(std::string_view sql, const Take& take) {
  impl_->start_copy(sql, PGRES_COPY_OUT);
  PGconn* connection = impl_->get();
  char* data = nullptr;
  int size = 0;
  while ((size = PQgetCopyData(connection, &data, 0)) > 0) {
    const std::unique_ptr<char, decltype(&PQfreemem)> message(data, &PQfreemem);
    try {
      take(std::string_view(data, static_cast<std::size_t>(size)));
    } catch (...) {
      cancel();
      impl_->drain_copy_out();
      impl_->drain();
      throw;
    }
  }
  const ResultPtr result = impl_->finish(ResultPtr(PQgetResult(connection)), false);
  return static_cast<std::size_t>(std::strtoull(PQcmdTuples(result.get()), nullptr, 10));
}

void PostgresConnection::begin(std::string_view begin_sql, std::optional<std::string_view> tenant,
                               std::string_view then) {
  const std::array<PostgresParameter, 1> parameters{tenant};
  std::vector<PostgresStatement> statements{{begin_sql, {}}};
  if (tenant) statements.push_back({kSetTenant, parameters});
  if (!then.empty()) statements.push_back({then, {}});
  try {
    impl_->run_pipeline(statements, false);
  } catch (...) {
    rollback();
    throw;
  }
}

void PostgresConnection::commit() {
  // A loss that is noticed now is certain to have come before the commit.
  if (!usable()) throw_result_error(impl_->get(), nullptr, false);
  const ResultPtr result = impl_->run("COMMIT", {}, true);
  if (std::string_view(PQcmdStatus(result.get())) == "ROLLBACK") {
    throw_error("25P02", "the transaction was rolled back, because a statement in it had failed",
                Diagnostics{.hint = "Let the statement's own error end the transaction, or use a savepoint."});
  }
}

void PostgresConnection::rollback() {
  if (PQstatus(impl_->get()) != CONNECTION_OK || !in_transaction()) return;
  impl_->run("ROLLBACK", {}, false);
}

void PostgresConnection::savepoint(std::string_view name) {
  impl_->run("SAVEPOINT " + quote_identifier(name), {}, false);
}
void PostgresConnection::rollback_to(std::string_view name) {
  impl_->run("ROLLBACK TO SAVEPOINT " + quote_identifier(name), {}, false);
}
void PostgresConnection::release(std::string_view name) {
  impl_->run("RELEASE SAVEPOINT " + quote_identifier(name), {}, false);
}

void PostgresConnection::cancel() noexcept {
  const std::lock_guard lock(impl_->cancel_mutex);
  std::array<char, 256> ignored{};
  if (impl_->cancel) PQcancel(impl_->cancel.get(), ignored.data(), static_cast<int>(ignored.size()));
}

bool PostgresConnection::in_transaction() const noexcept {
  const PGTransactionStatusType status = PQtransactionStatus(impl_->get());
  return status == PQTRANS_INTRANS || status == PQTRANS_INERROR || status == PQTRANS_ACTIVE;
}

bool PostgresConnection::usable() noexcept {
  PGconn* connection = impl_->get();
  while (PQstatus(connection) == CONNECTION_OK) {
    pollfd descriptor{PQsocket(connection), POLLIN, 0};
    if (poll(&descriptor, 1, 0) <= 0) return true;
    PQconsumeInput(connection);  // first a last message of the server, then the end of the stream
  }
  return false;
}

int PostgresConnection::server_version() const noexcept { return PQserverVersion(impl_->get()); }
int PostgresConnection::backend_pid() const noexcept { return PQbackendPID(impl_->get()); }
const std::string& PostgresConnection::database() const noexcept { return impl_->database; }
void PostgresConnection::on_notice(NoticeHandler handler) { impl_->on_notice = std::move(handler); }

std::string PostgresConnection::quote_identifier(std::string_view name) const {
  if (name.find('\0') != std::string_view::npos) throw_error("42602", "a name contains a NUL byte");
  const std::unique_ptr<char, decltype(&PQfreemem)> quoted(PQescapeIdentifier(impl_->get(), name.data(), name.size()),
                                                           &PQfreemem);
  if (!quoted) throw_error("22021", "a name is not valid UTF-8");
  return quoted.get();
}

}  // namespace rowhouse::detail
