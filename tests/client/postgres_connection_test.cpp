#include "postgres_connection.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "test_server.hpp"

namespace {

using rowhouse::Error;
using rowhouse::ErrorKind;
using rowhouse::detail::PostgresConnection;
using rowhouse::detail::PostgresOptions;
using rowhouse::detail::PostgresParameter;
using rowhouse::detail::PostgresResult;
using rowhouse::detail::PostgresStatement;

class PostgresConnectionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ROWHOUSE_NEEDS_SERVER();
    connection.emplace(PostgresConnection::connect(test_server_url()));
  }
  std::string scalar(std::string_view sql) {
    return std::string(connection->execute(sql).value(0, 0).value_or("NULL"));
  }

  std::optional<PostgresConnection> connection;
};

// Feeds one text to a COPY, whatever the buffer's size.
PostgresConnection::Fill feed(std::string text) {
  return [text = std::move(text), done = std::size_t{0}](std::span<char> buffer) mutable {
    const std::size_t size = std::min(buffer.size(), text.size() - done);
    std::memcpy(buffer.data(), text.data() + done, size);
    done += size;
    return size;
  };
}

TEST_F(PostgresConnectionTest, PassesParametersAndReadsNulls) {
  const PostgresResult result =
      connection->execute("SELECT $1::int + 1 AS next, $2::text AS nothing", {PostgresParameter("41"), std::nullopt});
  EXPECT_EQ(result.rows(), 1u);
  EXPECT_EQ(result.column_name(0), "next");
  EXPECT_EQ(result.column_type(0), 23u);
  EXPECT_EQ(result.value(0, 0), "42");
  EXPECT_EQ(result.value(0, 1), std::nullopt);
  EXPECT_GE(connection->server_version(), 140000);
}

TEST_F(PostgresConnectionTest, RefusesNulInParameters) {
  const std::string text("a\0b", 3);
  EXPECT_EQ(error_of([&] { connection->execute("SELECT $1::text", {PostgresParameter(text)}); }).sqlstate(), "22021");
  EXPECT_EQ(scalar("SELECT 1"), "1");
}

TEST_F(PostgresConnectionTest, KeepsWhatTheServerSaysApartFromTheMessage) {
  connection->execute_script(
      "CREATE TEMP TABLE t (a int PRIMARY KEY, b int CONSTRAINT positive CHECK (b > 0)); INSERT INTO t VALUES (1, 1)");
  const Error unique = error_of([&] { connection->execute("INSERT INTO t VALUES ($1, 2)", {PostgresParameter("1")}); });
  EXPECT_EQ(unique.sqlstate(), "23505");
  EXPECT_EQ(unique.kind(), ErrorKind::kConstraint);
  EXPECT_EQ(unique.diagnostics().constraint, "t_pkey");
  EXPECT_EQ(unique.detail(), "Key (a)=(1) already exists.");
  EXPECT_FALSE(unique.retryable());
  const Error malformed = error_of([&] { connection->execute("SELECT $1::int", {PostgresParameter("s3cret")}); });
  EXPECT_EQ(malformed.sqlstate(), "22P02");
  EXPECT_STREQ(malformed.what(), "invalid input syntax for type integer");
  EXPECT_NE(malformed.diagnostics().message.find("s3cret"), std::string::npos);
  EXPECT_EQ(error_of([&] { connection->execute("SELEC 1"); }).kind(), ErrorKind::kStatement);
}

TEST_F(PostgresConnectionTest, CopiesInAndOut) {
  connection->execute("CREATE TEMP TABLE t (a int, b text)");
  std::string rows;
  for (int i = 0; i < 50'000; ++i) rows += std::to_string(i) + "\tsome text that fills more than one buffer\n";
  EXPECT_EQ(connection->copy_in("COPY t FROM STDIN", feed(rows)), 50'000u);
  EXPECT_EQ(scalar("SELECT sum(a) FROM t"), "1249975000");
  std::string out;
  EXPECT_EQ(
      connection->copy_out("COPY (SELECT * FROM t ORDER BY a) TO STDOUT", [&](std::string_view row) { out += row; }),
      50'000u);
  EXPECT_EQ(out, rows);
}

TEST_F(PostgresConnectionTest, NamesTheCopyLine) {
  connection->execute("CREATE TEMP TABLE t (a int)");
  const Error error = error_of([&] { connection->copy_in("COPY t FROM STDIN", feed("1\n2\nx\n")); });
  EXPECT_EQ(error.sqlstate(), "22P02");
  EXPECT_EQ(error.diagnostics().context, "COPY t, line 3, column a: \"x\"");
  EXPECT_EQ(scalar("SELECT count(*) FROM t"), "0");
}

TEST_F(PostgresConnectionTest, AbortsTheCopyWhenTheSourceThrows) {
  connection->execute("CREATE TEMP TABLE t (a int)");
  bool first = true;
  const auto fill = [&](std::span<char> buffer) -> std::size_t {
    if (!std::exchange(first, false)) throw std::domain_error("source broke");
    std::memcpy(buffer.data(), "1\n", 2);
    return 2;
  };
  EXPECT_THROW(connection->copy_in("COPY t FROM STDIN", fill), std::domain_error);
  EXPECT_EQ(scalar("SELECT count(*) FROM t"), "0");
  const auto take = [](std::string_view) { throw std::domain_error("sink broke"); };
  EXPECT_THROW(connection->copy_out("COPY (SELECT generate_series(1, 1000000)) TO STDOUT", take), std::domain_error);
  EXPECT_EQ(scalar("SELECT 7"), "7");
  // All that comes is there already when the sink throws.
  EXPECT_THROW(connection->copy_out("COPY (SELECT generate_series(1, 3)) TO STDOUT", take), std::domain_error);
  EXPECT_EQ(scalar("SELECT 7"), "7");
}

TEST_F(PostgresConnectionTest, CopiesWithinItsLimits) {
  connection->execute("CREATE TEMP TABLE t (a int)");
  const auto endless = [](std::span<char> buffer) {
    for (std::size_t i = 0; i + 2 <= buffer.size(); i += 2) std::memcpy(buffer.data() + i, "1\n", 2);
    return buffer.size() / 2 * 2;
  };
  connection->set_limits({.timeout = std::chrono::milliseconds(200)});
  EXPECT_EQ(error_of([&] { connection->copy_in("COPY t FROM STDIN", endless); }).sqlstate(), "57014");
  const auto ignore = [](std::string_view) {};
  EXPECT_EQ(error_of([&] { connection->copy_out("COPY (SELECT pg_sleep(60)) TO STDOUT", ignore); }).sqlstate(),
            "57014");
  connection->set_limits({});
  EXPECT_EQ(scalar("SELECT count(*) FROM t"), "0");
}

TEST_F(PostgresConnectionTest, RefusesCopyInTheWrongCall) {
  connection->execute("CREATE TEMP TABLE t (a int)");
  EXPECT_EQ(error_of([&] { connection->execute("COPY t FROM STDIN"); }).sqlstate(), "0A000");
  EXPECT_EQ(error_of([&] { connection->execute("COPY t TO STDOUT"); }).sqlstate(), "0A000");
  EXPECT_EQ(error_of([&] { connection->execute_script("COPY t FROM STDIN"); }).sqlstate(), "0A000");
  EXPECT_EQ(error_of([&] { connection->copy_in("COPY t TO STDOUT", feed("")); }).sqlstate(), "42601");
  EXPECT_EQ(error_of([&] { connection->copy_in("SELECT 1", feed("")); }).sqlstate(), "42601");
  EXPECT_EQ(scalar("SELECT 1"), "1");
}

TEST_F(PostgresConnectionTest, PipelineStopsAtTheFirstError) {
  connection->execute("CREATE TEMP TABLE t (a int)");
  const std::array<PostgresParameter, 1> bad{"x"};
  const std::array statements{PostgresStatement{"INSERT INTO t VALUES (1)", {}},
                              PostgresStatement{"INSERT INTO t VALUES ($1)", bad},
                              PostgresStatement{"INSERT INTO t VALUES (3)", {}}};
  EXPECT_EQ(error_of([&] { connection->execute_pipeline(statements); }).sqlstate(), "22P02");
  EXPECT_EQ(scalar("SELECT count(*) FROM t"), "0");
  const auto results = connection->execute_pipeline(std::span(statements).first(1));
  EXPECT_EQ(results.at(0).affected_rows(), 1u);
  EXPECT_EQ(results.at(0).command_tag(), "INSERT 0 1");
}

TEST_F(PostgresConnectionTest, TransactionsAndSavepoints) {
  connection->execute("CREATE TEMP TABLE t (a int)");
  connection->begin();
  connection->execute("INSERT INTO t VALUES (1)");
  connection->savepoint("here");
  connection->execute("INSERT INTO t VALUES (2)");
  connection->rollback_to("here");
  connection->release("here");
  EXPECT_TRUE(connection->in_transaction());
  connection->commit();
  EXPECT_EQ(scalar("SELECT sum(a) FROM t"), "1");
  connection->begin();
  EXPECT_THROW(connection->execute("SELECT 1/0"), Error);
  EXPECT_EQ(error_of([&] { connection->commit(); }).sqlstate(), "25P02");
  EXPECT_FALSE(connection->in_transaction());
  connection->rollback();
}

TEST_F(PostgresConnectionTest, CancelStopsAStatement) {
  std::thread other([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    connection->cancel();
  });
  const Error error = error_of([&] { connection->execute("SELECT pg_sleep(60)"); });
  other.join();
  EXPECT_EQ(error.sqlstate(), "57014");
  EXPECT_EQ(error.kind(), ErrorKind::kCancelled);
}

TEST_F(PostgresConnectionTest, ALostConnectionIsInDoubtOnlyWhereACommitWasUnderWay) {
  const auto end_backend = [&] {
    PostgresConnection other = PostgresConnection::connect(test_server_url());
    other.execute("SELECT pg_terminate_backend($1, 5000)",
                  {PostgresParameter(std::to_string(connection->backend_pid()))});
  };
  connection->begin();
  connection->execute("SELECT 1");
  end_backend();
  const Error mid = error_of([&] { connection->execute("SELECT 1"); });
  EXPECT_EQ(mid.kind(), ErrorKind::kConnection);
  EXPECT_FALSE(mid.in_doubt());
  EXPECT_TRUE(mid.retryable());
  EXPECT_FALSE(connection->usable());
  EXPECT_NO_THROW(connection->rollback());

  connection.emplace(PostgresConnection::connect(test_server_url()));
  connection->begin();
  end_backend();
  const Error unsent = error_of([&] { connection->commit(); });  // noticed before COMMIT was sent
  EXPECT_EQ(unsent.kind(), ErrorKind::kConnection);
  EXPECT_FALSE(unsent.in_doubt());

  connection.emplace(PostgresConnection::connect(test_server_url()));
  const Error late =
      error_of([&] { connection->execute("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(5)"); });
  EXPECT_EQ(late.sqlstate(), "08007");
  EXPECT_TRUE(late.in_doubt());
  EXPECT_FALSE(late.retryable());

  connection.emplace(PostgresConnection::connect(test_server_url()));
  EXPECT_TRUE(connection->usable());
  end_backend();
  EXPECT_FALSE(connection->usable());
}

TEST_F(PostgresConnectionTest, HandsOnNotices) {
  std::string seen;
  connection->on_notice([&](const rowhouse::detail::PostgresNotice& notice) {
    seen = std::string(notice.severity) + ' ' + std::string(notice.sqlstate) + ' ' + std::string(notice.message);
  });
  connection->execute_script("DO $$ BEGIN RAISE WARNING 'look here' USING ERRCODE = '01000'; END $$");
  EXPECT_EQ(seen, "WARNING 01000 look here");
}

TEST_F(PostgresConnectionTest, QuotesIdentifiers) { EXPECT_EQ(connection->quote_identifier("a\"b"), "\"a\"\"b\""); }

class StatementCacheTest : public PostgresConnectionTest {
 protected:
  void SetUp() override {
    PostgresConnectionTest::SetUp();
    if (IsSkipped()) return;
    PostgresOptions options;
    options.statement_cache = 3;
    connection.emplace(PostgresConnection::connect(test_server_url(), options));
  }
  std::string prepared() { return scalar("SELECT count(*) FROM pg_prepared_statements"); }
};

TEST_F(StatementCacheTest, KeepsTheLatestStatementsPrepared) {
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 10; ++i) EXPECT_EQ(scalar("SELECT " + std::to_string(i)), std::to_string(i));
  }
  EXPECT_EQ(prepared(), "4");  // this one is the fourth, for which room is made with the next statement
  EXPECT_EQ(prepared(), "3");
  connection->execute("SET application_name TO 'x'");  // none that is worth preparing
  EXPECT_EQ(prepared(), "3");
}

TEST_F(StatementCacheTest, TheSameStatementTwiceInAPipelineIsPreparedOnce) {
  const std::array<PostgresParameter, 1> one{"1"}, two{"2"};
  const std::array statements{PostgresStatement{"SELECT $1::int", one}, PostgresStatement{"SELECT $1::int", two}};
  const auto results = connection->execute_pipeline(statements);
  EXPECT_EQ(results.at(0).value(0, 0), "1");
  EXPECT_EQ(results.at(1).value(0, 0), "2");
  EXPECT_EQ(prepared(), "2");
}

TEST_F(StatementCacheTest, PreparesAgainWhatTheServerForgotOrChanged) {
  EXPECT_EQ(scalar("SELECT 5"), "5");
  for (const char* forget : {"DISCARD ALL", "DEALLOCATE ALL", "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$"}) {
    connection->execute(forget);
    EXPECT_EQ(scalar("SELECT 5"), "5") << forget;
  }
  connection->execute("CREATE TEMP TABLE t (a int)");
  connection->execute("INSERT INTO t VALUES (1)");
  EXPECT_EQ(scalar("SELECT * FROM t"), "1");
  connection->execute("ALTER TABLE t ALTER a TYPE text");
  EXPECT_EQ(scalar("SELECT * FROM t"), "1");
  // Within a transaction there is nothing to go back to; the next one gets it right.
  connection->begin();
  connection->execute("ALTER TABLE t ALTER a TYPE int USING a::int");
  EXPECT_EQ(error_of([&] { scalar("SELECT * FROM t"); }).sqlstate(), "0A000");
  connection->rollback();
  connection->begin();
  EXPECT_EQ(scalar("SELECT * FROM t"), "1");
  connection->execute("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$");
  const Error unknown = error_of([&] { scalar("SELECT * FROM t"); });
  EXPECT_EQ(unknown.sqlstate(), "26000");
  EXPECT_TRUE(unknown.retryable());
  connection->rollback();
  EXPECT_EQ(scalar("SELECT * FROM t"), "1");
}

TEST_F(StatementCacheTest, AResetKeepsItAndNothingElse) {
  EXPECT_EQ(scalar("SELECT 5"), "5");
  connection->execute("CREATE TEMP TABLE t (a int)");
  connection->execute("SET statement_timeout TO 1234");
  connection->execute("SELECT set_config('app.secret', 'x', false), pg_advisory_lock(42)");
  connection->execute("DECLARE c CURSOR WITH HOLD FOR SELECT 1");
  connection->execute("LISTEN here");
  connection->reset();
  EXPECT_EQ(scalar("SELECT to_regclass('pg_temp.t')"), "NULL");
  EXPECT_EQ(scalar("SHOW statement_timeout"), "0");
  EXPECT_EQ(scalar("SELECT current_setting('app.secret', true)"), "");
  EXPECT_EQ(scalar("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), "0");
  EXPECT_EQ(scalar("SELECT count(*) FROM pg_cursors WHERE name = 'c'"), "0");
  EXPECT_EQ(scalar("SELECT count(*) FROM pg_listening_channels()"), "0");
  EXPECT_NE(prepared(), "1");
  connection->execute("PREPARE mine AS SELECT 1");
  connection->reset();
  EXPECT_EQ(scalar("SELECT count(*) FROM pg_prepared_statements WHERE from_sql"), "0");
}

TEST_F(StatementCacheTest, AFailedTransactionDoesNotConfuseIt) {
  connection->begin();
  error_of([&] { connection->execute("SELECT 1/0"); });
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(error_of([&] { connection->execute("SELECT " + std::to_string(i)); }).sqlstate(), "25P02");
  connection->rollback();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(scalar("SELECT " + std::to_string(i)), std::to_string(i));
}

// A request that comes late must not stop another statement: cancel whatever runs, all the time.
TEST_F(PostgresConnectionTest, ALateCancelHitsNothing) {
  std::atomic<bool> over{false};
  std::thread other([&] {
    while (!over) connection->cancel();
  });
  int cancelled = 0;
  for (int i = 0; i < 300; ++i) {
    try {
      connection->execute("SELECT pg_sleep(0.001)");
    } catch (const Error& error) {
      EXPECT_EQ(error.sqlstate(), "57014");
      ++cancelled;
    }
    if (i == 250) over = true;
  }
  other.join();
  EXPECT_GT(cancelled, 0);
  EXPECT_NO_THROW(connection->execute("SELECT pg_sleep(0.05)"));
}

TEST_F(PostgresConnectionTest, ACallThatTakesTooLongIsCancelled) {
  connection->set_limits({.timeout = std::chrono::milliseconds(50)});
  EXPECT_EQ(error_of([&] { connection->execute("SELECT pg_sleep(60)"); }).sqlstate(), "57014");
  EXPECT_EQ(scalar("SELECT 1"), "1");
}

// From outside, whatever it waits for: the server when it still answers, else at this end.
// What ends a statement that would take a minute, by another thread while it runs.
template <class End>
Error ended_by(PostgresConnection& connection, End end) {
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    end();
  });
  const Error error = error_of([&] { connection.copy_out("COPY (SELECT pg_sleep(60)) TO STDOUT", [](auto) {}); });
  other.join();
  return error;
}

// Each with a connection of its own: the server signals a backend twice for one request, and the second signal may come
// when the statement has ended.
TEST_F(PostgresConnectionTest, ALineCancelsWhatItsConnectionWaitsFor) {
  const rowhouse::detail::PostgresLine line = connection->line();
  EXPECT_EQ(ended_by(*connection, [&] { line.cancel_soon(); }).kind(), ErrorKind::kCancelled);
  EXPECT_FALSE(line.is_closed());
}

TEST_F(PostgresConnectionTest, ALineIsCutAndOutlivesItsConnection) {
  const rowhouse::detail::PostgresLine line = connection->line();
  EXPECT_EQ(ended_by(*connection, [&] { line.cut(); }).kind(), ErrorKind::kConnection);
  EXPECT_FALSE(line.is_closed());
  connection.reset();
  EXPECT_TRUE(line.is_closed());
  line.cut();
  line.cancel_soon();
}

TEST(PostgresConnect, EndsWhenTheCallerWantsToStop) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);  // takes connections, and says nothing
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size) | ::listen(listener, 1), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string url = "postgresql://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/x?sslmode=disable";
  std::stop_source stop;
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    stop.request_stop();
  });
  EXPECT_EQ(error_of([&] { PostgresConnection::connect(url, {.stop = stop.get_token()}); }).sqlstate(), "57014");
  other.join();
  ::close(listener);
}

TEST(PostgresConnect, NeverPrintsThePassword) {
  const Error error =
      error_of([] { PostgresConnection::connect("postgresql://bob:s3cret@/x?host=/nowhere&sslpassword=s3cret"); });
  EXPECT_EQ(error.sqlstate(), "08001");
  EXPECT_EQ(std::string(error.what()).find("s3cret"), std::string::npos) << error.what();
  EXPECT_NE(std::string(error.what()).find("bob:***@"), std::string::npos) << error.what();
  EXPECT_EQ(error.diagnostics().message.find("s3cret"), std::string::npos);
}

TEST(PostgresConnect, NamesUnknownParametersAndWrongSchemes) {
  const Error unknown = error_of([] { PostgresConnection::connect("postgresql://h/x?ssl_mode=s3cret"); });
  EXPECT_EQ(unknown.kind(), ErrorKind::kConfiguration);
  EXPECT_STREQ(unknown.what(), "the PostgreSQL URL has the unknown parameter \"ssl_mode\"");
  EXPECT_EQ(error_of([] { PostgresConnection::connect("sqlite:///x.db"); }).kind(), ErrorKind::kConfiguration);
}

TEST_F(PostgresConnectionTest, TellsTheSqlstateOfARefusedConnection) {
  const std::string server = test_server_url();
  const Error error = error_of([&] { PostgresConnection::connect(server + "&dbname=no_such_database"); });
  EXPECT_EQ(error.sqlstate(), "3D000");
  EXPECT_EQ(std::string(error.what()).find("LOCATION"), std::string::npos) << error.what();
  EXPECT_EQ(std::string(error.what()).find("3D000"), std::string::npos) << error.what();
}

TEST(PostgresConnect, GivesUpAfterTheTimeout) {
  // An address reserved for documentation: packets to it go nowhere, or are refused at once.
  const auto start = std::chrono::steady_clock::now();
  PostgresOptions options;
  options.connect_timeout = std::chrono::milliseconds(300);
  const Error error = error_of([&] { PostgresConnection::connect("postgresql://192.0.2.1/x", options); });
  EXPECT_EQ(error.sqlstate(), "08001");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
