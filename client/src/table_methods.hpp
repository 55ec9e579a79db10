#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "rowhouse/table_repository.hpp"
#include "table_batch.hpp"
#include "table_use.hpp"

// What a table access does in several steps, written once for both ways to use the library; see Runner. `Steps` has the
// steps themselves, coroutines too:
//
//   Lease                         what they work on
//   execute, begin, commit, copy_in, ask, answer(lease, ...)
//   abandon(lease)                the open transaction is left without an end
//   call(shared lease, work)      `work(lease)` where the connection works; it owns what it uses
namespace rowhouse::detail {

// Abandons a transaction unless it is done.
template <class Steps>
class OpenTransaction {
 public:
  // Null: there is none.
  explicit OpenTransaction(typename Steps::Lease* lease) noexcept : lease_(lease) {}
  ~OpenTransaction() {
    if (lease_ != nullptr) Steps::abandon(*lease_);
  }
  OpenTransaction(const OpenTransaction&) = delete;
  OpenTransaction& operator=(const OpenTransaction&) = delete;
  // True when there is one.
  bool done() noexcept { return std::exchange(lease_, nullptr) != nullptr; }

 private:
  typename Steps::Lease* lease_;
};

template <class Steps>
auto write_batch(typename Steps::Lease& lease, const TableStatements& statements, TableBatch& batch) ->
    typename Steps::template Task<void> {
  if (lease.database() == Database::kSqlite) {
    for (std::size_t n = 0; n < batch.size(); ++n) {
      auto written = Steps::execute(lease, statements.upsert_quietly(batch.take_row(n)));
      co_await std::move(written);
    }
    co_return;
  }
  auto made = Steps::execute(lease, {statements.make_stage(), {}});
  co_await std::move(made);
  const std::function<std::size_t(std::span<char>)> fill = [&](std::span<char> buffer) { return batch.fill(buffer); };
  const std::string copy = statements.copy_stage();
  auto copied = Steps::copy_in(lease, copy, fill);
  co_await std::move(copied);
  auto merged = Steps::execute(lease, statements.merge_stage());
  co_await std::move(merged);
  auto dropped = Steps::execute(lease, {statements.drop_stage(), {}});
  co_await std::move(dropped);
}

// In the transaction that is open, else in one of its own.
template <class Steps>
auto write_all(typename Steps::Lease& lease, const TableStatements& statements, TableBatch& batch) ->
    typename Steps::template Task<std::size_t> {
  if (batch.size() == 0) co_return 0;
  const bool own = lease.open_transaction() == 0;
  if (own) {
    auto begun = Steps::begin(lease, TransactionOptions());
    co_await std::move(begun);
  }
  OpenTransaction<Steps> transaction(own ? &lease : nullptr);
  auto written = write_batch<Steps>(lease, statements, batch);
  co_await std::move(written);
  if (transaction.done()) {
    auto committed = Steps::commit(lease);
    co_await std::move(committed);
  }
  co_return batch.size();
}

// Page by page, each from a snapshot of its own in a transaction that is open, else all from one.
template <class Steps, class Use>
auto stream_rows(std::shared_ptr<const Use> use, std::vector<Condition> conditions,
                 std::function<bool(const Result&)> take) -> typename Steps::template Task<void> {
  using Lease = typename Steps::Lease;
  const auto lease = use->lease;
  const auto page = std::make_shared<Asked>();
  const auto ask = [&](Statement statement) {
    return Steps::call(
        lease, [page, statement = std::move(statement)](Lease& own) { return Steps::ask(own, *page, statement); });
  };
  use->check_open();
  const bool own = lease->open_transaction() == 0;
  if (own) {
    const TransactionOptions snapshot{.isolation = Isolation::kRepeatableRead, .read_only = true};
    auto begun = Steps::call(lease, [snapshot](Lease& there) { return Steps::begin(there, snapshot); });
    co_await std::move(begun);
  }
  OpenTransaction<Steps> transaction(own ? lease.get() : nullptr);
  auto asked = ask(use->first_page(conditions));
  co_await std::move(asked);
  std::size_t taken = 0;  // of the page
  for (bool wanted = true;;) {
    auto answered = Steps::call(lease, [page](Lease& there) { return Steps::answer(there, *page); });
    const Result rows = co_await std::move(answered);
    if (rows.empty()) break;
    if (!wanted) continue;  // what is on its way all the same
    taken += rows.size();
    if (taken == kStreamRows) {  // the next page comes while the end of this one is taken
      auto asked_next = ask(use->page_after(rows, conditions));
      co_await std::move(asked_next);
      taken = 0;
    }
    wanted = take(rows);
    use->check_open();  // `take` may have ended it
  }
  if (transaction.done()) {
    auto committed = Steps::call(lease, [](Lease& there) { return Steps::commit(there); });
    co_await std::move(committed);
  }
}

}  // namespace rowhouse::detail
