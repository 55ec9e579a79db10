#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rowhouse/export.hpp"
#include "rowhouse/row.hpp"

namespace rowhouse {

namespace detail {
class Lease;
struct LeaseAccess;
}  // namespace detail

/// The kinds of databases.
enum class Database {
  kSqlite,      ///< a file, or a database in memory
  kPostgresql,  ///< a server
};

/// Takes one row.
using RowSink = std::function<void(const Row&)>;

/// Fills one row, value by value; false: there are no more.
using RowSource = std::function<bool(std::vector<Value>& row)>;

/// Where rows go. Names as they are, without quotes.
struct CopyTarget {
  std::string table{};                 ///< without schema
  std::vector<std::string> columns{};  ///< in the order of the values; at least one
  std::string schema{};                ///< empty: PostgreSQL's search_path decides
};

/// How much of others' transactions one sees. SQLite is always serializable.
enum class Isolation {
  kReadCommitted,   ///< each statement sees what is committed when it starts
  kRepeatableRead,  ///< the transaction sees one snapshot
  kSerializable,    ///< as if transactions ran one after the other; others fail with 40001
};

/// A token as rowhouse.login() takes it: whoever has it is the tenant that it names. Never printed.
class ROWHOUSE_EXPORT LoginToken {
 public:
  /// Reads the tenant's id, nothing else; whether the token is right is the database's to say. Throws 22023 when it is
  /// no token at all.
  explicit LoginToken(std::string text);
  /// The tenant that it names.
  const std::string& tenant() const noexcept { return tenant_; }
  /// The token, in clear.
  const std::string& revealed() const noexcept { return text_; }

 private:
  std::string text_;
  std::string tenant_;
};

/// Of one call. Zero means: as the transaction or the manager has it.
struct CallOptions {
  std::string_view name{};                         ///< of the statement, for the Observer
  std::chrono::milliseconds statement_timeout{0};  ///< the server's: over it the statement fails with 57014
  /// The client's: over it the statement is cancelled and fails with 57014; if even that is not answered, the
  /// connection is given up and the error is 08006, or 08007 (in doubt).
  std::chrono::milliseconds call_timeout{0};
  std::stop_token stop{};  ///< a request to stop cancels the statement as call_timeout does: 57014, or 08006 and 08007
};

/// How a transaction works. Zero means: as the manager has it.
struct TransactionOptions {
  Isolation isolation = Isolation::kReadCommitted;  ///< PostgreSQL
  bool read_only = false;                           ///< writes fail; SQLite: takes no lock of a writer
  std::chrono::milliseconds statement_timeout{0};   ///< as in CallOptions, for each statement of the transaction
  std::optional<std::string> tenant{};              ///< only for a session without a tenant of its own
  std::optional<LoginToken> login{};                ///< the same in a sealed database
  std::chrono::milliseconds call_timeout{0};        ///< as in CallOptions, for each call
  std::stop_token stop{};                           ///< as in CallOptions, for each call; a rollback is not stopped
};

/// A transaction; destroyed without commit() it is rolled back. Not thread-safe; one at a time on a session.
/// After a failed statement every further one fails with 25P02 until rollback, in both databases.
class ROWHOUSE_EXPORT Transaction {
 public:
  Transaction(Transaction&&) noexcept;  ///< leaves nothing behind to call
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  /// One statement with $1, $2 ... as parameters, in both databases.
  Result execute(std::string_view sql, std::span<const Value> parameters, const CallOptions& options = {});
  /// The same for values in braces.
  Result execute(std::string_view sql, std::initializer_list<Value> parameters = {}, const CallOptions& options = {});
  /// The same row by row, in constant memory; returns their number. The row ends with the call of `take`. What `take`
  /// throws ends the statement and is rethrown.
  std::size_t for_each(std::string_view sql, std::span<const Value> parameters, const RowSink& take,
                       const CallOptions& options = {});
  /// The same for values in braces.
  std::size_t for_each(std::string_view sql, std::initializer_list<Value> parameters, const RowSink& take,
                       const CallOptions& options = {});
  /// Many new rows at once, returns their number: by COPY on PostgreSQL, binary where the columns' types allow it.
  /// PostgreSQL refuses it with 0A000 on tables whose row security binds the role; repositories write there too.
  std::size_t copy_in(const CopyTarget& target, const RowSource& next);
  /// PostgreSQL: `COPY ... TO STDOUT`, message by message, which are rows in the text format; returns their number.
  std::size_t copy_out(std::string_view sql, const std::function<void(std::string_view)>& take);
  /// A savepoint: its commit() keeps, its end without commit() undoes what was done since.
  Transaction nested();
  /// Keeps what was done. Throws 25P02 when a statement has failed: nothing is kept. An error here with in_doubt() means
  /// that the change may or may not be there.
  void commit();
  /// Undoes what was done.
  void rollback();

  /// The kind of database.
  Database database() const noexcept;
  /// Whose transaction it is; nothing where it has no tenant.
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
  Session(Session&&) noexcept;             ///< leaves nothing behind to call
  Session& operator=(Session&&) noexcept;  ///< leaves nothing behind to call
  ~Session();

  /// One statement, committed at once, or part of the transaction that is open on this session.
  Result execute(std::string_view sql, std::span<const Value> parameters, const CallOptions& options = {});
  /// The same for values in braces.
  Result execute(std::string_view sql, std::initializer_list<Value> parameters = {}, const CallOptions& options = {});
  /// As Transaction::for_each. On SQLite `take` must not write to the database by another session.
  std::size_t for_each(std::string_view sql, std::span<const Value> parameters, const RowSink& take,
                       const CallOptions& options = {});
  /// The same for values in braces.
  std::size_t for_each(std::string_view sql, std::initializer_list<Value> parameters, const RowSink& take,
                       const CallOptions& options = {});
  /// Begins a transaction and sets the tenant. Throws 25001 while one is open, 55000 for another tenant than the
  /// session's. SQLite: takes the lock of a writer, unless read_only.
  Transaction begin(const TransactionOptions& options = {});
  /// Thread-safe: stops the statement in progress, which then throws 57014; nothing happens when there is none.
  void cancel() noexcept;

  /// The kind of database.
  Database database() const noexcept;
  /// Whose session it is, or the open transaction's; nothing where there is no tenant.
  const std::optional<std::string>& tenant() const noexcept;

 private:
  friend class DatabaseManager;
  friend struct detail::LeaseAccess;
  explicit Session(std::shared_ptr<detail::Lease> lease) noexcept;

  std::shared_ptr<detail::Lease> lease_;
};

}  // namespace rowhouse
