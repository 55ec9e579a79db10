#pragma once

#include "rowhouse/async/database_manager.hpp"
#include "rowhouse/migration_layer.hpp"

namespace rowhouse {

extern template class BasicMigrationLayer<detail::Awaiting>;

namespace async {

/// As rowhouse::MigrationLayer, with awaitables. SQLite's files are opened where PostgreSQL's manager works. A write in
/// dual mode that is cancelled when SQLite has taken it is counted as refused, and reconcile() brings it over; whether
/// the call succeeds, or throws, depends on where it was.
using MigrationLayer = BasicMigrationLayer<detail::Awaiting>;

}  // namespace async
}  // namespace rowhouse
