#include "migration/core_installer.hpp"

namespace rowhouse::detail {
namespace {

bool server_has_extension(PostgresConnection& connection) {
  return connection.execute("SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'rowhouse'").rows() > 0;
}

// A schema of pg_tle's name is not enough: anybody may have made it.
bool database_has_pg_tle(PostgresConnection& connection) {
  return connection
             .execute(
                 "SELECT FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid"
                 " WHERE e.extname = 'pg_tle' AND d.refclassid = 'pg_catalog.pg_extension'::regclass"
                 " AND d.deptype = 'e' AND d.objid = pg_catalog.to_regprocedure('pgtle.available_extensions()')")
             .rows() > 0;
}

// A role that may not do one may still do the next.
template <class Install>
bool is_permitted(PostgresConnection& connection, Install install) {
  try {
    install();
    return true;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kPermission) throw;
    connection.rollback_to("rowhouse_core");
    return false;
  }
}

// What an import writes to is younger than the core itself.
void require_import_tables(PostgresConnection& connection, const std::string& core) {
  if (connection.execute("SELECT pg_catalog.to_regprocedure('rowhouse.check_importable(text)') IS NOT NULL").value(0, 0) == "t")
    return;
  Diagnostics diagnostics;
  diagnostics.message = "rowhouse in the database (" + core + ") is too old to import into";
  diagnostics.hint = "ALTER EXTENSION rowhouse UPDATE, or run the plain script of this version.";
  const std::string message = diagnostics.message;
  throw_error("55000", message, std::move(diagnostics));
}

}  // namespace

std::string installed_core(PostgresConnection& connection) {
  const PostgresResult extension =
      connection.execute("SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'rowhouse'");
  if (extension.rows() > 0) return "extension " + extension.text(0, 0);
  const PostgresResult script =
      connection.execute("SELECT pg_catalog.to_regprocedure('rowhouse.set_tenant(text, boolean)') IS NOT NULL");
  if (script.value(0, 0) != "t") return "";
  return "script " + std::string(connection.execute("SELECT rowhouse.version()").value(0, 0).value_or(""));
}

std::string require_core(PostgresConnection& connection, const Url& target) {
  const std::string core = installed_core(connection);
  if (!core.empty()) return core;
  Diagnostics diagnostics;
  diagnostics.message = "rowhouse is not installed in " + target.masked();
  diagnostics.hint = "Run rowhouse migrate or rowhouse tenant create first: both install it.";
  const std::string message = diagnostics.message;
  throw_error("55000", message, std::move(diagnostics));
}

void install_core(PostgresConnection& connection) {
  if (const std::string core = installed_core(connection); !core.empty()) return require_import_tables(connection, core);
  const bool own_transaction = !connection.in_transaction();
  if (own_transaction) connection.begin();
  connection.savepoint("rowhouse_core");
  const bool is_installed =
      (server_has_extension(connection) &&
       is_permitted(connection, [&] { connection.execute("CREATE EXTENSION rowhouse"); })) ||
      (database_has_pg_tle(connection) &&
       is_permitted(connection, [&] { connection.execute_script(kPgtleScript); }));
  if (!is_installed) connection.execute_script(kCoreScript);
  connection.release("rowhouse_core");
  if (own_transaction) connection.commit();
}

}  // namespace rowhouse::detail
