#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "rowhouse/export.hpp"
#include "rowhouse/row.hpp"

namespace rowhouse {

namespace detail {
class Lease;
struct LeaseAccess;
}  // namespace detail

enum class Database { kSqlite, kPostgresql };

/// SQLite is always serializable.
enum class Isolation { kReadCommitted, kRepeatableRead, kSerializable };

struct TransactionOptions {
  Isolation isolation = Isolation::kReadCommitted;
  bool read_only = false;
  std::chrono::milliseconds statement_timeout{0};  ///< 0: none of our own; a statement over it fails with 57014
  std::optional<std::string> tenant{};             ///< only for a session without a tenant of its own
};

/// A transaction; destroyed without commit() it is rolled back. Not thread-safe; one at a time on a session.
/// After a failed statement every further one fails with 25P02 until rollback, in both databases.
class ROWHOUSE_EXPORT Transaction {
 public:
  Transaction(Transaction&&) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  /// One statement with $1, $2 ... as parameters, in both databases.
  Result execute(std::string_view sql, std::span<const Value> parameters);
  Result execute(std::string_view sql, std::initializer_list<Value> parameters = {});
  /// A savepoint: its commit() keeps, its end without commit() undoes what was done since.
  Transaction nested();
  /// An error here with in_doubt() means that the change may or may not be there.
  void commit();
  void rollback();

  Database database() const noexcept;
  const std::optional<std::string>& tenant() const noexcept;

 private:
  friend class Session;
  friend struct detail::LeaseAccess;
  Transaction(std::shared_ptr<detail::Lease> lease, int depth) noexcept;
  void check_open() const;

  std::shared_ptr<detail::Lease> lease_;
  std::uint64_t number_;
  int depth_;  ///< 0: the transaction itself; n: its nth savepoint
  bool open_ = true;
};

/// A connection borrowed from a DatabaseManager; it goes back when the session and its transactions are destroyed.
/// Not thread-safe but for cancel().
///
/// Tenant: a session of a tenant sets it in every transaction it begins, and every single statement runs in such a
/// transaction of its own. On PostgreSQL row security then keeps to the tenant's rows; on SQLite the repositories do.
class ROWHOUSE_EXPORT Session {
 public:
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  /// One statement, committed at once, or part of the transaction that is open on this session.
  Result execute(std::string_view sql, std::span<const Value> parameters);
  Result execute(std::string_view sql, std::initializer_list<Value> parameters = {});
  Transaction begin(const TransactionOptions& options = {});
  /// Thread-safe: stops the statement in progress, which then throws 57014.
  void cancel() noexcept;

  Database database() const noexcept;
  const std::optional<std::string>& tenant() const noexcept;

 private:
  friend class DatabaseManager;
  friend struct detail::LeaseAccess;
  explicit Session(std::shared_ptr<detail::Lease> lease) noexcept;

  std::shared_ptr<detail::Lease> lease_;
};

}  // namespace rowhouse
