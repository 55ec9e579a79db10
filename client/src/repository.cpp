#include "rowhouse/repository.hpp"

#include "repository_methods.hpp"

namespace rowhouse {
namespace {

using Object = IntegratedObject;

// What the caller knows of an object. Files made by others may hold NULL where there ought to be a text.
template <class T>
std::vector<Column<T>> data_columns() {
  return {{"original_id", &T::original_id, ColumnRole::kKey, Nulls::kTolerated},
          {"company_id", &T::company_id, ColumnRole::kTenant, Nulls::kTolerated},
          {"platform", &T::platform, ColumnRole::kKey, Nulls::kTolerated},
          {"object_type", &T::object_type, ColumnRole::kKey, Nulls::kTolerated},
          {"original_data", &T::original_data, ColumnRole::kPlain, Nulls::kRequired},
          {"integrated_content", &T::integrated_content},
          {"summary", &T::summary, ColumnRole::kKept},
          {"metadata", &T::metadata}};
}

// And what the database adds, before and behind that.
std::vector<Column<Object>> all_columns() {
  std::vector<Column<Object>> columns = data_columns<Object>();
  columns.insert(columns.begin(), {"id", &Object::id, ColumnRole::kId});
  columns.push_back({"created_at", &Object::created_at, ColumnRole::kCreatedAt});
  columns.push_back({"updated_at", &Object::updated_at, ColumnRole::kUpdatedAt});
  return columns;
}

}  // namespace

const Table<IntegratedObject>& integrated_objects() {
  static const Table<Object> table("integrated_objects", all_columns());
  return table;
}

std::vector<Value> detail::packed_row(const IntegratedObjectData& data) {
  static const std::vector<Column<IntegratedObjectData>> columns = data_columns<IntegratedObjectData>();
  std::vector<Value> row;
  row.reserve(columns.size() + 3);
  row.emplace_back();  // the id
  for (const auto& column : columns) row.push_back(column.pack(data));
  row.resize(row.size() + 2);  // the times
  return row;
}
template class BasicIntegratedObjectRepository<detail::TableAccess>;

IntegratedObjectRepository::IntegratedObjectRepository(Session& session)
    : BasicIntegratedObjectRepository(detail::TableAccess(session, integrated_objects().shape())) {}
IntegratedObjectRepository::IntegratedObjectRepository(Transaction& transaction)
    : BasicIntegratedObjectRepository(detail::TableAccess(transaction, integrated_objects().shape())) {}

}  // namespace rowhouse
