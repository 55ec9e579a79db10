// The bridge's checked values as the server's datums.
#pragma once

#include "pg_compat.hpp"

#include "bridge/cell.hpp"
#include "bridge/types.hpp"

namespace rowhouse {

/// A datum in the current memory context for a value that is not null. Reports what the server finds wrong with it
/// (JSON that jsonb does not take), so it is called from frames with plain locals only.
Datum make_datum(const bridge::Value& value, bridge::PgType type);

}  // namespace rowhouse
