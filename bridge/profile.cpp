// What a full read of a file finds: storage classes, times, JSON, tenants, repeated objects.
#include <algorithm>

#include "bridge/helpdesk.hpp"
#include "bridge/plan.hpp"
#include "bridge/statement.hpp"

namespace rowhouse::bridge {
namespace {

constexpr std::size_t kColumnsMax = 1600;  // of PostgreSQL

int column_index(const Table& table, const std::string& name) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (sqlite3_stricmp(table.columns[i].name.c_str(), name.c_str()) == 0) return static_cast<int>(i);
  }
  return -1;
}

// The column in which the rows themselves may say whose they are, -1 where there is none.
int tenant_column_index(const Table& table, const PlanOptions& options) {
  const int own = column_index(table, options.tenant_column);
  return own >= 0 ? own : column_index(table, "tenant_id");
}

bool is_tenant(const Cell& cell, const std::string& tenant) {
  Value value;
  return cell.storage_class != StorageClass::null && !decode(cell, PgType::text, TextCheck::utf8, value) &&
         value.bytes == tenant;
}

bool reads_all_text(const PlanOptions& options) {
  return options.examine_text || options.text_policy.on_invalid_utf8 == OnInvalidUtf8::bytea;
}

struct ColumnReader {
  DeclaredKind kind = DeclaredKind::none;
  bool reads_bytes = false;
};

std::vector<ColumnReader> column_readers(const Table& table, const PlanOptions& options, int tenant_column) {
  std::vector<ColumnReader> readers(table.columns.size());
  const bool helpdesk = is_integrated_objects(table);
  for (std::size_t i = 0; i < readers.size(); ++i) {
    const Column& column = table.columns[i];
    const HelpdeskColumn* known = helpdesk ? helpdesk_column(column.name) : nullptr;
    readers[i].kind = declared_kind(column.declared_type);
    if (known && options.examine_text) {
      if (known->type == PgType::jsonb) readers[i].kind = DeclaredKind::json;
      if (known->type == PgType::timestamptz) readers[i].kind = DeclaredKind::time;
    }
    readers[i].reads_bytes =
        reads_all_text(options) || needs_text(readers[i].kind) || static_cast<int>(i) == tenant_column;
  }
  return readers;
}

StorageClass class_of(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return StorageClass::integer;
    case SQLITE_FLOAT:
      return StorageClass::real;
    case SQLITE_TEXT:
      return StorageClass::text;
    case SQLITE_BLOB:
      return StorageClass::blob;
    default:
      return StorageClass::null;
  }
}

// Long text stays on its overflow pages unless a column's bytes are asked for.
Status profile_rows(const Source& source, const std::string& tenant, const PlanOptions& options,
                    TableProfile& profile) {
  const Table& table = profile.table;
  const int tenant_column = tenant_column_index(table, options);
  const bool reads_text = reads_all_text(options);
  const std::vector<ColumnReader> readers = column_readers(table, options, tenant_column);
  std::string sql;
  for (const Column& column : table.columns) sql += (sql.empty() ? "SELECT " : ", ") + quote_sqlite(column.name);
  sql += " FROM main." + quote_sqlite(table.name) + (table.is_virtual ? "" : " NOT INDEXED");

  Statement owned;
  int code = prepare(source.connection(), sql.c_str(), owned);
  sqlite3_stmt* const statement = owned.get();
  while (code == SQLITE_OK || code == SQLITE_ROW) {
    if ((code = sqlite3_step(statement)) != SQLITE_ROW) break;
    ++profile.rows;
    for (int i = 0; i < static_cast<int>(readers.size()) && code == SQLITE_ROW; ++i) {
      Cell cell;
      cell.storage_class = class_of(statement, i);
      if (readers[i].reads_bytes || cell.storage_class == StorageClass::integer) {
        if (!read_cell(statement, i, cell)) code = sqlite3_errcode(source.connection());
      }
      profile.columns[i].add(cell, readers[i].kind);
      if (i == tenant_column && !is_tenant(cell, tenant)) ++profile.tenant_mismatches;
      if (reads_text && cell.storage_class == StorageClass::text && check_text(cell.bytes)) {
        const TextFaults faults = find_faults(cell.bytes);
        profile.columns[i].nul_texts += faults.nul;
        profile.columns[i].invalid_texts += faults.invalid_utf8;
      }
    }
  }
  Status status;
  if (code != SQLITE_DONE) status = source.failure(code, "read table \"" + table.name + "\"");
  return status;
}

bool all_known(const Table& table) {
  return std::all_of(table.columns.begin(), table.columns.end(), [](const Column& column) {
    return helpdesk_column(column.name) || column.name == "company_id" || column.name == "tenant_id";
  });
}

// Enough for a table whose types and keys are known.
Status count_rows(const Source& source, TableProfile& profile) {
  const std::string sql = "SELECT count(*) FROM main." + quote_sqlite(profile.table.name) + " NOT INDEXED";
  Statement owned;
  int code = prepare(source.connection(), sql.c_str(), owned);
  sqlite3_stmt* const statement = owned.get();
  if (code == SQLITE_OK) code = sqlite3_step(statement);
  if (code == SQLITE_ROW) profile.rows = sqlite3_column_int64(statement, 0);
  Status status;
  if (code != SQLITE_ROW) status = source.failure(code, "count the rows of \"" + profile.table.name + "\"");
  return status;
}

// A table that PostgreSQL can't hold is an error of its file, before it stops the plan for all of them.
Status check_columns(const Table& table) {
  const bool gets_key = table.primary_key().empty() && !table.rowid_name.empty();
  const std::size_t columns = 1 + gets_key + table.columns.size();
  if (columns <= kColumnsMax) return {};
  return Status{
      "54011", "table \"" + printable(table.name, 200) + "\" has too many columns",
      "It would have " + std::to_string(columns) + " columns in PostgreSQL, which holds at most 1600 in a table.",
      "Split the table, or leave it out."};
}

}  // namespace

Result<FileProfile> profile_file(const Source& source, const std::string& tenant, const PlanOptions& options) {
  Result<Catalog> catalog = read_catalog(source);
  if (!catalog.ok()) return catalog.status();
  FileProfile file;
  file.file_name = source.file_name();
  file.tenant = tenant;
  file.passed_over = std::move(catalog.value().passed_over);
  for (Table& table : catalog.value().tables) {
    if (options.wants_table && !options.wants_table(table.name)) continue;
    if (Status status = check_columns(table); !status.ok()) return status;
    TableProfile profile;
    profile.columns.resize(table.columns.size());
    profile.table = std::move(table);
    const bool helpdesk = is_integrated_objects(profile.table);
    Status status = helpdesk && !options.examine_text && all_known(profile.table)
                        ? options.count_known ? count_rows(source, profile) : Status()
                        : profile_rows(source, tenant, options, profile);
    if (!status.ok()) return status;
    if (helpdesk && options.examine_text) {
      Result<std::vector<std::int64_t>> superseded = superseded_rows(source, profile.table);
      if (!superseded.ok()) return superseded.status();
      profile.superseded = static_cast<std::int64_t>(superseded.value().size());
    }
    file.tables.push_back(std::move(profile));
  }
  return file;
}

}  // namespace rowhouse::bridge
