#pragma once

#include <string>

#include "bridge/plan.hpp"
#include "migration/round_trip.hpp"
#include "rowhouse/migration.hpp"

namespace rowhouse::detail {

// Notes in rowhouse.import_table what a table of a source looks like there, so that it can be exported again. Call it
// in the transaction that loads the table, whether or not rows are sent. `source_name` is the file's name; until finish_run()
// the file counts as unfinished by `run`.
void write_source_table(RoundTrip& trip, const std::string& tenant, const std::string& source_name,
                        const bridge::Table& table, const bridge::TablePlan& plan, const std::string& schema,
                        const std::string& run);

// A name for a run that no other has.
std::string new_run();
// Everything that comes after the load is there, for every file that `run` has noted last.
void finish_run(PostgresConnection& connection, const std::string& run);

}  // namespace rowhouse::detail
