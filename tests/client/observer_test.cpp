#include "rowhouse/observer.hpp"

#include <algorithm>
#include <mutex>
#include <thread>

#include "rowhouse/repository.hpp"
#include "test_databases.hpp"

namespace {

using rowhouse::DatabaseManager;
using rowhouse::DatabaseOptions;
using rowhouse::Error;
using rowhouse::StatementEvent;
using namespace std::chrono_literals;

// Writes down all it is told, attributes included.
class Notes : public rowhouse::Observer {
 public:
  void connected(const rowhouse::ConnectEvent& event) noexcept override { note("connected", event.attributes()); }
  void statement_started(const StatementEvent& event) noexcept override { note("started", event.attributes()); }
  void statement_finished(const StatementEvent& event) noexcept override { note("finished", event.attributes()); }
  void slow_statement(const StatementEvent& event) noexcept override { note("slow", event.attributes()); }
  void retrying(const rowhouse::RetryEvent& event) noexcept override { note("retrying", event.attributes()); }
  void waited(const rowhouse::PoolWaitEvent& event) noexcept override { note("waited", event.attributes()); }

  std::vector<std::string> take(std::string_view what) {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> found;
    for (const std::string& line : lines_) {
      if (line.starts_with(what)) found.push_back(line);
    }
    lines_.clear();
    return found;
  }

 private:
  void note(std::string line, const rowhouse::Attributes& attributes) {
    for (const auto& [name, value] : attributes) {
      if (name == "db.namespace" || name.starts_with("server.")) continue;  // of this run
      line += ' ' + std::string(name) + '=';
      if (const auto* text = std::get_if<std::string_view>(&value)) line += *text;
      if (const auto* number = std::get_if<std::int64_t>(&value)) line += std::to_string(*number);
    }
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }

  std::mutex mutex_;
  std::vector<std::string> lines_;
};

class ObserverTest : public BothDatabases {
 protected:
  DatabaseOptions options() const override {
    DatabaseOptions options;
    options.max_connections = 1;
    options.checkout_timeout = 10ms;
    options.observer = notes;
    return options;
  }
  std::string system() const { return on_postgres() ? "db.system.name=postgresql" : "db.system.name=sqlite"; }
  std::string line(const std::string& what, const std::string& rest) const { return what + ' ' + system() + rest; }

  std::shared_ptr<Notes> notes = std::make_shared<Notes>();
};
ROWHOUSE_ON_BOTH_DATABASES(ObserverTest);

TEST_P(ObserverTest, HearsOfStatementsWithNamesRowsAndErrors) {
  { auto session = manager().session("acme"); }
  notes->take("");
  auto session = manager().session("acme");
  using Lines = std::vector<std::string>;
  session.execute("SELECT $1", {"s3cret"}, {.name = "find ticket"});
  EXPECT_EQ(
      notes->take(""),
      (Lines{line("started", " db.operation.name=SELECT db.query.summary=find ticket db.response.returned_rows=0"),
             line("finished", " db.operation.name=SELECT db.query.summary=find ticket db.response.returned_rows=1")}));
  error_of([&] { session.execute("SELECT 's3cret' FROM absent"); });
  EXPECT_EQ(notes->take("finished"),
            Lines{line("finished",
                       " db.operation.name=SELECT db.query.summary=SELECT db.response.status_code=42P01"
                       " error.type=statement")});
  auto transaction = session.begin();
  EXPECT_EQ(transaction.for_each("SELECT 1 UNION ALL SELECT 2", {}, [](const rowhouse::Row&) {}), 2u);
  transaction.commit();
  EXPECT_EQ(notes->take("finished").size(), 3u);  // BEGIN, SELECT, COMMIT
}

TEST_P(ObserverTest, HearsOfEachPageOfAStreamOnce) {
  auto session = manager().session("acme");
  rowhouse::IntegratedObjectRepository objects(session);
  objects.upsert_many(numbered_objects("acme", 1200));
  const auto page = [&](const std::string& rows) {
    return line("finished",
                " db.operation.name=SELECT db.query.summary=SELECT db.response.returned_rows=" + rows);
  };
  using Lines = std::vector<std::string>;
  notes->take("");
  objects.for_each([](const rowhouse::IntegratedObject&) { return true; });
  const Lines lines = notes->take("finished");
  EXPECT_EQ(lines.size(), 4u);  // BEGIN, two pages, COMMIT
  EXPECT_EQ(std::count(lines.begin(), lines.end(), page("1000")), 1);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), page("200")), 1);
  int taken = 0;
  objects.for_each([&](const rowhouse::IntegratedObject&) { return ++taken < 10; });
  const Lines all = notes->take("");  // of a stream that is left, too
  const auto told = [&](std::string_view what) {
    return std::count_if(all.begin(), all.end(), [&](const std::string& one) { return one.starts_with(what); });
  };
  EXPECT_EQ(told("started"), told("finished"));
}

TEST_P(ObserverTest, HearsOfConnectionsWaitsRetriesAndSlowness) {
  DatabaseOptions slow = options();
  slow.slow_statement = 1ms;
  slow.observe_text = true;
  DatabaseManager manager(this->manager().url(), slow);
  notes->take("");
  {
    auto session = manager.session();
    EXPECT_EQ(notes->take("connected"), std::vector<std::string>{line("connected", "")});
    error_of([&] { manager.session(); });
    EXPECT_EQ(notes->take("waited"),
              std::vector<std::string>{line("waited",
                                            " db.client.connection.in_use=1 db.client.connection.pending_requests=0"
                                            " db.response.status_code=53300 error.type=busy")});
    session.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT count(*) FROM n",
        {300'000});
    const auto lines = notes->take("slow");
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_NE(lines[0].find("db.query.text=WITH RECURSIVE"), std::string::npos) << lines[0];
    EXPECT_EQ(lines[0].find("300000"), std::string::npos) << lines[0];
  }
  int calls = 0;
  manager.run_in_transaction(
      [&](rowhouse::Transaction&) {
        if (++calls == 1) rowhouse::throw_error("40001", "made up");
      },
      {.first_delay = 1ms});
  EXPECT_EQ(notes->take("retrying"),
            std::vector<std::string>{line("retrying",
                                          " rowhouse.retry.attempt=1 db.response.status_code=40001"
                                          " error.type=serialization")});
}

}  // namespace
