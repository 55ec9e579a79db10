#pragma once

#include "rowhouse/repository.hpp"

// The methods of both repositories, blocking and asynchronous; each library instantiates its own.
namespace rowhouse {

template <class Access>
class BasicIntegratedObjectRepository<Access>::Rows : public BasicTableRepository<IntegratedObject, Access> {
 public:
  explicit Rows(Access access)
      : BasicTableRepository<IntegratedObject, Access>(integrated_objects(), std::move(access)) {}
  using BasicTableRepository<IntegratedObject, Access>::create_row;
  using BasicTableRepository<IntegratedObject, Access>::upsert_row;
  using BasicTableRepository<IntegratedObject, Access>::upsert_rows;
};

namespace detail {

// As the table's pack() has it.
ROWHOUSE_EXPORT std::vector<Value> packed_row(const IntegratedObjectData& data);

inline Filter<IntegratedObject> of_type(const std::optional<std::string_view>& object_type) {
  return object_type ? where(&IntegratedObject::object_type) == std::string(*object_type)
                     : Filter<IntegratedObjectData>();
}

}  // namespace detail

template <class Access>
BasicIntegratedObjectRepository<Access>::BasicIntegratedObjectRepository(Access access)
    : rows_(std::make_shared<Rows>(std::move(access))) {}

template <class Access>
auto BasicIntegratedObjectRepository<Access>::get_by_company(std::string_view company_id,
                                                             std::optional<std::string_view> object_type,
                                                             std::optional<std::string_view> platform)
    -> Answer<std::vector<IntegratedObject>> {
  Filter<IntegratedObject> filter =
      (where(&IntegratedObject::company_id) == std::string(company_id)) && detail::of_type(object_type);
  if (platform) filter = filter && (where(&IntegratedObject::platform) == std::string(*platform));
  return rows_->find(filter);
}

template <class Access>
auto BasicIntegratedObjectRepository<Access>::get(std::int64_t id) -> Answer<std::optional<IntegratedObject>> {
  return rows_->get(id);
}

template <class Access>
auto BasicIntegratedObjectRepository<Access>::get_by_original_id(std::string_view original_id,
                                                                 std::string_view object_type,
                                                                 std::string_view platform)
    -> Answer<std::optional<IntegratedObject>> {
  return rows_->get_by_key(original_id, platform, object_type);
}

template <class Access>
auto BasicIntegratedObjectRepository<Access>::get_unsummarized(std::size_t limit)
    -> Answer<std::vector<IntegratedObject>> {
  return rows_->find(where(&IntegratedObject::summary).in({std::nullopt, ""}), limit);
}

template <class Access>
auto BasicIntegratedObjectRepository<Access>::find(const Filter<IntegratedObject>& filter,
                                                   std::optional<std::size_t> limit)
    -> Answer<std::vector<IntegratedObject>> {
  return rows_->find(filter, limit);
}

template <class Access>
auto BasicIntegratedObjectRepository<Access>::count(std::optional<std::string_view> object_type)
    -> Answer<std::uint64_t> {
  return rows_->count(detail::of_type(object_type));
}

template <class Access>
auto BasicIntegratedObjectRepository<Access>::page(std::size_t limit, const std::optional<PageKey>& after,
                                                   std::optional<std::string_view> object_type)
    -> Answer<Page<IntegratedObject>> {
  return rows_->page(limit, after, detail::of_type(object_type));
}

template <class Access>
auto BasicIntegratedObjectRepository<Access>::for_each(const std::function<bool(const IntegratedObject&)>& take,
                                                       std::optional<std::string_view> object_type) -> Answer<void> {
  return rows_->for_each(std::function(take), detail::of_type(object_type));
}

template <class Access>
auto BasicIntegratedObjectRepository<Access>::create(const IntegratedObjectData& data) -> Answer<IntegratedObject> {
  return rows_->create_row(detail::packed_row(data));
}
template <class Access>
auto BasicIntegratedObjectRepository<Access>::create(const Json& data) -> Answer<IntegratedObject> {
  return create(IntegratedObjectData::from_json(data));
}
template <class Access>
auto BasicIntegratedObjectRepository<Access>::upsert(const IntegratedObjectData& data) -> Answer<IntegratedObject> {
  return rows_->upsert_row(detail::packed_row(data));
}

template <class Access>
auto BasicIntegratedObjectRepository<Access>::upsert_many(std::span<const IntegratedObjectData> data)
    -> Answer<std::size_t> {
  return rows_->upsert_rows(data.size(), [&](std::size_t i) { return detail::packed_row(data[i]); });
}

template <class Access>
auto BasicIntegratedObjectRepository<Access>::update_summary(std::int64_t id, std::string_view summary)
    -> Answer<bool> {
  return Access::then(
      rows_->update(where(&IntegratedObject::id) == id, {{&IntegratedObject::summary, std::string(summary)}}),
      [](std::size_t changed) { return changed > 0; });
}

template <class Access>
auto BasicIntegratedObjectRepository<Access>::remove(std::int64_t id) -> Answer<bool> {
  return rows_->remove(id);
}

template <class Access>
auto BasicIntegratedObjectRepository<Access>::remove_by_original_id(std::string_view original_id,
                                                                    std::string_view object_type,
                                                                    std::string_view platform) -> Answer<bool> {
  return rows_->remove_by_key(original_id, platform, object_type);
}

}  // namespace rowhouse
