#include "bridge/views.hpp"

#include <algorithm>

#include "bridge/cell.hpp"
#include "bridge/expression.hpp"
#include "bridge/names.hpp"
#include "bridge/sql_tokens.hpp"

namespace rowhouse::bridge {
namespace {

constexpr std::size_t kTablesMax = 64;     // of a join in SQLite
constexpr std::size_t kColumnsMax = 1600;  // of PostgreSQL

struct NoTranslation {
  const char* why;
};

[[noreturn]] void stop(const char* why) { throw NoTranslation{why}; }

struct OutputColumn {
  std::string name, sql;
};

// Reads one CREATE VIEW from its start to its end. Whatever it does not know ends it.
class ViewReader {
 public:
  ViewReader(const Plan& plan, const std::string& sql, const std::string& schema)
      : plan_(plan), sql_(sql), schema_(schema), tokens_(tokenize(sql)) {}

  std::string query() {
    const std::vector<std::string> names = read_head();
    const std::vector<Slice> list = read_list();
    const std::string from = read_from();
    std::string where;
    if (takes("WHERE")) where = " WHERE " + condition(read_slice());
    takes_sign(";");
    if (at_ != tokens_.size()) stop("it groups, orders, limits or combines rows");
    std::string columns = from_[0].sql_tenant();
    for (const OutputColumn& column : outputs(list, names)) columns += ", " + column.sql + " AS " + quote_identifier(column.name);
    return "SELECT " + columns + from + where;
  }

 private:
  struct Source {
    const TablePlan* plan;
    std::string name;  // by which the view's columns are qualified
    std::string sql_tenant() const { return quote_identifier(name) + "." + quote_identifier(plan->tenant_column); }
  };
  // Tokens from one to another.
  struct Slice {
    std::size_t from, to;
  };

  bool sees(std::string_view word) const { return at_ < tokens_.size() && tokens_[at_].is_word(word); }
  bool takes(std::string_view word) { return sees(word) && ++at_; }
  bool takes_sign(std::string_view sign) { return at_ < tokens_.size() && tokens_[at_].is_sign(sign) && ++at_; }
  bool is_name(std::size_t at) const {
    return at < tokens_.size() && (tokens_[at].kind == Token::Kind::word || tokens_[at].kind == Token::Kind::name);
  }
  std::string name() {
    if (!is_name(at_)) stop("it is written in a way that is not understood");
    return tokens_[at_++].text;
  }

  bool ends_clause() const {
    for (const char* word : {"FROM", "WHERE", "GROUP", "HAVING", "WINDOW", "ORDER", "LIMIT", "UNION", "EXCEPT",
                             "INTERSECT", "JOIN", "INNER", "CROSS", "LEFT", "RIGHT", "FULL", "NATURAL", "ON", "USING"}) {
      if (sees(word)) return true;
    }
    return at_ == tokens_.size() || tokens_[at_].is_sign(",") || tokens_[at_].is_sign(";");
  }

  // Up to a comma or a word that begins what is next, outside of brackets.
  Slice read_slice() {
    const std::size_t from = at_;
    while (!ends_clause()) at_ = tokens_[at_].is_sign("(") ? behind_brackets(tokens_, at_) : at_ + 1;
    if (from == at_) stop("it is written in a way that is not understood");
    return {from, at_};
  }

  std::string text(const Slice& slice) const {
    return sql_.substr(tokens_[slice.from].begin, tokens_[slice.to - 1].end - tokens_[slice.from].begin);
  }

  std::vector<std::string> read_head() {
    if (!takes("CREATE")) stop("it is written in a way that is not understood");
    if (!takes("TEMP")) takes("TEMPORARY");
    if (!takes("VIEW")) stop("it is written in a way that is not understood");
    if (takes("IF")) at_ += 2;
    name();
    if (takes_sign(".")) name();
    std::vector<std::string> names;
    if (takes_sign("(")) {
      do names.push_back(name());
      while (takes_sign(","));
      if (!takes_sign(")")) stop("it is written in a way that is not understood");
    }
    if (!takes("AS")) stop("it is written in a way that is not understood");
    if (!takes("SELECT")) stop("it is no plain SELECT");
    if (sees("DISTINCT")) stop("it groups, orders, limits or combines rows");
    takes("ALL");
    return names;
  }

  std::vector<Slice> read_list() {
    std::vector<Slice> list;
    do list.push_back(read_slice());
    while (takes_sign(","));
    return list;
  }

  std::string read_from() {
    if (!takes("FROM")) stop("it reads no table");
    std::string sql = " FROM " + read_table();
    for (;;) {
      if (!takes_sign(",")) {
        if (sees("LEFT") || sees("RIGHT") || sees("FULL") || sees("NATURAL")) stop("its join is no inner one on a condition");
        const bool named = takes("INNER") || takes("CROSS");
        if (!takes("JOIN")) {
          if (named) stop("it is written in a way that is not understood");
          return sql;
        }
      }
      sql += " JOIN " + read_table();
      if (sees("USING")) stop("its join is no inner one on a condition");
      const std::string on = takes("ON") ? " AND " + condition(read_slice()) : "";
      sql += " ON (" + from_.back().sql_tenant() + " = " + from_[0].sql_tenant() + on + ")";
    }
  }

  std::string read_table() {
    if (at_ < tokens_.size() && tokens_[at_].is_sign("(")) stop("it reads from a query");
    std::string table = name();
    if (takes_sign(".")) table = name();
    if (at_ < tokens_.size() && tokens_[at_].is_sign("(")) stop("it reads from a function");
    const TablePlan* const plan = plan_.find_source(table);
    if (!plan) stop("it reads something else than a table that is made");
    if (takes("AS") || (!ends_clause() && is_name(at_))) table = name();
    if (from_.size() == kTablesMax) stop("it joins too many tables");
    for (const Source& other : from_) {
      if (same_name(other.name, table)) stop("two of its tables have one name");
    }
    from_.push_back({plan, table});
    return quote_qualified(schema_, plan->name) + " AS " + quote_identifier(table);
  }

  // --- columns ---

  static bool names_tenant(const TablePlan& plan, const std::string& column) {
    return std::any_of(plan.source_tenant_columns.begin(), plan.source_tenant_columns.end(),
                       [&](const std::string& tenant) { return same_name(tenant, column); });
  }

  static std::optional<ExpressionColumn> column_of(const Source& source, const std::string& name) {
    const std::string table = quote_identifier(source.name) + ".";
    if (names_tenant(*source.plan, name))
      return ExpressionColumn{table + quote_identifier(source.plan->tenant_column), PgType::text, false};
    const ColumnPlan* const column = source.plan->find_source(name);
    if (!column) return std::nullopt;
    return ExpressionColumn{table + quote_identifier(column->name), column->type, same_name(column->collation, "NOCASE")};
  }

  std::optional<ExpressionColumn> find(const std::string& owner, const std::string& name) const {
    std::optional<ExpressionColumn> found;
    for (const Source& source : from_) {
      if (!owner.empty() && !same_name(owner, source.name)) continue;
      std::optional<ExpressionColumn> here = column_of(source, name);
      if (here && found) stop("a column of it is in two tables");
      if (here) found = std::move(here);
    }
    return found;
  }

  // For comparisons: columns that are not sorted by SQLite's own rules can't be had.
  std::optional<ExpressionColumn> find_comparable(const std::string& owner, const std::string& name) const {
    for (const Source& source : from_) {
      const ColumnPlan* const column = source.plan->find_source(name);
      const bool plain = !column || column->collation.empty() || same_name(column->collation, "BINARY") ||
                         same_name(column->collation, "NOCASE");
      if (!plain) return std::nullopt;
    }
    return find(owner, name);
  }

  std::string condition(const Slice& slice) const {
    const std::optional<std::string> sql = translate_condition(
        text(slice), [this](const std::string& owner, const std::string& name) { return find_comparable(owner, name); });
    if (!sql) stop("PostgreSQL may judge one of its conditions otherwise");
    return *sql;
  }

  std::vector<OutputColumn> outputs(const std::vector<Slice>& list, const std::vector<std::string>& names) const {
    std::vector<OutputColumn> columns;
    for (const Slice& slice : list) {
      add_output(slice, columns);
      if (columns.size() >= kColumnsMax) stop("it has too many columns");
    }
    if (!names.empty() && names.size() != columns.size()) stop("it names another number of columns than it has");
    std::vector<std::string> taken = {from_[0].plan->tenant_column};
    std::vector<OutputColumn> kept;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      OutputColumn& column = columns[i];
      if (!names.empty()) column.name = names[i];
      if (column.sql == from_[0].sql_tenant() && same_name(column.name, taken[0])) continue;  // it leads already
      column.name = fit_name(column.name);
      const bool clashes = std::any_of(taken.begin(), taken.end(),
                                       [&](const std::string& other) { return same_name(other, column.name); });
      if (clashes || column.name != fit_column_name(column.name, {})) stop("two of its columns have one name, or one that PostgreSQL keeps for itself");
      taken.push_back(column.name);
      kept.push_back(std::move(column));
    }
    return kept;
  }

  void add_all(const Source& source, std::vector<OutputColumn>& columns) const {
    for (const ColumnPlan& column : source.plan->columns) {
      if (!column.source_name.empty())
        columns.push_back({column.source_name, quote_identifier(source.name) + "." + quote_identifier(column.name)});
    }
  }

  bool ends_expression(std::size_t at) const {
    return tokens_[at].is_word("ISNULL") || tokens_[at].is_word("NOTNULL") || tokens_[at].is_word("NULL") ||
           tokens_[at].is_word("END");
  }

  void add_output(Slice slice, std::vector<OutputColumn>& columns) const {
    const std::size_t size = slice.to - slice.from;
    if (size == 1 && tokens_[slice.from].is_sign("*")) {
      for (const Source& source : from_) add_all(source, columns);
      return;
    }
    if (size == 3 && tokens_[slice.from + 1].is_sign(".") && tokens_[slice.from + 2].is_sign("*")) {
      for (const Source& source : from_) {
        if (same_name(source.name, tokens_[slice.from].text)) return add_all(source, columns);
      }
      stop("it is written in a way that is not understood");
    }
    std::string alias;
    if (size > 2 && tokens_[slice.to - 2].is_word("AS") && is_name(slice.to - 1)) {
      alias = tokens_[slice.to - 1].text;
      slice.to -= 2;
    } else if (size > 1 && is_name(slice.to - 1) && !tokens_[slice.to - 2].is_sign(".") && !ends_expression(slice.to - 1)) {
      alias = tokens_[slice.to - 1].text;
      slice.to -= 1;
    }
    columns.push_back(output(slice, alias));
  }

  // A column as it is, of any type; anything else as far as expressions reach.
  OutputColumn output(const Slice& slice, const std::string& alias) const {
    const std::size_t size = slice.to - slice.from;
    const bool qualified = size == 3 && tokens_[slice.from + 1].is_sign(".") && is_name(slice.from) && is_name(slice.to - 1);
    if ((size == 1 && is_name(slice.from)) || qualified) {
      const std::string& name = tokens_[slice.to - 1].text;
      const std::optional<ExpressionColumn> column = find(qualified ? tokens_[slice.from].text : "", name);
      if (!column) stop("a column of it is not there");
      return {alias.empty() ? name : alias, column->sql};
    }
    if (alias.empty()) stop("one of its columns has no name");
    PgType type;
    const std::optional<std::string> sql =
        translate_value(text(slice), [this](const std::string& owner, const std::string& name) {
          std::optional<ExpressionColumn> column = find_comparable(owner, name);
          if (column && column->nocase) column.reset();
          return column;
        }, type);
    if (!sql) stop("PostgreSQL may compute one of its columns otherwise");
    return {alias, *sql};
  }

  const Plan& plan_;
  const std::string& sql_;
  const std::string& schema_;
  const std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::vector<Source> from_;
};

}  // namespace

std::vector<ViewPlan> plan_views(const std::vector<const FileProfile*>& files, const Plan& plan,
                                 const TargetNames& target) {
  std::vector<ViewPlan> views;
  for (const FileProfile* file : files) {
    for (const View& view : file->views) {
      const auto same = [&](const ViewPlan& other) { return same_name(other.source_name, view.name); };
      const auto at = std::find_if(views.begin(), views.end(), same);
      if (at != views.end()) {
        at->drifts |= at->source_sql != view.sql;
        continue;
      }
      ViewPlan planned;
      planned.source_name = view.name;
      planned.source_sql = view.sql;
      planned.name = fit_name(view.name);
      views.push_back(std::move(planned));
    }
  }
  // What is called like something else is left out: a view under another name would answer nobody's query.
  for (ViewPlan& view : views) {
    const auto is_taken = [&](const std::string& name) { return name == view.name; };
    const auto known = target.views.find(view.name);
    const bool is_ours = known != target.views.end() && same_name(known->second, view.source_name);
    bool taken = check_text(view.name) || (target.others.count(view.name) > 0 && !is_ours);
    for (const TablePlan& table : plan.tables) {
      taken = taken || is_taken(table.name);
      for (const KeyPlan& key : table.unique_keys) taken = taken || is_taken(key.name);
      for (const IndexPlan& index : table.indexes) taken = taken || is_taken(index.name);
    }
    for (const TargetNames::Table& table : target.tables) taken = taken || is_taken(table.name);
    for (const ViewPlan& other : views) taken = taken || (&other != &view && is_taken(other.name));
    if (taken) view.name.clear();
  }
  return views;
}

void translate_views(Plan& plan, const std::string& schema) {
  for (ViewPlan& view : plan.views) {
    view.query.clear();
    if (view.drifts) {
      view.why = "the files have different views of this name";
      continue;
    }
    if (view.name.empty()) {
      view.why = "its name is taken";
      continue;
    }
    try {
      view.query = ViewReader(plan, view.source_sql, schema).query();
      view.why.clear();
    } catch (const NoTranslation& reason) {
      view.why = reason.why;
    }
  }
}

std::string create_view_sql(const ViewPlan& view, const std::string& schema) {
  return "CREATE VIEW " + quote_qualified(schema, view.name) + " WITH (security_invoker = true) AS " + view.query;
}

std::string view_comment(const std::string& source_name) { return "from SQLite view " + source_name; }

std::string comment_view_sql(const ViewPlan& view, const std::string& schema) {
  return "COMMENT ON VIEW " + quote_qualified(schema, view.name) + " IS " + quote_literal(view_comment(view.source_name));
}

}  // namespace rowhouse::bridge
