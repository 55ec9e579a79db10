#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rowhouse/export.hpp"
#include "rowhouse/row.hpp"

namespace rowhouse {

/// The platform of objects that name none.
inline constexpr std::string_view kDefaultPlatform = "freshdesk";
/// The type of objects that name none.
inline constexpr std::string_view kDefaultObjectType = "integrated_ticket";

/// What the caller knows of an object: the natural key (company_id, platform, object_type, original_id) and its
/// contents.
struct IntegratedObjectData {
  std::string original_id{};                        ///< what the platform calls it
  std::string company_id{};                         ///< the tenant
  std::string platform{kDefaultPlatform};           ///< where it comes from
  std::string object_type{kDefaultObjectType};      ///< what it is there
  Json original_data{};                             ///< as the platform gave it; a null is stored as JSON's null
  std::optional<std::string> integrated_content{};  ///< its text, for people and searches
  std::optional<std::string> summary{};             ///< the text in short; without one an upsert keeps what is there
  Json metadata{};                                  ///< see create_metadata(); a null is stored as NULL

  /// From a JSON object with these names as keys. Throws 22023 naming a key that is unknown, missing or of a wrong
  /// type.
  ROWHOUSE_EXPORT static IntegratedObjectData from_json(const Json& data);
  /// The same key and contents.
  bool operator==(const IntegratedObjectData&) const = default;
};

/// A stored object. `id` belongs to this database: a copy elsewhere has another one.
struct IntegratedObject : IntegratedObjectData {
  std::int64_t id = 0;                    ///< given by the database
  std::optional<Timestamp> created_at{};  ///< when it was stored first; files made by others may hold NULL
  std::optional<Timestamp> updated_at{};  ///< when it was written last; files made by others may hold NULL
};

}  // namespace rowhouse
