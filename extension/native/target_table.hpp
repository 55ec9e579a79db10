// The tables that an import fills: made where they are missing, looked at where they are there.
#pragma once

#include "pg_compat.hpp"

#include <string>

#include "bridge/plan.hpp"
#include "ledger.hpp"

namespace rowhouse {

struct TargetTable {
  Oid relation = InvalidOid;
  Oid owner = InvalidOid;
  std::string name;  ///< schema and table, quoted
  bool is_new = false;
};

/// Makes or finds the table that `plan` names in `schema` and makes the plan fit it: a new table is protected, one that
/// was there has to be; its types win, and columns that it lacks are added. Throws.
TargetTable prepare_target(bridge::TablePlan& plan, const std::string& schema, const Ledger& ledger);

/// Makes the indexes of a new table, after the load. One that can't be made is warned of.
void make_indexes(const bridge::TablePlan& plan, const std::string& schema);

/// Moves the sequence behind `column`, if there is one, so that it yields no number up to `last` any more.
void move_sequence(const TargetTable& target, const std::string& column, std::int64_t last);

}  // namespace rowhouse
