// Both sides of each table side by side, in key order: what is equal, different, missing, unexpected.
#include <set>

#include "bridge/copy_encoder.hpp"
#include "bridge/helpdesk.hpp"
#include "bridge/row_reader.hpp"
#include "migration/cell_compare.hpp"
#include "migration/core_installer.hpp"
#include "migration/source_files.hpp"
#include "migration/target_tables.hpp"

namespace rowhouse {
namespace {

constexpr std::size_t kExamples = 5;

using Fields = std::vector<std::optional<std::string>>;

// Compares one table of one file; rows of the target are pushed in, rows of the source are pulled as far as needed.
class TableComparison {
 public:
  TableComparison(const bridge::Source& file, const bridge::Table& table, const bridge::TablePlan& plan,
                  std::set<std::string> rejected, VerifiedTable& result)
      : plan_(plan), rejected_(std::move(rejected)), result_(result) {
    std::vector<std::string> read;
    std::vector<bridge::OrderColumn> order;
    for (const std::string& name : plan.primary_key) {
      const bridge::ColumnPlan* column = plan.find(name);
      key_.push_back(static_cast<std::size_t>(column - plan.columns.data()));
      order.push_back({column->source_name, column->type});
    }
    for (const bridge::ColumnPlan& column : plan.columns) {
      const bool there = column.source_name.empty() || table.find(column.source_name);
      cell_of_.push_back(there ? static_cast<int>(read.size()) : -1);
      repairs_.push_back(plan.repairs(column));
      if (there) read.push_back(column.source_name);
    }
    bridge::Result<std::unique_ptr<bridge::RowReader>> reader = bridge::RowReader::open(file, table, read, order);
    if (!reader.ok()) detail::throw_status(reader.status());
    reader_ = std::move(reader.value());
    advance();
  }

  void take(const Fields& target) {
    while (more_ && order_against(target) < 0) {
      miss();
      advance();
    }
    if (!more_ || order_against(target) != 0) {
      ++result_.unexpected;
      example("key " + printed_key(target), "is not in the file");
      return;
    }
    compare(target);
    advance();
  }

  void finish() {
    for (; more_; advance()) miss();
  }

 private:
  // To the next source row that should be in PostgreSQL.
  void advance() {
    for (;;) {
      bridge::Result<bool> next = reader_->next();
      if (!next.ok()) detail::throw_status(next.status());
      more_ = next.value();
      if (!more_ || rejected_.erase(reader_->key()) == 0) return;
      ++result_.rejected;
    }
  }

  const bridge::Cell& cell(std::size_t column) const {
    static const bridge::Cell kNull;
    return cell_of_[column] < 0 ? kNull : reader_->cells()[static_cast<std::size_t>(cell_of_[column])];
  }

  int order_against(const Fields& target) const {
    for (std::size_t column : key_) {
      const int order = detail::compare_key(cell(column), target[column].value_or(""), plan_.columns[column].type);
      if (order != 0) return order;
    }
    return 0;
  }

  // The cell as the text policy keeps it.
  bridge::Cell kept_cell(std::size_t column) {
    bridge::Cell kept = cell(column);
    if (repairs_[column] && kept.storage_class == bridge::StorageClass::text &&
        bridge::repair_text(kept.bytes, plan_.columns[column].type, plan_.text_policy, kept_))
      kept.bytes = kept_;
    return kept;
  }

  void compare(const Fields& target) {
    bool equal = true;
    for (std::size_t i = 0; i < plan_.columns.size(); ++i) {
      const bridge::ColumnPlan& column = plan_.columns[i];
      if (cell_of_[i] < 0 || detail::same_value(kept_cell(i), target[i], column.type)) continue;
      if (plan_.integrated_objects && column.name == "platform" &&
          cell(i).storage_class == bridge::StorageClass::null && target[i] == bridge::kDefaultPlatform)
        continue;
      equal = false;
      example("key " + reader_->key(), "differs in column \"" + column.name + "\"");
    }
    ++(equal ? result_.rows : result_.different);
  }

  void miss() {
    ++result_.missing;
    example("key " + reader_->key(), "is not in PostgreSQL");
  }

  void example(const std::string& key, const std::string& what) {
    if (result_.examples.size() < kExamples) result_.examples.push_back(key + " " + what);
  }

  std::string printed_key(const Fields& target) const {
    std::string text;
    for (std::size_t column : key_) text += (text.empty() ? "" : ", ") + target[column].value_or("NULL");
    return text;
  }

  const bridge::TablePlan& plan_;
  std::set<std::string> rejected_;
  VerifiedTable& result_;
  std::unique_ptr<bridge::RowReader> reader_;
  std::vector<std::size_t> key_;
  std::vector<int> cell_of_;
  std::vector<bool> repairs_;
  std::string kept_;
  bool more_ = false;
};

class Verification {
 public:
  Verification(detail::PostgresConnection& connection, const MigrationOptions& options)
      : connection_(connection), options_(options) {}

  VerifyReport run(const std::vector<MigrationSource>& sources) {
    target_ = detail::read_target_names(connection_, options_.schema);
    progress_ = {"verify", "", "", 0, 0, 0, sources.size()};
    for (const MigrationSource& source : sources) {
      try {
        std::vector<VerifiedTable> tables;
        const std::int64_t rows_before = progress_.rows;
        detail::read_whole(source, options_, false, [&](const bridge::Source& file) {
          connection_.rollback();
          progress_.rows = rows_before;
          tables = compare_file(source, file);
        });
        report_.tables.insert(report_.tables.end(), tables.begin(), tables.end());
      } catch (const Error& error) {
        if (detail::ends_the_run(error)) throw;
        connection_.rollback();
        report_.failures.push_back(detail::failure_of(source, error));
      }
      ++progress_.files;
      detail::report_progress(options_, progress_);
    }
    return std::move(report_);
  }

 private:
  std::vector<VerifiedTable> compare_file(const MigrationSource& source, const bridge::Source& file) {
    std::vector<VerifiedTable> results;
    const bridge::FileProfile profile = detail::profile_source(file, source, options_, false);
    bridge::Plan plan = detail::plan_files({{source, profile}}, options_, target_);
    connection_.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    connection_.execute("SELECT rowhouse.set_tenant($1)", {source.tenant});
    for (bridge::TablePlan& table : plan.tables) {
      VerifiedTable result;
      result.tenant = source.tenant;
      result.source = file.file_name();
      result.source_table = table.source_name;
      result.table = table.name;
      progress_.tenant = source.tenant;
      progress_.table = table.name;
      compare_table(file, *detail::find_table(profile, table), table, result);
      results.push_back(std::move(result));
    }
    detail::require_unchanged(file);
    connection_.commit();
    return results;
  }

  void compare_table(const bridge::Source& file, const bridge::TableProfile& profile, bridge::TablePlan& table,
                     VerifiedTable& result) {
    for (const bridge::ColumnPlan& column : detail::align_with_target(connection_, table, options_.schema)) {
      result.different += profile.rows;
      result.examples.push_back("column \"" + column.name + "\" is not in PostgreSQL");
    }
    TableComparison comparison(file, profile.table, table, rejected_keys(result), result);
    Fields fields;
    connection_.copy_out(select(table, result.tenant), [&](std::string_view line) {
      detail::check_interrupted(options_);
      detail::split_copy_row(line, fields);
      comparison.take(fields);
      if (++progress_.rows % 1000 == 0) detail::report_progress(options_, progress_);
    });
    comparison.finish();
  }

  std::set<std::string> rejected_keys(const VerifiedTable& table) const {
    const detail::PostgresResult rows = connection_.execute(
        "SELECT key FROM rowhouse.import_reject WHERE tenant = $1 AND source = $2 AND source_table = $3 "
        "AND sqlstate <> $4",
        {table.tenant, table.source, table.source_table, bridge::kConflictState});
    std::set<std::string> keys;
    for (std::size_t i = 0; i < rows.rows(); ++i) keys.emplace(rows.value(i, 0).value_or(""));
    return keys;
  }

  // The tenant's rows as text, in the order in which the source's rows are read.
  std::string select(const bridge::TablePlan& table, const std::string& tenant) const {
    std::string columns, order;
    for (const bridge::ColumnPlan& column : table.columns) {
      columns += (columns.empty() ? "" : ", ") + bridge::quote_identifier(column.name);
    }
    for (const std::string& name : table.primary_key) {
      order += (order.empty() ? " ORDER BY " : ", ") + bridge::quote_identifier(name);
      if (table.find(name)->type == bridge::PgType::text) order += " COLLATE \"C\"";
    }
    const detail::PostgresResult literal = connection_.execute("SELECT pg_catalog.quote_literal($1::text)", {tenant});
    return "COPY (SELECT " + columns + " FROM " + bridge::quote_qualified(options_.schema, table.name) + " WHERE " +
           bridge::quote_identifier(table.tenant_column) + " = " + std::string(literal.value(0, 0).value_or("")) +
           order + ") TO STDOUT";
  }

  detail::PostgresConnection& connection_;
  const MigrationOptions& options_;
  bridge::TargetNames target_;
  MigrationProgress progress_;
  VerifyReport report_;
};

}  // namespace

bool VerifyReport::equal() const {
  if (!failures.empty()) return false;
  for (const VerifiedTable& table : tables) {
    if (table.different + table.missing + table.unexpected > 0) return false;
  }
  return true;
}

VerifyReport verify(const std::vector<MigrationSource>& sources, const Url& target, const MigrationOptions& options) {
  detail::PostgresConnection connection = detail::PostgresConnection::connect(target);
  detail::prepare_session(connection);
  if (detail::installed_core(connection).empty())
    throw_error("55000", "rowhouse is not installed in the database: nothing was migrated there");
  return Verification(connection, options).run(sources);
}

}  // namespace rowhouse
