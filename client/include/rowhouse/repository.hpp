#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rowhouse/export.hpp"
#include "rowhouse/integrated_object.hpp"
#include "rowhouse/session.hpp"

namespace rowhouse {

/// The table integrated_objects, for one tenant, with the same results and errors from SQLite and PostgreSQL.
/// Every statement names the tenant, so a SQLite file isolates too; on PostgreSQL row security is the second lock.
/// On a Session each call is a transaction of its own, unless one is open there. Not thread-safe, like its session.
///
/// Errors: 23505 the natural key is taken; 42501 an object of another tenant; 22021 and 22P05 text or JSON that
/// PostgreSQL cannot hold, on SQLite too; 42P01 the table is not there.
class ROWHOUSE_EXPORT IntegratedObjectRepository {
 public:
  /// Both throw 55000 when there is no tenant. The repository keeps the connection borrowed.
  explicit IntegratedObjectRepository(Session& session);
  explicit IntegratedObjectRepository(Transaction& transaction);

  /// Newest first. The company is the tenant, or nothing is found.
  std::vector<IntegratedObject> get_by_company(std::string_view company_id,
                                               std::optional<std::string_view> object_type = std::nullopt);
  std::optional<IntegratedObject> get(std::int64_t id);
  std::optional<IntegratedObject> get_by_original_id(std::string_view original_id,
                                                     std::string_view object_type = kDefaultObjectType,
                                                     std::string_view platform = kDefaultPlatform);
  std::uint64_t count(std::optional<std::string_view> object_type = std::nullopt);

  IntegratedObject create(const IntegratedObjectData& data);
  IntegratedObject create(const Json& data);  ///< see IntegratedObjectData::from_json
  /// By natural key: creates, or replaces the contents. A summary stays when `data` has none.
  IntegratedObject upsert(const IntegratedObjectData& data);
  /// False where the tenant has no such object.
  bool update_summary(std::int64_t id, std::string_view summary);
  bool remove(std::int64_t id);

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace rowhouse
