#pragma once

#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "immediate.hpp"
#include "rowhouse/database_manager.hpp"
#include "rowhouse/repository.hpp"

namespace rowhouse::detail {

// How code that is written once, with co_await, runs in one of the two ways to use the library:
//
//   Task<R>                                  what it returns, a coroutine
//   Objects, Rows<T>                         the repositories
//   answer(Task<R>)                          what the caller gets of it
//   ask(transaction, sql, values)            one statement
//   in_transaction(manager, work, options)   run_in_transaction() of a work that returns a Task
//   beside(manager, url, options)            a manager of another database, used where this one is
//   aside(manager, work)                     `work(stop token)`, which blocks, where that keeps nobody waiting
//
// g++ 12 destroys temporaries of a co_await twice: what is awaited has a name, and is moved.
template <class Way>
struct Runner;

template <>
struct Runner<Blocking> {
  template <class R>
  using Task = Immediate<R>;
  using Objects = IntegratedObjectRepository;
  template <class T>
  using Rows = TableRepository<T>;

  template <class R>
  static R answer(Immediate<R> task) {
    return task.get();
  }
  static Immediate<Result> ask(Transaction& transaction, std::string sql, std::vector<Value> values) {
    co_return transaction.execute(sql, values);
  }
  template <class Work>
  static auto in_transaction(DatabaseManager manager, const Work& work, RetryOptions options)
      -> std::invoke_result_t<const Work&, Transaction&> {
    const auto run = [&work](Transaction& transaction) { return work(transaction).get(); };
    co_return manager.run_in_transaction(run, options);
  }
  static DatabaseManager beside(const DatabaseManager&, Url url, DatabaseOptions options) {
    return DatabaseManager(std::move(url), std::move(options));
  }
  template <class Work>
  static auto aside(const DatabaseManager&, Work work) -> Immediate<std::invoke_result_t<Work&, std::stop_token>> {
    co_return work(std::stop_token());
  }
};

}  // namespace rowhouse::detail
