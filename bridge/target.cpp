#include "bridge/target.hpp"

#include <algorithm>

#include "bridge/widening.hpp"

namespace rowhouse::bridge {
namespace {

constexpr const char* kRowidColumn = "source_rowid";

const TargetColumn* find(const std::vector<TargetColumn>& target, const std::string& name) {
  const auto at =
      std::find_if(target.begin(), target.end(), [&](const TargetColumn& column) { return column.name == name; });
  return at == target.end() ? nullptr : &*at;
}

// A table that was made for files with other keys decides whether rows are keyed by SQLite's rowid.
void fit_key(TablePlan& plan, const std::vector<TargetColumn>& target) {
  std::vector<std::string> key;
  bool by_rowid = false;
  for (const TargetColumn& column : target) {
    if (!column.in_key || column.name == plan.tenant_column) continue;
    key.push_back(column.name);
    const ColumnPlan* planned = plan.find(column.name);
    by_rowid |= planned ? planned->source_name.empty() : column.name.rfind(kRowidColumn, 0) == 0;
  }
  if (key.empty()) return;
  if (by_rowid && !plan.keyed_by_rowid && !plan.find(key[0])) {
    ColumnPlan column;
    column.name = key[0];
    column.type = PgType::bigint;
    column.not_null = true;
    plan.columns.push_back(std::move(column));
  }
  if (!by_rowid && plan.keyed_by_rowid)
    plan.columns.erase(std::remove_if(plan.columns.begin(), plan.columns.end(),
                                      [](const ColumnPlan& column) { return column.source_name.empty(); }),
                       plan.columns.end());
  plan.keyed_by_rowid = by_rowid;
  plan.primary_key = std::move(key);
}

}  // namespace

Result<std::vector<ColumnPlan>> fit_to_target(TablePlan& plan, const std::vector<TargetColumn>& target) {
  fit_key(plan, target);
  std::vector<ColumnPlan> kept, lacking;
  for (ColumnPlan& column : plan.columns) {
    const TargetColumn* at = find(target, column.name);
    if (!at) {
      lacking.push_back(std::move(column));
      continue;
    }
    const PgType planned = column.type;
    if (!type_from_name(at->type == "character varying" ? "text" : at->type, column.type))
      return Status{"42804",
                    "column \"" + column.name + "\" of table \"" + plan.name + "\" is of type " + at->type +
                        ", which no SQLite column is copied to",
                    "",
                    "Make it boolean, bigint, double precision, numeric, text, bytea, date, timestamp, timestamptz or "
                    "jsonb."};
    column.wider = column.chosen && planned != column.type ? planned : widened(column.type, planned, column.profile);
    kept.push_back(std::move(column));
  }
  plan.columns = std::move(kept);
  return lacking;
}

}  // namespace rowhouse::bridge
