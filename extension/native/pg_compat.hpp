// PostgreSQL's headers for this whole folder, and the only place that asks which version they are of (14 to 19).
// To be included first everywhere.
#pragma once

extern "C" {
#include "postgres.h"

#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_type.h"
#include "catalog/pg_user_mapping.h"
#include "commands/copy.h"
#include "commands/copyfrom_internal.h"
#include "commands/defrem.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "parser/parse_relation.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/varlena.h"
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif
}

// Before 16 the server's headers mark no symbol as exported; with hidden visibility not even the magic block would be.
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))

// The server puts macros in the place of these; the standard library's headers need the names.
#undef _
#undef gettext
#undef dgettext
#undef ngettext
#undef dngettext
#undef printf
#undef fprintf
#undef sprintf
#undef snprintf
#undef vprintf
#undef vfprintf
#undef vsprintf
#undef vsnprintf
#undef strerror
#undef strerror_r

// Version 18 lets a module say its own name and version.
#ifdef PG_MODULE_MAGIC_EXT
#define ROWHOUSE_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "rowhouse_native")
#else
#define ROWHOUSE_MODULE_MAGIC PG_MODULE_MAGIC
#endif

namespace rowhouse {

/// The one path of a foreign scan: no order, no outer relations' parameters but laterals.
inline ForeignPath* make_foreign_path(PlannerInfo* root, RelOptInfo* relation, double rows, Cost startup, Cost total) {
#if PG_VERSION_NUM >= 180000
  return create_foreignscan_path(root, relation, nullptr, rows, 0, startup, total, NIL, relation->lateral_relids,
                                 nullptr, NIL, NIL);
#elif PG_VERSION_NUM >= 170000
  return create_foreignscan_path(root, relation, nullptr, rows, startup, total, NIL, relation->lateral_relids, nullptr,
                                 NIL, NIL);
#else
  return create_foreignscan_path(root, relation, nullptr, rows, startup, total, NIL, relation->lateral_relids, nullptr,
                                 NIL);
#endif
}

}  // namespace rowhouse
