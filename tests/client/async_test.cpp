// The asynchronous library where it differs from the blocking one: many calls in flight, cancelling, waiting. What it
// has in common with it is the conformance suite's.
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <chrono>
#include <thread>

#include "rowhouse/async/database_manager.hpp"
#include "rowhouse/async/repository.hpp"
#include "test_databases.hpp"

namespace {

using namespace std::chrono_literals;
using asio::awaitable;
using rowhouse::DatabaseOptions;
using rowhouse::Error;
using rowhouse::Value;
using rowhouse::async::DatabaseManager;
using rowhouse::async::IntegratedObjectRepository;
using rowhouse::async::Session;
using rowhouse::async::Transaction;
using Clock = std::chrono::steady_clock;

rowhouse::IntegratedObjectData object(const std::string& tenant, const std::string& id) {
  rowhouse::IntegratedObjectData data;
  data.original_id = id;
  data.company_id = tenant;
  return data;
}

awaitable<void> pause(std::chrono::milliseconds duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  co_await timer.async_wait(asio::use_awaitable);
}

// Options by functions: g++ 12 destroys what is written in braces within a co_await twice.
rowhouse::CallOptions stopped_by(std::stop_token stop) {
  rowhouse::CallOptions options;
  options.stop = std::move(stop);
  return options;
}
rowhouse::CallOptions within(std::chrono::milliseconds call, std::chrono::milliseconds statement = 0ms) {
  rowhouse::CallOptions options;
  options.call_timeout = call;
  options.statement_timeout = statement;
  return options;
}
rowhouse::RetryOptions for_tenant(const std::string& tenant, std::stop_token stop = {}) {
  rowhouse::RetryOptions options;
  options.transaction.tenant = tenant;
  options.transaction.stop = std::move(stop);
  options.max_attempts = 100;
  options.first_delay = 1ms;
  options.max_delay = 50ms;
  return options;
}

// The SQLSTATE that the awaitable fails with; empty when it does not.
template <class R>
awaitable<std::string> sqlstate_of(awaitable<R> call) {
  try {
    co_await std::move(call);
    co_return "";
  } catch (const Error& error) {
    co_return error.sqlstate();
  }
}

class AsyncTest : public BothDatabases {
 protected:
  void SetUp() override {
    BothDatabases::SetUp();
    if (IsSkipped()) return;
    for (int i = 0; i < kTenants; ++i) {
      if (on_postgres()) rowhouse::SchemaManager(owner()).create_tenant(tenant(i));
    }
  }
  static constexpr int kTenants = 5;
  static std::string tenant(int number) { return "tenant-" + std::to_string(number % kTenants); }

  DatabaseManager connect(DatabaseOptions options = {}) {
    return DatabaseManager(loop.get_executor(), manager().url(), options);
  }
  // To its end, on one thread.
  template <class Body>
  void run(Body body) {
    auto done = asio::co_spawn(loop, std::move(body), asio::use_future);
    loop.restart();
    loop.run();
    done.get();
  }
  // What takes until somebody stops it.
  std::string endless() const {
    return on_postgres() ? "SELECT pg_sleep(60)"
                         : "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
  }

  asio::io_context loop{1};
};
ROWHOUSE_ON_BOTH_DATABASES(AsyncTest);

class AsyncPostgresTest : public AsyncTest {};
INSTANTIATE_TEST_SUITE_P(Database, AsyncPostgresTest, ::testing::Values(rowhouse::Database::kPostgresql),
                         database_name);
class AsyncSqliteTest : public AsyncTest {};
INSTANTIATE_TEST_SUITE_P(Database, AsyncSqliteTest, ::testing::Values(rowhouse::Database::kSqlite), database_name);

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

TEST_P(AsyncTest, ItsSlotCancelsAStatement) {
  DatabaseManager database = connect({.max_connections = 1});
  std::string state;
  const auto start = Clock::now();
  asio::cancellation_signal signal;
  asio::co_spawn(
      loop,
      [&]() -> awaitable<void> {
        Session session = co_await database.session("acme");
        state = co_await sqlstate_of(session.execute(endless()));
      },
      asio::bind_cancellation_slot(signal.slot(), asio::detached));
  asio::co_spawn(
      loop,
      [&]() -> awaitable<void> {
        co_await pause(200ms);
        signal.emit(asio::cancellation_type::terminal);
        // The one connection is still of use.
        Session session = co_await database.session("acme");
        const auto result = co_await session.execute("SELECT 7");
        EXPECT_EQ(result.one().get<int>(0), 7);
      },
      asio::detached);
  loop.run();
  EXPECT_EQ(state, "57014");
  EXPECT_LT(Clock::now() - start, 20s);
}

TEST_P(AsyncTest, ATimeLimitOfTheCallersCancels) {
  using namespace asio::experimental::awaitable_operators;
  DatabaseManager database = connect({.max_connections = 1});
  run([&]() -> awaitable<void> {
    {
      Session session = co_await database.session("acme");
      const auto first = co_await (sqlstate_of(session.execute(endless())) || pause(200ms));
      EXPECT_EQ(first.index(), 1u);
    }
    Session session = co_await database.session("globex");
    EXPECT_EQ((co_await session.execute("SELECT 7")).one().get<int>(0), 7);
  });
}

TEST_P(AsyncTest, StopTokensAndCancelStopACall) {
  DatabaseManager database = connect({.max_connections = 1});
  run([&]() -> awaitable<void> {
    Session session = co_await database.session("acme");
    std::stop_source source;
    std::thread stopper([&] {
      std::this_thread::sleep_for(200ms);
      source.request_stop();
    });
    EXPECT_EQ(co_await sqlstate_of(session.execute(endless(), {}, stopped_by(source.get_token()))), "57014");
    stopper.join();
    EXPECT_EQ(co_await sqlstate_of(session.execute("SELECT 1", {}, stopped_by(source.get_token()))), "57014");

    std::thread canceller([&] {
      std::this_thread::sleep_for(200ms);
      session.cancel();
    });
    EXPECT_EQ(co_await sqlstate_of(session.execute(endless())), "57014");
    canceller.join();
    session.cancel();  // of nothing
    EXPECT_EQ(co_await sqlstate_of(session.execute("SELECT 1")), "");
  });
}

TEST_P(AsyncTest, CallTimeoutsEndAStatement) {
  DatabaseManager database = connect({.max_connections = 1});
  run([&]() -> awaitable<void> {
    Session session = co_await database.session("acme");
    const auto start = Clock::now();
    EXPECT_EQ(co_await sqlstate_of(session.execute(endless(), {}, within(200ms))), "57014");
    EXPECT_EQ(co_await sqlstate_of(session.execute(endless(), {}, within(0ms, 200ms))), "57014");
    EXPECT_LT(Clock::now() - start, 20s);
    EXPECT_EQ(co_await sqlstate_of(session.execute("SELECT 1", {}, within(10s))), "");
  });
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
    std::vector<rowhouse::IntegratedObjectData> many;
    for (int i = 0; i < 2500; ++i) many.push_back(object("acme", std::to_string(i)));
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

TEST_P(AsyncPostgresTest, ALostConnectionIsReplaced) {
  DatabaseManager database = connect({.max_connections = 2});
  run([&]() -> awaitable<void> {
    Session session = co_await database.session("acme");
    const int pid = (co_await session.execute("SELECT pg_backend_pid()")).one().get<int>(0);
    owner().session().execute("SELECT pg_terminate_backend($1)", {Value(pid)});
    co_await pause(100ms);
    const std::string state = co_await sqlstate_of(session.execute("SELECT 1"));
    EXPECT_EQ(state.substr(0, 2), state == "57P01" ? "57" : "08") << state;
    session = co_await database.session("acme");
    EXPECT_EQ(co_await sqlstate_of(session.execute("SELECT 1")), "");
    // In the middle of a transaction it is run again.
    int attempts = 0;
    co_await database.run_in_transaction(
        [&](Transaction& transaction) -> awaitable<void> {
          const int own = (co_await transaction.execute("SELECT pg_backend_pid()")).one().get<int>(0);
          if (++attempts == 1) owner().session().execute("SELECT pg_terminate_backend($1)", {Value(own)});
          co_await pause(100ms);
          co_await IntegratedObjectRepository(transaction).upsert(object("acme", "1"));
        },
        for_tenant("acme"));
    EXPECT_EQ(attempts, 2);
  });
}

TEST_P(AsyncPostgresTest, NothingOfASessionIsLeftToTheNext) {
  DatabaseManager database = connect({.max_connections = 1});
  run([&]() -> awaitable<void> {
    {
      Session session = co_await database.session("acme");
      co_await session.execute("SELECT set_config('work_mem', '9MB', false)");
      co_await session.execute("SELECT pg_advisory_lock(7)");
    }
    Session session = co_await database.session();
    const auto result = co_await session.execute(
        "SELECT current_setting('work_mem'), current_setting('rowhouse.tenant', true),"
        " (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')");
    const auto row = result.one();
    EXPECT_NE(row.get<std::string>(0), "9MB");
    EXPECT_EQ(row.get<std::optional<std::string>>(1).value_or(""), "");
    EXPECT_EQ(row.get<int>(2), 0);
  });
}

TEST_P(AsyncPostgresTest, CopiesInAndOut) {
  owner().session().execute("CREATE TABLE plain (number bigint, name text)");
  DatabaseManager database(loop.get_executor(), owner().url());
  const rowhouse::CopyTarget both{"plain", {"number", "name"}}, one{"plain", {"number"}}, absent{"absent", {"x"}};
  run([&]() -> awaitable<void> {
    Session session = co_await database.session();
    Transaction transaction = co_await session.begin();
    int next = 0;
    const auto source = [&](std::vector<Value>& row) {
      row = {Value(next), Value(std::string(100, 'x'))};
      return next++ < 50'000;
    };
    EXPECT_EQ(co_await transaction.copy_in(both, source), 50'000u);
    std::size_t bytes = 0;
    EXPECT_EQ(co_await transaction.copy_out("COPY plain TO STDOUT", [&](std::string_view row) { bytes += row.size(); }),
              50'000u);
    EXPECT_GT(bytes, 5'000'000u);
    EXPECT_EQ(co_await sqlstate_of(transaction.copy_in(absent, source)), "42P01");
    co_await transaction.rollback();
    Transaction second = co_await session.begin();
    const auto thrower = [](std::vector<Value>&) -> bool { throw Error("22000", "no more"); };
    EXPECT_EQ(co_await sqlstate_of(second.copy_in(one, thrower)), "22000");
    co_await second.rollback();
    EXPECT_EQ((co_await session.execute("SELECT count(*) FROM plain")).one().get<int>(0), 0);
  });
}

TEST_P(AsyncPostgresTest, AServerThatIsNotThereIsAnError) {
  DatabaseManager database(loop.get_executor(), "postgresql://127.0.0.1:1/x", {.connect_timeout = 2s});
  run([&]() -> awaitable<void> {
    const std::string state = co_await sqlstate_of(database.session());
    EXPECT_EQ(state.substr(0, 2), "08") << state;
  });
  EXPECT_EQ(database.statistics().in_use, 0u);
}

// More writers than threads: whoever waits for the file holds none.
TEST_P(AsyncSqliteTest, WritersWaitWithoutAThread) {
  DatabaseManager database = connect({.max_connections = 20});
  int done = 0;
  const auto write = [&](int number) -> awaitable<void> {
    Session session = co_await database.session("acme");
    Transaction transaction = co_await session.begin();
    IntegratedObjectRepository objects(transaction);
    co_await objects.create(object("acme", std::to_string(number)));
    co_await pause(10ms);
    co_await objects.create(object("acme", "again-" + std::to_string(number)));
    co_await transaction.commit();
    ++done;
  };
  const auto start = Clock::now();
  for (int i = 0; i < 20; ++i) asio::co_spawn(loop, write(i), asio::detached);
  loop.run();
  EXPECT_EQ(done, 20);
  EXPECT_LT(Clock::now() - start, 15s);  // the patience with a lock is 20
}

TEST_P(AsyncSqliteTest, ALockThatIsKeptIsAnError) {
  DatabaseManager database = connect({.busy_timeout = 200ms});
  run([&]() -> awaitable<void> {
    Session first = co_await database.session("acme");
    Transaction writing = co_await first.begin();
    co_await IntegratedObjectRepository(writing).create(object("acme", "1"));
    Session second = co_await database.session("acme");
    EXPECT_EQ(co_await sqlstate_of(second.begin()), "55P03");
    EXPECT_EQ(co_await sqlstate_of(IntegratedObjectRepository(second).create(object("acme", "2"))), "55P03");
    std::stop_source source;
    source.request_stop();
    EXPECT_EQ(co_await sqlstate_of(second.begin(for_tenant("acme", source.get_token()).transaction)), "57014");
    co_await writing.commit();
    co_await IntegratedObjectRepository(second).create(object("acme", "2"));
  });
}

}  // namespace
