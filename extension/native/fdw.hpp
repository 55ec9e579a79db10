// The foreign data wrapper rowhouse_sqlite, by what the server asks of it.
#pragma once

#include "pg_compat.hpp"

namespace rowhouse {

/// A planned scan: a list of the attribute numbers to read, and the statement for EXPLAIN.
struct PlannedScan {
  List* attributes;
  char* sql;
};

/// The attribute numbers of a planned scan as an array in the current context.
int* attribute_array(List* attributes);

void plan_relation_size(PlannerInfo* root, RelOptInfo* relation, Oid table);
void plan_paths(PlannerInfo* root, RelOptInfo* relation, Oid table);
ForeignScan* plan_scan(PlannerInfo* root, RelOptInfo* relation, Oid table, ForeignPath* best_path, List* target_list,
                       List* clauses, Plan* outer_plan);

void begin_scan(ForeignScanState* node, int flags);
TupleTableSlot* iterate_scan(ForeignScanState* node);
void rescan(ForeignScanState* node);
void end_scan(ForeignScanState* node);
void explain_scan(ForeignScanState* node, ExplainState* explain);

List* import_foreign_schema(ImportForeignSchemaStmt* statement, Oid server);

}  // namespace rowhouse
