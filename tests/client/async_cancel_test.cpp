// Calls that are cancelled, or take too long.
#include "async_test.hpp"
#include "rowhouse/async/schema_manager.hpp"
#include "rowhouse/async/unit_of_work.hpp"

namespace {

class AsyncCancelTest : public AsyncTest {};
ROWHOUSE_ON_BOTH_DATABASES(AsyncCancelTest);

TEST_P(AsyncCancelTest, ItsSlotCancelsAStatement) {
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

TEST_P(AsyncCancelTest, ATimeLimitOfTheCallersCancels) {
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

TEST_P(AsyncCancelTest, StopTokensAndCancelStopACall) {
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

TEST_P(AsyncCancelTest, CallTimeoutsEndAStatement) {
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

TEST_P(AsyncCancelTest, AUnitOfWorkIsUndone) {
  rowhouse::async::UnitOfWork unit(connect(), "acme");
  const auto work = [&](Transaction& transaction) -> awaitable<void> {
    IntegratedObjectRepository objects(transaction);
    const auto data = object("acme", "1");
    co_await objects.create(data);
    co_await transaction.execute(endless());
  };
  EXPECT_EQ(cancelled([&] { return unit.run_in_transaction(work); }), "57014");
  run([&]() -> awaitable<void> {
    Session session = co_await unit.read_session();
    EXPECT_EQ(co_await IntegratedObjectRepository(session).count(), 0u);
    EXPECT_EQ(co_await sqlstate_of(IntegratedObjectRepository(session).create(object("acme", "1"))), "25006");
  });
}

TEST_P(AsyncCancelTest, AnUpgradeIsUndone) {
  rowhouse::async::SchemaManager schema(DatabaseManager(loop.get_executor(), owner().url()));
  const std::vector<std::string> statements{"CREATE TABLE slow (n integer)", endless()};
  const rowhouse::Schema slow{"slow", {{statements, statements}}};
  // Late enough to find the last statement under way.
  EXPECT_EQ(cancelled([&] { return schema.upgrade(slow); }, 1500ms), "57014");
  run([&]() -> awaitable<void> { EXPECT_EQ(co_await schema.version("slow"), 0); });
  EXPECT_EQ(error_of([&] { owner().session().execute("SELECT * FROM slow"); }).sqlstate(), "42P01");
}

TEST_P(AsyncCancelTest, AStreamIsLeftAtAnyRow) {
  constexpr int kAll = 2500;  // two pages and a half
  DatabaseManager database = connect({.max_connections = 1});
  run([&]() -> awaitable<void> {
    const auto many = numbered_objects("acme", kAll);
    for (const int end : {1, 15, 999, 1000, 1001, kAll}) {
      Session session = co_await database.session("acme");
      IntegratedObjectRepository objects(session);
      if (end == 1) co_await objects.upsert_many(many);
      int taken = 0;
      co_await objects.for_each([&](const rowhouse::IntegratedObject&) { return ++taken < end; });
      EXPECT_EQ(taken, end);
      const auto fail = [&](const rowhouse::IntegratedObject&) {
        if (--taken == 0) throw Error("22000", "enough");
        return true;
      };
      EXPECT_EQ(co_await sqlstate_of(objects.for_each(fail)), "22000");
      EXPECT_EQ(co_await objects.count(), static_cast<std::uint64_t>(kAll));
    }
  });
}

}  // namespace
