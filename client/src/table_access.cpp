#include <utility>

#include "lease.hpp"
#include "rowhouse/error.hpp"
#include "rowhouse/table_repository.hpp"
#include "table_batch.hpp"
#include "table_use.hpp"

namespace rowhouse::detail {
namespace {

// A transaction of the lease's own, or nothing where one is open already. Rolled back unless committed.
class OwnTransaction {
 public:
  OwnTransaction(Lease& lease, const TransactionOptions& options) : lease_(lease), own_(lease.open_transaction() == 0) {
    if (own_) lease_.begin(options);
  }
  ~OwnTransaction() {
    if (!own_) return;
    try {
      lease_.rollback();
    } catch (...) {
      // The connection is broken; its pool finds out when it comes back.
    }
  }
  OwnTransaction(const OwnTransaction&) = delete;
  OwnTransaction& operator=(const OwnTransaction&) = delete;
  void commit() {
    if (std::exchange(own_, false)) lease_.commit();
  }

 private:
  Lease& lease_;
  bool own_;
};

}  // namespace

struct TableAccess::Impl : TableUse<Lease> {
  using TableUse::TableUse;
};

TableAccess::TableAccess(Session& session, const TableShape& shape)
    : impl_(std::make_shared<const Impl>(LeaseAccess::of(session), 0, shape)) {}
TableAccess::TableAccess(Transaction& transaction, const TableShape& shape)
    : impl_(std::make_shared<const Impl>(LeaseAccess::of(transaction), LeaseAccess::of(transaction)->open_transaction(),
                                         shape)) {}

const TableStatements& TableAccess::statements() const noexcept { return impl_->statements; }

Result TableAccess::run(Statement statement) const {
  impl_->check_open();
  return impl_->lease->execute(statement.sql, statement.parameters);
}

std::size_t TableAccess::upsert_many(std::size_t rows,
                                     const std::function<std::vector<Value>(std::size_t)>& row) const {
  impl_->check_open();
  const TableStatements& statements = impl_->statements;
  TableBatch batch(statements, rows, row);
  if (batch.size() == 0) return 0;

  OwnTransaction transaction(*impl_->lease, {});
  if (impl_->lease->database() == Database::kSqlite) {
    for (std::size_t n = 0; n < batch.size(); ++n) run(statements.upsert_quietly(batch.take_row(n)));
  } else {
    run({statements.make_stage(), {}});
    impl_->lease->copy_in(statements.copy_stage(), [&](std::span<char> buffer) { return batch.fill(buffer); });
    run(statements.merge_stage());
    run({statements.drop_stage(), {}});
  }
  transaction.commit();
  return batch.size();
}

void TableAccess::stream(const std::vector<Condition>& conditions,
                         const std::function<bool(const Result&)>& take) const {
  impl_->check_open();
  OwnTransaction transaction(*impl_->lease, {.isolation = Isolation::kRepeatableRead, .read_only = true});
  Lease& lease = *impl_->lease;
  Asked page;
  lease.ask(page, impl_->first_page(conditions));
  std::size_t taken = 0;  // of the page
  for (bool wanted = true;;) {
    const Result rows = lease.answer(page);
    if (rows.empty()) break;
    if (!wanted) continue;
    taken += rows.size();
    if (taken == kStreamRows) {  // the next page comes while the end of this one is taken
      lease.ask(page, impl_->page_after(rows, conditions));
      taken = 0;
    }
    wanted = take(rows);
    impl_->check_open();  // `take` may have ended it
  }
  transaction.commit();
}

}  // namespace rowhouse::detail
