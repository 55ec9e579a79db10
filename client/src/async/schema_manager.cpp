#include "rowhouse/async/schema_manager.hpp"

#include "async/async_runner.hpp"
#include "schema_manager_methods.hpp"

namespace rowhouse {

template class BasicSchemaManager<detail::Awaiting>;

}  // namespace rowhouse
