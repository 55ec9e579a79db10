#include "rowhouse/async/session.hpp"

#include <utility>

#include "async/lease_access.hpp"
#include "copy_rows.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse::async {
namespace {

using asio::awaitable;
using detail::AsyncLease;
using detail::Question;

awaitable<Result> execute_on(AsyncLease& lease, std::string_view sql, std::vector<Value> parameters,
                             const CallOptions& options) {
  return lease.call(lease.stop_of(options),
                    [question = Question(std::string(sql), std::move(parameters), options)](AsyncLease& own) {
                      own.touch();
                      return own.execute(question);
                    });
}

awaitable<std::size_t> for_each_on(AsyncLease& lease, std::string_view sql, std::vector<Value> parameters, RowSink take,
                                   const CallOptions& options) {
  Question question(std::string(sql), std::move(parameters), options);
  question.sink = std::move(take);
  return lease.call(lease.stop_of(options), [question = std::move(question)](AsyncLease& own) {
    own.touch();
    return own.for_each(question);
  });
}

awaitable<std::size_t> insert_rows(AsyncLease& lease, const CopyTarget& target, const RowSource& next) {
  Question insert(detail::insert_statement(target), {}, {});
  for (std::size_t rows = 0;; ++rows) {
    insert.parameters.clear();
    if (!next(insert.parameters)) co_return rows;
    co_await lease.execute(insert);
  }
}

awaitable<std::size_t> copy_rows(AsyncLease& lease, const CopyTarget& target, const RowSource& next) {
  if (lease.database() == Database::kSqlite) co_return co_await insert_rows(lease, target, next);
  detail::Statement types = detail::CopyRows::types_of(target);
  const Question question(std::move(types.sql), std::move(types.parameters), {});
  const Result known = co_await lease.execute(question);
  const detail::CopyRows rows(target, known);
  detail::CopySource source(rows, next);
  const detail::AsyncConnection::Fill fill = [&](std::span<char> buffer) { return source.fill(buffer); };
  co_return co_await lease.copy_in(rows.sql(), fill);
}

}  // namespace

Transaction::Transaction(std::shared_ptr<AsyncLease> lease, int depth) noexcept
    : lease_(std::move(lease)), number_(lease_->open_transaction()), depth_(depth) {}

Transaction::Transaction(Transaction&& other) noexcept
    : lease_(std::move(other.lease_)),
      number_(other.number_),
      depth_(other.depth_),
      open_(std::exchange(other.open_, false)) {}

Transaction::~Transaction() {
  if (open_ && lease_->open_transaction() == number_) lease_->abandon(depth_);
}

void Transaction::check_open() const {
  if (!open_ || lease_->open_transaction() != number_) throw_error("25P01", "the transaction is over");
}

awaitable<Result> Transaction::execute(std::string_view sql, Parameters parameters, const CallOptions& options) {
  check_open();
  return execute_on(*lease_, sql, std::move(parameters).take(), options);
}

awaitable<std::size_t> Transaction::for_each(std::string_view sql, Parameters parameters, RowSink take,
                                             const CallOptions& options) {
  check_open();
  return for_each_on(*lease_, sql, std::move(parameters).take(), std::move(take), options);
}

awaitable<std::size_t> Transaction::copy_in(CopyTarget target, RowSource next) {
  check_open();
  return lease_->call(lease_->stop_of({}), [target = std::move(target), next = std::move(next)](AsyncLease& own) {
    return copy_rows(own, target, next);
  });
}

awaitable<std::size_t> Transaction::copy_out(std::string_view sql, std::function<void(std::string_view)> take) {
  check_open();
  return lease_->call(lease_->stop_of({}), [sql = std::string(sql), take = std::move(take)](AsyncLease& own) {
    own.touch();
    return own.copy_out(sql, take);
  });
}

awaitable<Transaction> Transaction::nested() {
  check_open();
  const int depth = depth_ + 1;
  const std::shared_ptr<AsyncLease> lease = lease_;
  auto made = lease->call(lease->stop_of({}), [depth](AsyncLease& own) { return own.savepoint(depth); });
  co_await std::move(made);
  co_return Transaction(lease, depth);
}

awaitable<void> Transaction::end(bool keep) {
  check_open();
  open_ = false;
  return lease_->call(lease_->stop_of({}), [depth = depth_, keep](AsyncLease& own) {
    if (depth > 0) return own.end_savepoint(depth, keep);
    return keep ? own.commit() : own.rollback();
  });
}

awaitable<void> Transaction::commit() { return end(true); }
awaitable<void> Transaction::rollback() { return end(false); }

Database Transaction::database() const noexcept { return lease_->database(); }
const std::optional<std::string>& Transaction::tenant() const noexcept { return lease_->tenant(); }

Session::Session(std::shared_ptr<AsyncLease> lease) noexcept : lease_(std::move(lease)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

awaitable<Result> Session::execute(std::string_view sql, Parameters parameters, const CallOptions& options) {
  return execute_on(*lease_, sql, std::move(parameters).take(), options);
}

awaitable<std::size_t> Session::for_each(std::string_view sql, Parameters parameters, RowSink take,
                                         const CallOptions& options) {
  return for_each_on(*lease_, sql, std::move(parameters).take(), std::move(take), options);
}

namespace {

awaitable<void> begin_on(std::shared_ptr<AsyncLease> lease, TransactionOptions options) {
  const std::stop_token stop = options.stop;
  return lease->call(stop, [options = std::move(options)](AsyncLease& own) { return own.begin(options); });
}

}  // namespace

awaitable<Transaction> Session::begin(const TransactionOptions& options) {
  return [](std::shared_ptr<AsyncLease> lease, TransactionOptions own) -> awaitable<Transaction> {
    auto begun = begin_on(lease, std::move(own));
    co_await std::move(begun);
    co_return Transaction(lease, 0);
  }(lease_, options);
}

void Session::cancel() noexcept { lease_->cancel(); }
Database Session::database() const noexcept { return lease_->database(); }
const std::optional<std::string>& Session::tenant() const noexcept { return lease_->tenant(); }

}  // namespace rowhouse::async
