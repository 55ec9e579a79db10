// Many calls in flight, waiting for a connection, what is left open.
#include "async_test.hpp"

namespace {

ROWHOUSE_ON_BOTH_DATABASES(AsyncTest);

TEST_P(AsyncTest, AThousandRequestsShareTenConnections) {
  constexpr int kRequests = 1000;
  DatabaseManager database = connect({.max_connections = 10});
  int done = 0, strangers = 0;
  std::size_t most = 0;
  const auto request = [&](int number) -> awaitable<void> {
    const std::string company = tenant(number);
    Session session = co_await database.session(company);
    most = std::max(most, database.statistics().in_use);
    IntegratedObjectRepository objects(session);
    co_await objects.upsert(object(company, std::to_string(number % 50)));
    for (const auto& found : co_await objects.find({}, 20)) strangers += found.company_id == company ? 0 : 1;
    const auto own = co_await session.execute("SELECT company_id FROM integrated_objects WHERE company_id = $1 LIMIT 5",
                                              {Value(company)});
    for (const auto& row : own) strangers += row.get<std::string>(0) == company ? 0 : 1;
    ++done;
  };
  for (int i = 0; i < kRequests; ++i) asio::co_spawn(loop, request(i), asio::detached);
  loop.run();
  EXPECT_EQ(done, kRequests);
  EXPECT_EQ(strangers, 0);
  EXPECT_EQ(most, 10u);
  // The last thread of SQLite's may be about to give its connection back.
  for (int i = 0; i < 100 && database.statistics().in_use > 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(database.statistics().in_use, 0u);
  EXPECT_EQ(database.statistics().waiting, 0u);
  EXPECT_LE(database.statistics().idle, 10u);
}

TEST_P(AsyncTest, SeveralThreadsUseOneManager) {
  asio::thread_pool threads(4);
  DatabaseManager database(threads.get_executor(), manager().url(), {.max_connections = 3});
  std::atomic<int> done{0}, strangers{0};
  const auto request = [&](int number) -> awaitable<void> {
    const std::string company = tenant(number);
    const auto count = co_await database.run_in_transaction(
        [&](Transaction& transaction) -> awaitable<std::uint64_t> {
          IntegratedObjectRepository objects(transaction);
          co_await objects.upsert(object(company, std::to_string(number)));
          for (const auto& found : co_await objects.find({}, 20)) strangers += found.company_id == company ? 0 : 1;
          co_return co_await objects.count();
        },
        for_tenant(company));
    if (count > 0) ++done;
  };
  for (int i = 0; i < 100; ++i) asio::co_spawn(asio::make_strand(threads), request(i), asio::detached);
  threads.join();
  EXPECT_EQ(done, 100);
  EXPECT_EQ(strangers, 0);
}

TEST_P(AsyncTest, WaitersAreServedInOrderOrGiveUp) {
  using namespace asio::experimental::awaitable_operators;
  DatabaseManager database = connect({.max_connections = 1, .checkout_timeout = 500ms, .max_waiting = 3});
  std::string order;
  const auto waiter = [&](char name) -> awaitable<void> {
    Session session = co_await database.session("acme");
    order += name;
    co_await pause(20ms);
  };
  run([&]() -> awaitable<void> {
    std::optional<Session> held = co_await database.session("acme");
    for (const char name : {'a', 'b'}) asio::co_spawn(loop, waiter(name), asio::detached);
    co_await pause(20ms);
    EXPECT_EQ(database.statistics().waiting, 2u);
    // Who stops waiting is out of the queue.
    co_await (waiter('x') || pause(50ms));
    EXPECT_EQ(database.statistics().waiting, 2u);
    asio::co_spawn(loop, waiter('c'), asio::detached);
    co_await pause(10ms);
    EXPECT_EQ(co_await sqlstate_of(waiter('y')), "53300");  // a fourth may not wait
    held.reset();
    co_await pause(250ms);
    EXPECT_EQ(order, "abc");
    held.emplace(co_await database.session("acme"));
    EXPECT_EQ(co_await sqlstate_of(waiter('z')), "53300");  // not in time
  });
}

TEST_P(AsyncTest, WhatIsLeftOpenIsRolledBack) {
  DatabaseManager database = connect({.max_connections = 1});
  run([&]() -> awaitable<void> {
    {
      Session session = co_await database.session("acme");
      IntegratedObjectRepository objects(session);
      {
        Transaction transaction = co_await session.begin();
        co_await IntegratedObjectRepository(transaction).create(object("acme", "1"));
      }
      EXPECT_EQ(co_await objects.count(), 0u);
      Transaction transaction = co_await session.begin();
      co_await objects.create(object("acme", "2"));
      {
        Transaction savepoint = co_await transaction.nested();
        Transaction deeper = co_await savepoint.nested();
        co_await objects.create(object("acme", "3"));
      }
      EXPECT_EQ(co_await objects.count(), 1u);
      co_await transaction.commit();
      EXPECT_EQ(error_of([&] { (void)transaction.commit(); }).sqlstate(), "25P01");
    }
    {
      Session session = co_await database.session("acme");
      Transaction left = co_await session.begin();
      co_await IntegratedObjectRepository(left).create(object("acme", "4"));
    }
    Session session = co_await database.session("acme");
    EXPECT_EQ(co_await IntegratedObjectRepository(session).count(), 1u);
  });
}

TEST_P(AsyncTest, RunsATransactionAgain) {
  DatabaseManager database = connect();
  run([&]() -> awaitable<void> {
    int attempts = 0;
    const int result = co_await database.run_in_transaction(
        [&](Transaction& transaction) -> awaitable<int> {
          co_await IntegratedObjectRepository(transaction).create(object("acme", "1"));
          if (++attempts < 3) throw Error("40001", "as if another had been there");
          co_return 42;
        },
        for_tenant("acme"));
    EXPECT_EQ(result, 42);
    EXPECT_EQ(attempts, 3);
    Session session = co_await database.session("acme");
    EXPECT_EQ(co_await IntegratedObjectRepository(session).count(), 1u);

    std::stop_source source;
    source.request_stop();
    EXPECT_EQ(co_await sqlstate_of(database.run_in_transaction(
                  [](Transaction& transaction) -> awaitable<void> { co_await transaction.execute("SELECT 1"); },
                  for_tenant("acme", source.get_token()))),
              "57014");
  });
}

TEST_P(AsyncTest, StreamsAndCopies) {
  DatabaseManager database = connect();
  run([&]() -> awaitable<void> {
    Session session = co_await database.session("acme");
    const auto many = numbered_objects("acme", 2500);
    IntegratedObjectRepository objects(session);
    EXPECT_EQ(co_await objects.upsert_many(many), 2500u);
    int seen = 0;
    co_await objects.for_each([&](const rowhouse::IntegratedObject&) { return ++seen < 1700; });
    EXPECT_EQ(seen, 1700);
    int rows = 0;
    const std::string all = "SELECT original_id FROM integrated_objects WHERE company_id = 'acme'";
    EXPECT_EQ(co_await session.for_each(all, {}, [&](const rowhouse::Row&) { ++rows; }), 2500u);
    EXPECT_EQ(rows, 2500);
    const auto stop = [&](const rowhouse::Row&) { throw Error("22000", "enough"); };
    EXPECT_EQ(co_await sqlstate_of(session.for_each(all, {}, stop)), "22000");
    EXPECT_EQ(co_await objects.count(), 2500u);
  });
}

struct Ticket {
  std::int64_t id = 0;
  std::string company_id, number;
  std::optional<std::string> assignee;
};
const rowhouse::Table<Ticket> kTickets{"ticket",
                                       {{"id", &Ticket::id, rowhouse::ColumnRole::kId},
                                        {"company_id", &Ticket::company_id, rowhouse::ColumnRole::kTenant},
                                        {"number", &Ticket::number, rowhouse::ColumnRole::kKey},
                                        {"assignee", &Ticket::assignee}}};

TEST_P(AsyncTest, TablesOfOnesOwn) {
  rowhouse::SchemaManager(owner()).create_table(kTickets.shape());
  if (on_postgres())
    owner().session().execute(std::string("GRANT SELECT, INSERT, UPDATE, DELETE ON ticket TO ") +
                              TestPostgres::kAppRole);
  DatabaseManager database = connect();
  run([&]() -> awaitable<void> {
    Session session = co_await database.session("acme");
    rowhouse::async::TableRepository<Ticket> tickets(session, kTickets);
    // The arguments need not outlive the call that makes the awaitable.
    auto creating = tickets.create(Ticket{.company_id = "acme", .number = std::string(100, '7'), .assignee = "bob"});
    const Ticket made = co_await std::move(creating);
    EXPECT_EQ(made.number, std::string(100, '7'));
    EXPECT_EQ((co_await tickets.get(made.id))->assignee, "bob");
    EXPECT_EQ(co_await tickets.update(rowhouse::where(&Ticket::assignee) == "bob", {&Ticket::assignee, "ann"}), 1u);
    EXPECT_EQ((co_await tickets.get_by_key(made.number))->assignee, "ann");
    EXPECT_EQ(co_await sqlstate_of(tickets.create(made)), "23505");
    EXPECT_TRUE(co_await tickets.remove(made.id));
    EXPECT_EQ((co_await tickets.page(10)).rows.size(), 0u);
  });
}

class Counting final : public rowhouse::Observer {
 public:
  void connected(const rowhouse::ConnectEvent&) noexcept override { ++connections; }
  void statement_finished(const rowhouse::StatementEvent& event) noexcept override {
    event.error == nullptr ? ++statements : ++failures;
  }
  void retrying(const rowhouse::RetryEvent&) noexcept override { ++retries; }
  void waited(const rowhouse::PoolWaitEvent&) noexcept override { ++waits; }
  std::atomic<int> connections{0}, statements{0}, failures{0}, retries{0}, waits{0};
};

TEST_P(AsyncTest, AnObserverIsTold) {
  const auto observer = std::make_shared<Counting>();
  DatabaseManager database = connect({.max_connections = 1, .checkout_timeout = 50ms, .observer = observer});
  run([&]() -> awaitable<void> {
    {
      Session session = co_await database.session("acme");
      co_await session.execute("SELECT 1");
      EXPECT_EQ(co_await sqlstate_of(session.execute("SELECT 1 FROM nowhere")), "42P01");
      EXPECT_EQ(co_await sqlstate_of(database.session("acme")), "53300");
    }
    int attempts = 0;
    co_await database.run_in_transaction(
        [&](Transaction&) -> awaitable<void> {
          if (++attempts < 2) throw Error("40001", "as if another had been there");
          co_return;
        },
        for_tenant("acme"));
  });
  EXPECT_EQ(observer->connections, 1);
  EXPECT_EQ(observer->failures, 1);
  EXPECT_GE(observer->statements, 4);  // SELECT, BEGIN twice, COMMIT
  EXPECT_EQ(observer->retries, 1);
  EXPECT_GE(observer->waits, 1);  // and the retry may, for its own connection to be clean
}

}  // namespace
