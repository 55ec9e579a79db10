// Streams of a repository: rows are on their way while earlier ones are taken.
#include "rowhouse/repository.hpp"
#include "test_databases.hpp"

namespace {

using rowhouse::IntegratedObject;

constexpr int kAll = 2500;  // two pages and a half

class StreamTest : public BothDatabases {
 protected:
  void SetUp() override {
    BothDatabases::SetUp();
    if (IsSkipped()) return;
    auto session = manager().session("acme");
    rowhouse::IntegratedObjectRepository(session).upsert_many(numbered_objects("acme", kAll));
  }
};
ROWHOUSE_ON_BOTH_DATABASES(StreamTest);

TEST_P(StreamTest, GoesOnAroundOtherCallsOfItsTransaction) {
  auto session = manager().session("acme");
  auto transaction = session.begin();
  rowhouse::IntegratedObjectRepository objects(transaction);
  std::int64_t last = 0;
  int taken = 0;
  objects.for_each([&](const IntegratedObject& object) {
    EXPECT_GT(object.id, last);
    last = object.id;
    if (taken++ % 900 != 0) return true;
    EXPECT_TRUE(objects.update_summary(object.id, "seen"));
    EXPECT_EQ(objects.get(object.id)->summary, "seen");
    int inner = 0;
    objects.for_each([&](const IntegratedObject&) { return ++inner < 1500; });
    EXPECT_EQ(inner, 1500);
    inner = 0;
    objects.for_each([&](const IntegratedObject&) { return ++inner > 0; });
    EXPECT_EQ(inner, kAll);
    return true;
  });
  EXPECT_EQ(taken, kAll);
  transaction.commit();
}

TEST_P(StreamTest, EndsWithItsTransaction) {
  auto session = manager().session("acme");
  auto transaction = session.begin();
  rowhouse::IntegratedObjectRepository objects(transaction);
  int taken = 0;
  const auto commit = [&](const IntegratedObject&) {
    if (++taken == 1) transaction.commit();
    return true;
  };
  EXPECT_EQ(error_of([&] { objects.for_each(commit); }).sqlstate(), "25P01");
  EXPECT_LE(taken, 1000);
  EXPECT_EQ(rowhouse::IntegratedObjectRepository(session).count(), static_cast<std::uint64_t>(kAll));
}

class PostgresStreamTest : public StreamTest {};
INSTANTIATE_TEST_SUITE_P(Database, PostgresStreamTest, ::testing::Values(rowhouse::Database::kPostgresql),
                         database_name);

TEST_P(PostgresStreamTest, TellsOfALostConnection) {
  rowhouse::DatabaseManager admin = owner();
  int taken = 0;
  const auto terminate = [&](const IntegratedObject&) {
    if (++taken != 1) return true;
    admin.session().execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = $1 AND state <> 'idle'",
        {TestPostgres::kAppRole});
    return true;
  };
  {
    auto session = manager().session("acme");
    rowhouse::IntegratedObjectRepository objects(session);
    EXPECT_EQ(error_of([&] { objects.for_each(terminate); }).kind(), rowhouse::ErrorKind::kConnection);
  }
  EXPECT_LT(taken, kAll);
  auto session = manager().session("acme");
  EXPECT_EQ(rowhouse::IntegratedObjectRepository(session).count(), static_cast<std::uint64_t>(kAll));
}

}  // namespace
