// Keys that SQLite tells apart and PostgreSQL does not: 1 and '1' as text, two ways to write one moment.
#pragma once

#include <vector>

#include "bridge/plan.hpp"

namespace rowhouse::bridge {

/// Whether two values of a key of the table may become one, by the types and what is stored. A read of its rows tells.
bool may_collide(const TablePlan& plan);

/// Counts in one file the rows whose key an other row has, too, as PostgreSQL will have it, by key of the table.
Status find_collisions(const Source& source, const Table& table, const TablePlan& plan, std::vector<Hazard>& hazards);

}  // namespace rowhouse::bridge
