// Dates and times as text: the ISO forms that SQLite's users write, read exactly or not at all.
#pragma once

#include <cstdint>
#include <string_view>

namespace rowhouse::bridge {

struct ParsedTime {
  std::int64_t microseconds = 0;  ///< since 2000-01-01 00:00 UTC; a time without a zone is taken as UTC
  bool date_only = false;
  bool with_zone = false;
};

/// Reads YYYY-MM-DD, optionally with (T or one blank) HH:MM[:SS[.f…]] and Z, +HH, +HHMM or +HH:MM.
/// False for anything else, for days that no calendar has, and for more than six digits of a second unless the rest
/// are zeros: nothing is rounded.
bool parse_time(std::string_view text, ParsedTime& time);

}  // namespace rowhouse::bridge
