#pragma once

#include <string>

#include "migration/ledger.hpp"
#include "migration/table_work.hpp"

namespace rowhouse::detail {

// Notes in rowhouse.import_table what a table of a source looks like there, so that it can be exported again. Call it
// in the transaction that loads the table, whether or not rows are sent. Until finish_run() the file counts as
// unfinished by the run of `place`.
void write_source_table(RoundTrip& trip, const LedgerPlace& place, const TableWork& work);

// A name for a run that no other has.
std::string new_run();
// Everything that comes after the load is there, for every file that `run` has noted last.
void finish_run(PostgresConnection& connection, const std::string& run);

}  // namespace rowhouse::detail
