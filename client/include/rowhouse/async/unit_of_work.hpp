#pragma once

#include "rowhouse/async/database_manager.hpp"
#include "rowhouse/unit_of_work.hpp"

namespace rowhouse {

extern template class BasicUnitOfWork<detail::Awaiting>;

namespace async {

/// As rowhouse::UnitOfWork, with awaitables.
using UnitOfWork = BasicUnitOfWork<detail::Awaiting>;

}  // namespace async
}  // namespace rowhouse
