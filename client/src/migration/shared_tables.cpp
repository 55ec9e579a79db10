#include "migration/shared_tables.hpp"

#include <algorithm>

namespace rowhouse::detail {

void SharedTables::share(bridge::FileProfile& profile) {
  for (bridge::TableProfile& found : profile.tables) {
    const auto [first, last] = by_sql_.equal_range(found.table->sql);
    const auto equal = std::find_if(first, last, [&](const auto& known) { return *known.second == *found.table; });
    if (equal != last)
      found.table = equal->second;
    else
      by_sql_.emplace(found.table->sql, found.table);
  }
}

}  // namespace rowhouse::detail
