#include "rowhouse/repository.hpp"

#include "repository_methods.hpp"

namespace rowhouse {
namespace {

using Object = IntegratedObject;

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

template class BasicIntegratedObjectRepository<detail::TableAccess>;

IntegratedObjectRepository::IntegratedObjectRepository(Session& session)
    : BasicIntegratedObjectRepository(detail::TableAccess(session, integrated_objects().shape())) {}
IntegratedObjectRepository::IntegratedObjectRepository(Transaction& transaction)
    : BasicIntegratedObjectRepository(detail::TableAccess(transaction, integrated_objects().shape())) {}

}  // namespace rowhouse
