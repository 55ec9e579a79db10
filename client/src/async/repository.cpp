#include "rowhouse/async/repository.hpp"

#include "repository_methods.hpp"

namespace rowhouse {

template class BasicIntegratedObjectRepository<detail::AsyncTableAccess>;

namespace async {

IntegratedObjectRepository::IntegratedObjectRepository(Session& session)
    : BasicIntegratedObjectRepository(detail::AsyncTableAccess(session, integrated_objects().shape())) {}
IntegratedObjectRepository::IntegratedObjectRepository(Transaction& transaction)
    : BasicIntegratedObjectRepository(detail::AsyncTableAccess(transaction, integrated_objects().shape())) {}

}  // namespace async
}  // namespace rowhouse
