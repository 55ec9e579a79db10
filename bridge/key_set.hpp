// Many keys in little memory.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace rowhouse::bridge {

/// Which keys there are, by eight bytes of a digest each: it is asked about keys of which nearly all are in it, and one
/// that is not is taken for one that is once in 2^64 keys.
class KeySet {
 public:
  void add(std::string_view key);
  /// Behind the last add(), before the first has().
  void close();
  bool has(std::string_view key) const;

 private:
  std::vector<std::uint64_t> digests_;
};

}  // namespace rowhouse::bridge
