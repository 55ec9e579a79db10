// A SQLite image, sound or not, through open, profile, plan and encode.
#pragma once

#include <string>
#include <string_view>

namespace rowhouse::fuzz {

/// What became of it: "refused SQLSTATE: message" or "read N rows". Aborts when the bridge breaks a promise: malformed
/// COPY bytes, rows neither encoded nor rejected, names or notes that PostgreSQL could not take. Time and memory are
/// bounded.
std::string read_image(std::string_view image);

}  // namespace rowhouse::fuzz
