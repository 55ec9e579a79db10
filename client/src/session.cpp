#include "rowhouse/session.hpp"

#include <utility>

#include "copy_rows.hpp"
#include "lease.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse {

namespace {

std::size_t insert_rows(detail::Lease& lease, const CopyTarget& target, const RowSource& next) {
  const std::string sql = detail::insert_statement(target);
  std::vector<Value> row;
  for (std::size_t rows = 0;; ++rows, row.clear()) {
    if (!next(row)) return rows;
    lease.execute(sql, row);
  }
}

}  // namespace

Transaction::Transaction(std::shared_ptr<detail::Lease> lease, int depth) noexcept
    : lease_(std::move(lease)), number_(lease_->open_transaction()), depth_(depth) {}

Transaction::Transaction(Transaction&& other) noexcept
    : lease_(std::move(other.lease_)),
      number_(other.number_),
      depth_(other.depth_),
      open_(std::exchange(other.open_, false)) {}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    rollback();
  } catch (...) {
    // The connection is broken; its pool finds out when it comes back.
  }
}

void Transaction::check_open() const {
  if (!open_ || lease_->open_transaction() != number_) throw_error("25P01", "the transaction is over");
}

Result Transaction::execute(std::string_view sql, std::span<const Value> parameters, const CallOptions& options) {
  check_open();
  return lease_->execute_foreign(sql, parameters, options);
}

Result Transaction::execute(std::string_view sql, std::initializer_list<Value> parameters, const CallOptions& options) {
  return execute(sql, std::span(parameters.begin(), parameters.size()), options);
}

std::size_t Transaction::for_each(std::string_view sql, std::span<const Value> parameters, const RowSink& take,
                                  const CallOptions& options) {
  check_open();
  return lease_->for_each_foreign(sql, parameters, take, options);
}

std::size_t Transaction::for_each(std::string_view sql, std::initializer_list<Value> parameters, const RowSink& take,
                                  const CallOptions& options) {
  return for_each(sql, std::span(parameters.begin(), parameters.size()), take, options);
}

std::size_t Transaction::copy_in(const CopyTarget& target, const RowSource& next) {
  check_open();
  if (database() == Database::kSqlite) return insert_rows(*lease_, target, next);
  const detail::Statement types = detail::CopyRows::types_of(target);
  const detail::CopyRows rows(target, lease_->execute(types.sql, types.parameters));
  detail::CopySource source(rows, next);
  return lease_->copy_in(rows.sql(), [&](std::span<char> buffer) { return source.fill(buffer); });
}

std::size_t Transaction::copy_out(std::string_view sql, const std::function<void(std::string_view)>& take) {
  check_open();
  return lease_->copy_out(sql, take);
}

Transaction Transaction::nested() {
  check_open();
  lease_->connection().savepoint(detail::savepoint_name(depth_ + 1));
  return Transaction(lease_, depth_ + 1);
}

void Transaction::commit() {
  check_open();
  open_ = false;
  if (depth_ == 0)
    lease_->commit();
  else
    lease_->connection().release(detail::savepoint_name(depth_));
}

void Transaction::rollback() {
  check_open();
  open_ = false;
  if (depth_ == 0) {
    lease_->rollback();
    return;
  }
  lease_->connection().rollback_to(detail::savepoint_name(depth_));
  lease_->connection().release(detail::savepoint_name(depth_));
}

Database Transaction::database() const noexcept { return lease_->connection().database(); }
const std::optional<std::string>& Transaction::tenant() const noexcept { return lease_->tenant(); }

Session::Session(std::shared_ptr<detail::Lease> lease) noexcept : lease_(std::move(lease)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Result Session::execute(std::string_view sql, std::span<const Value> parameters, const CallOptions& options) {
  return lease_->execute_foreign(sql, parameters, options);
}

Result Session::execute(std::string_view sql, std::initializer_list<Value> parameters, const CallOptions& options) {
  return execute(sql, std::span(parameters.begin(), parameters.size()), options);
}

std::size_t Session::for_each(std::string_view sql, std::span<const Value> parameters, const RowSink& take,
                              const CallOptions& options) {
  return lease_->for_each_foreign(sql, parameters, take, options);
}

std::size_t Session::for_each(std::string_view sql, std::initializer_list<Value> parameters, const RowSink& take,
                              const CallOptions& options) {
  return for_each(sql, std::span(parameters.begin(), parameters.size()), take, options);
}

Transaction Session::begin(const TransactionOptions& options) {
  lease_->begin(options);
  return Transaction(lease_, 0);
}

void Session::cancel() noexcept { lease_->connection().cancel(); }
Database Session::database() const noexcept { return lease_->connection().database(); }
const std::optional<std::string>& Session::tenant() const noexcept { return lease_->tenant(); }

}  // namespace rowhouse
