// What a full read of a file finds: storage classes, times, JSON, tenants, repeated objects.
#include <algorithm>
#include <future>
#include <memory>

#include "bridge/helpdesk.hpp"
#include "bridge/orphans.hpp"
#include "bridge/plan.hpp"
#include "bridge/row_key.hpp"
#include "bridge/row_reader.hpp"
#include "bridge/statement.hpp"

namespace rowhouse::bridge {
namespace {

constexpr std::size_t kColumnsMax = 1600;  // of PostgreSQL
constexpr std::size_t kKeyShown = 60;
constexpr std::int64_t kInHalves = 100000;  // rowids from which on a table is read by two threads

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
  const TypeChoice* chosen = nullptr;
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
    readers[i].chosen = find_choice(options.types, table.name, column.name);
    readers[i].reads_bytes = reads_all_text(options) || readers[i].chosen || needs_text(readers[i].kind) ||
                             static_cast<int>(i) == tenant_column;
  }
  return readers;
}

// The key of the current row, which stands behind the table's columns.
std::string shown_key(sqlite3_stmt* statement, const Table& table) {
  const int key_at = static_cast<int>(table.columns.size());
  const int key_columns = sqlite3_column_count(statement) - key_at;
  return printable(row_key(statement, key_at, key_columns, !table.rowid_name.empty()), kKeyShown);
}

// Notes the row's key for what is seen for the first time.
void note(Sightings& sightings, std::uint32_t seen, sqlite3_stmt* statement, const Table& table) {
  const std::string key = shown_key(statement, table);
  for (std::uint32_t bit = 1; bit <= kSeesMisfit; bit *= 2) {
    if (seen & ~sightings.seen & bit) sightings.first.push_back({static_cast<Sight>(bit), key});
  }
  sightings.seen |= seen;
}

// Long text stays on its overflow pages unless a column's bytes are asked for.
Status profile_rows(const Source& source, const std::string& tenant, const PlanOptions& options,
                    const std::optional<RowidRange>& range, TableProfile& profile) {
  const Table& table = *profile.table;
  const int tenant_column = tenant_column_index(table, options);
  const bool reads_text = reads_all_text(options);
  const std::vector<ColumnReader> readers = column_readers(table, options, tenant_column);
  std::string sql;
  for (const Column& column : table.columns) sql += (sql.empty() ? "SELECT " : ", ") + quote_sqlite(column.name);
  if (options.examine_text) profile.sightings.resize(table.columns.size());
  const bool chooses =
      std::any_of(readers.begin(), readers.end(), [](const ColumnReader& reader) { return reader.chosen != nullptr; });
  if (options.examine_text || chooses) {  // who tells of a row needs its key
    for (const std::string& column : row_key_columns(table)) sql += ", " + quote_sqlite(column);
  }
  sql += " FROM " + table.rows_sql() + (range ? range_sql(table, *range) : "");

  Statement owned;
  int code = prepare(source.connection(), sql.c_str(), owned);
  sqlite3_stmt* const statement = owned.get();
  while (code == SQLITE_OK || code == SQLITE_ROW) {
    if ((code = sqlite3_step(statement)) != SQLITE_ROW) break;
    ++profile.rows;
    for (int i = 0; i < static_cast<int>(readers.size()) && code == SQLITE_ROW; ++i) {
      sqlite3_value* const stored = sqlite3_column_value(statement, i);
      Cell cell;
      cell.storage_class = class_of(stored);
      const bool is_number = cell.storage_class == StorageClass::integer || cell.storage_class == StorageClass::real;
      if ((is_number || readers[i].reads_bytes) && !read_value(stored, cell))
        code = sqlite3_errcode(source.connection());
      std::uint32_t seen = profile.columns[i].add(cell, readers[i].kind);
      if (i == tenant_column && !is_tenant(cell, tenant)) ++profile.tenant_mismatches;
      if (reads_text && cell.storage_class == StorageClass::text && check_text(cell.bytes)) {
        const TextFaults faults = find_faults(cell.bytes);
        profile.columns[i].nul_texts += faults.nul;
        profile.columns[i].invalid_texts += faults.invalid_utf8;
        seen |= (faults.nul ? kSeesNul : 0u) | (faults.invalid_utf8 ? kSeesInvalidUtf8 : 0u);
      }
      if (options.examine_text && (seen & ~profile.sightings[i].seen))
        note(profile.sightings[i], seen, statement, table);
      if (const TypeChoice* choice = readers[i].chosen) {
        if (const Refusal refusal = check_chosen(cell, *choice))
          return refused_value(cell, *choice, refusal, profile.file_name, shown_key(statement, table));
      }
    }
  }
  Status status;
  if (code != SQLITE_DONE) status = source.failure(code, "read table \"" + table.name + "\"");
  return status;
}

// The first and the last rowid of a table that is long by them, or nothing.
Status find_range(const Source& source, const Table& table, std::optional<RowidRange>& range) {
  if (table.rowid_name.empty() || table.rowid_hidden || table.is_virtual) return {};
  const std::string rowid = quote_sqlite(table.rowid_name), from = " FROM " + table.rows_sql();
  const std::string sql = "SELECT (SELECT min(" + rowid + ")" + from + "), (SELECT max(" + rowid + ")" + from + ")";
  Statement owned;
  int code = prepare(source.connection(), sql.c_str(), owned);
  if (code == SQLITE_OK) code = sqlite3_step(owned.get());
  if (code != SQLITE_ROW) return source.failure(code, "read table \"" + table.name + "\"");
  const RowidRange found{sqlite3_column_int64(owned.get(), 0), sqlite3_column_int64(owned.get(), 1)};
  if (found.first / 2 + kInHalves / 2 < found.last / 2) range = found;
  return {};
}

// By two threads where that pays. What was seen first is the first half's, if it saw it.
Status profile_table(const Source& source, const std::string& tenant, const PlanOptions& options,
                     TableProfile& profile) {
  std::optional<RowidRange> range;
  Result<std::unique_ptr<Source>> twin = std::unique_ptr<Source>();
  if (options.in_halves) {
    if (Status status = find_range(source, *profile.table, range); !status.ok()) return status;
    if (range) twin = source.twin();
    if (!twin.ok()) return twin.status();
  }
  if (!twin.value()) return profile_rows(source, tenant, options, std::nullopt, profile);
  const std::int64_t middle = range->first / 2 + range->last / 2;
  TableProfile rest = profile;
  std::future<Status> other = std::async(std::launch::async, [&] {
    return profile_rows(*twin.value(), tenant, options, RowidRange{middle + 1, range->last}, rest);
  });
  Status status = profile_rows(source, tenant, options, RowidRange{range->first, middle}, profile);
  Status later = other.get();
  if (!status.ok() || !later.ok()) return status.ok() ? later : status;
  profile.add(rest);
  return status;
}

bool all_known(const Table& table) {
  return std::all_of(table.columns.begin(), table.columns.end(), [](const Column& column) {
    return helpdesk_column(column.name) || column.name == "company_id" || column.name == "tenant_id";
  });
}

// Enough for a table whose types and keys are known.
Status count_rows(const Source& source, TableProfile& profile) {
  const std::string sql = "SELECT count(*) FROM " + profile.table->rows_sql();
  Statement owned;
  int code = prepare(source.connection(), sql.c_str(), owned);
  sqlite3_stmt* const statement = owned.get();
  if (code == SQLITE_OK) code = sqlite3_step(statement);
  if (code == SQLITE_ROW) profile.rows = sqlite3_column_int64(statement, 0);
  Status status;
  if (code != SQLITE_ROW) status = source.failure(code, "count the rows of \"" + profile.table->name + "\"");
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

bool is_wanted(const Table& table, const PlanOptions& options) {
  return !options.wants_table || options.wants_table(table.name);
}

bool is_known_by_names(const Table& table, const PlanOptions& options) {
  return is_integrated_objects(table) && !options.examine_text && all_known(table);
}

}  // namespace

Result<bool> is_known_by_names(const Source& source, const PlanOptions& options) {
  Result<Catalog> catalog = read_catalog(source);
  if (!catalog.ok()) return catalog.status();
  const std::vector<Table>& tables = catalog.value().tables;
  return std::all_of(tables.begin(), tables.end(), [&](const Table& table) {
    return !is_wanted(table, options) || is_known_by_names(table, options);
  });
}

void TableProfile::add(const TableProfile& rest) {
  rows += rest.rows;
  tenant_mismatches += rest.tenant_mismatches;
  for (std::size_t i = 0; i < columns.size(); ++i) columns[i].add(rest.columns[i]);
  for (std::size_t i = 0; i < sightings.size(); ++i) {
    for (const Sightings::First& first : rest.sightings[i].first) {
      if (!sightings[i].find(first.sight)) sightings[i].first.push_back(first);
    }
    sightings[i].seen |= rest.sightings[i].seen;
  }
}

Result<FileProfile> profile_file(const Source& source, const std::string& tenant, const PlanOptions& options) {
  Result<Catalog> catalog = read_catalog(source);
  if (!catalog.ok()) return catalog.status();
  FileProfile file;
  file.file_name = source.file_name();
  file.tenant = tenant;
  file.passed_over = std::move(catalog.value().passed_over);
  file.views = std::move(catalog.value().views);
  for (Table& table : catalog.value().tables) {
    if (!is_wanted(table, options)) {
      file.passed_over.push_back({table.name, table.is_virtual ? "virtual table" : "table", "it is excluded"});
      continue;
    }
    if (Status status = check_choices(table, options.tenant_column, options.types); !status.ok()) return status;
    if (Status status = check_columns(table); !status.ok()) return status;
    TableProfile profile;
    profile.file_name = file.file_name;
    profile.columns.resize(table.columns.size());
    profile.sequence = catalog.value().sequences[table.name];
    profile.table = std::make_shared<const Table>(std::move(table));
    Status status = is_known_by_names(*profile.table, options)
                        ? options.count_known ? count_rows(source, profile) : Status()
                        : profile_table(source, tenant, options, profile);
    if (!status.ok()) return status;
    if (options.examine_text) status = find_orphans(source, profile);
    if (!status.ok()) return status;
    if (is_integrated_objects(*profile.table) && options.examine_text) {
      Result<std::vector<std::int64_t>> superseded = superseded_rows(source, *profile.table);
      if (!superseded.ok()) return superseded.status();
      profile.superseded = static_cast<std::int64_t>(superseded.value().size());
    }
    file.tables.push_back(std::move(profile));
  }
  return file;
}

}  // namespace rowhouse::bridge
