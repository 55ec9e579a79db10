#include "rowhouse/session.hpp"

#include <utility>

#include "lease.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse {

namespace detail {

void Lease::begin(const TransactionOptions& options) {
  if (in_transaction_) {
    throw_error("25001", "a transaction is already open on this session", {.hint = "Use its nested()."});
  }
  if (tenant_ && options.tenant && *tenant_ != *options.tenant) {
    throw_error("55000", "the session belongs to another tenant than the transaction",
                {.hint = "Leave the transaction's tenant out, or open a session for it."});
  }
  const std::optional<std::string>& tenant = tenant_ ? tenant_ : options.tenant;
  if (tenant) check_tenant(*tenant);
  connection_->begin(options, tenant);
  transaction_tenant_ = tenant;
  in_transaction_ = true;
  ++transactions_;
}

void Lease::commit() {
  in_transaction_ = false;  // whatever comes of it, the transaction is over
  try {
    connection_->commit();
  } catch (...) {
    connection_->rollback();
    throw;
  }
}

void Lease::rollback() {
  in_transaction_ = false;
  connection_->rollback();
}

Result Lease::execute(std::string_view sql, std::span<const Value> parameters) {
  if (in_transaction_ || !tenant_) return connection_->execute(sql, parameters);
  return connection_->execute_alone(*tenant_, sql, parameters);
}

}  // namespace detail

namespace {

std::string savepoint_name(int depth) { return "rowhouse_" + std::to_string(depth); }

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

Result Transaction::execute(std::string_view sql, std::span<const Value> parameters) {
  check_open();
  return lease_->execute_foreign(sql, parameters);
}

Result Transaction::execute(std::string_view sql, std::initializer_list<Value> parameters) {
  return execute(sql, std::span(parameters.begin(), parameters.size()));
}

Transaction Transaction::nested() {
  check_open();
  lease_->connection().savepoint(savepoint_name(depth_ + 1));
  return Transaction(lease_, depth_ + 1);
}

void Transaction::commit() {
  check_open();
  open_ = false;
  if (depth_ == 0)
    lease_->commit();
  else
    lease_->connection().release(savepoint_name(depth_));
}

void Transaction::rollback() {
  check_open();
  open_ = false;
  if (depth_ == 0) {
    lease_->rollback();
    return;
  }
  lease_->connection().rollback_to(savepoint_name(depth_));
  lease_->connection().release(savepoint_name(depth_));
}

Database Transaction::database() const noexcept { return lease_->connection().database(); }
const std::optional<std::string>& Transaction::tenant() const noexcept { return lease_->tenant(); }

Session::Session(std::shared_ptr<detail::Lease> lease) noexcept : lease_(std::move(lease)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Result Session::execute(std::string_view sql, std::span<const Value> parameters) {
  return lease_->execute_foreign(sql, parameters);
}

Result Session::execute(std::string_view sql, std::initializer_list<Value> parameters) {
  return execute(sql, std::span(parameters.begin(), parameters.size()));
}

Transaction Session::begin(const TransactionOptions& options) {
  lease_->begin(options);
  return Transaction(lease_, 0);
}

void Session::cancel() noexcept { lease_->connection().cancel(); }
Database Session::database() const noexcept { return lease_->connection().database(); }
const std::optional<std::string>& Session::tenant() const noexcept { return lease_->tenant(); }

}  // namespace rowhouse
