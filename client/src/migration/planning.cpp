// What would be made of some files, told to people.
#include <algorithm>
#include <map>

#include "bridge/collisions.hpp"
#include "bridge/ddl.hpp"
#include "migration/choices.hpp"
#include "migration/interrupt_watch.hpp"
#include "migration/referring_columns.hpp"
#include "migration/target_views.hpp"
#include "migration/widening.hpp"

namespace rowhouse {
namespace {

// Fits the plan to the table that is there, as migrate would.
void fit_to_target(detail::PostgresConnection& connection, bridge::TablePlan& plan, PlannedTable& table,
                         const MigrationOptions& options) {
  const std::string target = bridge::quote_qualified(options.schema, plan.name);
  table.exists = connection.execute("SELECT pg_catalog.to_regclass($1) IS NOT NULL", {target}).value(0, 0) == "t";
  if (!table.exists) return;
  const std::string alter = "ALTER TABLE " + target + " ";
  for (bridge::ColumnPlan& column : detail::align_with_target(connection, plan, options.schema)) {
    table.added.push_back(column.name);
    table.ddl.push_back(alter + "ADD COLUMN " + bridge::quote_identifier(column.name) + " " + bridge::sql_name(column.type));
    plan.columns.push_back(std::move(column));
  }
}

// Which columns would be widened, and by which statements.
void tell_widened(bridge::TablePlan& plan, PlannedTable& table, const MigrationOptions& options) {
  const std::string target = bridge::quote_qualified(options.schema, plan.name);
  for (bridge::ColumnPlan& column : plan.columns) {
    if (!column.wider) continue;
    const detail::Alteration alteration{target, column.name, column.type, *column.wider, column.chosen};
    if (const std::string why = detail::why_not_widened(plan, column); !why.empty()) {
      table.notes.push_back("migrate ends at column \"" + column.name + "\", which is " + bridge::sql_name(column.type) +
                            " and has to be " + bridge::sql_name(*column.wider) + ": " + why);
    } else {
      table.widened.push_back(column.name);
      table.ddl.push_back("ALTER TABLE " + target + " " + detail::alter_sql(alteration));
      column.type = *column.wider;
    }
  }
}

void add_ddl(const bridge::TablePlan& plan, PlannedTable& table, const MigrationOptions& options) {
  const bridge::DdlOptions ddl{options.schema, true};
  if (plan.integrated_objects) {
    table.ddl.push_back("SELECT rowhouse.create_integrated_objects(" + bridge::quote_literal(options.schema) + ")");
    return;
  }
  if (!table.exists) {
    table.ddl.push_back(bridge::create_table_sql(plan, ddl));
    table.ddl.push_back(bridge::comment_table_sql(plan, ddl));
  }
  table.ddl.push_back("SELECT rowhouse.protect(" +
                      bridge::quote_literal(bridge::quote_qualified(options.schema, plan.name)) + ", " +
                      bridge::quote_literal(plan.tenant_column) + ")");
}

// `connection` may be null: no database is looked at.
std::vector<PlannedTable> compare_with_target(detail::PostgresConnection* connection, bridge::Plan& plan,
                                              const MigrationOptions& options, std::vector<std::string>& notes) {
  std::vector<PlannedTable> tables(plan.tables.size());
  if (!connection) return tables;
  for (std::size_t i = 0; i < tables.size(); ++i) fit_to_target(*connection, plan.tables[i], tables[i], options);
  for (bridge::TablePlan& other : detail::widen_referring(*connection, plan, options.schema)) {
    PlannedTable table;
    tell_widened(other, table, options);
    notes.insert(notes.end(), table.notes.begin(), table.notes.end());
    for (const std::string& statement : table.ddl)
      notes.push_back("table \"" + other.name + "\" is not in these files, and refers to one that is: " + statement);
  }
  for (std::size_t i = 0; i < tables.size(); ++i) tell_widened(plan.tables[i], tables[i], options);
  return tables;
}

void describe(const bridge::TablePlan& plan, const std::vector<detail::ProfiledFile>& files, const MigrationOptions& options,
              PlannedTable& table) {
  table.name = plan.name;
  table.source_name = plan.source_name;
  table.notes.insert(table.notes.begin(), plan.notes.begin(), plan.notes.end());
  for (const detail::ProfiledFile& file : files) {
    if (const bridge::TableProfile* profile = detail::find_table(file.profile, plan)) table.rows += profile->rows;
  }
  table.primary_key = plan.primary_key;
  table.columns.push_back({plan.tenant_column, "", "text", "the tenant"});
  for (const bridge::ColumnPlan& column : plan.columns) {
    table.columns.push_back({column.name, column.source_name, bridge::sql_name(column.type), column.evidence});
  }
  add_ddl(plan, table, options);
}

// Foreign keys come last: they may refer to any table.
std::vector<std::string> after_load(const bridge::Plan& plan, const MigrationOptions& options) {
  const bridge::DdlOptions ddl{options.schema};
  std::vector<std::string> statements;
  const auto add = [&](const std::vector<bridge::ConstraintSql>& constraints) {
    for (const bridge::ConstraintSql& constraint : constraints) {
      statements.push_back(constraint.add);
      statements.push_back(constraint.validate);
    }
  };
  for (const bridge::TablePlan& table : plan.tables) {
    for (std::string& index : bridge::create_index_sql(table, ddl)) statements.push_back(std::move(index));
    add(bridge::check_sql(table, ddl));
  }
  for (const bridge::TablePlan& table : plan.tables) add(bridge::foreign_key_sql(table, ddl));
  return statements;
}

// Reads files once more whose tables have keys of which two may become one: that depends on the types that all files
// together have.
void find_collisions(bridge::Plan& plan, const std::vector<detail::ProfiledFile>& files, const MigrationOptions& options,
                     std::vector<FileFailure>& failures) {
  using ByTable = std::map<const bridge::TablePlan*, std::vector<bridge::Hazard>>;
  ByTable all;
  for (const detail::ProfiledFile& file : files) {
    const auto may_collide = [&](const bridge::TablePlan& table) {
      return bridge::may_collide(table) && detail::find_table(file.profile, table);
    };
    if (std::none_of(plan.tables.begin(), plan.tables.end(), may_collide)) continue;
    ByTable found;
    try {
      detail::read_whole(file.source, options, [&](const bridge::Source& source) {
        found.clear();
        for (const bridge::TablePlan& table : plan.tables) {
          if (!may_collide(table)) continue;
          const bridge::Status status =
              bridge::find_collisions(source, *detail::find_table(file.profile, table)->table, table, found[&table]);
          if (!status.ok()) detail::throw_status(status);
        }
        detail::require_unchanged(source);
      });
    } catch (const Error& error) {
      if (detail::ends_the_run(error)) throw;
      failures.push_back(detail::failure_of(file.source, error));
    }
    for (auto& [table, hazards] : found) {
      for (bridge::Hazard& hazard : hazards) {
        if (files.size() > 1) hazard.sample += (hazard.sample.empty() ? "" : " of ") + file.profile.file_name;
        all[table].push_back(std::move(hazard));
      }
    }
  }
  for (const bridge::TablePlan& table : plan.tables)
    plan.hazards.insert(plan.hazards.end(), all[&table].begin(), all[&table].end());
}

PlanReport report_of(const std::vector<MigrationSource>& sources, detail::PostgresConnection* connection,
                     const MigrationOptions& options) {
  PlanReport report;
  detail::chosen_types(options);
  const std::vector<detail::ProfiledFile> files = detail::profile_sources(sources, options, true, report.failures);
  if (report.failures.empty()) detail::require_used(files, options);
  bridge::Plan plan = detail::plan_files(
      files, options, connection ? detail::read_target_names(*connection, options.schema) : bridge::TargetNames());
  find_collisions(plan, files, options, report.failures);
  report.files = files.size();
  report.notes = plan.notes;
  report.tables = compare_with_target(connection, plan, options, report.notes);
  for (std::size_t i = 0; i < report.tables.size(); ++i) describe(plan.tables[i], files, options, report.tables[i]);
  for (const bridge::Hazard& hazard : plan.hazards)
    report.hazards.push_back(
        {hazard.kind, hazard.table, hazard.column, hazard.count, hazard.sample, hazard.becomes});
  report.ddl_after = after_load(plan, options);
  bridge::translate_views(plan, options.schema);
  for (const bridge::ViewPlan& view : plan.views) {
    if (!view.why.empty()) report.notes.push_back(detail::view_note(view, view.why));
    if (view.query.empty()) continue;
    report.ddl_after.push_back(bridge::create_view_sql(view, options.schema));
    report.ddl_after.push_back(bridge::comment_view_sql(view, options.schema));
    report.views.push_back({view.name, view.source_name});
  }
  return report;
}

}  // namespace

PlanReport plan(const std::vector<MigrationSource>& sources, const MigrationOptions& options) {
  return report_of(sources, nullptr, options);
}

PlanReport plan(const std::vector<MigrationSource>& sources, const Url& target, const MigrationOptions& options) {
  detail::InterruptWatch watch(options.interrupted);
  return watch.run([&] {
    detail::PostgresConnection connection = watch.connect(target);
    detail::prepare_session(connection);
    connection.execute("SET default_transaction_read_only = on");
    return report_of(sources, &connection, options);
  });
}

}  // namespace rowhouse
