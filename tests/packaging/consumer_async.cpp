// What a user's program needs at least of the component async, each part of it once.
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>
#include <iostream>
#include <rowhouse/async/migration_layer.hpp>
#include <rowhouse/async/repository.hpp>
#include <rowhouse/async/schema_manager.hpp>
#include <rowhouse/async/store.hpp>
#include <rowhouse/async/unit_of_work.hpp>

int main() {
  const rowhouse::Url url = rowhouse::Url::parse("sqlite:///consumer.db");
  asio::io_context loop;
  rowhouse::async::DatabaseManager manager(loop.get_executor(), url);
  const auto work = [&]() -> asio::awaitable<void> {
    rowhouse::async::SchemaManager schema(manager);
    co_await schema.create_all();
    rowhouse::async::UnitOfWork unit(manager, "acme");
    rowhouse::async::Session session = co_await unit.session();
    rowhouse::async::IntegratedObjectRepository objects(session);
    std::string state;
    try {
      const rowhouse::IntegratedObjectData data{.original_id = "1", .company_id = "acme"};
      for (int i = 0; i < 2; ++i) co_await objects.create(data);
    } catch (const rowhouse::ConstraintError& error) {  // thrown in the library, caught here
      state = error.sqlstate();
    }
    const rowhouse::Json object{{"id", 1}};
    co_await rowhouse::async::store_integrated_object(manager, object, "acme");
    rowhouse::async::MigrationLayer layer([&](std::string_view) { return url; }, manager);
    const auto found = co_await layer.get_by_company("acme");
    std::cout << found.size() << ' ' << state << '\n';
  };
  auto done = asio::co_spawn(loop, work, asio::use_future);
  loop.run();
  done.get();
}
