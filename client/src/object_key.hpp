#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rowhouse/integrated_object.hpp"

namespace rowhouse::detail {

// The natural key of an object, without its tenant.
struct ObjectKey {
  std::string original_id;
  std::string object_type;
  std::string platform;

  static ObjectKey of(const IntegratedObjectData& data) { return {data.original_id, data.object_type, data.platform}; }
  auto operator<=>(const ObjectKey&) const = default;
};

using Found = std::optional<IntegratedObject>;

// The columns in which two copies of an object differ; "the whole row" where one of them is not there. Times are left
// out: copies made by a migration of an old file may not have them to the microsecond.
std::vector<std::string> differing_columns(const Found& here, const Found& there);

// Objects that were read from SQLite and from PostgreSQL.
struct Comparison {
  Comparison(const std::vector<IntegratedObject>& here, const std::vector<IntegratedObject>& there);
  std::size_t compared = 0;          // how many there are
  std::vector<ObjectKey> different;  // of them those that are not the same in both
};

}  // namespace rowhouse::detail
