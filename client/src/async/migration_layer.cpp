#include "rowhouse/async/migration_layer.hpp"

#include "async/async_runner.hpp"
#include "migration_layer_methods.hpp"

namespace rowhouse {

template class BasicMigrationLayer<detail::Awaiting>;

}  // namespace rowhouse
