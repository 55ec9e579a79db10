#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rowhouse/export.hpp"
#include "rowhouse/integrated_object.hpp"
#include "rowhouse/session.hpp"
#include "rowhouse/table_repository.hpp"

namespace rowhouse {

/// The columns of integrated_objects, for TableRepository and for filters.
ROWHOUSE_EXPORT const Table<IntegratedObject>& integrated_objects();

/// What IntegratedObjectRepository and its twin in rowhouse::async can do. `Answer<R>` is an R here and an awaitable of
/// an R there.
template <class Access>
class ROWHOUSE_EXPORT BasicIntegratedObjectRepository {
 public:
  /// How a result comes.
  template <class R>
  using Answer = typename Access::template Answer<R>;

  /// Newest first. The company is the tenant, or nothing is found.
  Answer<std::vector<IntegratedObject>> get_by_company(std::string_view company_id,
                                                       std::optional<std::string_view> object_type = std::nullopt,
                                                       std::optional<std::string_view> platform = std::nullopt);
  /// By id, which belongs to this database.
  Answer<std::optional<IntegratedObject>> get(std::int64_t id);
  /// By natural key.
  Answer<std::optional<IntegratedObject>> get_by_original_id(std::string_view original_id,
                                                             std::string_view object_type = kDefaultObjectType,
                                                             std::string_view platform = kDefaultPlatform);
  /// Those that have no summary or an empty one, newest first.
  Answer<std::vector<IntegratedObject>> get_unsummarized(std::size_t limit = 100);
  /// Whatever a filter takes, newest first: `find(where(&IntegratedObject::platform) == "zendesk")`.
  Answer<std::vector<IntegratedObject>> find(const Filter<IntegratedObject>& filter,
                                             std::optional<std::size_t> limit = std::nullopt);
  /// How many there are.
  Answer<std::uint64_t> count(std::optional<std::string_view> object_type = std::nullopt);
  /// By (created_at, id), newest first, see TableRepository::page.
  Answer<Page<IntegratedObject>> page(std::size_t limit, const std::optional<PageKey>& after = std::nullopt,
                                      std::optional<std::string_view> object_type = std::nullopt);
  /// Each object by id, in constant memory and from one snapshot, see TableRepository::for_each; ends when `take`
  /// returns false.
  Answer<void> for_each(const std::function<bool(const IntegratedObject&)>& take,
                        std::optional<std::string_view> object_type = std::nullopt);

  /// Stores a new object and returns it as it is stored.
  Answer<IntegratedObject> create(const IntegratedObjectData& data);
  Answer<IntegratedObject> create(const Json& data);  ///< see IntegratedObjectData::from_json
  /// By natural key: creates, or replaces the contents. A summary stays when `data` has none.
  Answer<IntegratedObject> upsert(const IntegratedObjectData& data);
  /// The same for many, all or nothing, see TableRepository::upsert_many; how many objects were written.
  Answer<std::size_t> upsert_many(std::span<const IntegratedObjectData> data);
  /// False where the tenant has no such object.
  Answer<bool> update_summary(std::int64_t id, std::string_view summary);
  Answer<bool> remove(std::int64_t id);  ///< false where the tenant has no such object
  /// By natural key; false where the tenant has no such object.
  Answer<bool> remove_by_original_id(std::string_view original_id, std::string_view object_type = kDefaultObjectType,
                                     std::string_view platform = kDefaultPlatform);

 protected:
  /// For a session or transaction behind `access`.
  explicit BasicIntegratedObjectRepository(Access access);

 private:
  class Rows;
  std::shared_ptr<Rows> rows_;
};

extern template class BasicIntegratedObjectRepository<detail::TableAccess>;

/// The table integrated_objects, for one tenant, with the same results and errors from SQLite and PostgreSQL.
/// Every statement names the tenant, so a SQLite file isolates too; on PostgreSQL row security is the second lock.
/// On a Session each call is a transaction of its own, with the server's default isolation, unless one is open there. Not
/// thread-safe, like its session.
///
/// Errors: 23505 the natural key is taken; 42501 an object of another tenant; 22021 and 22P05 text or JSON that
/// PostgreSQL cannot hold, on SQLite too; 42P01 the table is not there.
class ROWHOUSE_EXPORT IntegratedObjectRepository : public BasicIntegratedObjectRepository<detail::TableAccess> {
 public:
  /// Throws 55000 when there is no tenant. The repository keeps the connection borrowed.
  explicit IntegratedObjectRepository(Session& session);
  /// The same; works in this transaction alone.
  explicit IntegratedObjectRepository(Transaction& transaction);
};

}  // namespace rowhouse
