#include "migration/core_installer.hpp"

namespace rowhouse::detail {
namespace {

bool server_has_extension(PostgresConnection& connection) {
  return connection.execute("SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'rowhouse'").rows() > 0;
}

}  // namespace

std::string installed_core(PostgresConnection& connection) {
  const PostgresResult extension =
      connection.execute("SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'rowhouse'");
  if (extension.rows() > 0) return "extension " + std::string(extension.value(0, 0).value_or(""));
  const PostgresResult script =
      connection.execute("SELECT pg_catalog.to_regprocedure('rowhouse.set_tenant(text, boolean)') IS NOT NULL");
  if (script.value(0, 0) != "t") return "";
  return "script " + std::string(connection.execute("SELECT rowhouse.version()").value(0, 0).value_or(""));
}

void install_core(PostgresConnection& connection) {
  if (!installed_core(connection).empty()) return;
  const bool own_transaction = !connection.in_transaction();
  if (own_transaction) connection.begin();
  connection.savepoint("rowhouse_core");
  bool installed = false;
  if (server_has_extension(connection)) {
    try {
      connection.execute("CREATE EXTENSION rowhouse");
      installed = true;
    } catch (const Error& error) {
      // A role that may not create extensions may still run the script.
      if (error.kind() != ErrorKind::kPermission) throw;
      connection.rollback_to("rowhouse_core");
    }
  }
  if (!installed) connection.execute_script(kCoreScript);
  connection.release("rowhouse_core");
  if (own_transaction) connection.commit();
}

}  // namespace rowhouse::detail
