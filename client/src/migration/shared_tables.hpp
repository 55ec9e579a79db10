#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "bridge/plan.hpp"

namespace rowhouse::detail {

// The tables of many files, which mostly are the same ones: what two files have alike is kept once. Not thread-safe.
class SharedTables {
 public:
  // Replaces the profile's tables by equal ones of earlier profiles.
  void share(bridge::FileProfile& profile);

 private:
  std::unordered_multimap<std::string, std::shared_ptr<const bridge::Table>> by_sql_;  // by CREATE TABLE as written
};

}  // namespace rowhouse::detail
