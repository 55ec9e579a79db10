// 6. Many requests on one thread: coroutines that wait for the database, and a time limit that cancels a statement. The
// component `async`: find_package(rowhouse COMPONENTS async), target rowhouse::async. With the argument `setup` it
// makes the table and the tenants first.
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>

#include "rowhouse/async/database_manager.hpp"
#include "rowhouse/async/repository.hpp"
#include "rowhouse/async/schema_manager.hpp"
#include "rowhouse/async/unit_of_work.hpp"
#include "rowhouse/config.hpp"
#include "rowhouse/error.hpp"

namespace {

using asio::awaitable;
using namespace std::chrono_literals;

std::string company(int number) { return number % 2 == 0 ? "acme" : "globex"; }

awaitable<void> set_up(rowhouse::async::DatabaseManager database) {
  rowhouse::async::SchemaManager schema(database);
  co_await schema.create_all();
  for (int i = 0; i < 2; ++i) co_await schema.create_tenant(company(i));
}

// One request: a connection is borrowed for it, as soon as one is free. What it reads may come from a replica, if there
// are any, but never from one that has not got what it wrote.
awaitable<bool> request(rowhouse::async::DatabaseManager database, int number) {
  rowhouse::async::UnitOfWork unit(database, company(number));
  const rowhouse::IntegratedObjectData data{.original_id = std::to_string(number), .company_id = company(number)};
  {
    rowhouse::async::Session session = co_await unit.session();
    rowhouse::async::IntegratedObjectRepository objects(session);
    co_await objects.upsert(data);
  }
  rowhouse::async::Session reader = co_await unit.read_session();
  rowhouse::async::IntegratedObjectRepository objects(reader);
  const auto found = co_await objects.get_by_original_id(data.original_id);
  co_return found.has_value();
}

// A transaction that is run again when another was in its way.
awaitable<int> count_twice(rowhouse::async::DatabaseManager database) {
  rowhouse::RetryOptions options;
  options.transaction.tenant = "acme";
  const auto work = [](rowhouse::async::Transaction& transaction) -> awaitable<int> {
    rowhouse::async::IntegratedObjectRepository objects(transaction);
    const auto before = co_await objects.count();
    const rowhouse::IntegratedObjectData data{.original_id = "one more", .company_id = "acme"};
    co_await objects.create(data);
    const auto after = co_await objects.count();
    co_return static_cast<int>(before + after);
  };
  co_return co_await database.run_in_transaction(work, options);
}

// Whichever is first ends the other: here the statement is cancelled at the server.
awaitable<bool> is_late(rowhouse::async::DatabaseManager database) {
  using namespace asio::experimental::awaitable_operators;
  rowhouse::async::Session session = co_await database.session("acme");
  asio::steady_timer limit(co_await asio::this_coro::executor, 100ms);
  const std::string forever =
      session.database() == rowhouse::Database::kPostgresql
          ? "SELECT pg_sleep(60)"
          : "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
  const auto first = co_await (session.execute(forever) || limit.async_wait(asio::use_awaitable));
  co_return first.index() == 1;
}

void work(const rowhouse::Url& url, bool sets_up) {
  asio::io_context loop;
  rowhouse::async::DatabaseManager database(loop.get_executor(), url, {.max_connections = 5});
  const auto rethrow = [](std::exception_ptr error, auto...) {
    if (error) std::rethrow_exception(error);
  };

  if (sets_up) asio::co_spawn(loop, set_up(database), rethrow);
  loop.run();

  loop.restart();
  int seen = 0;
  for (int i = 0; i < 100; ++i) {
    asio::co_spawn(loop, request(database, i), [&](std::exception_ptr error, bool found) {
      rethrow(error);
      seen += found ? 1 : 0;
    });
  }
  loop.run();
  std::cout << seen << " requests by one thread, " << (database.statistics().idle <= 5 ? "on at most 5" : "on many")
            << " connections\n";

  loop.restart();
  const auto rest = [&]() -> awaitable<void> {
    std::cout << "counted: " << co_await count_twice(database) << '\n';
    const bool late = co_await is_late(database);
    std::cout << "the statement without an end was " << (late ? "cancelled" : "finished") << '\n';
  };
  asio::co_spawn(loop, rest, rethrow);
  loop.run();
}

}  // namespace

int main(int count, char** arguments) {
  try {
    const auto url = rowhouse::DatabaseConfig::from_environment().get_database_url();
    work(url, count > 1 && std::string_view(arguments[1]) == "setup");
    return 0;
  } catch (const rowhouse::Error& error) {
    std::cerr << "error " << error.sqlstate() << ": " << error.what() << '\n';
    return 1;
  }
}
