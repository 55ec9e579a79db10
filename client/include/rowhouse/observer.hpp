#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "rowhouse/error.hpp"
#include "rowhouse/export.hpp"

namespace rowhouse {

/// A property of an event, by the name that OpenTelemetry's conventions for databases give it.
using Attribute = std::pair<std::string_view, std::variant<std::string_view, std::int64_t>>;
/// The properties of an event; they point into it.
using Attributes = std::vector<Attribute>;

/// The database that a manager works on. Views live as long as the manager.
struct ObservedDatabase {
  std::string system_name{};     ///< db.system.name: "postgresql" or "sqlite"
  std::string name{};            ///< db.namespace: the database, or the file
  std::string server_address{};  ///< server.address: the first host of the URL; empty for SQLite
  std::int64_t server_port = 0;  ///< server.port; 0 when the URL has none
  /// The same, by name; what is empty is left out.
  ROWHOUSE_EXPORT Attributes attributes() const;
};

/// A connection was made, or could not be (`error`). Metric db.client.connection.create_time.
struct ConnectEvent {
  const ObservedDatabase& database;   ///< to which
  std::chrono::nanoseconds duration;  ///< how long it took
  const Error* error;                 ///< null: it succeeded
  /// The same, by name.
  ROWHOUSE_EXPORT Attributes attributes() const;
};

/// A statement starts or has finished. Metric db.client.operation.duration.
struct StatementEvent {
  const ObservedDatabase& database;   ///< that runs it
  std::string_view operation;         ///< db.operation.name: SELECT, INSERT, BEGIN, ...
  std::string_view name;              ///< db.query.summary: the name that the caller gave it; else the operation
  std::string_view text;              ///< db.query.text, with $1 for values; empty unless `observe_text` is on
  std::chrono::nanoseconds duration;  ///< 0 when it starts
  std::size_t rows;                   ///< db.response.returned_rows; of a write the affected ones
  const Error* error;                 ///< db.response.status_code and error.type; null: it succeeded
  /// The same, by name.
  ROWHOUSE_EXPORT Attributes attributes() const;
};

/// A transaction failed and is run again after `delay`.
struct RetryEvent {
  const ObservedDatabase& database;  ///< where it failed
  int attempt;                       ///< the one that failed, from 1
  std::chrono::nanoseconds delay;    ///< until it is run again
  const Error& error;                ///< why it failed
  /// The same, by name.
  ROWHOUSE_EXPORT Attributes attributes() const;
};

/// Somebody waited for a connection of the pool. Metric db.client.connection.wait_time; with an error a
/// db.client.connection.timeouts.
struct PoolWaitEvent {
  const ObservedDatabase& database;   ///< whose connections they are
  std::chrono::nanoseconds duration;  ///< how long it waited
  std::size_t in_use;                 ///< connections lent, at the end of the wait
  std::size_t waiting;                ///< callers that still wait
  const Error* error;                 ///< null: it got one
  /// The same, by name.
  ROWHOUSE_EXPORT Attributes attributes() const;
};

/// What a DatabaseManager tells about its work: override what you want to know. Called from the thread that does the
/// work, so from several at once, and it has to be quick. Never a bound value, a row or a password; `error.what()` and
/// the attributes are safe to log.
class ROWHOUSE_EXPORT Observer {
 public:
  virtual ~Observer();
  /// A connection was made, or could not be.
  virtual void connected(const ConnectEvent& event) noexcept;
  /// Before a statement is sent.
  virtual void statement_started(const StatementEvent& event) noexcept;
  /// After it succeeded or failed.
  virtual void statement_finished(const StatementEvent& event) noexcept;
  /// The same, where it took DatabaseOptions::slow_statement or longer.
  virtual void slow_statement(const StatementEvent& event) noexcept;
  /// Before the wait for the next attempt.
  virtual void retrying(const RetryEvent& event) noexcept;
  /// Only for callers that had to wait.
  virtual void waited(const PoolWaitEvent& event) noexcept;
};

}  // namespace rowhouse
