// Rows that refer to rows which are not there: SQLite looks at foreign keys only where it is told to.
#pragma once

#include "bridge/plan.hpp"

namespace rowhouse::bridge {

/// Fills `profile.orphans`, by SQLite's own check. A table of whose foreign keys one can't be checked (it refers to no
/// key) has none.
Status find_orphans(const Source& source, TableProfile& profile);

}  // namespace rowhouse::bridge
