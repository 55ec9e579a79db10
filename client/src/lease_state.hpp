#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "connection.hpp"
#include "statement_watch.hpp"

namespace rowhouse::detail {

// Of a transaction's savepoint; the first has the depth 1.
inline std::string savepoint_name(int depth) { return "rowhouse_" + std::to_string(depth); }

// A statement of this library whose rows are taken by and by.
struct Asked {
  StreamWatch watch;
  std::shared_ptr<AskedRows> rows;
};

// Of a connection on loan: for whom it is, which transaction is open on it, and how long calls may take. Talks to
// nobody, so blocking and asynchronous leases share it. Not thread-safe.
class LeaseState {
 public:
  // A transaction to begin, the session's part filled in.
  struct Begin {
    TransactionOptions options;
    Identity identity;
    CallLimits limits;
  };

  LeaseState(const DatabaseOptions& settings, Identity identity)
      : settings_(settings), identity_(std::move(identity)) {}

  // Throws what is wrong with the wish: a transaction is open, another tenant, a malformed one.
  Begin prepare(const TransactionOptions& asked) const;
  void begun(const Begin& begin);
  void ended() noexcept { in_transaction_ = false; }

  const Identity& identity() const noexcept { return identity_; }
  // The tenant of the open transaction, else of the session.
  const std::optional<std::string>& tenant() const noexcept {
    return in_transaction_ ? transaction_tenant_ : identity_.tenant;
  }
  // Tells the open transaction from all others of this lease; 0 when none is open.
  std::uint64_t open_transaction() const noexcept { return in_transaction_ ? transactions_ : 0; }
  // Whether a statement needs a transaction of its own, and gets one in its own round trip.
  bool runs_alone() const noexcept { return !in_transaction_ && (identity_.tenant || identity_.read_only); }
  CallLimits limits(const CallOptions& options) const;
  const CallLimits& transaction_limits() const noexcept { return transaction_limits_; }

  bool touched = false;  // a statement of the caller's may have left anything in the session

 private:
  const DatabaseOptions& settings_;
  const Identity identity_;
  std::optional<std::string> transaction_tenant_;
  CallLimits transaction_limits_;
  std::uint64_t transactions_ = 0;
  bool in_transaction_ = false;
};

}  // namespace rowhouse::detail
