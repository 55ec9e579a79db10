// Of a planned table what binds its rows: unique keys, indexes, checks, foreign keys. A part of make_plan().
#pragma once

#include <vector>

#include "bridge/plan.hpp"

namespace rowhouse::bridge {

/// Several profiles of one table, one for each file that has it.
using Versions = std::vector<const TableProfile*>;

/// Unique keys, indexes and checks that mean the same in PostgreSQL; the others are named in plan.notes.
void plan_constraints(TablePlan& plan, const Versions& versions);

/// Foreign keys of a table to `tables`, whose names are final.
void plan_foreign_keys(TablePlan& plan, const std::vector<TablePlan>& tables, const Versions& versions);

}  // namespace rowhouse::bridge
