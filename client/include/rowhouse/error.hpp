#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "rowhouse/export.hpp"

/// Tenants' rows in SQLite and PostgreSQL: the C++ library.
namespace rowhouse {

/// What a caller does about an error, independent of the database that raised it.
enum class ErrorKind {
  kConfiguration,  ///< a variable, URL or option is wrong: fix it and start again
  kConnection,     ///< no connection, or it was lost
  kPermission,     ///< not allowed: password, privilege, or another tenant's row
  kConstraint,     ///< unique, not null, foreign key, check
  kSerialization,  ///< serialization failure or deadlock: run the transaction again
  kBusy,           ///< a lock or a pooled connection did not come free in time
  kCancelled,      ///< cancelled by the caller or by a statement timeout
  kData,           ///< a value does not fit: malformed, out of range, not UTF-8
  kStatement,      ///< wrong SQL, or a table, column or function that is not there
  kState,          ///< right call, wrong moment: no tenant, transaction already over
  kResource,       ///< memory, disk, a limit of the server
  kInternal,       ///< everything else
};

/// A word for logs: "configuration", "connection" and so on.
ROWHOUSE_EXPORT std::string_view to_string(ErrorKind kind) noexcept;

/// What the database said, word for word. May contain values of rows and parameters, so it is not for every log.
struct Diagnostics {
  std::string message{};     ///< the database's own sentence; empty where this library found the error
  std::string detail{};      ///< more about it
  std::string hint{};        ///< what to do about it
  std::string context{};     ///< where in the server it happened; for COPY the line
  std::string schema{};      ///< of the table; these four are PostgreSQL's, where it names them
  std::string table{};       ///< that the error is about
  std::string column{};      ///< that the error is about
  std::string constraint{};  ///< that was violated
};

/// Root of all exceptions of this library. what() is safe to log: it has no bound value, no cell and no password.
/// Copying is cheap and does not throw.
class ROWHOUSE_EXPORT Error : public std::runtime_error {
 public:
  /// `message` becomes what(); the kind follows from the SQLSTATE.
  Error(std::string_view sqlstate, const std::string& message, Diagnostics diagnostics = {}, bool in_doubt = false);
  ~Error() override;
  Error(const Error&) noexcept = default;             ///< shares what the other says
  Error& operator=(const Error&) noexcept = default;  ///< shares what the other says

  /// What to do about it, as kind_of_sqlstate() has it.
  ErrorKind kind() const noexcept;
  /// Five characters, PostgreSQL's codes for both databases; F0000 for a configuration.
  const std::string& sqlstate() const noexcept;
  /// True when running the same transaction again, unchanged, can succeed. Never true when in doubt.
  bool retryable() const noexcept;
  /// True when the connection was lost while a commit was under way: it may or may not have happened.
  bool in_doubt() const noexcept;
  /// More about it, maybe with values of rows; may be empty.
  const std::string& detail() const noexcept;
  /// What to do next; may be empty.
  const std::string& hint() const noexcept;
  /// Everything that the database said.
  const Diagnostics& diagnostics() const noexcept;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

/// A variable, URL or option is wrong (F0000).
class ROWHOUSE_EXPORT ConfigurationError : public Error {
 public:
  /// `hint` says what would be right.
  explicit ConfigurationError(const std::string& message, const std::string& hint = {});
  ~ConfigurationError() override;
};

/// There is no connection, or it was lost (kConnection).
class ROWHOUSE_EXPORT ConnectionError : public Error {
 public:
  using Error::Error;  ///< as Error
  ~ConnectionError() override;
};

/// A row violates a constraint (kConstraint).
class ROWHOUSE_EXPORT ConstraintError : public Error {
 public:
  using Error::Error;  ///< as Error
  ~ConstraintError() override;
};

/// Kind of an error with this SQLSTATE.
ROWHOUSE_EXPORT ErrorKind kind_of_sqlstate(std::string_view sqlstate) noexcept;

/// Throws the class that fits the SQLSTATE's kind.
[[noreturn]] ROWHOUSE_EXPORT void throw_error(std::string_view sqlstate, const std::string& message,
                                              Diagnostics diagnostics = {}, bool in_doubt = false);

}  // namespace rowhouse
