#pragma once

#include <memory>

#include "async/lease.hpp"
#include "rowhouse/async/session.hpp"

namespace rowhouse::detail {

struct AsyncLeaseAccess {
  static const std::shared_ptr<AsyncLease>& of(const async::Session& session) noexcept { return session.lease_; }
  static const std::shared_ptr<AsyncLease>& of(const async::Transaction& transaction) noexcept {
    return transaction.lease_;
  }
};

}  // namespace rowhouse::detail
