#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "rowhouse/database_manager.hpp"
#include "rowhouse/export.hpp"

namespace rowhouse {

/// What belongs together, a request for example: its reads may go to a replica, but see all that was written through
/// it. Not thread-safe; its sessions are as any other. What UnitOfWork and its twin in rowhouse::async can do:
/// `Answer<R>` is an R here and an awaitable of an R there.
template <class Way>
class ROWHOUSE_EXPORT BasicUnitOfWork {
 public:
  /// How a result comes.
  template <class R>
  using Answer = typename Way::template Answer<R>;
  /// Its database.
  using Manager = typename Way::Manager;
  /// What it lends.
  using Session = typename Way::Session;

  /// Throws 22023 for a malformed id.
  explicit BasicUnitOfWork(Manager manager, std::optional<std::string> tenant = std::nullopt);
  /// In a sealed database, for the tenant that the token names.
  BasicUnitOfWork(Manager manager, LoginToken login);

  /// On the primary, as DatabaseManager::session().
  Answer<Session> session();
  /// To read only. On a replica that is at most max_replica_lag behind and has every transaction that this unit has
  /// committed; else on the primary.
  Answer<Session> read_session();
  /// As DatabaseManager::run_in_transaction(), for the unit's tenant.
  template <class Work>
  auto run_in_transaction(Work&& work, RetryOptions options = {}) {
    options.transaction.tenant = tenant_;
    options.transaction.login = login_;
    return manager_.run_in_transaction(std::forward<Work>(work), options, writes_);
  }

 private:
  Manager manager_;
  std::optional<std::string> tenant_;
  std::optional<LoginToken> login_;
  std::shared_ptr<detail::Writes> writes_;
};

extern template class BasicUnitOfWork<detail::Blocking>;

/// BasicUnitOfWork of the blocking library.
using UnitOfWork = BasicUnitOfWork<detail::Blocking>;

}  // namespace rowhouse
