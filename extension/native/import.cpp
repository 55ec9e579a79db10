// The SQL function rowhouse.import_sqlite.
#include "pg_compat.hpp"

#include "boundary.hpp"
#include "copy_target.hpp"
#include "failure.hpp"
#include "importer.hpp"
#include "options.hpp"
#include "sql.hpp"

namespace rowhouse {
namespace {

// Plain frames.

void check_caller(void) {
  PreventCommandIfReadOnly("rowhouse.import_sqlite()");
  PreventCommandIfParallelMode("rowhouse.import_sqlite()");
  require_utf8();
  if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied to import a file of the server"),
                    errhint("Only superusers and members of pg_read_server_files may do that. The command "
                            "\"rowhouse migrate\" imports files of the client's machine.")));
  if (is_copying())
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("rowhouse.import_sqlite() can't be called by a trigger of a table that it fills")));
}

struct RowSink {
  Tuplestorestate* rows;
  TupleDesc columns;
};

RowSink begin_rows(FunctionCallInfo fcinfo) {
  auto* const result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  if (!result || !IsA(result, ReturnSetInfo) || !(result->allowedModes & SFRM_Materialize))
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("rowhouse.import_sqlite() is called where no set of rows is taken"),
                    errhint("Call it as SELECT * FROM rowhouse.import_sqlite(…).")));
  const MemoryContext before = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
  RowSink sink = {nullptr, nullptr};
  if (get_call_result_type(fcinfo, nullptr, &sink.columns) != TYPEFUNC_COMPOSITE)
    elog(ERROR, "return type must be a row type");
  sink.rows = tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
  result->returnMode = SFRM_Materialize;
  result->setResult = sink.rows;
  result->setDesc = sink.columns;
  MemoryContextSwitchTo(before);
  return sink;
}

void put_row(const RowSink& sink, const ImportedTable& table) {
  Datum values[3] = {ObjectIdGetDatum(table.relation), Int64GetDatum(table.rows), Int64GetDatum(table.rejected)};
  bool nulls[3] = {};
  tuplestore_putvalues(sink.rows, sink.columns, values, nulls);
}

void keep_setting(const char* name, const char* value) {
  set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

// The path so that nothing of the caller's gets between our names and what they mean; the tenant, which is set below.
int begin_settings(void) {
  const int level = NewGUCNestLevel();
  const char* const tenant = GetConfigOption("rowhouse.tenant", true, false);
  keep_setting("rowhouse.tenant", pstrdup(tenant ? tenant : ""));
  keep_setting("search_path", "pg_catalog, pg_temp");
  return level;
}

// C++ from here.

struct Request {
  const char* path;
  const char* tenant;  ///< null: the current one
  bool check_integrity;
};

std::string tenant_of(const Request& request) {
  if (request.tenant) return request.tenant;
  const std::optional<std::string> current = ask_sql("SELECT rowhouse.current_tenant()");
  if (current) return *current;
  throw Failure{{"22023", "no tenant is given and none is set", "",
                 "Name the tenant as the second argument, or set it with rowhouse.set_tenant()."}};
}

std::vector<ImportedTable> import_file(const Request& request) {
  const std::string path = request.path ? request.path : "";
  if (path.empty() || path[0] != '/')
    throw Failure{{"22023", "the path of the SQLite file is not absolute", "",
                   "It is a path of the server's machine and begins with a slash."}};
  const std::string tenant = tenant_of(request);
  const std::optional<std::string> schema = ask_sql("SELECT pg_catalog.current_schema()");
  if (!schema) throw Failure{{"3F000", "no schema is selected to import into", "", "Put one first in search_path."}};
  const int level = pg_call([] { return begin_settings(); });
  run_sql("SELECT rowhouse.set_tenant($1)", {tenant});
  std::vector<ImportedTable> imported = Importer(path, tenant, *schema, request.check_integrity).run();
  pg_call([&] { AtEOXact_GUC(true, level); });
  return imported;
}

}  // namespace
}  // namespace rowhouse

extern "C" {
PGDLLEXPORT Datum rowhouse_native_import_sqlite(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(rowhouse_native_import_sqlite);

Datum rowhouse_native_import_sqlite(PG_FUNCTION_ARGS) {
  rowhouse::check_caller();
  const rowhouse::RowSink sink = rowhouse::begin_rows(fcinfo);
  const rowhouse::Request request = {PG_ARGISNULL(0) ? nullptr : text_to_cstring(PG_GETARG_TEXT_PP(0)),
                                     PG_ARGISNULL(1) ? nullptr : text_to_cstring(PG_GETARG_TEXT_PP(1)),
                                     PG_ARGISNULL(2) || PG_GETARG_BOOL(2)};
  SPI_connect();
  rowhouse::entry("import_sqlite", [&] {
    for (const rowhouse::ImportedTable& table : rowhouse::import_file(request)) {
      rowhouse::pg_call([&] { rowhouse::put_row(sink, table); });
    }
  });
  SPI_finish();
  return Datum(0);
}
}
