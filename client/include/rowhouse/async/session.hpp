#pragma once

#include <asio/awaitable.hpp>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rowhouse/export.hpp"
#include "rowhouse/row.hpp"
#include "rowhouse/session.hpp"

namespace rowhouse {

namespace detail {
class AsyncLease;
struct AsyncLeaseAccess;
}  // namespace detail

/// The library by coroutines of Asio: the same names, the same results and errors, with awaitables.
///
/// Arguments are read when a method is called; the awaitable owns what it needs. One call at a time on a session and
/// its transactions; calls of different sessions run at the same time, also from several threads. Cancelling the
/// coroutine that waits (its cancellation slot, `||`, a stop token of CallOptions) stops the statement at the server,
/// which then throws 57014; the connection is used further, or given up when the server does not answer.
namespace async {

/// The values of $1, $2 ...: `{"a", 5}`, or a vector. No std::initializer_list, which g++ 12 refuses in a co_await.
class Parameters {
 public:
  Parameters() = default;
  /// These values.
  Parameters(std::vector<Value> values) : values_(std::move(values)) {}
  /// Each value in its place.
  template <class... V>
  requires(sizeof...(V) > 0 && (std::convertible_to<V, Value> && ...)) Parameters(V&&... values) {
    values_.reserve(sizeof...(V));
    (values_.emplace_back(std::forward<V>(values)), ...);
  }
  /// Gives them away.
  std::vector<Value> take() && { return std::move(values_); }

 private:
  std::vector<Value> values_;
};

/// As rowhouse::Transaction. Destroyed without commit() it is rolled back before the session's next call, or before its
/// connection is lent again.
class ROWHOUSE_EXPORT Transaction {
 public:
  /// The transaction is the new object's.
  Transaction(Transaction&&) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  /// One statement with $1, $2 ... as parameters, in both databases.
  asio::awaitable<Result> execute(std::string_view sql, Parameters parameters = {}, const CallOptions& options = {});
  /// The same row by row, in constant memory; gives their number. `take` is called where the connection works: on
  /// another thread with SQLite. What it throws ends the statement and is rethrown.
  asio::awaitable<std::size_t> for_each(std::string_view sql, Parameters parameters, RowSink take,
                                        const CallOptions& options = {});
  /// As rowhouse::Transaction::copy_in; `next` is called where the connection works.
  asio::awaitable<std::size_t> copy_in(CopyTarget target, RowSource next);
  /// As rowhouse::Transaction::copy_out; `take` is called where the connection works.
  asio::awaitable<std::size_t> copy_out(std::string_view sql, std::function<void(std::string_view)> take);
  /// A savepoint: its commit() keeps, its end without commit() undoes what was done since.
  asio::awaitable<Transaction> nested();
  /// An error here with in_doubt() means that the change may or may not be there.
  asio::awaitable<void> commit();
  asio::awaitable<void> rollback();  ///< undoes what was done

  Database database() const noexcept;                         ///< which kind it is
  const std::optional<std::string>& tenant() const noexcept;  ///< whose rows it sees

 private:
  friend class Session;
  friend struct detail::AsyncLeaseAccess;
  Transaction(std::shared_ptr<detail::AsyncLease> lease, int depth) noexcept;
  void check_open() const;
  asio::awaitable<void> end(bool keep);

  std::shared_ptr<detail::AsyncLease> lease_;
  std::uint64_t number_;
  int depth_;  // 0: the transaction itself; n: its nth savepoint
  bool open_ = true;
};

/// As rowhouse::Session: a connection borrowed from a DatabaseManager; it goes back when the session and its
/// transactions are destroyed.
class ROWHOUSE_EXPORT Session {
 public:
  /// The connection is the new object's.
  Session(Session&&) noexcept;
  /// The same; the connection held before goes back.
  Session& operator=(Session&&) noexcept;
  ~Session();

  /// One statement, committed at once, or part of the transaction that is open on this session.
  asio::awaitable<Result> execute(std::string_view sql, Parameters parameters = {}, const CallOptions& options = {});
  /// As Transaction::for_each.
  asio::awaitable<std::size_t> for_each(std::string_view sql, Parameters parameters, RowSink take,
                                        const CallOptions& options = {});
  /// Begins a transaction; on PostgreSQL its tenant is set in the same round trip.
  asio::awaitable<Transaction> begin(const TransactionOptions& options = {});
  /// Thread-safe: stops the call in progress, which then throws 57014; nothing happens when there is none.
  void cancel() noexcept;

  Database database() const noexcept;                         ///< which kind it is
  const std::optional<std::string>& tenant() const noexcept;  ///< whose rows it sees

 private:
  friend class DatabaseManager;
  friend struct detail::AsyncLeaseAccess;
  explicit Session(std::shared_ptr<detail::AsyncLease> lease) noexcept;

  std::shared_ptr<detail::AsyncLease> lease_;
};

}  // namespace async
}  // namespace rowhouse
