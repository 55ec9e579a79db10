#pragma once

#include <algorithm>
#include <cstring>
#include <span>
#include <string>

namespace rowhouse::detail {

// Bytes for COPY that are made and not yet sent.
struct SendBuffer {
  std::string bytes;
  std::size_t sent = 0;

  bool holds(std::size_t size) const { return bytes.size() - sent >= size; }
  // Moves as many as fit; how many.
  std::size_t move_to(std::span<char> buffer) {
    const std::size_t size = std::min(buffer.size(), bytes.size() - sent);
    std::memcpy(buffer.data(), bytes.data() + sent, size);
    sent += size;
    if (sent == bytes.size()) bytes.clear(), sent = 0;
    return size;
  }
};

}  // namespace rowhouse::detail
