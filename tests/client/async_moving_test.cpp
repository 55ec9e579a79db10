// Companies that move, where a coroutine is cancelled on the way.
#include <future>
#include <mutex>

#include "async_test.hpp"
#include "rowhouse/async/migration_layer.hpp"
#include "rowhouse/async/schema_manager.hpp"
#include "rowhouse/async/store.hpp"
#include "ticket.hpp"

namespace {

using rowhouse::MigrationMode;

class AsyncMovingTest : public AsyncTest {
 protected:
  void SetUp() override {
    AsyncTest::SetUp();
    if (IsSkipped()) return;
    rowhouse::SchemaManager(file().revealed()).create_all();
    admin = std::make_unique<rowhouse::Session>(owner().session());
  }
  rowhouse::Url file() { return rowhouse::Url::sqlite_file(folder / "acme_freshdesk_data.db"); }
  // How the call ends that is cancelled while PostgreSQL's table is locked.
  template <class Call>
  std::string cancelled_at_the_lock(Call call) {
    auto lock = admin->begin();
    lock.execute("LOCK TABLE integrated_objects");
    return cancelled(std::move(call));
  }
  static std::uint64_t count(rowhouse::DatabaseManager manager) {
    auto session = manager.session("acme");
    return rowhouse::IntegratedObjectRepository(session).count();
  }

  TestFolder folder;
  std::unique_ptr<rowhouse::Session> admin;
};
INSTANTIATE_TEST_SUITE_P(Database, AsyncMovingTest, ::testing::Values(rowhouse::Database::kPostgresql), database_name);

TEST_P(AsyncMovingTest, AStoredObject) {
  DatabaseManager database = connect();
  const auto store = [&] { return rowhouse::async::store_integrated_object(database, ticket(1), "acme"); };
  EXPECT_EQ(cancelled_at_the_lock(store), "57014");
  EXPECT_EQ(count(manager()), 0u);
  run([&]() -> awaitable<void> { EXPECT_EQ((co_await store()).original_id, "1"); });
}

// SQLite has it; PostgreSQL's refusal is the caller's own wish.
TEST_P(AsyncMovingTest, ADualWriteIsMendedAfterwards) {
  rowhouse::async::MigrationLayer layer([this](std::string_view) { return file(); }, connect(), MigrationMode::kDual);
  std::vector<rowhouse::MigrationDifference> told;
  layer.on_difference([&](const rowhouse::MigrationDifference& difference) { told.push_back(difference); });
  EXPECT_EQ(cancelled_at_the_lock([&] { return layer.store_integrated_object(ticket(1), "acme"); }), "");
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].sqlstate, "57014");
  EXPECT_EQ(layer.counters().refused, 1u);
  EXPECT_EQ(count(rowhouse::DatabaseManager(file())), 1u);
  EXPECT_EQ(count(manager()), 0u);
  EXPECT_EQ(cancelled_at_the_lock([&] { return layer.reconcile("acme"); }), "57014");
  EXPECT_EQ(cancelled_at_the_lock([&] { return layer.get_by_company("acme"); }), "");  // what SQLite gave
  run([&]() -> awaitable<void> {
    const auto report = co_await layer.reconcile("acme");
    EXPECT_EQ(report.mended, 1u);
    const auto again = co_await layer.reconcile("acme");
    EXPECT_EQ(again.found, 0u);
  });
  EXPECT_EQ(count(manager()), 1u);
}

// The awaitable owns what it needs, the layer's part too.
TEST_P(AsyncMovingTest, AnAwaitableOutlivesItsLayer) {
  auto storing = [&] {
    rowhouse::async::MigrationLayer layer([this](std::string_view) { return file(); }, connect(), MigrationMode::kDual);
    return layer.store_integrated_object(ticket(std::string(50, '7')), std::string("acme"));
  }();
  run([&]() -> awaitable<void> {
    const auto stored = co_await std::move(storing);
    EXPECT_EQ(stored.original_id, std::string(50, '7'));
  });
  EXPECT_EQ(count(manager()), 1u);
}

TEST_P(AsyncMovingTest, AMigrationGoesOn) {
  for (int i = 0; i < 3; ++i) rowhouse::store_integrated_object(rowhouse::DatabaseManager(file()), ticket(i), "acme");
  rowhouse::async::SchemaManager schema(DatabaseManager(loop.get_executor(), owner().url()));
  asio::cancellation_signal signal;
  const auto thread = std::this_thread::get_id();
  // Emits from the loop's thread, while the migration waits in this call.
  const auto emit = [&](const rowhouse::MigrationProgress&) {
    EXPECT_NE(std::this_thread::get_id(), thread);
    std::promise<void> emitted;
    asio::post(loop, [&] {
      signal.emit(asio::cancellation_type::terminal);
      emitted.set_value();
    });
    emitted.get_future().get();
  };
  EXPECT_EQ(ended([&] { return schema.migrate_from_sqlite(file().database(), "acme", emit); }, signal), "57014");
  EXPECT_EQ(count(manager()), 0u);
  run([&]() -> awaitable<void> {
    const auto report = co_await schema.migrate_from_sqlite(file().database(), "acme");
    EXPECT_TRUE(report.failures.empty());
  });
  EXPECT_EQ(count(manager()), 3u);
}

}  // namespace
