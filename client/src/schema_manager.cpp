#include "migration/core_installer.hpp"
#include "postgres_connection.hpp"
#include "schema_manager_methods.hpp"

namespace rowhouse {

void detail::install_core(const Url& target) {
  PostgresConnection connection = PostgresConnection::connect(target);
  install_core(connection);
}

template class BasicSchemaManager<detail::Blocking>;

}  // namespace rowhouse
