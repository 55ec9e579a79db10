#include "postgres_copy.hpp"

#include <libpq-fe.h>

#include <cstdlib>

#include "postgres_error.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse::detail {
namespace {

// libpq puts a header of so many bytes before each buffer, and sends whole blocks of 8 KiB at once, what is left when
// flushed: together they fill blocks, lest each buffer be followed by a send of a few bytes, which wakes the server.
constexpr std::size_t kMessageHeader = 5;
constexpr std::size_t kCopyBuffer = 64 * 1024 - kMessageHeader;

bool is_failure(const PGresult* result) {
  const ExecStatusType status = PQresultStatus(result);
  return status == PGRES_BAD_RESPONSE || status == PGRES_FATAL_ERROR;
}

}  // namespace

PostgresCopy::PostgresCopy(PostgresWire& wire, std::string_view sql, Fill fill)
    : PostgresCopy(wire, sql, std::move(fill), nullptr) {}
PostgresCopy::PostgresCopy(PostgresWire& wire, std::string_view sql, Take take)
    : PostgresCopy(wire, sql, nullptr, std::move(take)) {}

PostgresCopy::PostgresCopy(PostgresWire& wire, std::string_view sql, Fill fill, Take take)
    : wire_(wire),
      use_(wire),
      fill_(std::move(fill)),
      take_(std::move(take)),
      may_commit_(fill_ != nullptr && wire.idle()) {
  if (sql.find('\0') != std::string_view::npos) throw_error("42601", "the statement contains a NUL byte");
  PGconn* connection = wire_.connection();
  const bool sent = PQsetnonblocking(connection, 1) == 0 && PQsendQuery(connection, std::string(sql).c_str()) == 1;
  if (!sent) state_ = State::kEnded;
}

PostgresCopy::~PostgresCopy() {
  if (wire_.alive()) PQsetnonblocking(wire_.connection(), 0);
}

Wait PostgresCopy::step() {
  PGconn* connection = wire_.connection();
  if (state_ != State::kEnded && PQconsumeInput(connection) == 0) lose();
  while (state_ != State::kEnded) {
    const int unsent = state_ == State::kOut ? 0 : PQflush(connection);
    if (unsent > 0) return Wait::kBoth;
    const State before = state_;
    const Wait wait = unsent < 0 ? lose() : advance();
    if (wait != Wait::kNothing && state_ == before) return wait;
  }
  return Wait::kNothing;
}

Wait PostgresCopy::advance() {
  switch (state_) {
    case State::kStarting:
      return start();
    case State::kIn:
      return send();
    case State::kOut:
      return receive();
    default:
      return end();
  }
}

// The connection is lost; the server's last words may say why.
Wait PostgresCopy::lose() {
  state_ = State::kEnded;
  for (int i = 0; i < 4 && !wire_.alive() && !(answer_ && is_failure(answer_.get())); ++i) {
    std::shared_ptr<PGresult> result(PQgetResult(wire_.connection()), &PQclear);
    if (result && is_failure(result.get())) answer_ = std::move(result);
  }
  return Wait::kNothing;
}

Wait PostgresCopy::start() {
  PGconn* connection = wire_.connection();
  if (PQisBusy(connection) != 0) return Wait::kRead;
  answer_.reset(PQgetResult(connection), &PQclear);
  const ExecStatusType status = PQresultStatus(answer_.get());
  wrong_way_ = !answer_ || (!is_failure(answer_.get()) && status != (fill_ ? PGRES_COPY_IN : PGRES_COPY_OUT));
  if (status == PGRES_COPY_IN && wrong_way_) PQputCopyEnd(connection, "COPY in this direction needs copy_in");
  state_ = status == PGRES_COPY_OUT ? State::kOut : State::kEnding;
  if (status == PGRES_COPY_IN && !wrong_way_) state_ = State::kIn;
  return Wait::kNothing;
}

std::size_t PostgresCopy::fill_chunk() {
  buffer_.resize(kCopyBuffer);
  const std::size_t size = fill_(std::span(buffer_));
  if (size > buffer_.size()) throw_error("XX000", "a COPY source wrote more than its buffer");
  return size;
}

Wait PostgresCopy::send() {
  PGconn* connection = wire_.connection();
  try {
    if (stopped_) {
      PQputCopyEnd(connection, "the caller has asked to stop");  // an error with 57014
    } else if (const std::size_t size = fill_chunk()) {
      // Does not wait: what the socket does not take is kept, and flushed before the next chunk is made.
      if (PQputCopyData(connection, buffer_.data(), static_cast<int>(size)) != 1) state_ = State::kEnding;
      return Wait::kNothing;
    } else {
      PQputCopyEnd(connection, nullptr);
    }
  } catch (...) {
    error_ = std::current_exception();
    PQputCopyEnd(connection, "the client gave up");
  }
  state_ = State::kEnding;
  return Wait::kNothing;
}

Wait PostgresCopy::receive() {
  PGconn* connection = wire_.connection();
  char* data = nullptr;
  const int size = PQgetCopyData(connection, &data, 1);
  if (size == 0) return Wait::kRead;
  if (size < 0) {
    state_ = State::kEnding;
    return Wait::kNothing;
  }
  const std::unique_ptr<char, decltype(&PQfreemem)> message(data, &PQfreemem);
  if (error_ || wrong_way_) return Wait::kNothing;
  try {
    take_(std::string_view(data, static_cast<std::size_t>(size)));
  } catch (...) {
    error_ = std::current_exception();
    cancel_wanted_ = true;
  }
  return Wait::kNothing;
}

Wait PostgresCopy::end() {
  PGconn* connection = wire_.connection();
  while (PQisBusy(connection) == 0) {
    std::shared_ptr<PGresult> result(PQgetResult(connection), &PQclear);
    if (!result) {
      state_ = State::kEnded;
      return Wait::kNothing;
    }
    if (!is_failure(answer_.get())) answer_ = std::move(result);
  }
  return Wait::kRead;
}

std::size_t PostgresCopy::take() {
  if (error_) std::rethrow_exception(error_);
  if (wrong_way_ && wire_.alive()) throw_error("42601", "the statement is not a COPY in the direction of this call");
  if (!wire_.alive() || !answer_ || is_failure(answer_.get()))
    throw_result_error(wire_.connection(), answer_.get(), may_commit_);
  return static_cast<std::size_t>(std::strtoull(PQcmdTuples(answer_.get()), nullptr, 10));
}

}  // namespace rowhouse::detail
