#include "pg_compat.hpp"

#include "fdw.hpp"

#include "boundary.hpp"

extern "C" {
PGDLLEXPORT Datum rowhouse_native_fdw_handler(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(rowhouse_native_fdw_handler);

// Without the routines for writing the server itself refuses to write: the source is never changed.
Datum rowhouse_native_fdw_handler(PG_FUNCTION_ARGS) {
  (void)fcinfo;
  FdwRoutine* const routine = makeNode(FdwRoutine);
  rowhouse::entry("fdw_handler", [&] {
    routine->GetForeignRelSize = rowhouse::plan_relation_size;
    routine->GetForeignPaths = rowhouse::plan_paths;
    routine->GetForeignPlan = rowhouse::plan_scan;
    routine->BeginForeignScan = rowhouse::begin_scan;
    routine->IterateForeignScan = rowhouse::iterate_scan;
    routine->ReScanForeignScan = rowhouse::rescan;
    routine->EndForeignScan = rowhouse::end_scan;
    routine->ExplainForeignScan = rowhouse::explain_scan;
    routine->ImportForeignSchema = rowhouse::import_foreign_schema;
  });
  PG_RETURN_POINTER(routine);
}
}
