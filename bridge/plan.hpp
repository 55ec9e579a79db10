// From what files hold to the tables that will hold it: names, types, keys, and why.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bridge/catalog.hpp"
#include "bridge/types.hpp"

namespace rowhouse::bridge {

struct PlanOptions {
  std::string tenant_column = "company_id";
  bool count_known = true;    ///< count the rows of tables whose types are known beforehand
  bool examine_text = false;  ///< look at every text for NUL and bad UTF-8, and at the helpdesk's JSON and times
  /// Says which tables of a file are profiled, by their names there; all where it is empty.
  std::function<bool(const std::string&)> wants_table;
};

/// One table of one file with what a full read of it found. Where the types are known beforehand (the helpdesk's table,
/// unless text is examined) only rows are counted.
struct TableProfile {
  Table table;
  std::vector<ColumnProfile> columns;  ///< one for each of table.columns
  std::int64_t rows = 0;
  std::int64_t tenant_mismatches = 0;  ///< rows whose own tenant column is not the file's tenant
  std::int64_t superseded = 0;         ///< helpdesk objects: rows that lose to a later update of the same object
};

struct FileProfile {
  std::string file_name;
  std::string tenant;
  std::vector<TableProfile> tables;
  std::vector<PassedOver> passed_over;
};

/// Reads every row of every table once. `tenant` is whom the file belongs to.
Result<FileProfile> profile_file(const Source& source, const std::string& tenant, const PlanOptions& options);

struct ColumnPlan {
  std::string source_name;  ///< empty for the tenant and for the rowid column
  std::string name;         ///< in PostgreSQL: at most 63 bytes, distinct in its table
  PgType type = PgType::text;
  bool not_null = false;
  std::string evidence;
};

struct KeyPlan {
  std::string name;
  std::vector<std::string> columns;  ///< names in PostgreSQL, without the tenant column, which always leads
};

/// A table to be made, or filled. Its first column is the tenant's; `columns` holds the others.
struct TablePlan {
  std::string source_name;
  std::string name;
  std::string tenant_column;
  /// Columns in which the rows themselves name their tenant; a row that names another is set aside.
  std::vector<std::string> source_tenant_columns;
  std::vector<ColumnPlan> columns;
  std::vector<std::string> primary_key;  ///< names in PostgreSQL, without the tenant column
  bool keyed_by_rowid = false;           ///< the key is a column that takes SQLite's rowid
  bool integrated_objects = false;       ///< the helpdesk's table: the core makes it, natural keys decide
  std::vector<KeyPlan> unique_keys;
  std::vector<KeyPlan> indexes;
  std::vector<std::string> notes;  ///< decisions and hazards, for people

  const ColumnPlan* find(const std::string& name) const;
  const ColumnPlan* find_source(const std::string& source_name) const;
};

struct Plan {
  std::vector<TablePlan> tables;
  std::vector<std::string> notes;  ///< across tables: drift, passed-over objects
  const TablePlan* find_source(const std::string& source_table) const;
};

/// One plan for all the files: tables of one name are one table, columns are merged by name.
Plan make_plan(const std::vector<FileProfile>& files, const PlanOptions& options);

struct DdlOptions {
  std::string schema = "public";
  bool lz4 = false;  ///< the server can compress with lz4
};

/// CREATE TABLE IF NOT EXISTS with its keys, for a table that rowhouse makes; without indexes and protection.
std::string create_table_sql(const TablePlan& table, const DdlOptions& options);
/// CREATE INDEX IF NOT EXISTS for each plain index, to be run after the load.
std::vector<std::string> create_index_sql(const TablePlan& table, const DdlOptions& options);

/// A name that PostgreSQL keeps whole, at most 63 bytes: a longer one is cut at a character and ends with a hash of all
/// of it, so that two names alike in their first 63 bytes stay two, and are the same in each run.
std::string fit_name(const std::string& name);
/// The same for a column: neither one of `taken` nor the name of a column that every table of PostgreSQL has.
std::string fit_column_name(const std::string& name, const std::vector<std::string>& taken);

/// `name` as an identifier of PostgreSQL: always in double quotes, quotes doubled. NUL never reaches it.
std::string quote_identifier(std::string_view name);
/// schema and table, quoted.
std::string quote_qualified(std::string_view schema, std::string_view table);

}  // namespace rowhouse::bridge
