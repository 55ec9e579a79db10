#include "postgres_wire.hpp"

#include <libpq-fe.h>
#include <poll.h>
#include <sys/socket.h>

#include <utility>

#include "connect_parameters.hpp"
#include "postgres_error.hpp"
#include "rowhouse/error.hpp"
#include "sql_text.hpp"

namespace rowhouse::detail {
namespace {

// Terminated by NUL, as libpq wants it. A text with NUL inside would be cut there, and mean something else.
std::string terminated(std::string_view sql) {
  if (sql.find('\0') != std::string_view::npos) throw_error("42601", "the statement contains a NUL byte");
  if (first_keyword(sql) == "COPY") {
    throw_error("0A000", "COPY runs in a transaction or a session without a tenant, and alone",
                {.hint = "Rows of the client go through copy_in and copy_out."});
  }
  return std::string(sql);
}

// The parameters of all statements as C strings, in one piece of memory.
class CStrings {
 public:
  explicit CStrings(std::span<const PostgresStatement> statements) {
    std::size_t bytes = 0, count = 0;
    for (const PostgresStatement& statement : statements) {
      count += statement.parameters.size();
      for (const PostgresParameter& parameter : statement.parameters) bytes += parameter ? parameter->size() + 1 : 0;
    }
    bytes_.reserve(bytes);
    pointers_.reserve(count);
    for (const PostgresStatement& statement : statements) add(statement.parameters);
  }
  // From the first parameter of all on.
  const char* const* data() const { return pointers_.data(); }

 private:
  void add(std::span<const PostgresParameter> parameters) {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (!parameters[i]) {
        pointers_.push_back(nullptr);
        continue;
      }
      if (parameters[i]->find('\0') != std::string_view::npos) {
        throw_error("22021", "parameter $" + std::to_string(i + 1) + " contains a NUL byte",
                    Diagnostics{.hint = "PostgreSQL text cannot hold NUL; remove it or store bytea."});
      }
      pointers_.push_back(bytes_.data() + bytes_.size());
      bytes_.append(*parameters[i]).push_back('\0');
    }
  }

  std::string bytes_;  // never grows, so what the pointers point to stays
  std::vector<const char*> pointers_;
};

bool is_rows(ExecStatusType status) {
#ifdef LIBPQ_HAS_CHUNK_MODE
  if (status == PGRES_TUPLES_CHUNK) return true;
#endif
  return status == PGRES_SINGLE_TUPLE;
}

bool is_failure(ExecStatusType status) { return status == PGRES_BAD_RESPONSE || status == PGRES_FATAL_ERROR; }

std::string_view field(const PGresult* result, int code) {
  const char* text = result != nullptr ? PQresultErrorField(result, code) : nullptr;
  return text != nullptr ? text : "";
}

// Changes to tables that a prepared statement reads make the server refuse it; that function alone says so.
bool is_changed_plan(const PGresult* error) {
  return field(error, PG_DIAG_SQLSTATE) == "0A000" && field(error, PG_DIAG_SOURCE_FUNCTION) == "RevalidateCachedQuery";
}

}  // namespace

PostgresWire::PostgresWire(Url url, const PostgresOptions& options)
    : url_(std::move(url)), options_(options), statements_(options.statement_cache) {}

PostgresLine PostgresWire::line() {
  if (!line_) line_ = PostgresLine(connection_);
  return *line_;
}

PostgresWire::~PostgresWire() {
  if (line_) line_->close();
  PQfinish(connection_);
}

void PostgresWire::receive_notice(void* self, const PGresult* result) noexcept {
  const auto* wire = static_cast<const PostgresWire*>(self);
  if (!wire->on_notice_) return;
  try {
    wire->on_notice_({field(result, PG_DIAG_SEVERITY_NONLOCALIZED), field(result, PG_DIAG_SQLSTATE),
                      field(result, PG_DIAG_MESSAGE_PRIMARY)});
  } catch (...) {
    // A handler's exception can not pass through libpq, and a notice is not worth ending the process for.
  }
}

std::unique_ptr<PostgresWire> PostgresWire::start(const Url& url, const PostgresOptions& options) {
  if (!url.is_postgresql())
    throw ConfigurationError("not a PostgreSQL URL: its scheme is " + url.scheme(), "Use postgresql://...");
  const ConnectParameters parameters(url, options);
  std::unique_ptr<PostgresWire> wire(new PostgresWire(url, options));
  wire->connection_ = PQconnectStartParams(parameters.keywords().data(), parameters.values().data(), 0);
  if (wire->connection_ == nullptr) throw std::bad_alloc();
  PQsetErrorVerbosity(wire->connection_, PQERRORS_VERBOSE);  // only so does a refused connection tell its SQLSTATE
  if (PQstatus(wire->connection_) == CONNECTION_BAD) throw_connect_error(wire->connection_, url);
  PQsetNoticeReceiver(wire->connection_, &PostgresWire::receive_notice, wire.get());
  return wire;
}

Wait PostgresWire::step_connect() {
  // The first time libpq wants to be told that the socket can be written to, which the caller has to wait for.
  if (PQstatus(connection_) != CONNECTION_OK) {
    switch (PQconnectPoll(connection_)) {
      case PGRES_POLLING_FAILED:
        throw_connect_error(connection_, url_);
      case PGRES_POLLING_READING:
        return Wait::kRead;
      case PGRES_POLLING_OK:
        break;
      default:
        return Wait::kWrite;
    }
  }
  PQsetErrorVerbosity(connection_, PQERRORS_DEFAULT);
  canceller_->connected(connection_);
  return Wait::kNothing;
}

void PostgresWire::fail_to_connect_in_time() const {
  throw ConnectionError(
      "08001",
      "cannot connect to " + url_.masked() + " within " + std::to_string(options_.connect_timeout.count()) + " ms",
      Diagnostics{.hint = "Check host and port of the URL, and the network between."});
}

// Not where the connection is lost: a request may then be under way for as long as the network is silent.
void PostgresWire::set_in_use(bool now) {
  if (alive())
    canceller_->set_in_use(now);
  else
    canceller_->lost();
}

std::function<void()> PostgresWire::canceller() const {
  return [canceller = canceller_, wanted = canceller_->use()] { canceller->cancel(wanted); };
}

bool PostgresWire::send_one(const PostgresStatement& statement, const std::string& sql, const char* const* values) {
  const int count = static_cast<int>(statement.parameters.size());
  const char* const* data = count == 0 ? nullptr : values;
  Slot slot{.kind = Slot::Kind::kStatement, .sink = statement.sink};
  const std::string* const known = statements_.enabled() ? statements_.find(sql) : nullptr;
  if (known == nullptr && (!statements_.enabled() || !is_worth_preparing(sql))) {
    slots_.push_back(std::move(slot));
    return PQsendQueryParams(connection_, sql.c_str(), count, nullptr, data, nullptr, nullptr, 0) == 1;
  }
  slot.sql = sql;
  if (known != nullptr) {
    slot.name = *known;
  } else {
    for (const Slot& earlier : slots_) {  // the same statement twice in one exchange
      if (earlier.kind == Slot::Kind::kPrepare && earlier.sql == sql) slot.name = earlier.name;
    }
    if (slot.name.empty()) {
      slot.name = statements_.new_name();
      slots_.push_back({.kind = Slot::Kind::kPrepare, .sql = sql, .name = slot.name});
      if (PQsendPrepare(connection_, slot.name.c_str(), sql.c_str(), 0, nullptr) != 1) return false;
    }
  }
  slots_.push_back(std::move(slot));
  return PQsendQueryPrepared(connection_, slots_.back().name.c_str(), count, data, nullptr, nullptr, 0) == 1;
}

void PostgresWire::send(std::span<const PostgresStatement> statements, bool may_commit) {
  std::vector<std::string> sqls;
  sqls.reserve(statements.size());
  for (const PostgresStatement& statement : statements) sqls.push_back(terminated(statement.sql));
  const CStrings values(statements);
  set_in_use(true);
  slots_.clear();  // they point to sqls_
  sqls_ = std::move(sqls);
  results_.clear();
  position_ = 0;
  expected_ = statements.size();
  error_.reset();
  sink_error_ = nullptr;
  cancel_wanted_ = rows_given_ = finished_ = false;
  may_commit_ = may_commit && alive();  // on a connection that is known to be lost nothing is sent
  was_idle_ = idle();
  bool sent = PQstatus(connection_) == CONNECTION_OK && PQsetnonblocking(connection_, 1) == 0 &&
              PQenterPipelineMode(connection_) == 1;
  while (auto name = statements_.make_room()) deallocated_.push_back(*std::move(name));
  if (was_idle_) {  // in a failed transaction nothing but its end would be taken
    for (const std::string& name : std::exchange(deallocated_, {})) {
      slots_.push_back({.kind = Slot::Kind::kOwn});
      const std::string sql = "DEALLOCATE " + name;
      sent = sent && PQsendQueryParams(connection_, sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0) == 1;
    }
  }
  const char* const* next = values.data();
  for (std::size_t i = 0; i < statements.size() && sent; next += statements[i++].parameters.size())
    sent = send_one(statements[i], sqls_[i], next);
  unsent_ = sent && PQpipelineSync(connection_) == 1;
  if (unsent_)
    enter_slot();
  else
    finish();
}

// Single rows have to be asked for before libpq reads the first one.
void PostgresWire::enter_slot() noexcept {
  if (position_ >= slots_.size() || slots_[position_].sink == nullptr) return;
#ifdef LIBPQ_HAS_CHUNK_MODE
  PQsetChunkedRowsMode(connection_, 100);
#else
  PQsetSingleRowMode(connection_);
#endif
}

Wait PostgresWire::step() {
  if (finished_) return Wait::kNothing;
  if (unsent_) {
    const int rest = PQflush(connection_);
    if (rest < 0) {
      finish();
      return Wait::kNothing;
    }
    unsent_ = rest > 0;
    // Nothing can have been answered yet in most cases: reading now would be a system call in vain.
    if (!unsent_ && position_ == 0 && PQisBusy(connection_) != 0) return Wait::kRead;
  }
  if (PQconsumeInput(connection_) == 0) {
    finish();
    return Wait::kNothing;
  }
  while (PQisBusy(connection_) == 0) {
    if (take_result(PQgetResult(connection_)) || PQstatus(connection_) != CONNECTION_OK) {
      finish();
      return Wait::kNothing;
    }
  }
  return unsent_ ? Wait::kBoth : Wait::kRead;
}

// True after the last one.
bool PostgresWire::take_result(PGresult* raw) {
  if (raw == nullptr) {
    ++position_;
    enter_slot();
    return false;
  }
  std::unique_ptr<PGresult, decltype(&PQclear)> result(raw, &PQclear);
  const ExecStatusType status = PQresultStatus(raw);
  if (status == PGRES_PIPELINE_SYNC) return true;
  if (status == PGRES_PIPELINE_ABORTED) return false;
  if (is_failure(status)) {
    if (!error_) {
      error_ = std::move(result);
      error_slot_ = position_;
    }
    return false;
  }
  if (position_ >= slots_.size()) return false;
  const Slot& slot = slots_[position_];
  if (slot.kind == Slot::Kind::kPrepare) statements_.add(std::string(slot.sql), slot.name);
  if (slot.kind != Slot::Kind::kStatement) return false;
  if (is_rows(status)) {
    give_rows(slot, PostgresResult(result.release()));
    return false;
  }
  const std::string_view tag = PQcmdStatus(raw);
  if (tag == "DISCARD ALL" || tag == "DEALLOCATE ALL") statements_.clear();
  results_.emplace_back(result.release());
  return false;
}

void PostgresWire::give_rows(const Slot& slot, PostgresResult rows) noexcept {
  rows_given_ = true;
  if (sink_error_) return;
  try {
    (*slot.sink)(std::move(rows));
  } catch (...) {
    sink_error_ = std::current_exception();
    cancel_wanted_ = true;
  }
}

void PostgresWire::finish() noexcept {
  finished_ = true;
  if (PQpipelineStatus(connection_) != PQ_PIPELINE_OFF && PQstatus(connection_) == CONNECTION_OK &&
      PQexitPipelineMode(connection_) == 0) {
    // Half an exchange was sent or read: nothing that comes later could be told apart.
    shutdown(PQsocket(connection_), SHUT_RDWR);
    PQconsumeInput(connection_);
  }
  for (std::size_t i = 0; !alive() && !error_ && i < 2 * slots_.size() + 2; ++i) {
    // The server's last words say why it went.
    std::shared_ptr<PGresult> result(PQgetResult(connection_), &PQclear);
    if (result && is_failure(PQresultStatus(result.get())) && !field(result.get(), PG_DIAG_SQLSTATE).empty())
      error_ = std::move(result);
  }
  if (alive()) PQsetnonblocking(connection_, 0);
  set_in_use(false);
}

bool PostgresWire::is_stale() {
  const bool unknown = field(error_.get(), PG_DIAG_SQLSTATE) == "26000";
  if (!alive() || !error_ || !(unknown || is_changed_plan(error_.get()))) return false;
  if (error_slot_ >= slots_.size() || slots_[error_slot_].name.empty()) return false;
  if (unknown) {
    statements_.clear();
  } else {
    statements_.forget(slots_[error_slot_].sql);
    deallocated_.push_back(slots_[error_slot_].name);
  }
  return was_idle_ && !rows_given_;
}

PostgresWire::Results PostgresWire::take() {
  slots_.clear();
  if (sink_error_) std::rethrow_exception(std::exchange(sink_error_, nullptr));
  if (error_ || results_.size() < expected_) throw_result_error(connection_, error_.get(), may_commit_);
  return std::move(results_);
}

void PostgresWire::give_up(bool may_commit) {
  finished_ = true;
  shutdown(PQsocket(connection_), SHUT_RDWR);
  while (alive() && PQconsumeInput(connection_) == 1) {
  }
  set_in_use(false);
  if (sink_error_) std::rethrow_exception(std::exchange(sink_error_, nullptr));
  throw_result_error(connection_, nullptr, may_commit);
}

bool PostgresWire::encrypted() const noexcept { return PQsslInUse(connection_) != 0; }
int PostgresWire::socket() const noexcept { return PQsocket(connection_); }
bool PostgresWire::idle() const noexcept { return PQtransactionStatus(connection_) == PQTRANS_IDLE; }
bool PostgresWire::alive() const noexcept { return PQstatus(connection_) == CONNECTION_OK; }

bool PostgresWire::in_transaction() const noexcept {
  const PGTransactionStatusType status = PQtransactionStatus(connection_);
  return status == PQTRANS_INTRANS || status == PQTRANS_INERROR || status == PQTRANS_ACTIVE;
}

bool PostgresWire::usable() noexcept {
  while (alive()) {
    pollfd descriptor{PQsocket(connection_), POLLIN, 0};
    if (poll(&descriptor, 1, 0) <= 0) return true;
    PQconsumeInput(connection_);  // first a last message of the server, then the end of the stream
  }
  return false;
}

}  // namespace rowhouse::detail
