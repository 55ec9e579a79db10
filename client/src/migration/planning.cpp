// What would be made of some files, told to people.
#include "migration/source_files.hpp"

namespace rowhouse {
namespace {

std::string quote_literal(const std::string& text) {
  std::string quoted = "'";
  for (char c : text) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

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
    table.ddl.push_back("SELECT rowhouse.create_integrated_objects(" + quote_literal(options.schema) + ")");
  } else {
    table.ddl.push_back(bridge::create_table_sql(plan, ddl));
    for (std::string& index : bridge::create_index_sql(plan, ddl)) table.ddl.push_back(std::move(index));
  }
  return table;
}

}  // namespace

PlanReport plan(const std::vector<MigrationSource>& sources, const MigrationOptions& options) {
  PlanReport report;
  const std::vector<detail::ProfiledFile> files = detail::profile_sources(sources, options, true, report.failures);
  const bridge::Plan plan = detail::plan_files(files, options);
  report.files = files.size();
  report.notes = plan.notes;
  for (const bridge::TablePlan& table : plan.tables) report.tables.push_back(describe(table, files, options));
  return report;
}

}  // namespace rowhouse
