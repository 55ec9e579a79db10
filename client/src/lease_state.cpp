#include "lease_state.hpp"

#include "rowhouse/error.hpp"

namespace rowhouse::detail {

LeaseState::Begin LeaseState::prepare(const TransactionOptions& asked) const {
  if (in_transaction_) {
    throw_error("25001", "a transaction is already open on this session", {.hint = "Use its nested()."});
  }
  Begin begin{asked, identity_, {}};
  begin.options.read_only = asked.read_only || identity_.read_only;
  const std::optional<std::string> wanted = asked.login ? std::optional(asked.login->tenant()) : asked.tenant;
  if (identity_.tenant && wanted && *identity_.tenant != *wanted) {
    throw_error("55000", "the session belongs to another tenant than the transaction",
                {.hint = "Leave the transaction's tenant out, or open a session for it."});
  }
  if (wanted) begin.identity.tenant = wanted;
  if (asked.login) begin.identity.login = asked.login;
  if (begin.identity.tenant) check_tenant(*begin.identity.tenant);
  begin.limits = {.timeout = asked.call_timeout.count() > 0 ? asked.call_timeout : settings_.call_timeout,
                  .stop = asked.stop};
  return begin;
}

void LeaseState::begun(const Begin& begin) {
  transaction_limits_ = begin.limits;
  transaction_tenant_ = begin.identity.tenant;
  in_transaction_ = true;
  ++transactions_;
}

CallLimits LeaseState::limits(const CallOptions& options) const {
  CallLimits limits = transaction_limits_;
  if (!in_transaction_) limits = {.timeout = settings_.call_timeout};
  if (options.call_timeout.count() > 0) limits.timeout = options.call_timeout;
  if (options.stop.stop_possible()) limits.stop = options.stop;
  return limits;
}

}  // namespace rowhouse::detail
