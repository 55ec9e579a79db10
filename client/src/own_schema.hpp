#pragma once

#include <string>

#include "rowhouse/schema_manager.hpp"

namespace rowhouse::detail {

// The schema of this library, whose table of PostgreSQL is in the schema of that name.
Schema own_schema(const std::string& postgres_schema);

// A table of this library as statements name it.
std::string own_table(Database database, const std::string& postgres_schema, const char* table);

// Throws 55000 when a database of this version is ahead of the schema.
void check_version(const Schema& schema, int version);

}  // namespace rowhouse::detail
