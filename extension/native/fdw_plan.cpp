// Planning of a foreign scan: which columns are read, how many rows there may be. The file is open only meanwhile.
#include "pg_compat.hpp"

#include "boundary.hpp"
#include "fdw.hpp"
#include "scan.hpp"

namespace rowhouse {
namespace {

// Numbers of the columns that the query looks at; all for a whole-row reference.
List* needed_attributes(const RelOptInfo* relation, const ForeignTableSpec* spec) {
  Bitmapset* used = nullptr;
  pull_varattnos(reinterpret_cast<Node*>(relation->reltarget->exprs), relation->relid, &used);
  ListCell* cell;
  foreach (cell, relation->baserestrictinfo) {
    pull_varattnos(reinterpret_cast<Node*>(lfirst_node(RestrictInfo, cell)->clause), relation->relid, &used);
  }
  const bool whole_row = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, used);
  List* needed = NIL;
  for (int number = 1; number <= spec->columns; ++number) {
    if (!spec->source_columns[number - 1]) continue;
    if (whole_row || bms_is_member(number - FirstLowInvalidHeapAttributeNumber, used))
      needed = lappend_int(needed, number);
  }
  return needed;
}

}  // namespace

int* attribute_array(List* attributes) {
  int* const array = static_cast<int*>(palloc(sizeof(int) * (list_length(attributes) + 1)));
  int count = 0;
  ListCell* cell;
  foreach (cell, attributes) array[count++] = lfirst_int(cell);
  return array;
}

void plan_relation_size(PlannerInfo* root, RelOptInfo* relation, Oid table) {
  const ForeignTableSpec* const spec = describe_foreign_table(table);
  auto* const plan = static_cast<PlannedScan*>(palloc0(sizeof(PlannedScan)));
  plan->attributes = needed_attributes(relation, spec);
  const int* const attributes = attribute_array(plan->attributes);
  const int count = list_length(plan->attributes);
  double rows = 0;
  entry("fdw_relation_size", [&] {
    const Scan scan(*spec, attributes, count);
    rows = scan.estimated_rows();
    const std::string& sql = scan.sql();
    plan->sql = pg_call([&] { return pnstrdup(sql.data(), sql.size()); });
  });
  relation->fdw_private = plan;
  relation->tuples = rows;
  set_baserel_size_estimates(root, relation);
}

void plan_paths(PlannerInfo* root, RelOptInfo* relation, Oid) {
  entry("fdw_paths", [&] {
    pg_call([&] {
      // Opening a file costs about as much as a few pages; a row costs more than one of a heap, being decoded.
      const Cost startup = 4 * seq_page_cost + relation->baserestrictcost.startup;
      const Cost row = 2 * cpu_tuple_cost + relation->baserestrictcost.per_tuple;
      const Cost pages = relation->tuples * relation->reltarget->width / BLCKSZ * seq_page_cost;
      add_path(relation, reinterpret_cast<Path*>(make_foreign_path(root, relation, relation->rows, startup,
                                                                   startup + pages + row * relation->tuples)));
    });
  });
}

ForeignScan* plan_scan(PlannerInfo*, RelOptInfo* relation, Oid, ForeignPath*, List* target_list, List* clauses,
                       Plan* outer_plan) {
  return entry("fdw_plan", [&] {
    return pg_call([&] {
      const auto* plan = static_cast<const PlannedScan*>(relation->fdw_private);
      List* kept = list_make2(plan->attributes, makeString(plan->sql));
      return make_foreignscan(target_list, extract_actual_clauses(clauses, false), relation->relid, NIL, kept, NIL, NIL,
                              outer_plan);
    });
  });
}

}  // namespace rowhouse
