// libpqxx as its documentation shows it: prepared statements, a cursor for streams, its stream into a table for
// batches.
#include <optional>
#include <pqxx/pqxx>

#include "plain_values.hpp"
#include "side.hpp"

namespace bench {
namespace {

constexpr int kStride = 1000;  // rows that a cursor fetches at once

std::string_view view(const pqxx::field& field) { return {field.c_str(), field.size()}; }

std::optional<std::string> optional_text(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return std::string(view(field));
}

IntegratedObject read(const pqxx::row& row) {
  IntegratedObject object;
  object.id = row[0].as<std::int64_t>();
  object.original_id = view(row[1]);
  object.company_id = view(row[2]);
  object.platform = view(row[3]);
  object.object_type = view(row[4]);
  object.original_data = Json::parse(view(row[5]));
  object.integrated_content = optional_text(row[6]);
  object.summary = optional_text(row[7]);
  if (!row[8].is_null()) object.metadata = Json::parse(view(row[8]));
  object.created_at = parse_time(view(row[9]));
  object.updated_at = parse_time(view(row[10]));
  return object;
}

class PqxxSide final : public Side {
 public:
  explicit PqxxSide(const Place& place) : connection_(place.postgres), tenant_(place.tenant) {
    connection_.prepare("set_tenant", sql::kSetTenant);
    connection_.prepare("create", sql::kCreate);
    connection_.prepare("get_all", sql::kGetAll);
    connection_.prepare("update", sql::kUpdateSummary);
    connection_.prepare("upsert", sql::kInsert + sql::kOnConflict);
  }

  IntegratedObject create(const IntegratedObjectData& data) override {
    pqxx::work transaction(connection_);
    transaction.exec_prepared("set_tenant", tenant_);
    const IntegratedObject object = read(write(transaction, "create", data)[0]);
    transaction.commit();
    return object;
  }

  std::vector<IntegratedObject> get_all() override {
    pqxx::work transaction(connection_);
    transaction.exec_prepared("set_tenant", tenant_);
    const pqxx::result result = transaction.exec_prepared("get_all", tenant_);
    std::vector<IntegratedObject> objects;
    objects.reserve(static_cast<std::size_t>(result.size()));
    for (const pqxx::row& row : result) objects.push_back(read(row));
    transaction.commit();
    return objects;
  }

  bool update_summary(std::int64_t id, std::string_view summary) override {
    pqxx::work transaction(connection_);
    transaction.exec_prepared("set_tenant", tenant_);
    const pqxx::result result =
        transaction.exec_prepared("update", std::string(summary), time_text(now()) + "+00", tenant_, id);
    transaction.commit();
    return result.affected_rows() == 1;
  }

  void upsert_many(std::span<const IntegratedObjectData> data) override {
    pqxx::work transaction(connection_);
    transaction.exec_prepared("set_tenant", tenant_);
    transaction.exec(sql::kMakeStage);
    const std::string time = time_text(now()) + "+00";
    pqxx::stream_to stage(transaction, "stage");
    for (const IntegratedObjectData& object : data) {
      std::optional<std::string> metadata;
      if (!object.metadata.is_null()) metadata = object.metadata.dump();
      stage << std::make_tuple(object.original_id, object.platform, object.object_type, object.original_data.dump(),
                               pointer(object.integrated_content), pointer(object.summary), pointer(metadata), time,
                               time);
    }
    stage.complete();
    transaction.exec_params(sql::kMergeStage, tenant_);
    transaction.commit();
  }

  void upsert(const IntegratedObjectData& data) override {
    pqxx::work transaction(connection_);
    transaction.exec_prepared("set_tenant", tenant_);
    write(transaction, "upsert", data);
    transaction.commit();
  }

  void for_each(const std::function<void(const IntegratedObject&)>& take) override {
    pqxx::work transaction(connection_);
    transaction.exec_prepared("set_tenant", tenant_);
    std::string query = sql::kForEach;  // a cursor takes no parameters
    query.replace(query.find("$1"), 2, transaction.quote(tenant_));
    pqxx::icursorstream cursor(transaction, query, "objects", kStride);
    pqxx::result rows;
    while (cursor >> rows) {
      for (const pqxx::row& row : rows) take(read(row));
    }
    transaction.commit();
  }

 private:
  static const char* pointer(const std::optional<std::string>& text) { return text ? text->c_str() : nullptr; }

  static pqxx::result write(pqxx::work& transaction, const char* statement, const IntegratedObjectData& data) {
    std::optional<std::string> metadata;
    if (!data.metadata.is_null()) metadata = data.metadata.dump();
    const std::string time = time_text(now()) + "+00";
    return transaction.exec_prepared(statement, data.company_id, data.original_id, data.platform, data.object_type,
                                     data.original_data.dump(), pointer(data.integrated_content), pointer(data.summary),
                                     pointer(metadata), time, time);
  }

  pqxx::connection connection_;
  const std::string tenant_;
};

}  // namespace

std::unique_ptr<Side> by_libpqxx(const Place& place) { return std::make_unique<PqxxSide>(place); }

}  // namespace bench
