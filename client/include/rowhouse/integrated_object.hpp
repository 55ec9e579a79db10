#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rowhouse/export.hpp"
#include "rowhouse/row.hpp"

namespace rowhouse {

inline constexpr std::string_view kDefaultPlatform = "freshdesk";
inline constexpr std::string_view kDefaultObjectType = "integrated_ticket";

/// What the caller knows of an object: the natural key (company_id, platform, object_type, original_id) and its
/// contents.
struct IntegratedObjectData {
  std::string original_id{};
  std::string company_id{};  ///< the tenant
  std::string platform{kDefaultPlatform};
  std::string object_type{kDefaultObjectType};
  Json original_data{};
  std::optional<std::string> integrated_content{};
  std::optional<std::string> summary{};
  Json metadata{};

  /// From a JSON object with these names as keys. Throws 22023 naming a key that is unknown, missing or of a wrong
  /// type.
  ROWHOUSE_EXPORT static IntegratedObjectData from_json(const Json& data);
  bool operator==(const IntegratedObjectData&) const = default;
};

/// A stored object. `id` belongs to this database: a copy elsewhere has another one.
struct IntegratedObject : IntegratedObjectData {
  std::int64_t id = 0;
  std::optional<Timestamp> created_at{};  ///< files made by others may hold NULL
  std::optional<Timestamp> updated_at{};
};

}  // namespace rowhouse
