#include "rowhouse/repository.hpp"

#include "rowhouse/error.hpp"

namespace rowhouse {
namespace {

using Object = IntegratedObject;

Object object_of(const IntegratedObjectData& data) {
  Object object;
  static_cast<IntegratedObjectData&>(object) = data;
  return object;
}

Filter<Object> of_type(const std::optional<std::string_view>& object_type) {
  return object_type ? where(&Object::object_type) == std::string(*object_type) : Filter<IntegratedObjectData>();
}

}  // namespace

// Files made by others may hold NULL where there ought to be a text.
const Table<IntegratedObject>& integrated_objects() {
  static const Table<Object> table{"integrated_objects",
                                   {{"id", &Object::id, ColumnRole::kId},
                                    {"original_id", &Object::original_id, ColumnRole::kKey, Nulls::kTolerated},
                                    {"company_id", &Object::company_id, ColumnRole::kTenant, Nulls::kTolerated},
                                    {"platform", &Object::platform, ColumnRole::kKey, Nulls::kTolerated},
                                    {"object_type", &Object::object_type, ColumnRole::kKey, Nulls::kTolerated},
                                    {"original_data", &Object::original_data, ColumnRole::kPlain, Nulls::kRequired},
                                    {"integrated_content", &Object::integrated_content},
                                    {"summary", &Object::summary, ColumnRole::kKept},
                                    {"metadata", &Object::metadata},
                                    {"created_at", &Object::created_at, ColumnRole::kCreatedAt},
                                    {"updated_at", &Object::updated_at, ColumnRole::kUpdatedAt}}};
  return table;
}

IntegratedObjectRepository::IntegratedObjectRepository(Session& session)
    : table_(std::make_shared<TableRepository<Object>>(session, integrated_objects())) {}
IntegratedObjectRepository::IntegratedObjectRepository(Transaction& transaction)
    : table_(std::make_shared<TableRepository<Object>>(transaction, integrated_objects())) {}

std::vector<Object> IntegratedObjectRepository::get_by_company(std::string_view company_id,
                                                               std::optional<std::string_view> object_type,
                                                               std::optional<std::string_view> platform) {
  Filter<Object> filter = (where(&Object::company_id) == std::string(company_id)) && of_type(object_type);
  if (platform) filter = filter && (where(&Object::platform) == std::string(*platform));
  return table_->find(filter);
}

std::optional<Object> IntegratedObjectRepository::get(std::int64_t id) { return table_->get(id); }

std::optional<Object> IntegratedObjectRepository::get_by_original_id(std::string_view original_id,
                                                                     std::string_view object_type,
                                                                     std::string_view platform) {
  return table_->get_by_key(original_id, platform, object_type);
}

std::vector<Object> IntegratedObjectRepository::get_unsummarized(std::size_t limit) {
  return table_->find(where(&Object::summary).in({std::nullopt, ""}), limit);
}

std::vector<Object> IntegratedObjectRepository::find(const Filter<Object>& filter, std::optional<std::size_t> limit) {
  return table_->find(filter, limit);
}

std::uint64_t IntegratedObjectRepository::count(std::optional<std::string_view> object_type) {
  return table_->count(of_type(object_type));
}

Page<Object> IntegratedObjectRepository::page(std::size_t limit, const std::optional<PageKey>& after,
                                              std::optional<std::string_view> object_type) {
  return table_->page(limit, after, of_type(object_type));
}

void IntegratedObjectRepository::for_each(const std::function<bool(const Object&)>& take,
                                          std::optional<std::string_view> object_type) {
  table_->for_each(take, of_type(object_type));
}

Object IntegratedObjectRepository::create(const IntegratedObjectData& data) { return table_->create(object_of(data)); }
Object IntegratedObjectRepository::create(const Json& data) { return create(IntegratedObjectData::from_json(data)); }
Object IntegratedObjectRepository::upsert(const IntegratedObjectData& data) { return table_->upsert(object_of(data)); }

std::size_t IntegratedObjectRepository::upsert_many(std::span<const IntegratedObjectData> data) {
  return table_->upsert_many(data.size(), [&](std::size_t i) { return object_of(data[i]); });
}

bool IntegratedObjectRepository::update_summary(std::int64_t id, std::string_view summary) {
  return table_->update(where(&Object::id) == id, {{&Object::summary, std::string(summary)}}) > 0;
}

bool IntegratedObjectRepository::remove(std::int64_t id) { return table_->remove(id); }

bool IntegratedObjectRepository::remove_by_original_id(std::string_view original_id, std::string_view object_type,
                                                       std::string_view platform) {
  return table_->remove_by_key(original_id, platform, object_type);
}

}  // namespace rowhouse
