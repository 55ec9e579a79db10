// Reads on a replica, and what happens when the primary goes. Needs a streaming replica: tests/replicas/run.
#include <thread>

#ifdef ROWHOUSE_TEST_ASYNC
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#endif

#include "test_databases.hpp"
#include "both_ways.hpp"

namespace {

using rowhouse::DatabaseManager;
using rowhouse::DatabaseOptions;
using namespace std::chrono_literals;

DatabaseOptions with_replica() {
  DatabaseOptions options;
  options.replicas = {rowhouse::Url::parse(std::getenv("ROWHOUSE_REPLICA_URL"))};
  options.max_replica_lag = 400ms;
  return options;
}

void at_replica(const char* sql) { DatabaseManager(std::getenv("ROWHOUSE_REPLICA_URL")).read_session().execute(sql); }

template <class Way>
class ReplicaTest : public ::testing::Test {
 protected:
  using Session = typename Way::Session;
  using Transaction = typename Way::Transaction;
  using Unit = typename Way::UnitOfWork;

  void SetUp() override {
    if (std::getenv("ROWHOUSE_REPLICA_URL") == nullptr)
      GTEST_SKIP() << "ROWHOUSE_REPLICA_URL is not set: run by tests/replicas/run";
    manager =
        std::make_unique<typename Way::Manager>(Way::manager(std::string_view(test_server_url()), with_replica()));
    DatabaseManager(test_server_url()).session().execute("DROP TABLE IF EXISTS replica_test");
    DatabaseManager(test_server_url()).session().execute("CREATE TABLE replica_test (n integer PRIMARY KEY)");
    ASSERT_TRUE(comes_to_replica([&] { return manager->read_session(); }));
  }

  static rowhouse::Result ask(Session& session, std::string_view sql) {
    return Way::wait([&] { return session.execute(sql); });
  }
  // Of the session that is lent.
  template <class Lend>
  static bool on_replica(const Lend& lend) {
    Session session = Way::wait(lend);
    return ask(session, "SELECT pg_is_in_recovery()").one().template get<bool>(0);
  }
  template <class Lend>
  static int rows(const Lend& lend) {
    Session session = Way::wait(lend);
    return ask(session, "SELECT count(*) FROM replica_test").one().template get<int>(0);
  }
  // Until reads go there.
  template <class Lend>
  static bool comes_to_replica(const Lend& lend) {
    for (int i = 0; i < 300; ++i) {
      if (on_replica(lend)) return true;
      std::this_thread::sleep_for(100ms);
    }
    return false;
  }

  std::unique_ptr<typename Way::Manager> manager;
};
TYPED_TEST_SUITE(ReplicaTest, Ways, WayName);

TYPED_TEST(ReplicaTest, MarkedReadsGoThereAndWritesDoNot) {
  using Way = TypeParam;
  constexpr auto kWrite = "INSERT INTO replica_test VALUES (1)";
  auto reader = Way::wait([&] { return this->manager->read_session(); });
  EXPECT_EQ(error_of([&] { this->ask(reader, kWrite); }).sqlstate(), "25006");
  auto transaction = Way::wait([&] { return reader.begin(); });
  EXPECT_EQ(error_of([&] { Way::wait([&] { return transaction.execute(kWrite); }); }).sqlstate(), "25006");
  EXPECT_FALSE(this->on_replica([&] { return this->manager->session(); }));
}

TYPED_TEST(ReplicaTest, AUnitOfWorkSeesWhatItWrote) {
  using Way = TypeParam;
  at_replica("SELECT pg_wal_replay_pause()");
  typename Way::UnitOfWork unit(*this->manager);
  const auto read = [&] { return unit.read_session(); };
  const auto write = [](typename Way::Transaction& t) {
    return Way::work([&] { Way::wait([&] { return t.execute("INSERT INTO replica_test VALUES (1)"); }); });
  };
  Way::wait([&] { return unit.run_in_transaction(write); });
  EXPECT_EQ(this->rows(read), 1);
  EXPECT_FALSE(this->on_replica(read));
  auto session = Way::wait([&] { return unit.session(); });
  this->ask(session, "INSERT INTO replica_test VALUES (2)");
  EXPECT_EQ(this->rows(read), 2);
  auto transaction = Way::wait([&] { return session.begin(); });
  Way::wait([&] { return transaction.execute("INSERT INTO replica_test VALUES (3)"); });
  EXPECT_EQ(this->rows(read), 2);
  Way::wait([&] { return transaction.commit(); });
  EXPECT_EQ(this->rows(read), 3);
  // Too far behind for anybody by now.
  const auto anybody = [&] { return this->manager->read_session(); };
  std::this_thread::sleep_for(1s);
  Way::wait(anybody);
  std::this_thread::sleep_for(1s);
  EXPECT_FALSE(this->on_replica(anybody));
  at_replica("SELECT pg_wal_replay_resume()");
  EXPECT_TRUE(this->comes_to_replica(anybody));
  EXPECT_TRUE(this->comes_to_replica(read));
  EXPECT_EQ(this->rows(read), 3);
}

// Whatever becomes of the commit, what is read next has it if it was made.
TYPED_TEST(ReplicaTest, ACommitInDoubtIsLookedForAtThePrimary) {
  using Way = TypeParam;
  DatabaseManager admin(test_server_url());
  die_at_commit(admin, "INSERT", "replica_test");
  const auto read = [&] { return this->manager->read_session(); };
  ASSERT_TRUE(this->comes_to_replica(read));
  at_replica("SELECT pg_wal_replay_pause()");
  typename Way::UnitOfWork unit(*this->manager);
  int attempts = 0;
  const auto write = [&](typename Way::Transaction& t) {
    ++attempts;
    return Way::work([&] { Way::wait([&] { return t.execute("INSERT INTO replica_test VALUES (1)"); }); });
  };
  const auto error = error_of([&] { Way::wait([&] { return unit.run_in_transaction(write); }); });
  EXPECT_EQ(error.sqlstate(), "08007");
  EXPECT_TRUE(error.in_doubt());
  EXPECT_EQ(attempts, 1);
  admin.session().execute("CREATE TABLE IF NOT EXISTS replica_noise AS SELECT 1");
  EXPECT_FALSE(this->on_replica([&] { return unit.read_session(); }));
  at_replica("SELECT pg_wal_replay_resume()");
  admin.session().execute("DROP TABLE replica_noise");
}

TYPED_TEST(ReplicaTest, WithoutAReplicaThePrimaryAnswers) {
  using Way = TypeParam;
  DatabaseOptions options;
  options.replicas = {rowhouse::Url::parse(test_server_url() + std::string("&port=1"))};
  auto alone = Way::manager(std::string_view(test_server_url()), options);
  EXPECT_FALSE(this->on_replica([&] { return alone.read_session(); }));
  auto reader = Way::wait([&] { return alone.read_session(); });
  EXPECT_EQ(error_of([&] { this->ask(reader, "CREATE TABLE x ()"); }).sqlstate(), "25006");
  options.replicas = {rowhouse::Url::parse("sqlite://")};
  EXPECT_THROW(Way::manager(std::string_view(test_server_url()), options), rowhouse::ConfigurationError);
}

#ifdef ROWHOUSE_TEST_ASYNC
// Who waits for a connection to a replica leaves the queue; the replica is no worse for it.
TEST(AsyncReplicaTest, AReadIsCancelled) {
  if (std::getenv("ROWHOUSE_REPLICA_URL") == nullptr)
    GTEST_SKIP() << "ROWHOUSE_REPLICA_URL is not set: run by tests/replicas/run";
  asio::io_context loop;
  DatabaseOptions options = with_replica();
  options.max_connections = 1;
  options.max_replica_lag = 60s;
  rowhouse::async::DatabaseManager manager(loop.get_executor(), std::string_view(test_server_url()), options);
  asio::cancellation_signal signal;
  std::string end;
  const auto wait_in_vain = [&]() -> asio::awaitable<void> {
    try {
      auto lending = manager.read_session();
      co_await std::move(lending);
    } catch (const rowhouse::Error& error) {
      end = error.sqlstate();
    }
  };
  const auto hold = [&]() -> asio::awaitable<void> {
    {
      auto lending = manager.read_session();
      auto held = co_await std::move(lending);
      asio::co_spawn(loop, wait_in_vain, asio::bind_cancellation_slot(signal.slot(), asio::detached));
      asio::steady_timer timer(loop, 300ms);
      co_await timer.async_wait(asio::use_awaitable);
      signal.emit(asio::cancellation_type::terminal);
      timer.expires_after(300ms);
      co_await timer.async_wait(asio::use_awaitable);
      EXPECT_EQ(end, "57014");
    }
    auto lending = manager.read_session();
    auto reader = co_await std::move(lending);
    auto asking = reader.execute("SELECT pg_is_in_recovery()");
    const auto result = co_await std::move(asking);
    EXPECT_TRUE(result.one().get<bool>(0));
  };
  auto done = asio::co_spawn(loop, hold, asio::use_future);
  loop.run();
  done.get();
}
#endif

// Last: the primary is gone after it. Every acknowledged write is on the new primary, once.
TEST(PromotionTest, WritersFollowThePromotedReplica) {
  if (std::getenv("ROWHOUSE_REPLICA_URL") == nullptr)
    GTEST_SKIP() << "ROWHOUSE_REPLICA_URL is not set: run by tests/replicas/run";
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
