#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "call_limits.hpp"
#include "rowhouse/database_manager.hpp"
#include "rowhouse/session.hpp"

namespace rowhouse::detail {

// One field as a database hands it over.
struct Cell {
  enum class Kind { kNull, kInteger, kReal, kText, kBlob };
  Kind kind = Kind::kNull;
  std::int64_t integer = 0;
  double real = 0;
  std::string_view bytes{};  // text, or blob; lives as long as the result
};

class ResultData {
 public:
  virtual ~ResultData() = default;
  virtual std::size_t rows() const noexcept = 0;
  virtual std::size_t columns() const noexcept = 0;
  virtual std::string_view column_name(std::size_t column) const = 0;
  virtual Cell cell(std::size_t row, std::size_t column) const = 0;
  virtual std::size_t affected_rows() const noexcept = 0;
};

// For whom a transaction is.
struct Identity {
  std::optional<std::string> tenant{};
  std::optional<LoginToken> login{};  // proves the tenant where the database is sealed
  bool read_only = false;             // all transactions are, the server may be a replica
};

// One statement of a caller.
struct Call {
  std::string_view sql;
  std::span<const Value> parameters;
  std::chrono::milliseconds statement_timeout{0};  // the server's, for this statement alone
  const RowSink* sink = nullptr;                   // takes the rows; null: the result has them
  bool ours = false;                               // of this library: begins and ends no transaction
};

// A statement whose rows are taken by and by.
class AskedRows {
 public:
  virtual ~AskedRows() = default;
  // The rows that are there; none at the end, where it throws what went wrong.
  virtual Result take() = 0;
};

// What a statement fails with when somebody else has the lock that it needs.
inline constexpr std::string_view kLockIsTaken = "55P03";

// What Session and Transaction need of a database.
class Connection {
 public:
  using Clock = std::chrono::steady_clock;

  virtual ~Connection() = default;
  virtual Database database() const noexcept = 0;
  virtual Result execute(const Call& call) = 0;
  // One statement in a transaction of its own, in one round trip.
  virtual Result execute_alone(const Identity& identity, const Call& call) = 0;
  // Begins to read, within a transaction: a server works while the caller does something else. answer() gives some rows
  // of what was asked, and none at the end. Other calls in between wait for all of them first.
  virtual std::shared_ptr<AskedRows> ask(const Call& call) = 0;
  virtual Result answer(AskedRows& asked) = 0;
  // COPY ... FROM STDIN: `fill` writes to the buffer and returns how much; 0 is the end. PostgreSQL alone.
  virtual std::size_t copy_in(std::string_view sql, const std::function<std::size_t(std::span<char>)>& fill) = 0;
  // COPY ... TO STDOUT: `take` gets one message after the other. PostgreSQL alone.
  virtual std::size_t copy_out(std::string_view sql, const std::function<void(std::string_view)>& take) = 0;
  virtual void begin(const TransactionOptions& options, const Identity& identity) = 0;
  virtual void commit() = 0;
  virtual void rollback() = 0;  // nothing to do when no transaction is open
  virtual void savepoint(const std::string& name) = 0;
  virtual void rollback_to(const std::string& name) = 0;
  virtual void release(const std::string& name) = 0;
  // Of every call from now on.
  virtual void set_limits(const CallLimits& limits) = 0;
  virtual bool usable() noexcept = 0;  // as far as is known without asking
  virtual void ping() = 0;             // asks; throws when there is no answer in time
  virtual void reset() = 0;            // session state as after connecting
  virtual void cancel() noexcept = 0;
  // True: a lock that is taken is not waited for, but an error (55P03) that leaves the transaction as it was, so that
  // the caller can try again without holding a thread meanwhile.
  virtual void caller_waits(bool) noexcept {}

  // The pool's notes.
  Clock::time_point made = Clock::now();
  Clock::time_point returned{};
};

std::unique_ptr<Connection> connect_postgres(const Url& url, const DatabaseOptions& options);
std::unique_ptr<Connection> connect_sqlite(const Url& url, const DatabaseOptions& options);

// Throws 22023 with what is wrong with the id.
void check_tenant(std::string_view tenant);

// YYYY-MM-DD HH:MM:SS.ffffff in UTC: what PostgreSQL reads and SQLAlchemy writes into SQLite.
std::string timestamp_text(Timestamp time);

// JSON as text; 22021 when a string in it is not UTF-8, 22P02 for a number that JSON cannot write.
std::string json_text(const Json& json);
// The same for what jsonb takes; 22P05 when a string in it holds NUL.
std::string jsonb_text(const Json& json);

}  // namespace rowhouse::detail
