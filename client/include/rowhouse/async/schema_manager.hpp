#pragma once

#include "rowhouse/async/database_manager.hpp"
#include "rowhouse/schema_manager.hpp"

namespace rowhouse {

extern template class BasicSchemaManager<detail::Awaiting>;

namespace async {

/// As rowhouse::SchemaManager, with awaitables. What blocks, the installation of the core and migrate_from_sqlite(),
/// runs on a thread of its own, one after the other; there `progress` is called too. A migration that is cancelled
/// throws 57014; run again it goes on.
using SchemaManager = BasicSchemaManager<detail::Awaiting>;

}  // namespace async
}  // namespace rowhouse
