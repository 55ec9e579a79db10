// The library itself, on both databases.
#include "rowhouse/database_manager.hpp"
#include "rowhouse/repository.hpp"
#include "side.hpp"

namespace bench {
namespace {

class RowhouseSide final : public Side {
 public:
  RowhouseSide(rowhouse::Url url, const std::string& tenant)
      : manager_(std::move(url)), session_(manager_.session(tenant)), repository_(session_), tenant_(tenant) {}

  IntegratedObject create(const IntegratedObjectData& data) override { return repository_.create(data); }
  std::vector<IntegratedObject> get_all() override { return repository_.get_by_company(tenant_); }
  bool update_summary(std::int64_t id, std::string_view summary) override {
    return repository_.update_summary(id, summary);
  }
  void upsert_many(std::span<const IntegratedObjectData> data) override { repository_.upsert_many(data); }
  void upsert(const IntegratedObjectData& data) override { repository_.upsert(data); }
  void for_each(const std::function<void(const IntegratedObject&)>& take) override {
    repository_.for_each([&](const IntegratedObject& object) { return take(object), true; });
  }

 private:
  rowhouse::DatabaseManager manager_;
  rowhouse::Session session_;
  rowhouse::IntegratedObjectRepository repository_;
  std::string tenant_;
};

}  // namespace

std::unique_ptr<Side> rowhouse_on_postgres(const Place& place) {
  return std::make_unique<RowhouseSide>(rowhouse::Url::parse(place.postgres), place.tenant);
}

std::unique_ptr<Side> rowhouse_on_sqlite(const Place& place) {
  return std::make_unique<RowhouseSide>(rowhouse::Url::sqlite_file(place.sqlite), place.tenant);
}

}  // namespace bench
