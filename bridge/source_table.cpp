#include "bridge/source_table.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bridge/cell.hpp"

namespace rowhouse::bridge {

std::string source_sql(const Table& table) {
  std::string sql;
  const auto add = [&sql](const std::string& statement) {
    if (!statement.empty()) sql += statement + ";\n";
  };
  add(table.sql);
  for (const Index& index : table.indexes) add(index.sql);
  return check_text(sql) ? "" : sql;
}

std::string source_columns(const Table& table, const TablePlan& plan) {
  nlohmann::json columns = nlohmann::json::array();
  const auto add = [&](const std::string& source, const std::string& name, const std::string& declared) {
    columns.push_back({{"source", source}, {"name", name}, {"declared", declared}});
  };
  const auto holds_only_blobs = [](const ColumnPlan& column) {
    return column.profile.blobs > 0 && column.profile.classes() == 1;
  };
  for (const Column& column : table.columns) {
    const bool is_tenant = std::any_of(plan.source_tenant_columns.begin(), plan.source_tenant_columns.end(),
                                       [&](const std::string& name) { return same_name(name, column.name); });
    const ColumnPlan* planned = plan.find_source(column.name);
    if (is_tenant || planned) add(column.name, is_tenant ? plan.tenant_column : planned->name, column.declared_type);
    if (planned && holds_only_blobs(*planned)) columns.back()["stored"] = "blob";
  }
  for (const ColumnPlan& column : plan.columns) {
    if (column.source_name.empty()) add("", column.name, "INTEGER");
  }
  return columns.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace rowhouse::bridge
