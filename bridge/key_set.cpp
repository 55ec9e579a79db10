#include "bridge/key_set.hpp"

#include <xxhash.h>

#include <algorithm>

namespace rowhouse::bridge {

void KeySet::add(std::string_view key) { digests_.push_back(XXH3_64bits(key.data(), key.size())); }

void KeySet::close() { std::sort(digests_.begin(), digests_.end()); }

bool KeySet::has(std::string_view key) const {
  return std::binary_search(digests_.begin(), digests_.end(), XXH3_64bits(key.data(), key.size()));
}

}  // namespace rowhouse::bridge
