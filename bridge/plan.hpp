// From what files hold to the tables that will hold it: names, types, keys, and why.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bridge/catalog.hpp"
#include "bridge/names.hpp"
#include "bridge/text_policy.hpp"
#include "bridge/type_choices.hpp"
#include "bridge/types.hpp"

namespace rowhouse::bridge {

/// What is in the target schema before a plan is made: names that are to be used again, and names that are taken.
struct TargetNames {
  struct Table {
    std::string source_name;
    std::string name;
    std::vector<std::string> columns;
  };
  std::vector<Table> tables;                  ///< made from SQLite tables by earlier runs
  std::map<std::string, std::string> views;   ///< made of SQLite views by earlier runs, with their names there
  std::map<std::string, std::string> others;  ///< any other relation but tables; of an index, the table it is on
};

struct PlanOptions {
  std::string tenant_column = "company_id";
  bool count_known = true;    ///< count the rows of tables whose types are known beforehand
  TextPolicy text_policy;
  bool examine_text = false;  ///< look at every text for NUL and bad UTF-8, and at the helpdesk's JSON and times
  bool in_halves = false;     ///< read long tables by two threads; not in a server's process
  /// Says which tables of a file are profiled, by their names there; all where it is empty.
  std::function<bool(const std::string&)> wants_table;
  std::vector<TypeChoice> types;
  TargetNames target;
};

/// Where in a column something was first seen, so that people can look it up.
struct Sightings {
  struct First {
    Sight sight;
    std::string key;  ///< the row's, cut
  };
  std::uint32_t seen = 0;  ///< bits of Sight
  std::vector<First> first;

  const std::string* find(Sight sight) const;
};

/// Rows whose foreign key refers to a row that is not there.
struct Orphans {
  std::size_t foreign_key = 0;  ///< its place in Table::foreign_keys
  std::int64_t rows = 0;
  std::string key;  ///< of the first; empty in a table without rowids
};

/// One table of one file with what a full read of it found. Where the types are known beforehand (the helpdesk's table,
/// unless text is examined) only rows are counted.
struct TableProfile {
  std::shared_ptr<const Table> table;  ///< never null; files may share it
  std::string file_name;
  std::vector<ColumnProfile> columns;  ///< one for each of table.columns
  std::vector<Sightings> sightings;    ///< the same; empty unless text is examined
  std::vector<Orphans> orphans;        ///< where text is examined
  std::int64_t rows = 0;
  std::int64_t sequence = 0;           ///< the highest id that AUTOINCREMENT has used up
  std::int64_t tenant_mismatches = 0;  ///< rows whose own tenant column is not the file's tenant
  std::int64_t superseded = 0;         ///< helpdesk objects: rows that lose to a later update of the same object

  /// Adds what was read of further rows of the same table: counts, and what was first seen there.
  void add(const TableProfile& rest);
};

struct FileProfile {
  std::string file_name;
  std::string tenant;
  std::vector<TableProfile> tables;
  std::vector<PassedOver> passed_over;
  std::vector<View> views;
};

/// Whether profile_file() reads no rows: the file has no tables but the helpdesk's, whose types are known.
Result<bool> is_known_by_names(const Source& source, const PlanOptions& options);

/// Reads every row of every table once. `tenant` is whom the file belongs to.
Result<FileProfile> profile_file(const Source& source, const std::string& tenant, const PlanOptions& options);

struct ColumnPlan {
  std::string source_name;  ///< empty for the tenant and for the rowid column
  std::string name;         ///< in PostgreSQL: at most 63 bytes, distinct in its table
  PgType type = PgType::text;
  bool not_null = false;
  bool identity = false;    ///< numbers its rows, as SQLite's rowid does
  std::string default_sql;  ///< as PostgreSQL writes it; empty when there is none
  std::string evidence;
  std::string collation;    ///< in SQLite; empty for BINARY, "?" where files disagree
  bool chosen = false;      ///< the type is the user's choice
  std::optional<PgType> wider;  ///< what a table that is there needs instead of `type` (fit_to_target)
  ColumnProfile profile;    ///< of all the files
};

struct KeyPlan {
  std::string name;
  std::vector<std::string> columns;  ///< names in PostgreSQL, without the tenant column, which always leads
};

/// An index that is made after the load.
struct IndexPlan {
  std::string name;
  std::vector<std::string> terms;  ///< as PostgreSQL writes them, behind the tenant column
  std::string where_sql;           ///< of a partial index
  bool unique = false;
};

struct CheckPlan {
  std::string name;
  std::string expression;  ///< as PostgreSQL writes it
};

struct ForeignKeyPlan {
  std::string name;
  std::vector<std::string> columns;  ///< names in PostgreSQL, without the tenant column, which always leads
  std::string referenced_table;
  std::vector<std::string> referenced_columns;
  std::string on_delete;  ///< as in SQL; empty for NO ACTION
  std::string on_update;
};

/// Something in the files that will not arrive as one might think: what, where, how often, and what it becomes.
struct Hazard {
  std::string kind;  ///< a word for programs, such as nul_in_text
  std::string table;
  std::string column;      ///< names in the source; empty for the table as a whole
  std::int64_t count = 0;  ///< values, rows or files, by kind
  std::string sample;      ///< where the first is: key and file, never a value
  std::string becomes;
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
  TextPolicy text_policy;                ///< for the columns that repairs() names
  std::int64_t identity_floor = 0;       ///< the highest id that AUTOINCREMENT has used up
  std::vector<KeyPlan> unique_keys;
  std::vector<IndexPlan> indexes;
  std::vector<CheckPlan> checks;
  std::vector<ForeignKeyPlan> foreign_keys;
  std::vector<std::string> notes;  ///< decisions, for people

  const ColumnPlan* find(const std::string& name) const;
  const ColumnPlan* find_source(const std::string& source_name) const;
  /// The column that numbers the rows, or null.
  const ColumnPlan* identity() const;
  /// Whether the text policy may change values of this column. Never in a key: a changed key is another row's.
  bool repairs(const ColumnPlan& column) const;
};

/// A view of the files. `query` and `why` are translate_views()'s.
struct ViewPlan {
  std::string source_name;
  std::string source_sql;  ///< CREATE VIEW as written
  std::string name;
  bool drifts = false;     ///< the files have different views of this name
  std::string query;       ///< the SELECT in PostgreSQL; empty where there is none
  std::string why;         ///< then, for people
};

struct Plan {
  std::vector<TablePlan> tables;
  std::vector<ViewPlan> views;
  std::vector<Hazard> hazards;
  std::vector<std::string> notes;  ///< across tables: drift, passed-over objects
  const TablePlan* find_source(const std::string& source_table) const;
};

/// One plan for all the files: tables of one name are one table, columns are merged by name.
Plan make_plan(const std::vector<const FileProfile*>& files, const PlanOptions& options);
Plan make_plan(const std::vector<FileProfile>& files, const PlanOptions& options);

}  // namespace rowhouse::bridge
