#include "pg_compat.hpp"

#include "options.hpp"

#include <cstring>
#include <string>
#include <vector>

#include "boundary.hpp"
#include "closest_match.hpp"
#include "failure.hpp"

namespace rowhouse {
namespace {

struct OptionRow {
  const char* name;
  Oid catalog;
  const char* belongs_to;
};

constexpr OptionRow kOptions[] = {
    {"path", ForeignServerRelationId, "server"},
    {"table", ForeignTableRelationId, "foreign table"},
    {"column", AttributeRelationId, "column"},
};

const char* kind_of(Oid catalog) {
  switch (catalog) {
    case ForeignServerRelationId:
      return "server";
    case ForeignTableRelationId:
      return "foreign table";
    case AttributeRelationId:
      return "column";
    case UserMappingRelationId:
      return "user mapping";
    default:
      return "foreign data wrapper";
  }
}

void check_name(const char* name, Oid catalog) {
  std::vector<std::string> known;
  for (const OptionRow& option : kOptions) {
    if (option.catalog != catalog) continue;
    if (std::strcmp(option.name, name) == 0) return;
    known.push_back(option.name);
  }
  const std::string kind = kind_of(catalog);
  throw Failure{{"HV00D", "a " + kind + " of rowhouse_sqlite has no option \"" + name + "\"", "",
                 closest_match_hint(name, known, "options of a " + kind)}};
}

void check_path(const char* path, bool may_read_files) {
  if (!may_read_files)
    throw Failure{{"42501", "permission denied to name a file of the server in option \"path\"", "",
                   "Only superusers and members of pg_read_server_files may do that."}};
  if (std::strstr(path, "{tenant}"))
    throw Failure{{"0A000", "a path with {tenant} is not supported", "", "Make a server for each file."}};
  if (path[0] != '/') throw Failure{{"22023", "option \"path\" is not an absolute path", "", "Begin it with a slash."}};
}

// Plain data only: what the options come to is read here, and judged in C++.
const char* option_value(List* options, const char* name) {
  ListCell* cell;
  foreach (cell, options) {
    const auto* option = static_cast<DefElem*>(lfirst(cell));
    if (std::strcmp(option->defname, name) == 0) return strVal(option->arg);
  }
  return nullptr;
}

void validate(List* options, Oid catalog, bool may_read_files) {
  ListCell* cell;
  foreach (cell, options) {
    const auto* option = static_cast<DefElem*>(lfirst(cell));
    check_name(option->defname, catalog);
    const char* value = strVal(option->arg);
    if (value[0] == '\0')
      throw Failure{{"22023", "option \"" + std::string(option->defname) + "\" is empty", "", "Give it a value."}};
    if (catalog == ForeignServerRelationId) check_path(value, may_read_files);
  }
  if (catalog == ForeignServerRelationId && !option_value(options, "path"))
    throw Failure{
        {"HV002", "a server of rowhouse_sqlite wants option \"path\"", "", "Write OPTIONS (path '/folder/file.db')."}};
}

}  // namespace

ServerFile describe_server(Oid server) {
  const ForeignServer* found = GetForeignServer(server);
  const char* path = option_value(found->options, "path");
  if (!path)
    ereport(ERROR, (errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
                    errmsg("server \"%s\" has no option \"path\"", found->servername)));
  // The right may have been taken away, or the server given to someone else, since the option was written.
  if (!has_privs_of_role(found->owner, ROLE_PG_READ_SERVER_FILES))
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("permission denied to read the file of server \"%s\"", found->servername),
                    errdetail("Its owner, role \"%s\", may not read files of the server.",
                              GetUserNameFromId(found->owner, false)),
                    errhint("Grant the owner pg_read_server_files, or give the server to a role that has it.")));
  return {found->servername, path};
}

ForeignTableSpec* describe_foreign_table(Oid relation) {
  require_utf8();
  ForeignTable* table = GetForeignTable(relation);
  auto* spec = static_cast<ForeignTableSpec*>(palloc0(sizeof(ForeignTableSpec)));
  spec->name = get_rel_name(relation);
  spec->path = describe_server(table->serverid).path;
  spec->source_table = option_value(table->options, "table");
  if (!spec->source_table) spec->source_table = spec->name;

  const Relation opened = table_open(relation, NoLock);
  const TupleDesc columns = RelationGetDescr(opened);
  spec->columns = columns->natts;
  spec->source_columns = static_cast<const char**>(palloc0(sizeof(char*) * (columns->natts + 1)));
  spec->types = static_cast<Oid*>(palloc0(sizeof(Oid) * (columns->natts + 1)));
  spec->modifiers = static_cast<int32*>(palloc0(sizeof(int32) * (columns->natts + 1)));
  for (int i = 0; i < columns->natts; ++i) {
    const Form_pg_attribute column = TupleDescAttr(columns, i);
    if (column->attisdropped) continue;
    const char* name = option_value(GetForeignColumnOptions(relation, column->attnum), "column");
    spec->source_columns[i] = name ? name : pstrdup(NameStr(column->attname));
    spec->types[i] = column->atttypid;
    spec->modifiers[i] = column->atttypmod;
  }
  table_close(opened, NoLock);
  return spec;
}

void require_utf8(void) {
  if (GetDatabaseEncoding() == PG_UTF8) return;
  ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                  errmsg("SQLite files are read in databases with encoding UTF8 only, this one has %s",
                         GetDatabaseEncodingName()),
                  errhint("Create a database with ENCODING 'UTF8'.")));
}

bool bridge_type(Oid type, int32 modifier, bridge::PgType& found) {
  if (modifier != -1) return false;  // a length, precision or scale would cut or round what is stored
  for (int i = 0; i <= static_cast<int>(bridge::PgType::jsonb); ++i) {
    found = static_cast<bridge::PgType>(i);
    if (bridge::type_oid(found) == type) return true;
  }
  return false;
}

}  // namespace rowhouse

extern "C" {
PGDLLEXPORT Datum rowhouse_native_fdw_validator(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(rowhouse_native_fdw_validator);

Datum rowhouse_native_fdw_validator(PG_FUNCTION_ARGS) {
  List* const options = untransformRelOptions(PG_GETARG_DATUM(0));
  const Oid catalog = PG_GETARG_OID(1);
  const bool may_read_files = has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES);
  rowhouse::entry("fdw_validator", [&] { rowhouse::validate(options, catalog, may_read_files); });
  PG_RETURN_VOID();
}
}
