#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "rowhouse/async/session.hpp"
#include "rowhouse/export.hpp"
#include "rowhouse/table_repository.hpp"

namespace rowhouse {
namespace detail {

// A table behind an asynchronous session or transaction: TableAccess whose answers are awaited.
class ROWHOUSE_EXPORT AsyncTableAccess {
 public:
  template <class R>
  using Answer = asio::awaitable<R>;

  AsyncTableAccess(async::Session& session, const TableShape& shape);
  AsyncTableAccess(async::Transaction& transaction, const TableShape& shape);

  const TableStatements& statements() const noexcept;
  asio::awaitable<Result> run(Statement statement) const;
  asio::awaitable<std::size_t> upsert_many(std::size_t rows,
                                           const std::function<std::vector<Value>(std::size_t)>& row) const;
  asio::awaitable<void> stream(std::vector<Condition> conditions, std::function<bool(const Result&)> take) const;
  template <class A, class Read>
  static asio::awaitable<std::invoke_result_t<Read&, A>> then(asio::awaitable<A> answer, Read read) {
    co_return read(co_await std::move(answer));
  }

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace detail

namespace async {

/// As rowhouse::TableRepository, with awaitables.
template <class T>
class TableRepository : public BasicTableRepository<T, detail::AsyncTableAccess> {
 public:
  /// Throws 55000 when there is no tenant. The repository keeps the connection borrowed; `table` must outlive it.
  TableRepository(Session& session, const Table<T>& table)
      : BasicTableRepository<T, detail::AsyncTableAccess>(table, {session, table.shape()}) {}
  /// The same; works in this transaction alone.
  TableRepository(Transaction& transaction, const Table<T>& table)
      : BasicTableRepository<T, detail::AsyncTableAccess>(table, {transaction, table.shape()}) {}
};

}  // namespace async
}  // namespace rowhouse
