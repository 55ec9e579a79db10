#include "rowhouse/async/store.hpp"

#include <asio/this_coro.hpp>
#include <utility>

#include "rowhouse/async/repository.hpp"
#include "rowhouse/config.hpp"

namespace rowhouse::async {
namespace {

asio::awaitable<IntegratedObject> store(DatabaseManager manager, IntegratedObjectData data) {
  auto lending = manager.session(data.company_id);
  Session session = co_await std::move(lending);
  IntegratedObjectRepository objects(session);
  auto upserting = objects.upsert(data);
  co_return co_await std::move(upserting);
}

asio::awaitable<IntegratedObject> store_at(Url url, IntegratedObjectData data) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const DatabaseManager manager(executor, std::move(url));
  auto storing = store(manager, std::move(data));
  co_return co_await std::move(storing);
}

}  // namespace

asio::awaitable<IntegratedObject> store_integrated_object(DatabaseManager manager, const Json& object,
                                                          std::string_view company_id, std::string_view platform) {
  return store(std::move(manager), to_integrated_object(object, company_id, platform));
}

asio::awaitable<IntegratedObject> store_integrated_object(const Json& object, std::string_view company_id,
                                                          std::string_view platform) {
  return store_at(DatabaseConfig::from_environment().get_database_url(company_id),
                  to_integrated_object(object, company_id, platform));
}

}  // namespace rowhouse::async
