// What would be made of some files, told to people.
#include "bridge/ddl.hpp"
#include "migration/source_files.hpp"

namespace rowhouse {
namespace {

PlannedTable describe(const bridge::TablePlan& plan, const std::vector<detail::ProfiledFile>& files,
                      const MigrationOptions& options) {
  PlannedTable table;
  table.name = plan.name;
  table.source_name = plan.source_name;
  table.primary_key = plan.primary_key;
  table.notes = plan.notes;
  for (const detail::ProfiledFile& file : files) {
    if (const bridge::TableProfile* profile = detail::find_table(file.profile, plan)) table.rows += profile->rows;
  }
  table.columns.push_back({plan.tenant_column, "", "text", "the tenant"});
  for (const bridge::ColumnPlan& column : plan.columns) {
    table.columns.push_back({column.name, column.source_name, bridge::sql_name(column.type), column.evidence});
  }
  const bridge::DdlOptions ddl{options.schema, true};
  if (plan.integrated_objects) {
    table.ddl.push_back("SELECT rowhouse.create_integrated_objects(" + bridge::quote_literal(options.schema) + ")");
    return table;
  }
  table.ddl.push_back(bridge::create_table_sql(plan, ddl));
  table.ddl.push_back(bridge::comment_table_sql(plan, ddl));
  table.ddl.push_back("SELECT rowhouse.protect(" +
                      bridge::quote_literal(bridge::quote_qualified(options.schema, plan.name)) + ", " +
                      bridge::quote_literal(plan.tenant_column) + ")");
  return table;
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

}  // namespace

PlanReport plan(const std::vector<MigrationSource>& sources, const MigrationOptions& options) {
  PlanReport report;
  const std::vector<detail::ProfiledFile> files = detail::profile_sources(sources, options, true, report.failures);
  const bridge::Plan plan = detail::plan_files(files, options);
  report.files = files.size();
  report.notes = plan.notes;
  for (const bridge::TablePlan& table : plan.tables) report.tables.push_back(describe(table, files, options));
  report.ddl_after = after_load(plan, options);
  return report;
}

}  // namespace rowhouse
