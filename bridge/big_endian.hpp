// Numbers as PostgreSQL's binary formats have them, and keys that sort by their bytes.
#pragma once

#include <cstdint>
#include <string>

namespace rowhouse::bridge {

/// Appends the last `bytes` bytes of a number, the highest first.
inline void put_big_endian(std::string& out, std::uint64_t number, int bytes) {
  while (bytes-- > 0) out += static_cast<char>(number >> (8 * bytes));
}

}  // namespace rowhouse::bridge
