#pragma once

#include <string>

#include "bridge/plan.hpp"
#include "postgres_connection.hpp"
#include "rowhouse/migration.hpp"

namespace rowhouse::detail {

// Notes in rowhouse.import_table what a table of a source looks like there, so that it can be exported again. Call it
// in the transaction that loads the table, whether or not rows are sent. `source_name` is the file's name.
void write_source_table(PostgresConnection& connection, const std::string& tenant, const std::string& source_name,
                        const bridge::Table& table, const bridge::TablePlan& plan, const std::string& schema);

}  // namespace rowhouse::detail
