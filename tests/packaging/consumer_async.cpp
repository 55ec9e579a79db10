// What a user's program needs at least of the component async.
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>
#include <iostream>
#include <rowhouse/async/database_manager.hpp>
#include <rowhouse/async/repository.hpp>
#include <rowhouse/schema_manager.hpp>

int main() {
  rowhouse::SchemaManager("sqlite:///consumer.db").create_all();
  asio::io_context loop;
  rowhouse::async::DatabaseManager manager(loop.get_executor(), "sqlite:///consumer.db");
  const auto work = [&]() -> asio::awaitable<void> {
    rowhouse::async::Session session = co_await manager.session("acme");
    rowhouse::async::IntegratedObjectRepository objects(session);
    std::string state;
    try {
      const rowhouse::IntegratedObjectData data{.original_id = "1", .company_id = "acme"};
      for (int i = 0; i < 2; ++i) co_await objects.create(data);
    } catch (const rowhouse::ConstraintError& error) {  // thrown in the library, caught here
      state = error.sqlstate();
    }
    std::cout << co_await objects.count() << ' ' << state << '\n';
  };
  auto done = asio::co_spawn(loop, work, asio::use_future);
  loop.run();
  done.get();
}
