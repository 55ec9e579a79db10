#pragma once

#include "rowhouse/async/session.hpp"
#include "rowhouse/async/table_repository.hpp"
#include "rowhouse/export.hpp"
#include "rowhouse/repository.hpp"

namespace rowhouse {

extern template class BasicIntegratedObjectRepository<detail::AsyncTableAccess>;

namespace async {

/// As rowhouse::IntegratedObjectRepository, with awaitables.
class ROWHOUSE_EXPORT IntegratedObjectRepository : public BasicIntegratedObjectRepository<detail::AsyncTableAccess> {
 public:
  /// Throws 55000 when there is no tenant. The repository keeps the connection borrowed.
  explicit IntegratedObjectRepository(Session& session);
  /// The same; works in this transaction alone.
  explicit IntegratedObjectRepository(Transaction& transaction);
};

}  // namespace async
}  // namespace rowhouse
