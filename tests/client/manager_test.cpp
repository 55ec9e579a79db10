#include "rowhouse/database_manager.hpp"

#include <future>
#include <mutex>
#include <stop_token>
#include <thread>

#include "test_databases.hpp"

namespace {

using rowhouse::ConfigurationError;
using rowhouse::DatabaseManager;
using rowhouse::DatabaseOptions;
using rowhouse::Error;
using rowhouse::ErrorKind;
using rowhouse::Isolation;
using rowhouse::RetryOptions;
using rowhouse::Transaction;
using namespace std::chrono_literals;

class ManagerTest : public BothDatabases {
 protected:
  DatabaseOptions options() const override {
    DatabaseOptions small;
    small.max_connections = 2;
    small.checkout_timeout = 50ms;
    small.busy_timeout = 20ms;
    return small;
  }
};
ROWHOUSE_ON_BOTH_DATABASES(ManagerTest);

TEST_P(ManagerTest, AnExhaustedPoolSaysSo) {
  auto first = manager().session();
  {
    auto second = manager().session();
    EXPECT_EQ(manager().statistics().in_use, 2u);
    const Error error = error_of([&] { manager().session(); });
    EXPECT_EQ(error.sqlstate(), "53300");
    EXPECT_EQ(error.kind(), ErrorKind::kBusy);
    EXPECT_STREQ(error.what(), "no connection came free within 50 ms: all 2 are in use");
  }
  EXPECT_NO_THROW(manager().session());
}

TEST_P(ManagerTest, WaitsForAConnectionThatComesBack) {
  auto first = manager().session();
  auto second = std::make_unique<rowhouse::Session>(manager().session());
  std::jthread other([&] {
    std::this_thread::sleep_for(10ms);
    second.reset();
  });
  EXPECT_NO_THROW(manager().session());
}

TEST_P(ManagerTest, AFullQueueRefusesAtOnce) {
  DatabaseOptions crowded = options();
  crowded.max_connections = crowded.max_waiting = 1;
  crowded.checkout_timeout = 20s;
  DatabaseManager manager(this->manager().url(), crowded);
  auto held = std::make_unique<rowhouse::Session>(manager.session());
  std::jthread waits([&] { manager.session().execute("SELECT 1"); });
  while (manager.statistics().waiting == 0) std::this_thread::sleep_for(1ms);
  const Error error = error_of([&] { manager.session(); });
  EXPECT_EQ(error.sqlstate(), "53300");
  EXPECT_STREQ(error.what(), "1 callers wait for a connection already");
  held.reset();
}

// Whoever waits longest is served first, and nobody overtakes.
TEST_P(ManagerTest, TheQueueIsFair) {
  DatabaseOptions one = options();
  one.max_connections = 1;
  one.checkout_timeout = 20s;
  DatabaseManager manager(this->manager().url(), one);
  auto held = std::make_unique<rowhouse::Session>(manager.session());
  std::mutex mutex;
  std::vector<int> served;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back([&, i] {
      const auto session = manager.session();
      const std::lock_guard lock(mutex);
      served.push_back(i);
    });
    while (manager.statistics().waiting < static_cast<std::size_t>(i + 1)) std::this_thread::sleep_for(1ms);
  }
  held.reset();
  threads.clear();
  EXPECT_EQ(served, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_P(ManagerTest, ARequestToStopEndsWaitingAndRetrying) {
  auto first = manager().session(), second = manager().session();
  std::stop_source source;
  RetryOptions retry;
  retry.transaction.stop = source.get_token();
  source.request_stop();
  EXPECT_EQ(error_of([&] { manager().run_in_transaction([](Transaction&) {}, retry); }).sqlstate(), "57014");
}

TEST_P(ManagerTest, LifetimeAndIdlenessEndConnections) {
  DatabaseOptions brief = options();
  brief.max_connections = 3;
  brief.min_connections = 1;
  brief.idle_timeout = 1ms;
  DatabaseManager idle(manager().url(), brief);
  idle.warm_up();
  EXPECT_EQ(idle.statistics().idle, 1u);
  { auto a = idle.session(), b = idle.session(), c = idle.session(); }
  std::this_thread::sleep_for(5ms);
  { auto a = idle.session(); }
  EXPECT_EQ(idle.statistics().idle, 1u);
  brief.max_lifetime = 1ms;
  DatabaseManager old(manager().url(), brief);
  {
    auto a = old.session();
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_EQ(old.statistics().idle, 0u);
}

TEST_P(ManagerTest, ManyThreadsShareAFewConnections) {
  DatabaseOptions patient = options();
  patient.checkout_timeout = 20s;
  DatabaseManager shared(manager().url(), patient);
  std::vector<std::future<int>> sums;
  for (int thread = 0; thread < 8; ++thread) {
    sums.push_back(std::async(std::launch::async, [&shared] {
      int sum = 0;
      for (int i = 0; i < 50; ++i) sum += shared.session("acme").execute("SELECT 1").one().get<int>(0);
      return sum;
    }));
  }
  for (auto& sum : sums) EXPECT_EQ(sum.get(), 50);
  EXPECT_EQ(shared.statistics().in_use, 0u);
  EXPECT_LE(shared.statistics().idle, 2u);
}

TEST_P(ManagerTest, RunInTransactionCommitsReturnsAndRollsBack) {
  const int answer = manager().run_in_transaction([](Transaction& transaction) {
    transaction.execute("CREATE TABLE " +
                        std::string(transaction.database() == rowhouse::Database::kSqlite ? "" : "pg_temp.") +
                        "t (a integer)");
    return 42;
  });
  EXPECT_EQ(answer, 42);
  int calls = 0;
  EXPECT_THROW(manager().run_in_transaction([&](Transaction&) {
    ++calls;
    throw std::domain_error("mine");
  }),
               std::domain_error);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(manager().statistics().in_use, 0u);
}

TEST_P(ManagerTest, RetriesWhatCanSucceedAndNothingElse) {
  RetryOptions options;
  options.first_delay = 1ms;
  const auto calls_until = [&](const char* sqlstate, bool in_doubt) {
    int calls = 0;
    try {
      manager().run_in_transaction(
          [&](Transaction&) {
            if (++calls < 4) rowhouse::throw_error(sqlstate, "made up", {}, in_doubt);
          },
          options);
    } catch (const Error& error) {
      EXPECT_EQ(error.sqlstate(), sqlstate);
      return -calls;
    }
    return calls;
  };
  EXPECT_EQ(calls_until("40001", false), 4);
  EXPECT_EQ(calls_until("40P01", false), 4);
  EXPECT_EQ(calls_until("55P03", false), 4);
  EXPECT_EQ(calls_until("23505", false), -1);
  EXPECT_EQ(calls_until("08007", true), -1);
  EXPECT_EQ(calls_until("40001", true), -1);
  options.max_attempts = 2;
  EXPECT_EQ(calls_until("40001", false), -2);
  options.max_attempts = 10;
  options.retry_if = [](const Error&, int attempt) { return attempt < 3; };
  EXPECT_EQ(calls_until("40001", false), -3);
}

TEST(ManagerOptionsTest, AreNamedWhenOutOfRange) {
  const auto message = [](auto change) {
    DatabaseOptions options;
    change(options);
    return std::string(error_of([&] { DatabaseManager("sqlite:///x.db", options); }).what());
  };
  EXPECT_EQ(message([](auto& o) { o.max_connections = 0; }), "max_connections is 0, allowed are 1 to 10000");
  EXPECT_EQ(message([](auto& o) { o.checkout_timeout = -1ms; }), "checkout_timeout is negative");
  EXPECT_EQ(message([](auto& o) { o.schema = ""; }), "schema is empty");
  EXPECT_EQ(message([](auto& o) { o.min_connections = 21; }),
            "min_connections is 21, more than max_connections, which is 20");
  EXPECT_THROW(DatabaseManager("mysql://u:p@h/d"), ConfigurationError);
}

TEST(SqliteManagerTest, ReportsFilesItCannotOpen) {
  const TestFolder folder;
  const auto error = [&](const std::filesystem::path& path) {
    return error_of(
        [&] { DatabaseManager(rowhouse::Url::sqlite_file(path)).session().execute("SELECT 1 FROM sqlite_master"); });
  };
  EXPECT_EQ(error(folder / "absent" / "x.db").sqlstate(), "58P01");
  EXPECT_EQ(error(folder / ".").sqlstate(), "58P01");
  std::ofstream(folder / "text.db") << std::string(4096, 'x');
  EXPECT_EQ(error(folder / "text.db").sqlstate(), "22P04");
}

TEST(SqliteManagerTest, WaitsForAnotherWriterAndRetries) {
  const TestFolder folder;
  DatabaseOptions options;
  options.busy_timeout = 5ms;
  DatabaseManager manager(rowhouse::Url::sqlite_file(folder / "x.db"), options);
  manager.session().execute("CREATE TABLE t (a)");
  auto session = manager.session();
  auto writer = std::make_unique<Transaction>(session.begin());
  const Error busy = error_of([&] { manager.session().execute("INSERT INTO t VALUES (0)"); });
  EXPECT_EQ(busy.sqlstate(), "55P03");
  EXPECT_TRUE(busy.retryable());
  std::jthread other([&] {
    std::this_thread::sleep_for(100ms);
    writer->commit();
  });
  manager.run_in_transaction([](Transaction& transaction) { transaction.execute("INSERT INTO t VALUES (1)"); });
  other.join();
  EXPECT_EQ(manager.session().execute("SELECT count(*) FROM t").one().get<int>(0), 1);
}

TEST(SqliteManagerTest, ADatabaseInMemoryHasOneConnection) {
  DatabaseManager manager("sqlite://");
  manager.session().execute("CREATE TABLE t (a)");
  EXPECT_EQ(manager.options().max_connections, 1u);
  EXPECT_EQ(manager.session().execute("SELECT count(*) FROM t").one().get<int>(0), 0);
}

class PostgresManagerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ROWHOUSE_NEEDS_SERVER();
    database = std::make_unique<TestPostgres>();
    manager = std::make_unique<DatabaseManager>(database->admin_url());
    manager->session().execute("CREATE TABLE counter (id integer PRIMARY KEY, n integer NOT NULL)");
    manager->session().execute("INSERT INTO counter VALUES (1, 0)");
  }
  int count() { return manager->session().execute("SELECT n FROM counter").one().get<int>(0); }

  std::unique_ptr<TestPostgres> database;
  std::unique_ptr<DatabaseManager> manager;
};

TEST_F(PostgresManagerTest, ConcurrentSerializableTransactionsAllSucceed) {
  RetryOptions options;
  options.transaction.isolation = Isolation::kSerializable;
  options.max_attempts = 1000;
  std::atomic<int> attempts{0};
  std::vector<std::future<void>> workers;
  for (int worker = 0; worker < 4; ++worker) {
    workers.push_back(std::async(std::launch::async, [&] {
      for (int i = 0; i < 25; ++i) {
        manager->run_in_transaction(
            [&](Transaction& transaction) {
              ++attempts;
              const int n = transaction.execute("SELECT n FROM counter").one().get<int>(0);
              transaction.execute("UPDATE counter SET n = $1", {n + 1});
            },
            options);
      }
    }));
  }
  for (auto& worker : workers) worker.get();
  EXPECT_EQ(count(), 100);
  EXPECT_GT(attempts, 100);
}

TEST_F(PostgresManagerTest, ALostConnectionBeforeTheCommitIsRetried) {
  int calls = 0;
  manager->run_in_transaction([&](Transaction& transaction) {
    transaction.execute("UPDATE counter SET n = n + 1");
    if (++calls == 1) {
      const int pid = transaction.execute("SELECT pg_backend_pid()").one().get<int>(0);
      DatabaseManager(database->admin_url()).session().execute("SELECT pg_terminate_backend($1, 5000)", {pid});
    }
  });
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(count(), 1);
}

// The server dies of the very commit: nobody can know, so nobody tries again.
TEST_F(PostgresManagerTest, ACommitInDoubtIsNotRetried) {
  die_at_commit(*manager, "UPDATE", "counter");
  int calls = 0;
  const Error error = error_of([&] {
    manager->run_in_transaction([&](Transaction& transaction) {
      ++calls;
      transaction.execute("UPDATE counter SET n = n + 1");
    });
  });
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(error.in_doubt());
  EXPECT_FALSE(error.retryable());
  EXPECT_EQ(error.sqlstate(), "08007");
  EXPECT_EQ(error.kind(), ErrorKind::kConnection);
  EXPECT_EQ(count(), 0);  // the pool has a fresh connection
}

TEST_F(PostgresManagerTest, IdleConnectionsThatDiedAreReplaced) {
  const int pid = manager->session().execute("SELECT pg_backend_pid()").one().get<int>(0);
  EXPECT_EQ(manager->session().execute("SELECT pg_backend_pid()").one().get<int>(0), pid);
  DatabaseManager(database->admin_url()).session().execute("SELECT pg_terminate_backend($1, 5000)", {pid});
  EXPECT_NE(manager->session().execute("SELECT pg_backend_pid()").one().get<int>(0), pid);
}

// Makes the private server ask one role for its password.
class PasswordTest : public PostgresManagerTest {
 protected:
  void SetUp() override {
    if (std::getenv("PG_PREFIX_BIN") == nullptr)
      GTEST_SKIP() << "changes pg_hba.conf: only within tests/private-postgres";
    PostgresManagerTest::SetUp();
    manager->session().execute("CREATE ROLE regress_rowhouse_client_login LOGIN PASSWORD 'right'");
    write_access("local all regress_rowhouse_client_login scram-sha-256\n");
  }
  void TearDown() override {
    if (!manager) return;
    write_access("");
    manager->session().execute("DROP ROLE regress_rowhouse_client_login");
  }
  void write_access(const std::string& first_line) {
    if (access.empty()) access = manager->session().execute("SHOW hba_file").one().get<std::string>(0);
    if (before.empty())
      before = manager->session().execute("SELECT pg_read_file($1)", {access}).one().get<std::string>(0);
    auto session = manager->session();
    auto transaction = session.begin();
    const auto object = transaction.execute("SELECT lo_from_bytea(0, convert_to($1, 'UTF8'))", {first_line + before});
    transaction.execute("SELECT lo_export($1, $2)", {object.one().get<std::int64_t>(0), access});
    transaction.commit();
    session.execute("SELECT pg_reload_conf()");
  }

  std::string access;
  std::string before;
};

TEST_F(PasswordTest, IsNeverPrinted) {
  const std::string url = database->admin_url() + "&user=regress_rowhouse_client_login&password=";
  const auto wrong = [&] {
    for (int i = 0; i < 100; ++i) {  // until the server has read its file again
      try {
        DatabaseManager(url + "s3cret").session();
      } catch (const Error& error) {
        return error;
      }
      std::this_thread::sleep_for(50ms);
    }
    return error_of([] {});
  }();
  EXPECT_EQ(wrong.sqlstate(), "28P01");
  EXPECT_EQ(wrong.kind(), ErrorKind::kPermission);
  EXPECT_EQ(std::string(wrong.what()).find("s3cret"), std::string::npos) << wrong.what();
  EXPECT_NE(std::string(wrong.what()).find("password=***"), std::string::npos) << wrong.what();
  EXPECT_FALSE(wrong.retryable());
  EXPECT_FALSE(wrong.hint().empty());
  EXPECT_NO_THROW(DatabaseManager(url + "right").session());
}

}  // namespace
