#include "lease.hpp"

#include "rowhouse/error.hpp"
#include "statement_watch.hpp"

namespace rowhouse::detail {
namespace {

constexpr auto kNoRows = [](auto) { return std::size_t{0}; };

}  // namespace

CallLimits Lease::limits(const CallOptions& options) const {
  CallLimits limits = transaction_limits_;
  if (!in_transaction_) limits = {.timeout = this->options().call_timeout};
  if (options.call_timeout.count() > 0) limits.timeout = options.call_timeout;
  if (options.stop.stop_possible()) limits.stop = options.stop;
  return limits;
}

void Lease::begin(const TransactionOptions& asked) {
  TransactionOptions options = asked;
  options.read_only = options.read_only || identity_.read_only;
  if (in_transaction_) {
    throw_error("25001", "a transaction is already open on this session", {.hint = "Use its nested()."});
  }
  Identity identity = identity_;
  const std::optional<std::string> wanted = options.login ? std::optional(options.login->tenant()) : options.tenant;
  if (identity.tenant && wanted && *identity.tenant != *wanted) {
    throw_error("55000", "the session belongs to another tenant than the transaction",
                {.hint = "Leave the transaction's tenant out, or open a session for it."});
  }
  if (wanted) identity.tenant = wanted;
  if (options.login) identity.login = options.login;
  if (identity.tenant) check_tenant(*identity.tenant);
  transaction_limits_ = {
      .timeout = options.call_timeout.count() > 0 ? options.call_timeout : this->options().call_timeout,
      .stop = options.stop};
  connection_->set_limits(transaction_limits_);
  watched(
      this->options(), pool_->observed(), "BEGIN", {}, [&] { return connection_->begin(options, identity), 0; },
      kNoRows);
  transaction_tenant_ = identity.tenant;
  read_only_ = options.read_only;
  in_transaction_ = true;
  ++transactions_;
}

void Lease::commit() {
  in_transaction_ = false;  // whatever comes of it, the transaction is over
  connection_->set_limits(transaction_limits_);
  try {
    watched(
        options(), pool_->observed(), "COMMIT", {}, [&] { return connection_->commit(), 0; }, kNoRows);
  } catch (...) {
    note_write();
    connection_->rollback();
    throw;
  }
  note_write();
}

void Lease::rollback() {
  in_transaction_ = false;
  watched(
      options(), pool_->observed(), "ROLLBACK", {}, [&] { return connection_->rollback(), 0; }, kNoRows);
}

Result Lease::run(Call call, const CallOptions& options) {
  call.statement_timeout = options.statement_timeout;
  connection_->set_limits(limits(options));
  // An error may leave open whether a statement alone has written.
  const std::unique_ptr<Lease, void (*)(Lease*)> at_end(this, [](Lease* lease) {
    if (!lease->in_transaction_) lease->note_write();
  });
  return watched(
      this->options(), pool_->observed(), call.sql, options.name,
      [&] {
        const bool alone = !in_transaction_ && (identity_.tenant || identity_.read_only);
        return alone ? connection_->execute_alone(identity_, call) : connection_->execute(call);
      },
      [](const Result& result) { return result.empty() ? result.affected_rows() : result.size(); });
}

std::size_t Lease::for_each(std::string_view sql, std::span<const Value> parameters, const RowSink& take,
                            const CallOptions& options) {
  std::size_t rows = 0;
  const RowSink counting = [&](const Row& row) {
    ++rows;
    take(row);
  };
  run({.sql = sql, .parameters = parameters, .sink = &counting}, options);
  return rows;
}

}  // namespace rowhouse::detail
