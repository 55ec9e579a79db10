// What only one of the databases has: lost connections and COPY; a file that one writer has to himself.
#include "async_test.hpp"

namespace {

class AsyncPostgresTest : public AsyncTest {};
INSTANTIATE_TEST_SUITE_P(Database, AsyncPostgresTest, ::testing::Values(rowhouse::Database::kPostgresql),
                         database_name);
class AsyncSqliteTest : public AsyncTest {};
INSTANTIATE_TEST_SUITE_P(Database, AsyncSqliteTest, ::testing::Values(rowhouse::Database::kSqlite), database_name);

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

TEST_P(AsyncPostgresTest, ARefusalAtCommitIsAnErrorOfTheCall) {
  rowhouse::DatabaseManager admin = owner();
  refuse_at_commit(admin, "integrated_objects");
  DatabaseManager database = connect({.max_connections = 1});
  run([&]() -> awaitable<void> {
    Session session = co_await database.session("acme");
    IntegratedObjectRepository objects(session);
    EXPECT_EQ(co_await sqlstate_of(objects.create(object("acme", "1"))), "23514");
    EXPECT_EQ(co_await objects.count(), 0u);
    admin.session().execute("DROP TRIGGER refuse ON integrated_objects");
    co_await objects.create(object("acme", "1"));
    EXPECT_EQ(co_await objects.count(), 1u);
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
