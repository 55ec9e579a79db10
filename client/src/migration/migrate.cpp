// Files into PostgreSQL: plan, make tables, copy each file in one transaction, then what is cheaper after the load.
#include <chrono>
#include <set>

#include "migration/constraints.hpp"
#include "migration/source_files.hpp"
#include "migration/table_loader.hpp"
#include "migration/target_tables.hpp"

namespace rowhouse {
namespace {

class Migration {
 public:
  Migration(detail::PostgresConnection& connection, const MigrationOptions& options)
      : connection_(connection), options_(options) {}

  MigrationReport run(const std::vector<MigrationSource>& sources) {
    const auto started = std::chrono::steady_clock::now();
    const std::vector<detail::ProfiledFile> files = detail::profile_sources(sources, options_, false, report_.failures);
    if (files.empty()) return std::move(report_);
    plan_ = detail::plan_files(files, options_, detail::read_target_names(connection_, options_.schema));
    note_plan();
    detail::make_tables(connection_, plan_, options_);
    detail::Constraints constraints(connection_, plan_, options_);
    constraints.suspend();  // a run that sends nothing could do without
    progress_ = {"copy", "", "", 0, 0, 0, files.size()};
    for (const detail::ProfiledFile& file : files) {
      for (const bridge::TableProfile& table : file.profile.tables) progress_.rows_total += table.rows;
    }
    for (const detail::ProfiledFile& file : files) copy_file_or_report(file);
    finish_tables();
    for (std::string& note : constraints.finish()) report_.notes.push_back(std::move(note));
    report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    return std::move(report_);
  }

 private:
  void note_plan() {
    report_.notes = plan_.notes;
    for (const bridge::TablePlan& table : plan_.tables) {
      for (const std::string& note : table.notes) report_.notes.push_back("table \"" + table.name + "\": " + note);
    }
  }

  void copy_file_or_report(const detail::ProfiledFile& file) {
    try {
      const std::int64_t rows_before = progress_.rows;
      std::vector<TableOutcome> outcomes;
      detail::read_whole(file.source, options_, false, [&](const bridge::Source& source) {
        connection_.rollback();
        progress_.rows = rows_before;
        outcomes = copy_file(file, source);
      });
      report_.tables.insert(report_.tables.end(), outcomes.begin(), outcomes.end());
    } catch (const Error& error) {
      if (detail::ends_the_run(error)) throw;
      connection_.rollback();
      report_.failures.push_back(detail::failure_of(file.source, error));
    }
    ++progress_.files;
    detail::report_progress(options_, progress_);
  }

  // All of a file or nothing: half a tenant is worse than none.
  std::vector<TableOutcome> copy_file(const detail::ProfiledFile& profiled, const bridge::Source& file) {
    std::vector<TableOutcome> outcomes;
    connection_.begin();
    connection_.execute(
        "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('rowhouse.import.' || $1, 0))",
        {profiled.source.tenant});
    connection_.execute("SELECT rowhouse.create_tenant($1, true)", {profiled.source.tenant});
    connection_.execute("SELECT rowhouse.set_tenant($1)", {profiled.source.tenant});
    for (const bridge::TablePlan& table : plan_.tables) {
      const bridge::TableProfile* profile = detail::find_table(profiled.profile, table);
      if (!profile) continue;
      progress_.tenant = profiled.source.tenant;
      progress_.table = table.name;
      detail::report_progress(options_, progress_);
      detail::TableLoader loader(connection_, file, profiled.source, profile->table, table, options_);
      const std::int64_t rows_before = progress_.rows;
      outcomes.push_back(loader.load([&](std::int64_t rows) {
        progress_.rows += rows;
        detail::report_progress(options_, progress_);
      }));
      progress_.rows = rows_before + profile->rows;
      if (outcomes.back().rows == 0) continue;
      filled_.insert(table.name);
      detail::move_identity(connection_, table, options_.schema, profiled.source.tenant);
    }
    detail::require_unchanged(file);
    connection_.commit();
    return outcomes;
  }

  // An index that can't be made (a text too long for a page) is no reason to lose the rows.
  void finish_tables() {
    detail::report_progress(options_, {"index", "", "", progress_.rows, progress_.rows_total, 0, 0});
    for (const bridge::TablePlan& table : plan_.tables) {
      for (const std::string& index : bridge::create_index_sql(table, {options_.schema})) {
        detail::check_interrupted(options_);
        try {
          connection_.execute(index);
        } catch (const Error& error) {
          if (detail::ends_the_run(error)) throw;
          report_.notes.push_back("table \"" + table.name + "\": an index could not be made: " + error.what());
        }
      }
      if (filled_.count(table.name) > 0)
        connection_.execute("ANALYZE " + bridge::quote_qualified(options_.schema, table.name));
    }
  }

  detail::PostgresConnection& connection_;
  const MigrationOptions& options_;
  bridge::Plan plan_;
  std::set<std::string> filled_;  // tables that got rows in this run
  MigrationProgress progress_;
  MigrationReport report_;
};

}  // namespace

MigrationReport migrate(const std::vector<MigrationSource>& sources, const Url& target,
                        const MigrationOptions& options) {
  detail::PostgresConnection connection = detail::PostgresConnection::connect(target);
  detail::prepare_session(connection);
  return Migration(connection, options).run(sources);
}

}  // namespace rowhouse
