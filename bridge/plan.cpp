#include "bridge/plan.hpp"

#include <sqlite3.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>

#include "bridge/helpdesk.hpp"

namespace rowhouse::bridge {
namespace {

constexpr std::size_t kNameMax = 63;
constexpr const char* kRowidColumn = "source_rowid";
constexpr std::size_t kTableColumnsMax = 1600;  // PostgreSQL's limits
constexpr std::size_t kKeyColumnsMax = 32;

bool same_name(const std::string& a, const std::string& b) { return sqlite3_stricmp(a.c_str(), b.c_str()) == 0; }

bool same_names(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_name);
}

// PostgreSQL's own columns have these names in every table.
bool is_system_column(const std::string& name) {
  constexpr std::array<const char*, 6> kNames = {"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"};
  return std::any_of(kNames.begin(), kNames.end(), [&](const char* taken) { return name == taken; });
}

// Tables, keys and indexes share one namespace in PostgreSQL: a name that is taken gets a number.
void make_distinct(std::vector<TablePlan>& tables) {
  std::set<std::string> taken;
  const auto claim = [&](std::string& name) {
    const std::string wanted = name;
    for (int i = 2; !taken.insert(name).second; ++i) name = fit_name(wanted + "_" + std::to_string(i));
  };
  for (TablePlan& table : tables) claim(table.name);
  for (TablePlan& table : tables) {
    for (KeyPlan& key : table.unique_keys) claim(key.name);
    for (KeyPlan& index : table.indexes) claim(index.name);
  }
}

// Several profiles of one table, one for each file that has it.
using Versions = std::vector<const TableProfile*>;

struct MergedColumn {
  Column column;
  ColumnProfile profile;
  std::size_t files = 0;
  bool not_null = true;
};

std::vector<MergedColumn> merge_columns(const Versions& versions) {
  std::vector<MergedColumn> merged;
  for (const TableProfile* version : versions) {
    for (std::size_t i = 0; i < version->table.columns.size(); ++i) {
      const Column& column = version->table.columns[i];
      auto at = std::find_if(merged.begin(), merged.end(),
                             [&](const MergedColumn& m) { return same_name(m.column.name, column.name); });
      if (at == merged.end()) at = merged.insert(merged.end(), MergedColumn{column, {}, 0, true});
      at->profile.add(version->columns[i]);
      at->not_null &= column.not_null;
      ++at->files;
    }
  }
  return merged;
}

class TablePlanner {
 public:
  TablePlanner(Versions versions, const PlanOptions& options)
      : versions_(std::move(versions)), options_(options), merged_(merge_columns(versions_)) {}

  TablePlan make() {
    plan_.source_name = first().name;
    plan_.name = fit_name(first().name);
    plan_.tenant_column = options_.tenant_column;
    plan_.integrated_objects = std::all_of(versions_.begin(), versions_.end(), [](const TableProfile* version) {
      return is_integrated_objects(version->table);
    });
    find_tenant_columns();
    find_key();
    for (const MergedColumn& column : merged_) add_column(column);
    add_rowid_column();
    if (plan_.integrated_objects) note_helpdesk();
    if (!plan_.integrated_objects) add_indexes();
    if (plan_.columns.size() >= kTableColumnsMax)
      note("the table has too many columns: PostgreSQL holds at most " + std::to_string(kTableColumnsMax));
    return std::move(plan_);
  }

 private:
  const Table& first() const { return versions_.front()->table; }
  void note(std::string text) { plan_.notes.push_back(std::move(text)); }

  const MergedColumn* merged(const std::string& name) const {
    for (const MergedColumn& column : merged_) {
      if (same_name(column.column.name, name)) return &column;
    }
    return nullptr;
  }

  // A column is the tenant's when every row of it names its file's tenant; in the helpdesk's table it always is.
  void find_tenant_columns() {
    const bool agree = std::all_of(versions_.begin(), versions_.end(),
                                   [](const TableProfile* version) { return version->tenant_mismatches == 0; });
    for (const std::string& name : {options_.tenant_column, std::string("tenant_id")}) {
      if (!merged(name) || !(agree || plan_.integrated_objects)) continue;
      plan_.source_tenant_columns.push_back(merged(name)->column.name);
      if (!plan_.integrated_objects) break;
    }
    if (merged(options_.tenant_column) && plan_.source_tenant_columns.empty())
      note("column \"" + options_.tenant_column + "\" holds other values than the tenant: it is kept as \"source_" +
           options_.tenant_column + "\"");
  }

  bool is_tenant_column(const std::string& name) const {
    return std::any_of(plan_.source_tenant_columns.begin(), plan_.source_tenant_columns.end(),
                       [&](const std::string& tenant) { return same_name(tenant, name); });
  }

  // The source's primary key where no row lacks a part of it and all files agree, else SQLite's rowid.
  void find_key() {
    for (const std::string& name : first().primary_key()) {
      if (!is_tenant_column(name)) key_.push_back(name);
    }
    const auto differs = [&](const TableProfile* version) {
      return !same_names(version->table.primary_key(), first().primary_key());
    };
    const bool drifts = std::any_of(versions_.begin(), versions_.end(), differs);
    const bool has_null =
        std::any_of(key_.begin(), key_.end(), [&](const std::string& name) { return merged(name)->profile.nulls > 0; });
    const bool too_wide = key_.size() >= kKeyColumnsMax;
    if (!key_.empty() && !drifts && !has_null && !too_wide) return;
    const bool rowids = std::all_of(versions_.begin(), versions_.end(),
                                    [](const TableProfile* version) { return !version->table.rowid_name.empty(); });
    const std::string instead = rowids ? ": rows are keyed by SQLite's rowid" : ": the table has no primary key";
    if (has_null) note("the primary key holds NULLs" + instead);
    if (drifts) note("the files have different primary keys" + instead);
    if (too_wide) note("the primary key has too many columns for PostgreSQL" + instead);
    if (!rowids && key_.empty() && !drifts) note("rows have neither a primary key nor a rowid that can be read");
    key_.clear();
    plan_.keyed_by_rowid = rowids;
  }

  bool in_key(const std::string& name) const {
    return std::any_of(key_.begin(), key_.end(), [&](const std::string& key) { return same_name(key, name); });
  }

  std::string target_name(const std::string& source_name) const {
    std::vector<std::string> taken;
    for (const ColumnPlan& column : plan_.columns) taken.push_back(column.name);
    if (plan_.integrated_objects) {
      const HelpdeskColumn* known = helpdesk_column(source_name);
      if (known) taken.push_back(known->name);
    }
    const bool is_taken = same_name(source_name, options_.tenant_column);
    return fit_column_name(is_taken ? "source_" + source_name : source_name, taken);
  }

  void add_column(const MergedColumn& merged) {
    const std::string& name = merged.column.name;
    if (is_tenant_column(name)) return;
    ColumnPlan column;
    column.source_name = name;
    const TypeDecision decision = decide_type(merged.column.declared_type, merged.profile, in_key(name));
    column.evidence = decision.evidence;
    const HelpdeskColumn* known = plan_.integrated_objects ? helpdesk_column(name) : nullptr;
    if (known && !plan_.find(known->name)) {
      column.name = known->name;
      column.type = known->type;
      column.evidence += "; known helpdesk column";
    } else {
      column.name = target_name(name);
      column.type = decision.type;
      column.not_null =
          in_key(name) || (merged.not_null && merged.profile.nulls == 0 && merged.files == versions_.size());
    }
    if (column.name != name) note("column \"" + name + "\" is called \"" + column.name + "\"");
    if (merged.files < versions_.size())
      note("column \"" + name + "\" is in " + std::to_string(merged.files) + " of " + std::to_string(versions_.size()) +
           " files; it is NULL for the others");
    if (merged.profile.classes() > 1 && merged.profile.blobs > 0)
      note("column \"" + name + "\" mixes blobs with other values: all become bytea");
    if (in_key(name)) plan_.primary_key.push_back(column.name);
    plan_.columns.push_back(std::move(column));
  }

  void add_rowid_column() {
    order_primary_key();
    if (!plan_.keyed_by_rowid) return;
    ColumnPlan column;
    column.name = kRowidColumn;
    while (plan_.find(column.name)) column.name += "_";
    column.type = PgType::bigint;
    column.not_null = true;
    column.evidence = "SQLite's rowid, the key of a table without a usable one";
    plan_.primary_key = {column.name};
    plan_.columns.push_back(std::move(column));
  }

  void order_primary_key() {
    std::vector<std::string> ordered;
    for (const std::string& name : key_) {
      if (const ColumnPlan* column = plan_.find_source(name)) ordered.push_back(column->name);
    }
    plan_.primary_key = std::move(ordered);
  }

  void note_helpdesk() {
    std::int64_t superseded = 0, foreign = 0;
    for (const TableProfile* version : versions_) {
      superseded += version->superseded;
      foreign += version->tenant_mismatches;
    }
    const MergedColumn* platform = merged("platform");
    if (platform && platform->profile.nulls > 0)
      note(std::to_string(platform->profile.nulls) + " rows have no platform: it becomes \"freshdesk\"");
    if (superseded > 0)
      note(std::to_string(superseded) +
           " rows are superseded by a later update of the same object and go to import_reject");
    if (foreign > 0)
      note(std::to_string(foreign) + " rows name another tenant than their file and go to import_reject");
  }

  // The names in PostgreSQL of an index's columns without the tenant's; empty where it can't be carried over.
  std::vector<std::string> index_columns(const Index& index) const {
    std::vector<std::string> names;
    for (const std::string& name : index.columns) {
      const ColumnPlan* column = is_tenant_column(name) ? nullptr : plan_.find_source(name);
      if (column && std::find(names.begin(), names.end(), column->name) == names.end()) names.push_back(column->name);
    }
    return index.partial || names.size() >= kKeyColumnsMax ? std::vector<std::string>() : names;
  }

  // Whether no file may hold two rows alike in these columns.
  bool is_unique_in_all(const std::vector<std::string>& columns) const {
    return std::all_of(versions_.begin(), versions_.end(), [&](const TableProfile* version) {
      const std::vector<Index>& indexes = version->table.indexes;
      return std::any_of(indexes.begin(), indexes.end(),
                         [&](const Index& index) { return index.unique && index_columns(index) == columns; });
    });
  }

  static const char* why_left(const Index& index) {
    if (index.partial) return "partial";
    if (index.columns.empty()) return "on an expression";
    return index.columns.size() >= kKeyColumnsMax ? "on too many columns" : "on the tenant alone";
  }

  static bool is_planned(const std::vector<KeyPlan>& keys, const std::vector<std::string>& columns) {
    return std::any_of(keys.begin(), keys.end(), [&](const KeyPlan& key) { return key.columns == columns; });
  }

  void add_indexes() {
    std::set<std::string> notes;
    for (const TableProfile* version : versions_) {
      for (const Index& index : version->table.indexes) {
        const std::string name = printable(index.name, 2 * kNameMax);
        KeyPlan key{fit_name(plan_.name + "_" + name), index_columns(index)};
        if (key.columns.empty()) {
          notes.insert("index \"" + name + "\" is not carried over: it is " + why_left(index));
        } else if (key.columns == plan_.primary_key || is_planned(plan_.unique_keys, key.columns)) {
          continue;
        } else if (index.unique && is_unique_in_all(key.columns)) {
          plan_.unique_keys.push_back(std::move(key));
        } else if (!is_planned(plan_.indexes, key.columns)) {
          if (index.unique) notes.insert("index \"" + name + "\" is unique in some files only: it becomes a plain one");
          plan_.indexes.push_back(std::move(key));
        }
      }
    }
    plan_.notes.insert(plan_.notes.end(), notes.begin(), notes.end());
  }

  const Versions versions_;
  const PlanOptions& options_;
  const std::vector<MergedColumn> merged_;
  std::vector<std::string> key_;
  TablePlan plan_;
};

std::string column_list(const TablePlan& table, const std::vector<std::string>& columns) {
  std::string list = "(" + quote_identifier(table.tenant_column);
  for (const std::string& column : columns) list += ", " + quote_identifier(column);
  return list + ")";
}

bool is_long(PgType type) { return type == PgType::text || type == PgType::jsonb || type == PgType::bytea; }

}  // namespace

std::string fit_name(const std::string& name) {
  if (name.size() <= kNameMax) return name;
  char hash[16];
  std::snprintf(hash, sizeof hash, "_%08x", static_cast<unsigned>(XXH64(name.data(), name.size(), 0)));
  std::string cut = name.substr(0, kNameMax - 9);
  while (!cut.empty() && check_text(cut)) cut.pop_back();
  return cut + hash;
}

std::string fit_column_name(const std::string& name, const std::vector<std::string>& taken) {
  std::string fitted = fit_name(name);
  while (is_system_column(fitted) || std::find(taken.begin(), taken.end(), fitted) != taken.end())
    fitted = fit_name(fitted + "_");
  return fitted;
}

const ColumnPlan* TablePlan::find(const std::string& name) const {
  for (const ColumnPlan& column : columns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

const ColumnPlan* TablePlan::find_source(const std::string& source_name) const {
  for (const ColumnPlan& column : columns) {
    if (!column.source_name.empty() && same_name(column.source_name, source_name)) return &column;
  }
  return nullptr;
}

const TablePlan* Plan::find_source(const std::string& source_table) const {
  for (const TablePlan& table : tables) {
    if (same_name(table.source_name, source_table)) return &table;
  }
  return nullptr;
}

Plan make_plan(const std::vector<FileProfile>& files, const PlanOptions& options) {
  const auto by_name = [](const std::string& a, const std::string& b) {
    return sqlite3_stricmp(a.c_str(), b.c_str()) < 0;
  };
  std::map<std::string, Versions, decltype(by_name)> tables(by_name);
  Plan plan;
  std::set<std::string> notes;
  for (const FileProfile& file : files) {
    for (const TableProfile& table : file.tables) tables[table.table.name].push_back(&table);
    for (const PassedOver& object : file.passed_over)
      notes.insert(object.kind + " \"" + object.name + "\" is passed over: " + object.reason);
  }
  for (const auto& [name, versions] : tables) {
    plan.tables.push_back(TablePlanner(versions, options).make());
    if (versions.size() < files.size())
      plan.tables.back().notes.push_back("the table is in " + std::to_string(versions.size()) + " of " +
                                         std::to_string(files.size()) + " files");
  }
  make_distinct(plan.tables);
  plan.notes.assign(notes.begin(), notes.end());
  return plan;
}

std::string create_table_sql(const TablePlan& table, const DdlOptions& options) {
  std::string sql = "CREATE TABLE IF NOT EXISTS " + quote_qualified(options.schema, table.name) + " (\n  " +
                    quote_identifier(table.tenant_column) + " text NOT NULL";
  for (const ColumnPlan& column : table.columns) {
    sql += ",\n  " + quote_identifier(column.name) + " " + sql_name(column.type);
    if (options.lz4 && is_long(column.type)) sql += " COMPRESSION lz4";
    if (column.not_null) sql += " NOT NULL";
  }
  sql += ",\n  PRIMARY KEY " + column_list(table, table.primary_key);
  for (const KeyPlan& key : table.unique_keys) {
    sql += ",\n  CONSTRAINT " + quote_identifier(key.name) + " UNIQUE " + column_list(table, key.columns);
  }
  return sql + "\n)";
}

std::vector<std::string> create_index_sql(const TablePlan& table, const DdlOptions& options) {
  std::vector<std::string> statements;
  for (const KeyPlan& index : table.indexes) {
    statements.push_back("CREATE INDEX IF NOT EXISTS " + quote_identifier(index.name) + " ON " +
                         quote_qualified(options.schema, table.name) + " " + column_list(table, index.columns));
  }
  return statements;
}

std::string quote_identifier(std::string_view name) {
  std::string quoted = "\"";
  for (char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string quote_qualified(std::string_view schema, std::string_view table) {
  return quote_identifier(schema) + "." + quote_identifier(table);
}

}  // namespace rowhouse::bridge
