#include "bridge/plan.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <set>

#include "bridge/expression.hpp"
#include "bridge/hazards.hpp"
#include "bridge/helpdesk.hpp"
#include "bridge/plan_constraints.hpp"
#include "bridge/views.hpp"

namespace rowhouse::bridge {
namespace {

constexpr const char* kRowidColumn = "source_rowid";
constexpr std::size_t kTableColumnsMax = 1600;  // PostgreSQL's limits
constexpr std::size_t kKeyColumnsMax = 32;
constexpr std::size_t kSqlShown = 200;

bool same_names(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const std::string& x, const std::string& y) { return same_name(x, y); });
}

// Tables, keys and indexes share one namespace in PostgreSQL: a name that is taken gets a number.
void make_distinct(std::vector<TablePlan>& tables, const TargetNames& target) {
  std::set<std::string> taken;
  const auto is_free = [&](const std::string& name, const std::string& index_of) {
    const auto other = target.others.find(name);
    if (other != target.others.end() && (index_of.empty() || other->second != index_of)) return false;
    return taken.insert(name).second;
  };
  const auto claim = [&](std::string& name, const std::string& index_of) {
    const std::string wanted = name;
    for (int i = 2; !is_free(name, index_of); ++i) name = fit_name(wanted + "_" + std::to_string(i));
  };
  for (TablePlan& table : tables) {
    const std::string wanted = table.name;
    claim(table.name, "");
    if (table.name != wanted)
      table.notes.push_back("the name \"" + wanted + "\" is taken: the table is called \"" + table.name + "\"");
  }
  for (TablePlan& table : tables) {
    for (KeyPlan& key : table.unique_keys) claim(key.name, table.name);
    for (IndexPlan& index : table.indexes) claim(index.name, table.name);
  }
}

struct MergedColumn {
  Column column;
  ColumnProfile profile;
  std::size_t files = 0;
  bool not_null = true;
  bool defaults_agree = true;
  bool collations_agree = true;
  bool judged_alike = true;  // by one declared kind in every file that has values: what speaks against it was counted
};

bool is_judged_alike(DeclaredKind first, DeclaredKind other) {
  const bool times = (first == DeclaredKind::date || first == DeclaredKind::time) &&
                     (other == DeclaredKind::date || other == DeclaredKind::time);
  return !needs_text(first) || first == other || times;
}

// Or the end. Mostly it is where the column is in its own table.
std::vector<MergedColumn>::iterator find_merged(std::vector<MergedColumn>& merged, const std::string& name,
                                                std::size_t place) {
  const auto is_it = [&](const MergedColumn& m) { return same_name(m.column.name, name); };
  if (place < merged.size() && is_it(merged[place])) return merged.begin() + static_cast<std::ptrdiff_t>(place);
  return std::find_if(merged.begin(), merged.end(), is_it);
}

std::vector<MergedColumn> merge_columns(const Versions& versions) {
  std::vector<MergedColumn> merged;
  for (const TableProfile* version : versions) {
    for (std::size_t i = 0; i < version->table->columns.size(); ++i) {
      const Column& column = version->table->columns[i];
      auto at = find_merged(merged, column.name, i);
      if (at == merged.end()) at = merged.insert(merged.end(), MergedColumn{column, {}});
      at->profile.add(version->columns[i]);
      at->judged_alike &= version->columns[i].values() == 0 ||
                          is_judged_alike(declared_kind(at->column.declared_type), declared_kind(column.declared_type));
      at->not_null &= column.not_null;
      at->collations_agree &= same_name(at->column.collation, column.collation);
      at->defaults_agree &= at->column.default_sql == column.default_sql;
      ++at->files;
    }
  }
  return merged;
}

// The table that an earlier run made of a table of this name, of several the one that is spelled the same.
const TargetNames::Table* known_table(const TargetNames& target, const std::string& source_name) {
  const TargetNames::Table* found = nullptr;
  for (const TargetNames::Table& table : target.tables) {
    if (same_name(table.source_name, source_name) && (!found || table.source_name == source_name)) found = &table;
  }
  return found;
}

struct NameOrder {
  bool operator()(const std::string& a, const std::string& b) const {
    return sqlite3_stricmp(a.c_str(), b.c_str()) < 0;
  }
};

class TablePlanner {
 public:
  TablePlanner(Versions versions, const PlanOptions& options)
      : versions_(std::move(versions)), options_(options), merged_(merge_columns(versions_)) {}

  TablePlan make() {
    plan_.source_name = first().name;
    known_ = known_table(options_.target, first().name);
    plan_.name = known_ ? known_->name : fit_name(first().name);
    plan_.tenant_column = options_.tenant_column;
    plan_.text_policy = options_.text_policy;
    plan_.integrated_objects = std::all_of(versions_.begin(), versions_.end(), [](const TableProfile* version) {
      return is_integrated_objects(*version->table);
    });
    find_tenant_columns();
    find_key();
    for (const MergedColumn& column : merged_) add_column(column);
    add_rowid_column();
    if (plan_.integrated_objects) note_helpdesk();
    if (!plan_.integrated_objects) plan_constraints(plan_, versions_);
    if (plan_.columns.size() >= kTableColumnsMax)
      note("the table has too many columns: PostgreSQL holds at most " + std::to_string(kTableColumnsMax));
    return std::move(plan_);
  }

 private:
  const Table& first() const { return *versions_.front()->table; }
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
      return !same_names(version->table->primary_key(), first().primary_key());
    };
    const bool drifts = std::any_of(versions_.begin(), versions_.end(), differs);
    const bool has_null =
        std::any_of(key_.begin(), key_.end(), [&](const std::string& name) { return merged(name)->profile.nulls > 0; });
    const bool too_wide = key_.size() >= kKeyColumnsMax;
    if (!key_.empty() && !drifts && !has_null && !too_wide) return;
    const bool rowids = std::all_of(versions_.begin(), versions_.end(),
                                    [](const TableProfile* version) { return !version->table->rowid_name.empty(); });
    const std::string instead = rowids ? ": rows are keyed by SQLite's rowid" : ": the table has no primary key";
    if (has_null) note("the primary key holds NULLs" + instead);
    if (drifts) note("the files have different primary keys" + instead);
    if (too_wide) note("the primary key has too many columns for PostgreSQL" + instead);
    const bool hidden = std::any_of(versions_.begin(), versions_.end(),
                                    [](const TableProfile* version) { return version->table->rowid_hidden; });
    if (rowids && hidden)
      note("columns hide SQLite's rowid: rows are numbered in its order, anew when one before them goes");
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
    // By the name that an earlier run gave it: SQLite's names are the same in any case.
    if (known_ && !is_taken) {
      for (const std::string& name : known_->columns) {
        if (same_name(name, source_name) && std::find(taken.begin(), taken.end(), name) == taken.end()) return name;
      }
    }
    return fit_column_name(is_taken ? "source_" + source_name : source_name, taken);
  }

  TypeDecision decide(const MergedColumn& merged) const {
    const bool in_key_of_table = in_key(merged.column.name);
    const bool bytes = options_.text_policy.on_invalid_utf8 == OnInvalidUtf8::bytea;
    TypeDecision decision = decide_type(merged.column.declared_type, merged.profile, in_key_of_table, bytes);
    if (merged.judged_alike) return decision;
    decision.type = decide_type("", merged.profile, in_key_of_table, bytes).type;
    decision.evidence += "; declared otherwise in other files";
    return decision;
  }

  void add_column(const MergedColumn& merged) {
    const std::string& name = merged.column.name;
    if (is_tenant_column(name)) return;
    ColumnPlan column;
    column.source_name = name;
    const TypeDecision decision = decide(merged);
    column.evidence = decision.evidence;
    const TypeChoice* const choice = find_choice(options_.types, first().name, name);
    const HelpdeskColumn* known = plan_.integrated_objects ? helpdesk_column(name) : nullptr;
    if (known && !plan_.find(known->name)) {
      column.name = known->name;
      column.type = known->type;
      column.evidence += "; known helpdesk column";
    } else {
      column.name = target_name(name);
      column.type = choice ? choice->type : decision.type;
      column.chosen = choice != nullptr;
      if (choice) column.evidence += "; chosen";
      column.not_null =
          in_key(name) || (merged.not_null && merged.profile.nulls == 0 && merged.files == versions_.size());
      column.identity = is_rowid(name) && column.type == PgType::bigint;
      if (!column.identity) add_default(merged, column);
    }
    column.profile = merged.profile;
    column.collation = merged.collations_agree ? merged.column.collation : "?";
    if (column.name != name) note("column \"" + name + "\" is called \"" + column.name + "\"");
    if (merged.files < versions_.size())
      note("column \"" + name + "\" is in " + std::to_string(merged.files) + " of " + std::to_string(versions_.size()) +
           " files; for the others it is " + (column.default_sql.empty() ? "NULL" : "its default"));
    if (merged.profile.classes() > 1 && merged.profile.blobs > 0)
      note("column \"" + name + "\" mixes blobs with other values: all become bytea");
    if (merged.column.generated)
      note("column \"" + name + "\" is computed by SQLite" +
           (merged.column.generated_sql.empty() ? "" : " as " + printable(merged.column.generated_sql, kSqlShown)) +
           ": its values are kept, PostgreSQL does not compute them");
    if (in_key(name)) plan_.primary_key.push_back(column.name);
    plan_.columns.push_back(std::move(column));
  }

  // Whether the column is SQLite's rowid in every file.
  bool is_rowid(const std::string& name) const {
    return std::all_of(versions_.begin(), versions_.end(), [&](const TableProfile* version) {
      return !version->table->rowid_alias.empty() && same_name(version->table->rowid_alias, name);
    });
  }

  void add_default(const MergedColumn& merged, ColumnPlan& column) {
    const std::string& sql = merged.column.default_sql;
    if (!merged.defaults_agree)
      return note("column \"" + column.name + "\" has other defaults in other files: none is kept");
    if (sql.empty() || same_name(sql, "NULL") || merged.column.generated) return;
    if (const std::optional<std::string> translated = translate_default(sql, column.type)) {
      column.default_sql = *translated;
    } else {
      note("the default of column \"" + column.name + "\" is not carried over: " + printable(sql, kSqlShown));
    }
  }

  void add_rowid_column() {
    order_primary_key();
    for (const TableProfile* version : versions_)
      plan_.identity_floor = std::max(plan_.identity_floor, version->sequence);
    if (!plan_.keyed_by_rowid) return;
    ColumnPlan column;
    column.name = kRowidColumn;
    while (plan_.find(column.name)) column.name += "_";
    column.type = PgType::bigint;
    column.not_null = true;
    column.identity = true;
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

  const Versions versions_;
  const PlanOptions& options_;
  const std::vector<MergedColumn> merged_;
  const TargetNames::Table* known_ = nullptr;
  std::vector<std::string> key_;
  TablePlan plan_;
};

}  // namespace

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

const ColumnPlan* TablePlan::identity() const {
  for (const ColumnPlan& column : columns) {
    if (column.identity) return &column;
  }
  return nullptr;
}

bool TablePlan::repairs(const ColumnPlan& column) const {
  const auto names = [&](const std::string& name) { return name == column.name; };
  return text_policy.changes_values() && (column.type == PgType::text || column.type == PgType::jsonb) &&
         !column.source_name.empty() && std::none_of(primary_key.begin(), primary_key.end(), names) &&
         !(integrated_objects && is_object_key(column.name));
}

const TablePlan* Plan::find_source(const std::string& source_table) const {
  for (const TablePlan& table : tables) {
    if (same_name(table.source_name, source_table)) return &table;
  }
  return nullptr;
}

Plan make_plan(const std::vector<FileProfile>& files, const PlanOptions& options) {
  std::vector<const FileProfile*> all;
  for (const FileProfile& file : files) all.push_back(&file);
  return make_plan(all, options);
}

Plan make_plan(const std::vector<const FileProfile*>& files, const PlanOptions& options) {
  std::map<std::string, Versions, NameOrder> tables;
  Plan plan;
  std::set<std::string> notes;
  for (const FileProfile* file : files) {
    for (const TableProfile& table : file->tables) tables[table.table->name].push_back(&table);
    for (const PassedOver& object : file->passed_over) {
      if (object.kind == "view") continue;  // plan.views
      notes.insert(object.kind + " \"" + object.name + "\" is passed over: " + object.reason);
    }
  }
  for (const auto& [name, versions] : tables) {
    plan.tables.push_back(TablePlanner(versions, options).make());
    if (versions.size() < files.size())
      plan.tables.back().notes.push_back("the table is in " + std::to_string(versions.size()) + " of " +
                                         std::to_string(files.size()) + " files");
  }
  make_distinct(plan.tables, options.target);
  for (TablePlan& table : plan.tables) {
    const Versions& versions = tables[table.source_name];
    if (!table.integrated_objects) plan_foreign_keys(table, plan.tables, versions);
    for (Hazard& hazard : find_hazards(table, versions, files.size())) plan.hazards.push_back(std::move(hazard));
  }
  plan.views = plan_views(files, plan, options.target);
  plan.notes.assign(notes.begin(), notes.end());
  return plan;
}

}  // namespace rowhouse::bridge
