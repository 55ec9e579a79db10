#pragma once

#include <sqlite3.h>

namespace rowhouse::detail {

// Gives the connection rowhouse_time(text): microseconds since 2000-01-01 UTC, NULL for what is no time. Files hold
// times in several forms, which do not sort as text.
void register_time_function(sqlite3* connection);

}  // namespace rowhouse::detail
