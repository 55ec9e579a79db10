// What in the files will not arrive as one might think, and what it becomes. A part of make_plan().
#pragma once

#include <vector>

#include "bridge/plan.hpp"
#include "bridge/plan_constraints.hpp"

namespace rowhouse::bridge {

/// Of one table, whose plan is final; `files` is how many files there are. Counts are of every row where text was
/// examined; what only that finds is missing where it was not.
std::vector<Hazard> find_hazards(const TablePlan& plan, const Versions& versions, std::size_t files);

}  // namespace rowhouse::bridge
