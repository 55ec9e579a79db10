#include <string>
#include <utility>

#include "immediate.hpp"
#include "lease.hpp"
#include "rowhouse/error.hpp"
#include "table_methods.hpp"

namespace rowhouse::detail {
namespace {

struct Steps {
  using Lease = detail::Lease;
  template <class R>
  using Task = Immediate<R>;

  static Immediate<Result> execute(Lease& lease, Statement statement) {
    co_return lease.execute(statement.sql, statement.parameters);
  }
  static Immediate<void> begin(Lease& lease, TransactionOptions options) {
    lease.begin(options);
    co_return;
  }
  static Immediate<void> commit(Lease& lease) {
    lease.commit();
    co_return;
  }
  static Immediate<std::size_t> copy_in(Lease& lease, const std::string& sql,
                                        const std::function<std::size_t(std::span<char>)>& fill) {
    co_return lease.copy_in(sql, fill);
  }
  static Immediate<void> ask(Lease& lease, Asked& asked, const Statement& statement) {
    lease.ask(asked, statement);
    co_return;
  }
  static Immediate<Result> answer(Lease& lease, Asked& asked) { co_return lease.answer(asked); }
  static void abandon(Lease& lease) noexcept {
    try {
      lease.rollback();
    } catch (...) {
      // The connection is broken; its pool finds out when it comes back.
    }
  }
  template <class Work>
  static auto call(const std::shared_ptr<Lease>& lease, const Work& work) {
    return work(*lease);
  }
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
  TableBatch batch(impl_->statements, rows, row);
  return write_all<Steps>(*impl_->lease, impl_->statements, batch).get();
}

void TableAccess::stream(const std::vector<Condition>& conditions,
                         const std::function<bool(const Result&)>& take) const {
  stream_rows<Steps>(impl_, conditions, take).get();
}

}  // namespace rowhouse::detail
