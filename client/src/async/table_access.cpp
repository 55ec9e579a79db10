#include <string>
#include <utility>

#include "async/lease_access.hpp"
#include "rowhouse/async/table_repository.hpp"
#include "rowhouse/error.hpp"
#include "table_methods.hpp"

namespace rowhouse::detail {
namespace {

using asio::awaitable;

Question question_of(Statement statement) {
  Question question(std::move(statement.sql), std::move(statement.parameters), {});
  question.ours = true;
  return question;
}

struct Steps {
  using Lease = AsyncLease;
  template <class R>
  using Task = awaitable<R>;

  static awaitable<Result> execute(AsyncLease& lease, Statement statement) {
    const Question question = question_of(std::move(statement));
    co_return co_await lease.execute(question);
  }
  static awaitable<void> begin(AsyncLease& lease, TransactionOptions options) { co_await lease.begin(options); }
  static awaitable<void> commit(AsyncLease& lease) { return lease.commit(); }
  static awaitable<std::size_t> copy_in(AsyncLease& lease, const std::string& sql, const AsyncConnection::Fill& fill) {
    return lease.copy_in(sql, fill);
  }
  static awaitable<void> ask(AsyncLease& lease, Asked& asked, const Statement& statement) {
    return lease.ask(asked, statement);
  }
  static awaitable<Result> answer(AsyncLease& lease, Asked& asked) { return lease.answer(asked); }
  static void abandon(AsyncLease& lease) noexcept { lease.abandon(0); }
  template <class Work>
  static auto call(const std::shared_ptr<AsyncLease>& lease, Work work) {
    return lease->call(lease->stop_of({}), std::move(work));
  }
};

}  // namespace

struct AsyncTableAccess::Impl : TableUse<AsyncLease> {
  using TableUse::TableUse;
};

AsyncTableAccess::AsyncTableAccess(async::Session& session, const TableShape& shape)
    : impl_(std::make_shared<const Impl>(AsyncLeaseAccess::of(session), 0, shape)) {}
AsyncTableAccess::AsyncTableAccess(async::Transaction& transaction, const TableShape& shape)
    : impl_(std::make_shared<const Impl>(AsyncLeaseAccess::of(transaction),
                                         AsyncLeaseAccess::of(transaction)->open_transaction(), shape)) {}

const TableStatements& AsyncTableAccess::statements() const noexcept { return impl_->statements; }

awaitable<Result> AsyncTableAccess::run(Statement statement) const {
  impl_->check_open();
  return Steps::call(impl_->lease, [question = question_of(std::move(statement))](AsyncLease& lease) {
    return lease.execute(question);
  });
}

awaitable<std::size_t> AsyncTableAccess::upsert_many(std::size_t rows,
                                                     const std::function<std::vector<Value>(std::size_t)>& row) const {
  impl_->check_open();
  const auto batch = std::make_shared<TableBatch>(impl_->statements, rows, row);
  return Steps::call(impl_->lease, [impl = impl_, batch](AsyncLease& lease) {
    return write_all<Steps>(lease, impl->statements, *batch);
  });
}

awaitable<void> AsyncTableAccess::stream(std::vector<Condition> conditions,
                                         std::function<bool(const Result&)> take) const {
  return stream_rows<Steps>(impl_, std::move(conditions), std::move(take));
}

}  // namespace rowhouse::detail
