// A table that is there already, and a plan for it: its columns have the last word.
#pragma once

#include <string>
#include <vector>

#include "bridge/plan.hpp"

namespace rowhouse::bridge {

/// A column of a table in PostgreSQL.
struct TargetColumn {
  std::string name;
  std::string type;     ///< as format_type() says it, without modifiers
  bool in_key = false;  ///< part of the primary key
};

/// Makes `plan` fit the table: its columns take the table's types (varchar is read as text), with `wider` set where these
/// do not hold what the plan was made of, and the table's key decides whether rows are keyed by SQLite's rowid. Returns
/// the planned columns that the table lacks, which are taken out of the plan; 42804 for a column of a type that the bridge
/// has not.
Result<std::vector<ColumnPlan>> fit_to_target(TablePlan& plan, const std::vector<TargetColumn>& target);

}  // namespace rowhouse::bridge
