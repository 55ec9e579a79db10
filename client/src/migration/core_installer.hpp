#pragma once

#include <string>

#include "postgres_connection.hpp"

namespace rowhouse::detail {

// How the core is installed in the connection's database: "extension 0.1.0", "script 0.1.0", or empty.
std::string installed_core(PostgresConnection& connection);

// The same; 55000 when it is not installed. `target` is for the message.
std::string require_core(PostgresConnection& connection, const Url& target);

// Installs the core where it is missing: as an extension where the server has its files, by pg_tle where the database has
// that, else by the script that the library carries. Within a transaction or outside of one. 55000 where an older one is
// there that has not what imports write to.
void install_core(PostgresConnection& connection);

// The core as one SQL script (made by the build from extension/core).
extern const char* const kCoreScript;

// The same for pg_tle: registers the core and creates the extension.
extern const char* const kPgtleScript;

}  // namespace rowhouse::detail
