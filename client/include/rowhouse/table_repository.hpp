#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "rowhouse/export.hpp"
#include "rowhouse/session.hpp"
#include "rowhouse/table.hpp"
#include "rowhouse/table_statements.hpp"

namespace rowhouse {

/// A part of the rows and where the next one begins.
template <class T>
struct Page {
  std::vector<T> rows;          ///< in the order of the pages
  std::optional<PageKey> next;  ///< for the next page; nothing after the last one
};

namespace detail {

class Lease;

// A table behind a session or transaction: runs its statements there, and answers when that is done.
class ROWHOUSE_EXPORT TableAccess {
 public:
  template <class R>
  using Answer = R;

  // `shape` must live as long. 55000 when there is no tenant.
  TableAccess(Session& session, const TableShape& shape);
  TableAccess(Transaction& transaction, const TableShape& shape);

  const TableStatements& statements() const noexcept;
  Result run(Statement statement) const;
  // Writes all in one transaction, by COPY and merge or by one statement again and again; the number of distinct rows.
  // `row(i)` gives the values of row i. Of rows with one key the last counts, but kept columns it lacks stay.
  std::size_t upsert_many(std::size_t rows, const std::function<std::vector<Value>(std::size_t)>& row) const;
  // Rows by key, a bounded number at a time, from one snapshot; until `take` returns false.
  void stream(const std::vector<Condition>& conditions, const std::function<bool(const Result&)>& take) const;
  // What `read` makes of the answer.
  template <class A, class Read>
  static auto then(A&& answer, const Read& read) {
    return read(std::forward<A>(answer));
  }

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace detail

/// What TableRepository and its twin in rowhouse::async can do. `Answer<R>` is an R here and an awaitable of an R
/// there. Arguments are read when a method is called, so an awaitable does not need them any more.
template <class T, class Access>
class BasicTableRepository {
 public:
  /// How a result comes.
  template <class R>
  using Answer = typename Access::template Answer<R>;

  /// By the number that the database gave it.
  Answer<std::optional<T>> get(std::int64_t id) { return first({id_condition(id)}); }
  /// By the values of the key columns, in their order.
  template <class... Key>
  Answer<std::optional<T>> get_by_key(const Key&... key) {
    return first(statements().by_key({Value(key)...}));
  }
  /// Newest first where the table knows when rows were created, else by id or key; at most `limit` of them.
  Answer<std::vector<T>> find(const Filter<T>& filter = {}, std::optional<std::size_t> limit = std::nullopt) {
    return ask(statements().select(table_->conditions(filter), detail::RowOrder::kNewest, limit, std::nullopt),
               [self = *this](const Result& result) { return self.rows_of(result, result.size()); });
  }
  /// How many rows there are.
  Answer<std::uint64_t> count(const Filter<T>& filter = {}) {
    return ask(statements().count(table_->conditions(filter)),
               [](const Result& result) { return result.one().template get<std::uint64_t>(0); });
  }
  /// A page of the rows in the order of find(), after the one where `after` came from. What is written meanwhile moves
  /// no other row to another page. Throws 22023 for an `after` of another table.
  Answer<Page<T>> page(std::size_t limit, const std::optional<PageKey>& after = std::nullopt,
                       const Filter<T>& filter = {}) {
    constexpr auto kOrder = detail::RowOrder::kNewest;
    return ask(statements().select(table_->conditions(filter), kOrder, limit == 0 ? 1 : limit + 1, after),
               [self = *this, limit](const Result& result) {
                 Page<T> page;
                 page.rows = self.rows_of(result, std::min(limit, result.size()));
                 if (limit > 0 && result.size() > limit)
                   page.next = self.statements().page_key(result[limit - 1], kOrder);
                 return page;
               });
  }
  /// Calls `take(const T&)` for each row, by id or key, in constant memory and from one snapshot; ends early when it
  /// returns false. The server goes on while rows are taken. In a transaction of yours each thousand rows are read as its
  /// isolation says, and up to a thousand before they are taken. The transaction of it is open meanwhile: `take` must
  /// not use the same session for another one.
  template <class Take>
  Answer<void> for_each(Take&& take, const Filter<T>& filter = {}) {
    // An rvalue is kept, an lvalue referred to.
    auto held = std::make_shared<std::tuple<Take>>(std::forward<Take>(take));
    return access_.stream(table_->conditions(filter), [self = *this, held](const Result& rows) {
      auto& taker = std::get<0>(*held);
      for (const Row& row : rows) {
        if constexpr (std::is_same_v<std::invoke_result_t<Take&, const T&>, bool>) {
          if (!taker(self.read(row))) return false;
        } else {
          taker(self.read(row));
        }
      }
      return true;
    });
  }

  /// Stores a new row and returns it as it is stored. Its id and times are the database's and this call's; a time of
  /// creation that is set already is kept.
  Answer<T> create(const T& object) { return create_row(table_->pack(object)); }
  /// By key: creates, or replaces what is there; columns of the role kKept stay when `object` has NULL there.
  Answer<T> upsert(const T& object) { return upsert_row(table_->pack(object)); }
  /// The same, but with the object's own times: a copy of a row of another database.
  Answer<T> restore(const T& object) {
    return stored(statements().upsert(table_->pack(object), detail::RowTimes::kGiven));
  }
  /// upsert() for many in one transaction, by binary COPY and merge on PostgreSQL, which needs the right to make
  /// temporary tables. Returns how many rows were written: of two objects with one key the later counts. All or
  /// nothing; an error about a value says which object it is of.
  Answer<std::size_t> upsert_many(std::span<const T> objects) {
    return upsert_many(objects.size(), [&](std::size_t i) -> const T& { return objects[i]; });
  }
  /// The same for `object(0)` to `object(count - 1)`, each asked for once.
  template <class Object>
  Answer<std::size_t> upsert_many(std::size_t count, Object&& object) {
    return upsert_rows(count, [&](std::size_t i) { return table_->pack(object(i)); });
  }
  /// Replaces all but id, tenant and time of creation of the row with this id, or this key where the table has no id.
  /// False when there is none.
  Answer<bool> update(const T& object) { return touched(statements().update(table_->pack(object))); }
  /// Changes some columns of all rows that the filter takes; how many they are.
  Answer<std::size_t> update(const Filter<T>& filter, std::initializer_list<Change<T>> changes) {
    std::vector<detail::Assignment> assignments;
    for (const Change<T>& change : changes) {
      assignments.push_back(change.assignment);
      assignments.back().place = table_->column_at(change.assignment.place);
    }
    return counted(statements().change(table_->conditions(filter), assignments));
  }
  /// The same for one change.
  Answer<std::size_t> update(const Filter<T>& filter, const Change<T>& change) { return update(filter, {change}); }
  /// False when the tenant has no such row.
  Answer<bool> remove(std::int64_t id) { return touched(statements().remove({id_condition(id)})); }
  /// By the values of the key columns, in their order. False when the tenant has no such row.
  template <class... Key>
  Answer<bool> remove_by_key(const Key&... key) {
    return touched(statements().remove(statements().by_key({Value(key)...})));
  }
  /// All rows that the filter takes; how many they were.
  Answer<std::size_t> remove(const Filter<T>& filter) {
    return counted(statements().remove(table_->conditions(filter)));
  }

 protected:
  /// For a session or transaction behind `access`; `table` must outlive it.
  BasicTableRepository(const Table<T>& table, Access access) : table_(&table), access_(std::move(access)) {}
  /// create() of what Table::pack() gives.
  Answer<T> create_row(std::vector<Value> row) { return stored(statements().insert(std::move(row))); }
  /// upsert() of what Table::pack() gives.
  Answer<T> upsert_row(std::vector<Value> row) {
    return stored(statements().upsert(std::move(row), detail::RowTimes::kNow));
  }
  /// upsert_many() of what Table::pack() gives: `row(0)` to `row(count - 1)`.
  template <class Row>
  Answer<std::size_t> upsert_rows(std::size_t count, Row&& row) {
    return access_.upsert_many(count, [&](std::size_t i) { return row(i); });
  }

 private:
  const detail::TableStatements& statements() const noexcept { return access_.statements(); }
  template <class Read>
  auto ask(detail::Statement statement, Read read) {
    return Access::then(access_.run(std::move(statement)), std::move(read));
  }
  Answer<std::optional<T>> first(const std::vector<detail::Condition>& conditions) {
    return ask(statements().select(conditions, detail::RowOrder::kNewest, 1, std::nullopt),
               [self = *this](const Result& result) {
                 return result.empty() ? std::nullopt : std::optional<T>(self.read(result[0]));
               });
  }
  Answer<T> stored(detail::Statement statement) {
    return ask(std::move(statement), [self = *this](const Result& result) { return self.read(result.one()); });
  }
  Answer<std::size_t> counted(detail::Statement statement) {
    return ask(std::move(statement), [](const Result& result) { return result.affected_rows(); });
  }
  Answer<bool> touched(detail::Statement statement) {
    return ask(std::move(statement), [](const Result& result) { return result.affected_rows() > 0; });
  }
  detail::Condition id_condition(std::int64_t id) const {
    const auto place = table_->shape().column_of(ColumnRole::kId);
    if (!place) throw_error("42703", "\"" + table_->shape().name + "\" has no id", {.hint = "Find its rows by key."});
    return {*place, detail::Operator::kEqual, {Value(id)}};
  }
  std::vector<T> rows_of(const Result& result, std::size_t count) const {
    std::vector<T> objects;
    objects.reserve(count);
    for (std::size_t i = 0; i < count; ++i) objects.push_back(read(result[i]));
    return objects;
  }
  T read(const Row& row) const {
    try {
      return table_->read(row);
    } catch (const Error& error) {
      throw_error(error.sqlstate(), statements().describe(row) + ": " + error.what(),
                  {.hint = "Correct this row by its id."});
    }
  }

  const Table<T>* table_;
  Access access_;
};

/// The rows of one tenant in a table of yours, with the same results and errors from SQLite and PostgreSQL. Every
/// statement names the tenant, so a SQLite file isolates too; on PostgreSQL row security is the second lock.
/// On a Session each call is a transaction of its own, with the server's default isolation, unless one is open there. Not
/// thread-safe, like its session.
///
/// Errors: 23505 a key is taken; 42501 an object of another tenant; 22021 and 22P05 text or JSON that PostgreSQL cannot
/// hold, on SQLite too; 22023 a malformed tenant id; 42P01 the table is not there; 25P01 its transaction is over.
template <class T>
class TableRepository : public BasicTableRepository<T, detail::TableAccess> {
 public:
  /// Throws 55000 when there is no tenant. The repository keeps the connection borrowed; `table` must outlive it.
  TableRepository(Session& session, const Table<T>& table)
      : BasicTableRepository<T, detail::TableAccess>(table, {session, table.shape()}) {}
  /// The same; works in this transaction alone.
  TableRepository(Transaction& transaction, const Table<T>& table)
      : BasicTableRepository<T, detail::TableAccess>(table, {transaction, table.shape()}) {}
};

}  // namespace rowhouse
