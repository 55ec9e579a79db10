// Reads on a replica, and what happens when the primary goes. Needs a streaming replica: tests/replicas/run.
#include <thread>

#include "rowhouse/unit_of_work.hpp"
#include "test_databases.hpp"

namespace {

using rowhouse::DatabaseManager;
using rowhouse::DatabaseOptions;
using rowhouse::Session;
using rowhouse::UnitOfWork;
using namespace std::chrono_literals;

class ReplicaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("ROWHOUSE_REPLICA_URL") == nullptr)
      GTEST_SKIP() << "ROWHOUSE_REPLICA_URL is not set: run by tests/replicas/run";
    DatabaseOptions options;
    options.replicas = {rowhouse::Url::parse(std::getenv("ROWHOUSE_REPLICA_URL"))};
    options.max_replica_lag = 400ms;
    manager = std::make_unique<DatabaseManager>(test_server_url(), options);
    manager->session().execute("DROP TABLE IF EXISTS replica_test");
    manager->session().execute("CREATE TABLE replica_test (n integer PRIMARY KEY)");
    ASSERT_TRUE(comes_to_replica());
  }
  static bool on_replica(Session session) { return session.execute("SELECT pg_is_in_recovery()").one().get<bool>(0); }
  // Until reads go there.
  bool comes_to_replica() {
    for (int i = 0; i < 300; ++i) {
      if (on_replica(manager->read_session())) return true;
      std::this_thread::sleep_for(100ms);
    }
    return false;
  }
  static void at_replica(const char* sql) {
    DatabaseManager(std::getenv("ROWHOUSE_REPLICA_URL")).read_session().execute(sql);
  }
  static int rows(Session session) { return session.execute("SELECT count(*) FROM replica_test").one().get<int>(0); }

  std::unique_ptr<DatabaseManager> manager;
};

TEST_F(ReplicaTest, MarkedReadsGoThereAndWritesDoNot) {
  auto reader = manager->read_session();
  EXPECT_EQ(error_of([&] { reader.execute("INSERT INTO replica_test VALUES (1)"); }).sqlstate(), "25006");
  auto transaction = reader.begin();
  EXPECT_EQ(error_of([&] { transaction.execute("INSERT INTO replica_test VALUES (1)"); }).sqlstate(), "25006");
  EXPECT_FALSE(on_replica(manager->session()));
}

TEST_F(ReplicaTest, AUnitOfWorkSeesWhatItWrote) {
  at_replica("SELECT pg_wal_replay_pause()");
  UnitOfWork unit(*manager), before(*manager);
  unit.run_in_transaction([](rowhouse::Transaction& t) { t.execute("INSERT INTO replica_test VALUES (1)"); });
  EXPECT_EQ(rows(unit.read_session()), 1);
  EXPECT_FALSE(on_replica(unit.read_session()));
  unit.session().execute("INSERT INTO replica_test VALUES (2)");
  EXPECT_EQ(rows(unit.read_session()), 2);
  auto session = unit.session();
  auto transaction = session.begin();
  transaction.execute("INSERT INTO replica_test VALUES (3)");
  EXPECT_EQ(rows(unit.read_session()), 2);
  transaction.commit();
  EXPECT_EQ(rows(unit.read_session()), 3);
  // Too far behind for anybody by now.
  std::this_thread::sleep_for(1s);
  manager->read_session();
  std::this_thread::sleep_for(1s);
  EXPECT_FALSE(on_replica(manager->read_session()));
  at_replica("SELECT pg_wal_replay_resume()");
  EXPECT_TRUE(comes_to_replica());
  for (int i = 0; i < 300 && !on_replica(unit.read_session()); ++i) std::this_thread::sleep_for(100ms);
  auto reader = unit.read_session();
  EXPECT_EQ(rows(std::move(reader)), 3);
}

TEST_F(ReplicaTest, WithoutAReplicaThePrimaryAnswers) {
  DatabaseOptions options;
  options.replicas = {rowhouse::Url::parse(test_server_url() + std::string("&port=1"))};
  DatabaseManager alone(test_server_url(), options);
  EXPECT_FALSE(on_replica(alone.read_session()));
  EXPECT_EQ(error_of([&] { alone.read_session().execute("CREATE TABLE x ()"); }).sqlstate(), "25006");
}

// Last: the primary is gone after it. Every acknowledged write is on the new primary, once.
TEST_F(ReplicaTest, ZWritersFollowThePromotedReplica) {
  DatabaseOptions options;
  options.connect_timeout = 2s;
  DatabaseManager everywhere(std::getenv("ROWHOUSE_BOTH_URL"), options);
  std::atomic<bool> over{false};
  std::atomic<int> next{100};
  std::mutex mutex;
  std::vector<int> acknowledged, doubtful;
  std::vector<std::jthread> writers;
  rowhouse::RetryOptions retry;
  retry.max_time = 60s;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&] {
      while (!over) {
        const int n = next++;
        std::vector<int>* outcome = &acknowledged;
        try {
          everywhere.run_in_transaction(
              [&](rowhouse::Transaction& t) { t.execute("INSERT INTO replica_test VALUES ($1)", {n}); }, retry);
        } catch (const rowhouse::Error& error) {
          EXPECT_TRUE(error.in_doubt()) << error.sqlstate() << ' ' << error.what();
          outcome = &doubtful;
        }
        const std::lock_guard lock(mutex);
        outcome->push_back(n);
        std::this_thread::sleep_for(1ms);
      }
    });
  }
  const auto wait_for_more = [&] {
    const int seen = next;
    while (next < seen + 40) std::this_thread::sleep_for(10ms);
  };
  wait_for_more();
  ASSERT_EQ(std::system(std::getenv("ROWHOUSE_STOP_PRIMARY")), 0);
  at_replica("SELECT pg_promote()");
  wait_for_more();
  over = true;
  writers.clear();
  auto session = DatabaseManager(std::getenv("ROWHOUSE_REPLICA_URL")).session();
  for (const int n : acknowledged)
    EXPECT_EQ(session.execute("SELECT count(*) FROM replica_test WHERE n = $1", {n}).one().get<int>(0), 1) << n;
  EXPECT_LE(doubtful.size(), 4u);
  EXPECT_GE(acknowledged.size(), 70u);
}

}  // namespace
