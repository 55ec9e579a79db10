// Both sides of each table side by side, in key order: what is equal, different, missing, unexpected.
#include <algorithm>
#include <atomic>
#include <exception>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "bridge/copy_encoder.hpp"
#include "migration/cell_compare.hpp"
#include "migration/choices.hpp"
#include "migration/core_installer.hpp"
#include "migration/deleted_rows.hpp"
#include "migration/interrupt_watch.hpp"
#include "migration/table_comparison.hpp"
#include "migration/target_tables.hpp"

namespace rowhouse {
namespace {

constexpr std::int64_t kRowsBetweenReports = 1000;

// What the workers of one run share: the next file, what came of each, and how far they are together.
class VerifyRun {
 public:
  VerifyRun(const std::vector<MigrationSource>& sources, const MigrationOptions& options)
      : sources_(sources), options_(options), tables_(sources.size()), failures_(sources.size()) {
    progress_ = {"verify", "", "", 0, 0, 0, sources.size()};
  }

  const MigrationOptions& options() const { return options_; }
  void expect_rows(std::int64_t rows) { progress_.rows_total = rows; }

  // Files one by one, until there are no more or one of the workers has failed.
  template <class Compare>
  void work(const Compare& compare) noexcept {
    for (std::size_t at; !stopped_ && (at = next_++) < sources_.size();) {
      try {
        tables_[at] = compare(sources_[at], failures_[at]);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!stopped_.exchange(true)) error_ = std::current_exception();
        return;
      }
      report("", "", 0, 1);
    }
  }
  void fail(std::exception_ptr error) {
    const std::lock_guard lock(mutex_);
    if (!stopped_.exchange(true)) error_ = std::move(error);
  }

  void check_stopped() const {
    detail::check_interrupted(options_);
    if (stopped_) throw_error("57014", "another file ended the run");
  }
  void report(const std::string& tenant, const std::string& table, std::int64_t rows, std::size_t files = 0) {
    const std::lock_guard lock(mutex_);
    progress_.tenant = tenant;
    progress_.table = table;
    progress_.rows += rows;
    progress_.files += files;
    detail::report_progress(options_, progress_);
  }

  VerifyReport finish() {
    if (error_) std::rethrow_exception(error_);
    VerifyReport report;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      for (VerifiedTable& table : tables_[i]) report.tables.push_back(std::move(table));
      if (failures_[i]) report.failures.push_back(std::move(*failures_[i]));
    }
    return report;
  }

 private:
  const std::vector<MigrationSource>& sources_;
  const MigrationOptions& options_;
  std::vector<std::vector<VerifiedTable>> tables_;
  std::vector<std::optional<FileFailure>> failures_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> stopped_{false};
  std::exception_ptr error_;
  std::mutex mutex_;  // of error_ and progress_
  MigrationProgress progress_;
};

// One connection's share of the work.
class Verification {
 public:
  Verification(detail::PostgresConnection& connection, const bridge::TargetNames& target, VerifyRun& run)
      : connection_(connection), options_(run.options()), target_(target), run_(run) {}

  // A file that can't be read or compared is a failure of its own; errors that concern every file are thrown.
  std::vector<VerifiedTable> compare(const MigrationSource& source, std::optional<FileFailure>& failure) {
    try {
      std::vector<VerifiedTable> tables;
      told_ = 0;
      detail::read_whole(source, options_, [&](const bridge::Source& file) {
        connection_.rollback();
        run_.report(source.tenant, "", -std::exchange(told_, 0));
        tables = compare_file(source, file);
      });
      return tables;
    } catch (const Error& error) {
      if (detail::ends_the_run(error)) throw;
      connection_.rollback();
      failure = detail::failure_of(source, error);
      return {};
    }
  }

 private:
  std::vector<VerifiedTable> compare_file(const MigrationSource& source, const bridge::Source& file) {
    const bridge::FileProfile profile = detail::profile_source(file, source, options_, false);
    bridge::Plan plan = detail::plan_files({{source, profile}}, options_, target_);
    std::vector<VerifiedTable> results;
    connection_.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    connection_.execute("SELECT rowhouse.set_tenant($1)", {source.tenant});
    for (bridge::TablePlan& table : plan.tables) {
      VerifiedTable result;
      result.tenant = source.tenant;
      result.source = file.file_name();
      result.source_table = table.source_name;
      result.table = table.name;
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
    for (const bridge::ColumnPlan& column : table.columns) {
      if (column.chosen && column.wider)
        throw_error("42804", "column \"" + column.name + "\" of table \"" + table.name + "\" is " +
                                 bridge::sql_name(column.type) + ", not " + bridge::sql_name(*column.wider) +
                                 " as --types says");
    }
    detail::TableComparison comparison(file, *profile.table, table, keys_set_aside(result), result);
    detail::TableComparison::Fields fields;
    std::int64_t rows = 0;
    connection_.copy_out(select(table, result.tenant), [&](std::string_view line) {
      run_.check_stopped();
      detail::split_copy_row(line, fields);
      comparison.take(fields);
      if (++rows % kRowsBetweenReports == 0) tell(result, kRowsBetweenReports);
    });
    comparison.drain();
    settle(comparison, result);
    tell(result, rows % kRowsBetweenReports);
  }

  void tell(const VerifiedTable& table, std::int64_t rows) {
    told_ += rows;
    run_.report(table.tenant, table.table, rows);
  }

  // Rows that the ledger says imports to have brought into a table, and how many of them are not there any more.
  struct Brought {
    std::int64_t rows = 0, deleted = 0;
  };
  // `by`: this file, or the others of the tenant.
  Brought brought(const VerifiedTable& table, const char* by, const detail::KeysThere* there) const {
    const detail::PostgresResult entries = connection_.execute(
        "SELECT id, rows FROM rowhouse.import_chunk WHERE tenant = $1 AND target_schema = $2 AND target_table = $3 "
        "AND (source, source_table) " +
            std::string(by) + " ($4, $5)",
        {table.tenant, options_.schema, table.table, table.source, table.source_table});
    Brought sum;
    for (std::size_t i = 0; i < entries.rows(); ++i) {
      const std::int64_t rows = detail::to_integer(entries.value(i, 1));
      sum.rows += rows;
      if (there) sum.deleted += detail::count_deleted(connection_, *there, entries.text(i, 0), rows);
    }
    return sum;
  }

  // What accounts for rows that one side alone has.
  void settle(detail::TableComparison& comparison, const VerifiedTable& table) const {
    if (table.missing + table.unexpected == 0) return comparison.settle(0, 0);
    const auto there = detail::keys_where_rows_lack(connection_, table.tenant, options_.schema, table.table);
    const Brought others = brought(table, "<>", there.get());
    comparison.settle(others.rows - others.deleted, brought(table, "=", there.get()).deleted);
  }

  detail::KeysSetAside keys_set_aside(const VerifiedTable& table) const {
    const detail::PostgresResult rows = connection_.execute(
        "SELECT key, sqlstate = $4 FROM rowhouse.import_reject WHERE tenant = $1 AND source = $2 AND source_table = $3",
        {table.tenant, table.source, table.source_table, bridge::kConflictState});
    detail::KeysSetAside keys;
    for (std::size_t i = 0; i < rows.rows(); ++i)
      (rows.value(i, 1) == "t" ? keys.conflicts : keys.rejected).emplace(rows.value(i, 0).value_or(""));
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
    const detail::PostgresResult writers = connection_.execute(
        "SELECT pg_catalog.quote_literal(ARRAY(SELECT DISTINCT writer.xid::text "
        "FROM rowhouse.import_chunk, unnest(xids) AS writer (xid) WHERE tenant = $1 AND target_schema = $2 "
        "AND target_table = $3))",
        {tenant, options_.schema, table.name});
    columns += ", xmin = ANY (" + writers.text(0, 0) + "::xid[])";
    return "COPY (SELECT " + columns + " FROM " + bridge::quote_qualified(options_.schema, table.name) + " WHERE " +
           bridge::tenant_condition(table.tenant_column, tenant) + order + ") TO STDOUT";
  }

  detail::PostgresConnection& connection_;
  const MigrationOptions& options_;
  const bridge::TargetNames& target_;
  VerifyRun& run_;
  std::int64_t told_ = 0;  // rows of the file at work that the progress counts
};

// How many rows the ledger has of these files: what there is to compare, as far as is known before.
std::int64_t expected_rows(detail::PostgresConnection& connection, const std::vector<MigrationSource>& sources) {
  std::set<std::pair<std::string, std::string>> wanted;
  for (const MigrationSource& source : sources)
    wanted.emplace(source.tenant, std::filesystem::path(source.path).filename().string());
  const detail::PostgresResult rows =
      connection.execute("SELECT tenant, source, sum(rows)::bigint FROM rowhouse.import_chunk GROUP BY tenant, source");
  std::int64_t expected = 0;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    if (wanted.count({rows.text(i, 0), rows.text(i, 1)}) > 0)
      expected += std::stoll(std::string(rows.value(i, 2).value_or("0")));
  }
  return expected;
}

detail::PostgresConnection connect_to_compare(detail::InterruptWatch& watch, const Url& target) {
  detail::PostgresConnection connection = watch.connect(target);
  detail::prepare_session(connection);
  return connection;
}

VerifyReport verify_all(const std::vector<MigrationSource>& sources, const Url& target, const MigrationOptions& options,
                        detail::InterruptWatch& watch) {
  detail::PostgresConnection connection = connect_to_compare(watch, target);
  if (detail::installed_core(connection).empty())
    throw_error("55000", "rowhouse is not installed in the database: nothing was migrated there");
  const bridge::TargetNames names = detail::read_target_names(connection, options.schema);
  VerifyRun run(sources, options);
  run.expect_rows(expected_rows(connection, sources));
  const auto work_on = [&](detail::PostgresConnection& with) {
    Verification verification(with, names, run);
    run.work([&](const MigrationSource& source, std::optional<FileFailure>& failure) {
      return verification.compare(source, failure);
    });
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < std::min(std::max<std::size_t>(options.jobs, 1), sources.size()); ++i) {
      others.emplace_back([&] {
        try {
          detail::PostgresConnection own = connect_to_compare(watch, target);
          work_on(own);
        } catch (...) {
          run.fail(std::current_exception());
        }
      });
    }
    work_on(connection);
  }
  return run.finish();
}

}  // namespace

bool VerifyReport::equal() const {
  return failures.empty() &&
         std::all_of(tables.begin(), tables.end(), [](const VerifiedTable& table) { return table.differences() == 0; });
}

bool VerifyReport::is_copied(const MigrationReport& by) const {
  return failures.empty() && std::all_of(tables.begin(), tables.end(), [&](const VerifiedTable& table) {
           if (table.differences() != table.changed) return false;
           return table.deleted == 0 ||
                  std::any_of(by.tables.begin(), by.tables.end(), [&](const TableOutcome& outcome) {
                    return outcome.tenant == table.tenant && outcome.source == table.source &&
                           outcome.source_table == table.source_table && outcome.kept_deleted >= table.deleted;
                  });
         });
}

VerifyReport verify(const std::vector<MigrationSource>& sources, const Url& target, const MigrationOptions& options) {
  detail::chosen_types(options);
  detail::InterruptWatch watch(options.interrupted);
  return watch.run([&] { return verify_all(sources, target, options, watch); });
}

}  // namespace rowhouse
