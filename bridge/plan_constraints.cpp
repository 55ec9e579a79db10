#include "bridge/plan_constraints.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <set>

#include "bridge/cell.hpp"
#include "bridge/expression.hpp"

namespace rowhouse::bridge {
namespace {

constexpr std::size_t kKeyColumnsMax = 32;  // PostgreSQL's limit
constexpr std::size_t kSqlShown = 200;
constexpr std::size_t kNameShown = 126;

using Names = std::vector<std::string>;

bool is_tenant_column(const TablePlan& plan, const std::string& name) {
  return std::any_of(plan.source_tenant_columns.begin(), plan.source_tenant_columns.end(),
                     [&](const std::string& tenant) { return same_name(tenant, name); });
}

std::string listed(const Names& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

FindColumn columns_of(const TablePlan& plan, const Table& table) {
  return [&](const std::string& owner, const std::string& name) -> std::optional<ExpressionColumn> {
    const ColumnPlan* column = plan.find_source(name);
    const Column* source = table.find(name);
    if (!column || !source || !(owner.empty() || same_name(owner, table.name))) return std::nullopt;
    return ExpressionColumn{quote_identifier(column->name), column->type, same_name(source->collation, "NOCASE")};
  };
}

// An index as PostgreSQL would have it; `why` says what stands against it.
struct Candidate {
  IndexPlan index;
  Names columns;  // where it is on plain columns alone
  const char* why = nullptr;

  bool same_as(const IndexPlan& other) const {
    return index.terms == other.terms && index.where_sql == other.where_sql;
  }
};

// The term, empty where it can't be had.
std::string translate_term(const TablePlan& plan, const Table& table, const Index& index, const IndexTerm& term,
                           Candidate& candidate) {
  const bool nocase = same_name(term.collation, "NOCASE");
  if (!term.collation.empty() && !nocase && index.unique) candidate.why = "sorted by a collation of SQLite";
  if (term.column.empty()) {
    PgType type;
    const std::optional<std::string> sql = translate_value(term.expression, columns_of(plan, table), type);
    if (!sql || nocase) {
      candidate.why = "on an expression that PostgreSQL may compute otherwise";
      return "";
    }
    return "(" + *sql + ")";
  }
  const ColumnPlan* column = plan.find_source(term.column);
  if (!column) {
    candidate.why = "on a column that is not there";
    return "";
  }
  const std::string name = quote_identifier(column->name);
  if (nocase && index.unique && column->type == PgType::text) return "lower(" + name + " COLLATE \"C\")";
  candidate.columns.push_back(column->name);
  return name;
}

Candidate translate_index(const TablePlan& plan, const Table& table, const Index& index) {
  Candidate candidate;
  candidate.index.unique = index.unique;
  for (const IndexTerm& term : index.terms) {
    if (!term.column.empty() && is_tenant_column(plan, term.column)) continue;
    std::string sql = translate_term(plan, table, index, term, candidate);
    if (candidate.why) return candidate;
    if (std::find(candidate.index.terms.begin(), candidate.index.terms.end(), sql) != candidate.index.terms.end())
      continue;
    candidate.index.terms.push_back(sql + (term.descending && !index.unique ? " DESC" : ""));
  }
  if (candidate.index.terms.empty()) candidate.why = "on the tenant alone";
  if (candidate.index.terms.size() >= kKeyColumnsMax) candidate.why = "on too many columns";
  if (index.partial) {
    const std::optional<std::string> where = translate_condition(index.where_sql, columns_of(plan, table));
    if (where) candidate.index.where_sql = *where;
    if (!where) candidate.why = "partial by a condition that PostgreSQL may judge otherwise";
  }
  if (index.partial || candidate.columns.size() != candidate.index.terms.size()) candidate.columns.clear();
  return candidate;
}

// Whether no file may hold two rows alike in these terms.
bool is_unique_in_all(const TablePlan& plan, const Versions& versions, const Candidate& candidate) {
  return std::all_of(versions.begin(), versions.end(), [&](const TableProfile* version) {
    const std::vector<Index>& indexes = version->table->indexes;
    return std::any_of(indexes.begin(), indexes.end(), [&](const Index& index) {
      if (!index.unique) return false;
      const Candidate other = translate_index(plan, *version->table, index);
      return !other.why && other.same_as(candidate.index);
    });
  });
}

bool is_planned(const TablePlan& plan, const Candidate& candidate) {
  if (!candidate.columns.empty() && candidate.columns == plan.primary_key) return true;
  const bool unique = std::any_of(plan.unique_keys.begin(), plan.unique_keys.end(), [&](const KeyPlan& key) {
    return !candidate.columns.empty() && key.columns == candidate.columns;
  });
  return unique || std::any_of(plan.indexes.begin(), plan.indexes.end(),
                               [&](const IndexPlan& index) { return candidate.same_as(index); });
}

void add_index(TablePlan& plan, const Versions& versions, const Table& table, const Index& index,
               std::set<std::string>& notes) {
  const std::string name = printable(index.name, kNameShown);
  Candidate candidate = translate_index(plan, table, index);
  if (candidate.why) {
    notes.insert("index \"" + name + "\" is not carried over: it is " + candidate.why);
    return;
  }
  if (candidate.index.unique && !is_unique_in_all(plan, versions, candidate)) {
    candidate.index.unique = false;
    if (!is_planned(plan, candidate))
      notes.insert("index \"" + name + "\" is unique in some files only: it becomes a plain one");
  }
  if (is_planned(plan, candidate)) return;
  candidate.index.name = fit_name(plan.name + "_" + name);
  if (candidate.index.unique && !candidate.columns.empty()) {
    plan.unique_keys.push_back({candidate.index.name, candidate.columns});
  } else {
    plan.indexes.push_back(std::move(candidate.index));
  }
}

void add_checks(TablePlan& plan, const Versions& versions, std::set<std::string>& notes) {
  for (const TableProfile* version : versions) {
    for (const std::string& sql : version->table->checks) {
      const bool in_all = std::all_of(versions.begin(), versions.end(), [&](const TableProfile* other) {
        const Names& checks = other->table->checks;
        return std::find(checks.begin(), checks.end(), sql) != checks.end();
      });
      const std::string shown = "check (" + printable(sql, kSqlShown) + ") is not carried over: ";
      const std::optional<std::string> translated = translate_condition(sql, columns_of(plan, *version->table));
      if (!in_all) {
        notes.insert(shown + "not all files have it");
      } else if (!translated) {
        notes.insert(shown + "PostgreSQL may judge it otherwise");
      } else {
        char hash[16];
        std::snprintf(hash, sizeof hash, "%08x", static_cast<unsigned>(XXH64(translated->data(), translated->size(), 0)));
        CheckPlan check{fit_name(plan.name + "_check_" + hash), *translated};
        const bool is_new = std::none_of(plan.checks.begin(), plan.checks.end(),
                                         [&](const CheckPlan& other) { return other.name == check.name; });
        if (is_new) plan.checks.push_back(std::move(check));
      }
    }
  }
}

// --- foreign keys ---

const TablePlan* find_table(const std::vector<TablePlan>& tables, const std::string& source_name) {
  for (const TablePlan& table : tables) {
    if (same_name(table.source_name, source_name)) return &table;
  }
  return nullptr;
}

// SQLite's word for what happens, as PostgreSQL takes it; empty for NO ACTION.
std::string action(const std::string& word) { return same_name(word, "NO ACTION") ? "" : word; }

bool same_key(const ForeignKey& a, const ForeignKey& b) {
  const auto same = [](const Names& x, const Names& y) {
    return std::equal(x.begin(), x.end(), y.begin(), y.end(),
                      [](const std::string& p, const std::string& q) { return same_name(p, q); });
  };
  return same(a.columns, b.columns) && same_name(a.referenced_table, b.referenced_table) &&
         same(a.referenced_columns, b.referenced_columns);
}

bool is_key(const TablePlan& table, const Names& columns) {
  const auto same = [&](Names key) {
    Names wanted = columns;
    std::sort(key.begin(), key.end());
    std::sort(wanted.begin(), wanted.end());
    return key == wanted;
  };
  return same(table.primary_key) || std::any_of(table.unique_keys.begin(), table.unique_keys.end(),
                                                [&](const KeyPlan& key) { return same(key.columns); });
}

// Fills `key` with names in PostgreSQL; why it can't be had, or null.
const char* resolve(const TablePlan& plan, const TablePlan* parent, const ForeignKey& source, ForeignKeyPlan& key) {
  if (!parent) return "the table it refers to is not there";
  if (parent->integrated_objects) return "the table it refers to has a key of its own";
  const std::size_t count = source.columns.size();
  if (!source.referenced_columns.empty() && source.referenced_columns.size() != count) return "it is malformed";
  if (source.referenced_columns.empty() && parent->primary_key.size() != count) return "it is malformed";
  for (std::size_t i = 0; i < count; ++i) {
    const bool by_name = !source.referenced_columns.empty();
    if (is_tenant_column(plan, source.columns[i]) && by_name && is_tenant_column(*parent, source.referenced_columns[i]))
      continue;
    const ColumnPlan* from = plan.find_source(source.columns[i]);
    const ColumnPlan* to =
        by_name ? parent->find_source(source.referenced_columns[i]) : parent->find(parent->primary_key[i]);
    if (!from || !to) return "one of its columns is not there";
    if (from->type != to->type) return "the two columns are of different types";
    key.columns.push_back(from->name);
    key.referenced_columns.push_back(to->name);
  }
  if (key.columns.empty()) return "it is on the tenant alone";
  if (!is_key(*parent, key.referenced_columns)) return "what it refers to is no unique key in PostgreSQL";
  key.referenced_table = parent->name;
  return nullptr;
}

}  // namespace

void plan_constraints(TablePlan& plan, const Versions& versions) {
  std::set<std::string> notes;
  for (const TableProfile* version : versions) {
    for (const Index& index : version->table->indexes) add_index(plan, versions, *version->table, index, notes);
  }
  add_checks(plan, versions, notes);
  plan.notes.insert(plan.notes.end(), notes.begin(), notes.end());
}

void plan_foreign_keys(TablePlan& plan, const std::vector<TablePlan>& tables, const Versions& versions) {
  std::set<std::string> notes, names;
  for (const ForeignKey& source : versions.front()->table->foreign_keys) {
    const std::string shown =
        "foreign key (" + listed(source.columns) + ") to \"" + printable(source.referenced_table, kNameShown) + "\"";
    ForeignKeyPlan key;
    const char* why = resolve(plan, find_table(tables, source.referenced_table), source, key);
    const bool in_all = std::all_of(versions.begin(), versions.end(), [&](const TableProfile* version) {
      const std::vector<ForeignKey>& keys = version->table->foreign_keys;
      return std::any_of(keys.begin(), keys.end(), [&](const ForeignKey& other) { return same_key(source, other); });
    });
    if (!in_all) why = "not all files have it";
    if (why) {
      notes.insert(shown + " is not carried over: " + why);
      continue;
    }
    key.on_delete = action(source.on_delete);
    key.on_update = action(source.on_update);
    if (key.on_update.compare(0, 4, "SET ") == 0) {
      notes.insert(shown + ": ON UPDATE " + key.on_update + " is left out, it would unset the tenant, too");
      key.on_update.clear();
    }
    std::string name = plan.name;
    for (const std::string& column : key.columns) name += "_" + column;
    key.name = fit_name(name + "_fkey");
    for (int i = 2; !names.insert(key.name).second; ++i) key.name = fit_name(name + "_fkey" + std::to_string(i));
    plan.foreign_keys.push_back(std::move(key));
  }
  plan.notes.insert(plan.notes.end(), notes.begin(), notes.end());
}

}  // namespace rowhouse::bridge
