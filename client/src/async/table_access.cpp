#include <optional>
#include <utility>

#include "async/lease_access.hpp"
#include "rowhouse/async/table_repository.hpp"
#include "rowhouse/error.hpp"
#include "table_batch.hpp"
#include "table_use.hpp"

namespace rowhouse::detail {
namespace {

using asio::awaitable;

// A statement of this library, which leaves no state in the session.
awaitable<Result> run_here(AsyncLease& lease, Statement statement) {
  const Question question(std::move(statement.sql), std::move(statement.parameters), {});
  co_return co_await lease.execute(question);
}

awaitable<void> write_batch(AsyncLease& lease, const TableStatements& statements, TableBatch& batch) {
  if (lease.database() == Database::kSqlite) {
    for (std::size_t n = 0; n < batch.size(); ++n) {
      auto written = run_here(lease, statements.upsert_quietly(batch.take_row(n)));
      co_await std::move(written);
    }
    co_return;
  }
  auto made = run_here(lease, {statements.make_stage(), {}});
  co_await std::move(made);
  const AsyncConnection::Fill fill = [&](std::span<char> buffer) { return batch.fill(buffer); };
  const std::string copy = statements.copy_stage();
  co_await lease.copy_in(copy, fill);
  auto merged = run_here(lease, statements.merge_stage());
  co_await std::move(merged);
  auto dropped = run_here(lease, {statements.drop_stage(), {}});
  co_await std::move(dropped);
}

// In the transaction that is open, else in one of its own.
awaitable<std::size_t> write_all(AsyncLease& lease, const TableStatements& statements, TableBatch& batch) {
  const bool own = lease.open_transaction() == 0;
  const TransactionOptions plain;
  if (own) co_await lease.begin(plain);
  std::exception_ptr error;
  try {
    co_await write_batch(lease, statements, batch);
  } catch (...) {
    error = std::current_exception();
  }
  if (error) {
    if (own) lease.abandon(0);
    std::rethrow_exception(error);
  }
  if (own) co_await lease.commit();
  co_return batch.size();
}

// A transaction of its own for several calls; abandoned unless it is committed.
class OwnTransaction {
 public:
  explicit OwnTransaction(std::shared_ptr<AsyncLease> lease) : lease_(std::move(lease)) {}
  ~OwnTransaction() {
    if (open_) lease_->abandon(0);
  }
  OwnTransaction(const OwnTransaction&) = delete;
  OwnTransaction& operator=(const OwnTransaction&) = delete;

  awaitable<void> begin(TransactionOptions options) {
    if (lease_->open_transaction() != 0) co_return;
    auto begun = lease_->call({}, [options](AsyncLease& lease) { return lease.begin(options); });
    co_await std::move(begun);
    open_ = true;
  }
  awaitable<void> commit() {
    if (!std::exchange(open_, false)) co_return;
    auto committed = lease_->call({}, [](AsyncLease& lease) { return lease.commit(); });
    co_await std::move(committed);
  }

 private:
  const std::shared_ptr<AsyncLease> lease_;
  bool open_ = false;
};

}  // namespace

struct AsyncTableAccess::Impl : TableUse<AsyncLease> {
  using TableUse::TableUse;

  awaitable<Result> run(Statement statement) const {
    check_open();
    Question question(std::move(statement.sql), std::move(statement.parameters), {});
    return lease->call(lease->stop_of({}),
                       [question = std::move(question)](AsyncLease& own) { return own.execute(question); });
  }
  awaitable<void> ask(std::shared_ptr<Asked> asked, Statement statement) const {
    return lease->call(lease->stop_of({}), [asked, statement = std::move(statement)](AsyncLease& own) {
      return own.ask(*asked, statement);
    });
  }
  awaitable<Result> answer(std::shared_ptr<Asked> asked) const {
    return lease->call(lease->stop_of({}), [asked](AsyncLease& own) { return own.answer(*asked); });
  }
};

AsyncTableAccess::AsyncTableAccess(async::Session& session, const TableShape& shape)
    : impl_(std::make_shared<const Impl>(AsyncLeaseAccess::of(session), 0, shape)) {}
AsyncTableAccess::AsyncTableAccess(async::Transaction& transaction, const TableShape& shape)
    : impl_(std::make_shared<const Impl>(AsyncLeaseAccess::of(transaction),
                                         AsyncLeaseAccess::of(transaction)->open_transaction(), shape)) {}

const TableStatements& AsyncTableAccess::statements() const noexcept { return impl_->statements; }

awaitable<Result> AsyncTableAccess::run(Statement statement) const { return impl_->run(std::move(statement)); }

awaitable<std::size_t> AsyncTableAccess::upsert_many(std::size_t rows,
                                                     const std::function<std::vector<Value>(std::size_t)>& row) const {
  impl_->check_open();
  const auto batch = std::make_shared<TableBatch>(impl_->statements, rows, row);
  return impl_->lease->call(impl_->lease->stop_of({}),
                            [impl = impl_, batch](AsyncLease& lease) -> awaitable<std::size_t> {
                              if (batch->size() == 0) co_return 0;
                              co_return co_await write_all(lease, impl->statements, *batch);
                            });
}

awaitable<void> AsyncTableAccess::stream(std::vector<Condition> conditions,
                                         std::function<bool(const Result&)> take) const {
  const auto impl = impl_;
  impl->check_open();
  OwnTransaction transaction(impl->lease);
  const TransactionOptions snapshot{.isolation = Isolation::kRepeatableRead, .read_only = true};
  co_await transaction.begin(snapshot);
  const auto page = std::make_shared<Asked>();
  auto asked = impl->ask(page, impl->first_page(conditions));
  co_await std::move(asked);
  std::size_t taken = 0;  // of the page
  for (bool wanted = true;;) {
    auto answered = impl->answer(page);
    const Result rows = co_await std::move(answered);
    if (rows.empty()) break;
    if (!wanted) continue;
    taken += rows.size();
    if (taken == kStreamRows) {  // the next page comes while the end of this one is taken
      auto asked_next = impl->ask(page, impl->page_after(rows, conditions));
      co_await std::move(asked_next);
      taken = 0;
    }
    wanted = take(rows);
    impl->check_open();  // `take` may have ended it
  }
  co_await transaction.commit();
}

}  // namespace rowhouse::detail
