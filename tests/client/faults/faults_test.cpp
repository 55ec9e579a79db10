// Connections that are cut at each message of a transaction, lost and late cancel requests, a server that is silent or
// starts again: no acknowledged write is lost, none is done twice, and whoever can not know is told so.
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>

#include "../ways.hpp"
#include "fault_proxy.hpp"

namespace {

using namespace std::chrono_literals;
using asio::awaitable;
using faults::Cut;
using faults::FaultProxy;
using faults::Side;
using rowhouse::DatabaseOptions;
using rowhouse::Error;
using rowhouse::Value;
using Clock = std::chrono::steady_clock;

// How a call ended.
struct End {
  std::string state = "00000";
  bool in_doubt = false;
  rowhouse::ErrorKind kind = rowhouse::ErrorKind::kInternal;
  bool ok() const { return state == "00000"; }
};

// g++ 12 destroys temporaries of a co_await twice: whatever has a destructor has a name here.
template <class Way>
class FaultTest : public ::testing::Test {
 protected:
  using Manager = typename Way::Manager;
  using Session = typename Way::Session;
  using Transaction = typename Way::Transaction;
  using Repository = typename Way::Repository;
  using Parameters = typename Way::Parameters;

  void SetUp() override {
    ROWHOUSE_NEEDS_SERVER();
    postgres = std::make_unique<TestPostgres>();
    owner.emplace(postgres->admin_url());
    owner->session().execute("CREATE TABLE counter AS SELECT 0 AS n");
    owner->session().execute(std::string("GRANT SELECT, UPDATE ON counter TO ") + TestPostgres::kAppRole);
    proxy.emplace(socket_of(owner->url()));
    DatabaseOptions options;
    options.max_connections = 2;
    connect(options);
  }
  void connect(const DatabaseOptions& options) {
    const std::string url =
        "postgresql:///" + postgres->name() + "?host=" + proxy->folder() + "&port=5432&user=" + TestPostgres::kAppRole;
    manager.emplace(Way::manager(loop.get_executor(), rowhouse::Url::parse(url), options));
  }
  static std::string socket_of(const rowhouse::Url& url) {
    std::string folder, port;
    for (const auto& [name, value] : url.parameters()) {
      if (name == "host") folder = value;
      if (name == "port") port = value;
    }
    return folder + "/.s.PGSQL." + port;
  }
  std::int64_t number(const std::string& sql) { return owner->session().execute(sql).one().get<std::int64_t>(0); }

  // `work` is a coroutine.
  template <class Work>
  static awaitable<End> end_of(Work work) {
    End end;
    try {
      co_await work();
    } catch (const Error& error) {
      end = {error.sqlstate(), error.in_doubt(), error.kind()};
    }
    co_return end;
  }
  // To its end, on one thread.
  template <class Body>
  auto run(Body body) {
    auto done = asio::co_spawn(loop, std::move(body), asio::use_future);
    loop.restart();
    loop.run();
    return done.get();
  }

  // Every kind of write: 5 rows, and one to the counter.
  awaitable<void> write(Transaction& transaction) {
    Repository rows(transaction);
    std::vector<rowhouse::IntegratedObjectData> many(5);
    for (auto& row : many) {
      row.company_id = "acme";
      row.original_id = std::to_string(++made);
    }
    const rowhouse::IntegratedObjectData first = many.front();
    const auto created = co_await Way::answer([&] { return rows.create(first); });
    co_await Way::answer([&] { return rows.update_summary(created.id, "seen"); });
    co_await Way::answer([&] { return rows.upsert_many(many); });
    const Parameters none;
    co_await Way::answer([&] { return transaction.execute("UPDATE counter SET n = n + 1", none); });
  }
  awaitable<End> write_once() {
    return end_of([&]() -> awaitable<void> {
      const rowhouse::TransactionOptions plain;
      Session session = co_await Way::answer([&] { return manager->session("acme"); });
      Transaction transaction = co_await Way::answer([&] { return session.begin(plain); });
      co_await write(transaction);
      co_await Way::answer([&] { return transaction.commit(); });
    });
  }
  awaitable<End> write_until_done(int& calls) {
    return end_of([&]() -> awaitable<void> {
      rowhouse::RetryOptions options;
      options.transaction.tenant = "acme";
      options.first_delay = 1ms;
      const auto work = [&](Transaction& transaction) {
        ++calls;
        return write(transaction);
      };
      co_await Way::in_transaction(*manager, work, options);
    });
  }
  awaitable<End> write_into_silence(bool at_commit) {
    return end_of([this, at_commit]() -> awaitable<void> {
      rowhouse::TransactionOptions options;
      options.call_timeout = 300ms;
      const Parameters none;
      Session session = co_await Way::answer([&] { return manager->session("acme"); });
      Transaction transaction = co_await Way::answer([&] { return session.begin(options); });
      co_await Way::answer([&] { return transaction.execute("UPDATE counter SET n = n + 1", none); });
      proxy->be_silent(true);
      if (!at_commit) co_await Way::answer([&] { return transaction.execute("SELECT 1", none); });
      co_await Way::answer([&] { return transaction.commit(); });
    });
  }
  awaitable<End> write_alone() { return call("UPDATE counter SET n = n + 1", {}); }
  awaitable<End> create_alone() {
    return end_of([this]() -> awaitable<void> {
      rowhouse::IntegratedObjectData row;
      row.company_id = "acme";
      row.original_id = std::to_string(++made);
      Session session = co_await Way::answer([&] { return manager->session("acme"); });
      Repository rows(session);
      co_await Way::answer([&] { return rows.create(row); });
    });
  }
  // One statement of the tenant's.
  awaitable<End> call(std::string sql, rowhouse::CallOptions options) {
    return end_of([this, sql = std::move(sql), options]() -> awaitable<void> {
      const Parameters none;
      Session session = co_await Way::answer([&] { return manager->session("acme"); });
      co_await Way::answer([&] { return session.execute(sql, none, options); });
    });
  }

  // The same again and again, cut one message later each time, until it gets through; `cut` counts up.
  template <class Round>
  void at_each_message(const Round& round) {
    for (const auto& [side, delivered] :
         {std::pair(Side::kClient, false), {Side::kClient, true}, {Side::kServer, false}, {Side::kServer, true}}) {
      int rounds = 0;
      do {
        EXPECT_TRUE(run([&] { return write_alone(); }).ok());  // a connection is there
        before = number("SELECT n FROM counter");
        rows_before = number("SELECT count(*) FROM integrated_objects");
        proxy->cut_at({side, ++rounds, delivered});
        round(std::string(side == Side::kClient ? "client" : "server") + (delivered ? ", after " : ", before ") +
              std::to_string(rounds));
      } while (proxy->has_cut() && rounds < 500 && !::testing::Test::HasFailure());
      EXPECT_GT(rounds, 5);
      proxy->cut_at({});
    }
    EXPECT_EQ(number("SELECT count(*) FROM integrated_objects WHERE company_id <> 'acme'"), 0);
  }
  // The rows that this round has made, the last time that the server will know.
  std::int64_t rows_written() {
    const std::string backends = std::string("SELECT count(*) FROM pg_stat_activity WHERE usename = '") +
                                 TestPostgres::kAppRole + "' AND datname = current_database()";
    for (int i = 0; i < 500 && number(backends) > static_cast<std::int64_t>(manager->statistics().idle); ++i)
      std::this_thread::sleep_for(10ms);
    EXPECT_EQ(manager->statistics().in_use, 0u);
    return number("SELECT count(*) FROM integrated_objects") - rows_before;
  }
  // How often the transaction of this round is there.
  std::int64_t written() {
    const std::int64_t rows = rows_written();
    const std::int64_t times = number("SELECT n FROM counter") - before;
    EXPECT_TRUE(times == 0 || times == 1) << times;
    EXPECT_TRUE(rows == 0 || rows == 5 * times) << rows;
    return times;
  }

  std::unique_ptr<TestPostgres> postgres;
  std::optional<rowhouse::DatabaseManager> owner;  // beside the proxy
  std::optional<FaultProxy> proxy;
  asio::io_context loop{1};
  std::optional<Manager> manager;
  int made = 0;
  std::int64_t before = 0, rows_before = 0;  // of the counter, and of the tenant's
};

struct NameOfWay {
  template <class Way>
  static std::string GetName(int) {
    return Way::kName;
  }
};
using Ways = ::testing::Types<ways::Blocking, ways::Awaiting>;
TYPED_TEST_SUITE(FaultTest, Ways, NameOfWay);

TYPED_TEST(FaultTest, ATransactionThatIsCutSaysWhetherItIsThere) {
  bool doubt_and_done = false, doubt_and_not = false;
  this->at_each_message([&](const std::string& where) {
    const End end = this->run([&] { return this->write_once(); });
    const auto times = this->written();
    if (end.ok()) {
      EXPECT_EQ(times, 1) << where;
      return;
    }
    EXPECT_EQ(end.kind, rowhouse::ErrorKind::kConnection) << where << ' ' << end.state;
    EXPECT_EQ(end.in_doubt, this->proxy->saw_commit()) << where << ' ' << end.state;
    EXPECT_EQ(times, end.in_doubt ? times : 0) << where;
    if (end.in_doubt) (times > 0 ? doubt_and_done : doubt_and_not) = true;
  });
  EXPECT_TRUE(doubt_and_done);
  EXPECT_TRUE(doubt_and_not);
}

TYPED_TEST(FaultTest, ATransactionIsRunAgainUnlessItsCommitIsInDoubt) {
  bool again = false, in_doubt = false;
  this->at_each_message([&](const std::string& where) {
    int calls = 0;
    const End end = this->run([&] { return this->write_until_done(calls); });
    const auto times = this->written();
    EXPECT_EQ(end.in_doubt, !end.ok()) << where << ' ' << end.state;
    EXPECT_EQ(times, end.ok() ? 1 : times) << where;
    EXPECT_LE(calls, end.ok() ? 2 : 1) << where;
    EXPECT_LE(end.in_doubt, this->proxy->saw_commit()) << where;
    again = again || calls == 2;
    in_doubt = in_doubt || end.in_doubt;
  });
  EXPECT_TRUE(again);
  EXPECT_TRUE(in_doubt);
}

// BEGIN, the tenant, the statement and COMMIT go out at once, so whoever gets no answer can not know.
TYPED_TEST(FaultTest, AStatementAloneIsDoneOnceOrInDoubt) {
  this->at_each_message([&](const std::string& where) {
    const End end = this->run([&] { return this->write_alone(); });
    const auto times = this->written();
    EXPECT_EQ(times, end.ok() ? 1 : times) << where;
    EXPECT_EQ(end.in_doubt, !end.ok()) << where << ' ' << end.state;
  });
}

// Without BEGIN and COMMIT, but for the rest the same.
TYPED_TEST(FaultTest, ACallOfARepositoryIsDoneOnceOrInDoubt) {
  this->at_each_message([&](const std::string& where) {
    const End end = this->run([&] { return this->create_alone(); });
    const auto rows = this->rows_written();
    EXPECT_TRUE(end.ok() ? rows == 1 : rows == 0 || rows == 1) << where << ' ' << rows;
    EXPECT_EQ(end.in_doubt, !end.ok()) << where << ' ' << end.state;
  });
}

TYPED_TEST(FaultTest, ARequestToCancelThatIsLostIsSentAgain) {
  std::stop_source source;
  rowhouse::CallOptions stopped, late;
  stopped.stop = source.get_token();
  late.call_timeout = 100ms;
  std::thread stopper([&] {
    std::this_thread::sleep_for(100ms);
    source.request_stop();
  });
  const auto start = Clock::now();
  for (const rowhouse::CallOptions& options : {stopped, late}) {
    this->proxy->lose_cancels(2);
    EXPECT_EQ(this->run([&] { return this->call("SELECT pg_sleep(60)", options); }).state, "57014");
    EXPECT_EQ(this->proxy->lost_cancels(), 2);
  }
  EXPECT_LT(Clock::now() - start, 4s);
  stopper.join();
  EXPECT_TRUE(this->run([&] { return this->call("SELECT 1", {}); }).ok());
}

TYPED_TEST(FaultTest, ARequestToCancelThatComesLateHitsNothingElse) {
  this->proxy->hold_cancels(300ms);
  rowhouse::CallOptions late;
  late.call_timeout = 100ms;
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(this->run([&] { return this->call("SELECT pg_sleep(0.2)", late); }).ok());
    EXPECT_TRUE(this->run([&] { return this->call("SELECT pg_sleep(0.2)", {}); }).ok());
  }
}

// Neither the statement's answer comes nor that to the request to cancel.
TYPED_TEST(FaultTest, ASilentServerIsGivenUp) {
  for (const bool at_commit : {false, true}) {
    this->before = this->number("SELECT n FROM counter");
    const auto start = Clock::now();
    const End end = this->run([&] { return this->write_into_silence(at_commit); });
    EXPECT_EQ(end.state, at_commit ? "08007" : "08006");
    EXPECT_EQ(end.in_doubt, at_commit);
    EXPECT_LT(Clock::now() - start, 4s);
    this->proxy->be_silent(false);
    EXPECT_EQ(this->written(), at_commit ? 1 : 0);
    EXPECT_TRUE(this->run([&] { return this->call("SELECT 1", {}); }).ok());
  }
}

TYPED_TEST(FaultTest, AServerThatStartsAgainIsWaitedFor) {
  this->run([&] { return this->write_alone(); });
  this->proxy->be_starting(true);
  const End refused = this->run([&] { return this->write_alone(); });
  EXPECT_EQ(refused.state, "57P03");
  EXPECT_EQ(refused.kind, rowhouse::ErrorKind::kConnection);
  EXPECT_FALSE(refused.in_doubt);
  this->before = this->number("SELECT n FROM counter");
  std::thread server([&] {
    std::this_thread::sleep_for(300ms);
    this->proxy->be_starting(false);
  });
  int calls = 0;
  EXPECT_TRUE(this->run([&] { return this->write_until_done(calls); }).ok());
  server.join();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(this->written(), 1);
}

}  // namespace
