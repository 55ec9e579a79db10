// A foreign scan while it runs. The Scan belongs to the query's memory context: whatever ends the query closes the
// file.
#include "pg_compat.hpp"

#include <algorithm>
#include <cstring>

#include "boundary.hpp"
#include "context_owned.hpp"
#include "datum.hpp"
#include "fdw.hpp"
#include "scan.hpp"

namespace rowhouse {
namespace {

using OwnedScan = ContextOwned<Scan>;

OwnedScan* owned_scan(ForeignScanState* node) { return static_cast<OwnedScan*>(node->fdw_state); }

List* planned(ForeignScanState* node, int position) {
  return static_cast<List*>(list_nth(reinterpret_cast<ForeignScan*>(node->ss.ps.plan)->fdw_private, position));
}

struct Place {
  const Scan* scan;
  std::size_t column;
};

void add_place_to_error(void* argument) {
  const auto* place = static_cast<const Place*>(argument);
  char text[512];
  place->scan->describe_place(place->column, text, sizeof text);
  errcontext("%s", text);
}

// Plain locals only: the server's input functions may report. Values go into the current, per-row context.
void fill(TupleTableSlot* slot, const Scan* scan) {
  const auto count = static_cast<std::size_t>(slot->tts_tupleDescriptor->natts);
  std::memset(slot->tts_isnull, true, count * sizeof(bool));
  Place place = {scan, 0};
  ErrorContextCallback context;
  context.previous = error_context_stack;
  context.callback = add_place_to_error;
  context.arg = &place;
  error_context_stack = &context;
  for (; place.column < scan->columns(); ++place.column) {
    const bridge::Value& value = scan->value(place.column);
    if (value.null) continue;
    const int attribute = scan->attribute(place.column);
    slot->tts_values[attribute - 1] = make_datum(value, scan->type(place.column));
    slot->tts_isnull[attribute - 1] = false;
  }
  error_context_stack = context.previous;
}

}  // namespace

void begin_scan(ForeignScanState* node, int flags) {
  if (flags & EXEC_FLAG_EXPLAIN_ONLY) return;
  const ForeignTableSpec* const spec = describe_foreign_table(RelationGetRelid(node->ss.ss_currentRelation));
  const int* const attributes = attribute_array(planned(node, 0));
  const int count = list_length(planned(node, 0));
  OwnedScan* const owned = OwnedScan::place(node->ss.ps.state->es_query_cxt);
  node->fdw_state = owned;
  entry("fdw_begin", [&] { owned->make(*spec, attributes, count); });
}

TupleTableSlot* iterate_scan(ForeignScanState* node) {
  Scan* const scan = owned_scan(node)->get();
  TupleTableSlot* const slot = node->ss.ss_ScanTupleSlot;
  ExecClearTuple(slot);
  if (!entry("fdw_iterate", [&] { return scan->next(); })) return slot;
  fill(slot, scan);
  return ExecStoreVirtualTuple(slot);
}

void rescan(ForeignScanState* node) {
  Scan* const scan = owned_scan(node)->get();
  entry("fdw_rescan", [&] { scan->rewind(); });
}

void end_scan(ForeignScanState* node) {
  OwnedScan* const owned = owned_scan(node);
  if (!owned) return;
  entry("fdw_end", [&] { owned->finish(); });
}

void explain_scan(ForeignScanState* node, ExplainState* explain) {
  const ForeignTableSpec* const spec = describe_foreign_table(RelationGetRelid(node->ss.ss_currentRelation));
  entry("fdw_explain", [&] {
    pg_call([&] {
      const char* slash = std::strrchr(spec->path, '/');
      ExplainPropertyText("SQLite File", slash ? slash + 1 : spec->path, explain);
      ExplainPropertyText("SQLite Statement", strVal(planned(node, 1)), explain);
    });
  });
}

}  // namespace rowhouse
