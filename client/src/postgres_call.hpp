#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "connection.hpp"
#include "postgres_result.hpp"
#include "postgres_wire.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse::detail {

// What goes to PostgreSQL in one round trip for a call of Session or Transaction: the call's statement, and around it
// what sets the transaction, the tenant and the timeout. Owns the texts, so it does not move.
class PostgresCall {
 public:
  PostgresCall() = default;
  PostgresCall(const PostgresCall&) = delete;
  PostgresCall& operator=(const PostgresCall&) = delete;

  // `session_timeout`: what each transaction sets because the session has none; 0: nothing.
  void begin(const TransactionOptions& options, const Identity& identity, std::chrono::milliseconds session_timeout);
  void statement(const Call& call, bool in_transaction);
  // A transaction of the call's own.
  void alone(const Call& call, const Identity& identity, std::chrono::milliseconds session_timeout);

  std::span<const PostgresStatement> statements() const { return statements_; }
  std::size_t wanted() const noexcept { return wanted_; }  // the number of the call's statement

 private:
  void add(std::string_view sql) { statements_.push_back({sql, {}}); }
  void add(std::string_view sql, std::string parameter);
  void add(const Identity& identity);
  std::span<const PostgresParameter> keep(std::span<const Value> values);

  std::list<std::string> texts_;
  std::list<std::vector<PostgresParameter>> parameters_;
  std::list<PostgresSink> sinks_;
  std::vector<PostgresStatement> statements_;
  std::size_t wanted_ = 0;
};

Result to_result(PostgresResult rows);

PostgresOptions postgres_options(const DatabaseOptions& options);

// What each transaction sets as its statement_timeout because the session can not have it; 0: nothing.
std::chrono::milliseconds session_timeout(const DatabaseOptions& options);

// A COPY between the server and its own files, which no exchange takes.
bool is_server_copy(const Call& call);

// Throws 25P02 when the answer to COMMIT says that the transaction was rolled back.
void check_committed(const PostgresResult& answer);

// True when a server that refuses this is a primary no more, so the next user should connect anew.
bool tells_of_demotion(const Error& error, bool read_only);

// In the form that PostgreSQL's input functions read; empty for NULL.
std::string value_text(const Value& value);

}  // namespace rowhouse::detail
