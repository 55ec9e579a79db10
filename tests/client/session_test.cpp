#include "rowhouse/session.hpp"

#include <thread>

#include "test_databases.hpp"

namespace {

using rowhouse::Bytes;
using rowhouse::Error;
using rowhouse::ErrorKind;
using rowhouse::Json;
using rowhouse::Result;
using rowhouse::Timestamp;
using rowhouse::Value;

class SessionTest : public BothDatabases {};
ROWHOUSE_ON_BOTH_DATABASES(SessionTest);

TEST_P(SessionTest, ValuesGoInAndComeOut) {
  auto session = manager().session();
  const Timestamp time =
      std::chrono::sys_days(std::chrono::year(2024) / 2 / 29) + std::chrono::microseconds(3'723'000'042);
  const Bytes bytes{std::byte{0}, std::byte{0xff}, std::byte{'\''}};
  const bool postgres = on_postgres();
  session.execute(
      postgres ? "CREATE TEMP TABLE t (i bigint, d float8, s text, y bytea, f boolean, j jsonb, z timestamptz, n text)"
               : "CREATE TEMP TABLE t (i, d, s, y, f, j, z, n)");
  auto transaction = session.begin();
  transaction.execute(
      "INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
      {std::int64_t{-9'000'000'000'000'000'000}, 0.1, "é\"'", bytes, true, Json{{"a", 1}}, time, nullptr});
  const Result result = transaction.execute("SELECT * FROM t");
  const auto row = result.one();
  EXPECT_EQ(row["i"].as<std::int64_t>(), -9'000'000'000'000'000'000);
  EXPECT_EQ(row["d"].as<double>(), 0.1);
  EXPECT_EQ(row["s"].as<std::string>(), "é\"'");
  EXPECT_EQ(row["y"].as<Bytes>(), bytes);
  EXPECT_TRUE(row["f"].as<bool>());
  EXPECT_EQ(row["j"].as<Json>(), (Json{{"a", 1}}));
  EXPECT_EQ(row["z"].as<Timestamp>(), time);
  EXPECT_EQ(row["n"].as<std::optional<std::string>>(), std::nullopt);
  EXPECT_EQ(result.column_name(2), "s");
  const auto [integer, real] = row.to<std::optional<std::int64_t>, double>();
  EXPECT_EQ(integer, -9'000'000'000'000'000'000);
  EXPECT_EQ(real, 0.1);
}

TEST_P(SessionTest, ConversionsThatFailNameTheColumn) {
  auto session = manager().session();
  const Result result = session.execute("SELECT 'abc' AS word, 300 AS number, NULL AS missing");
  const auto row = result.one();
  EXPECT_EQ(error_of([&] { row["word"].as<int>(); }).sqlstate(), "42804");
  EXPECT_EQ(error_of([&] { row["missing"].as<int>(); }).sqlstate(), "22004");
  EXPECT_STREQ(error_of([&] { row["number"].as<std::int8_t>(); }).what(),
               "column \"number\" cannot be read as an integer of this size");
  EXPECT_EQ(row["number"].as<short>(), 300);
  EXPECT_EQ(error_of([&] { row["absent"]; }).sqlstate(), "42703");
  EXPECT_EQ(error_of([&] { session.execute("SELECT 1 WHERE 1 = 2").one(); }).sqlstate(), "P0002");
}

TEST_P(SessionTest, TheSameMistakesHaveTheSameCodes) {
  auto session = manager().session();
  const auto code = [&](std::string_view sql, std::initializer_list<Value> parameters = {}) {
    return error_of([&] { session.execute(sql, parameters); }).sqlstate();
  };
  session.execute("CREATE TEMP TABLE t (a integer PRIMARY KEY, b text NOT NULL, c integer CHECK (c > 0))");
  session.execute("CREATE TEMP TABLE r (a integer REFERENCES t (a))");
  session.execute("INSERT INTO t VALUES (1, 'x', 1)");
  EXPECT_EQ(code("INSERT INTO t VALUES (1, 'x', 1)"), "23505");
  EXPECT_EQ(code("INSERT INTO t VALUES (2, NULL, 1)"), "23502");
  EXPECT_EQ(code("INSERT INTO t VALUES (2, 'x', 0)"), "23514");
  EXPECT_EQ(code("INSERT INTO r VALUES (5)"), "23503");
  EXPECT_EQ(code("SELECT * FROM absent"), "42P01");
  EXPECT_EQ(code("SELECT absent FROM t"), "42703");
  EXPECT_EQ(code("SELECT absent()"), "42883");
  EXPECT_EQ(code("SELEC 1"), "42601");
  EXPECT_EQ(code("SELECT 1; SELECT 2"), "42601");
  EXPECT_EQ(code(std::string_view("DELETE FROM t\0 WHERE a = 5", 26)), "42601");
  EXPECT_EQ(code("SELECT a FROM t WHERE a = $1"), "08P01");
  EXPECT_EQ(code("CREATE TEMP TABLE t (a integer)"), "42P07");
  EXPECT_EQ(session.execute("UPDATE t SET b = $2 WHERE a = $1", {1, "y"}).affected_rows(), 1u);
}

TEST_P(SessionTest, AFailedTransactionTakesNothingMore) {
  auto session = manager().session();
  session.execute("CREATE TEMP TABLE t (a integer PRIMARY KEY)");
  {
    auto transaction = session.begin();
    transaction.execute("INSERT INTO t VALUES (1)");
    error_of([&] { transaction.execute("INSERT INTO t VALUES (1)"); });
    EXPECT_EQ(error_of([&] { transaction.execute("SELECT 1"); }).sqlstate(), "25P02");
    const Error error = error_of([&] { transaction.commit(); });
    EXPECT_EQ(error.sqlstate(), "25P02");
    EXPECT_EQ(error.kind(), ErrorKind::kState);
  }
  auto transaction = session.begin();
  EXPECT_EQ(transaction.execute("SELECT count(*) FROM t").one().get<int>(0), 0);
  {
    auto nested = transaction.nested();
    error_of([&] { nested.execute("SELEC 1"); });
  }
  transaction.execute("INSERT INTO t VALUES (2)");
  transaction.commit();
  EXPECT_EQ(error_of([&] { transaction.execute("SELECT 1"); }).sqlstate(), "25P01");
  EXPECT_EQ(session.execute("SELECT a FROM t").one().get<int>(0), 2);
}

TEST_P(SessionTest, ReadOnlyTransactionsRefuseWrites) {
  auto session = manager().session("acme");
  {
    auto transaction = session.begin({.read_only = true});
    EXPECT_EQ(error_of([&] { transaction.execute("DELETE FROM integrated_objects"); }).sqlstate(), "25006");
  }
  auto transaction = session.begin();
  EXPECT_NO_THROW(transaction.execute("DELETE FROM integrated_objects"));
}

TEST_P(SessionTest, OneTransactionAtATime) {
  auto session = manager().session();
  auto transaction = session.begin();
  EXPECT_EQ(error_of([&] { session.begin(); }).sqlstate(), "25001");
}

constexpr const char* kEndless =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) SELECT count(*) FROM n";

TEST_P(SessionTest, AStatementTimeoutEndsAStatement) {
  auto session = manager().session();
  auto transaction = session.begin({.statement_timeout = std::chrono::milliseconds(50)});
  const Error error = error_of([&] { transaction.execute(kEndless); });
  EXPECT_EQ(error.sqlstate(), "57014");
  EXPECT_EQ(error.kind(), ErrorKind::kCancelled);
}

TEST_P(SessionTest, TimeoutsOfOneCallEndIt) {
  auto session = manager().session("acme");
  const auto expect_cancelled = [&](const rowhouse::CallOptions& options) {
    EXPECT_EQ(error_of([&] { session.execute(kEndless, {}, options); }).sqlstate(), "57014");
    EXPECT_EQ(session.execute("SELECT 1").one().get<int>(0), 1);
  };
  expect_cancelled({.statement_timeout = std::chrono::milliseconds(50)});
  expect_cancelled({.call_timeout = std::chrono::milliseconds(50)});
  auto transaction = session.begin({.statement_timeout = std::chrono::minutes(1)});
  EXPECT_NO_THROW(transaction.execute("SELECT 1", {}, {.statement_timeout = std::chrono::seconds(5)}));
  if (on_postgres()) {
    EXPECT_EQ(transaction.execute("SHOW statement_timeout").one().get<std::string>(0), "1min");
  }
  {
    auto nested = transaction.nested();
    EXPECT_EQ(error_of([&] {
                nested.execute(kEndless, {}, {.statement_timeout = std::chrono::milliseconds(50)});
              }).sqlstate(),
              "57014");
  }
  if (on_postgres()) {
    EXPECT_EQ(transaction.execute("SHOW statement_timeout").one().get<std::string>(0), "1min");
  }
}

TEST_P(SessionTest, ARequestToStopCancelsTheStatement) {
  auto session = manager().session();
  std::stop_source source;
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    source.request_stop();
  });
  EXPECT_EQ(error_of([&] { session.execute(kEndless, {}, {.stop = source.get_token()}); }).sqlstate(), "57014");
  EXPECT_EQ(error_of([&] { session.execute("SELECT 1", {}, {.stop = source.get_token()}); }).sqlstate(), "57014");
  EXPECT_EQ(session.execute("SELECT 1").one().get<int>(0), 1);
  auto transaction = session.begin();
  transaction.execute("SELECT 1");
  EXPECT_EQ(error_of([&] { transaction.execute("SELECT 1", {}, {.stop = source.get_token()}); }).sqlstate(), "57014");
  EXPECT_NO_THROW(transaction.rollback());
}

TEST_P(SessionTest, RowsComeOneByOne) {
  constexpr const char* kNumbers =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT i, 'row ' || i AS t FROM n";
  const auto sql = on_postgres() ? "SELECT i, 'row ' || i AS t FROM generate_series(1, $1) AS i" : kNumbers;
  auto session = manager().session("acme");
  std::int64_t sum = 0;
  EXPECT_EQ(session.for_each(sql, {1000}, [&](const rowhouse::Row& row) { sum += row.get<int>(0); }), 1000u);
  EXPECT_EQ(sum, 500'500);
  EXPECT_EQ(session.for_each(sql, {0}, [](const rowhouse::Row& row) { EXPECT_EQ(row.get<int>(0), 1); }),
            on_postgres() ? 0u : 1u);
  int seen = 0;
  const auto stop_at_ten = [&](const rowhouse::Row& row) {
    EXPECT_EQ(row["t"].as<std::string>(), "row " + std::to_string(++seen));
    if (seen == 10) throw std::domain_error("enough");
  };
  EXPECT_THROW(session.for_each(sql, {5'000'000}, stop_at_ten), std::domain_error);
  EXPECT_EQ(session.execute("SELECT 1").one().get<int>(0), 1);
  EXPECT_EQ(error_of([&] { session.for_each("SELECT absent", {}, [](const rowhouse::Row&) {}); }).sqlstate(), "42703");
  auto transaction = session.begin();
  EXPECT_EQ(transaction.for_each(sql, {3}, [](const rowhouse::Row&) {}), 3u);
  transaction.commit();
}

TEST_P(SessionTest, RowsAreCopiedIn) {
  auto session = manager().session();
  const bool postgres = on_postgres();
  const Timestamp time = std::chrono::sys_days(std::chrono::year(2024) / 2 / 29) + std::chrono::microseconds(42);
  for (const char* integer : {"bigint", "integer"}) {  // by the binary format, and by text
    session.execute("DROP TABLE IF EXISTS t");
    session.execute(postgres ? "CREATE TEMP TABLE t (i " + std::string(integer) +
                                   ", d float8, s text, y bytea, f boolean, j jsonb, z timestamptz)"
                             : "CREATE TEMP TABLE t (i, d, s, y, f, j, z)");
    auto transaction = session.begin();
    int rows = 0;
    const auto next = [&](std::vector<Value>& row) {
      if (rows == 1000) return false;
      ++rows;
      row = {rows, 0.5, "tab\t\\ \"line\"\n", Bytes{std::byte{0}, std::byte{'\\'}}, rows % 2 == 0, Json{{"a", "b\\c"}},
             time};
      if (rows == 7) row.assign(7, Value());
      return true;
    };
    EXPECT_EQ(transaction.copy_in({"t", {"i", "d", "s", "y", "f", "j", "z"}}, next), 1000u);
    // Not the same statement for two tables: within a transaction that would be an error.
    const auto result = transaction.execute("SELECT * FROM t WHERE i = 1000 -- " + std::string(integer));
    const auto row = result.one();
    EXPECT_EQ(row["d"].as<double>(), 0.5);
    EXPECT_EQ(row["s"].as<std::string>(), "tab\t\\ \"line\"\n");
    EXPECT_EQ(row["y"].as<Bytes>(), (Bytes{std::byte{0}, std::byte{'\\'}}));
    EXPECT_TRUE(row["f"].as<bool>());
    EXPECT_EQ(row["j"].as<Json>(), (Json{{"a", "b\\c"}}));
    EXPECT_EQ(row["z"].as<Timestamp>(), time);
    EXPECT_EQ(transaction.execute("SELECT count(*) FROM t WHERE i IS NULL").one().get<int>(0), 1);
    transaction.commit();
  }
  auto transaction = session.begin();
  const auto once = [](std::vector<Value>& row) { return row.assign(1, "x"), true; };
  EXPECT_EQ(error_of([&] { transaction.nested().copy_in({"absent", {"i"}}, once); }).sqlstate(), "42P01");
  if (postgres) {
    session.execute("CREATE TEMP TABLE b (i bigint)");
    EXPECT_EQ(error_of([&] { transaction.nested().copy_in({"t", {"absent"}}, once); }).sqlstate(), "42703");
    const Error error = error_of([&] { transaction.nested().copy_in({"b", {"i"}}, once); });
    EXPECT_STREQ(error.what(), "a value for COPY does not fit the column \"i\"");
    std::string out;
    EXPECT_EQ(transaction.copy_out("COPY (SELECT 1, 2) TO STDOUT", [&](std::string_view row) { out += row; }), 1u);
    EXPECT_EQ(out, "1\t2\n");
  }
}

TEST_P(SessionTest, CancelFromAnotherThread) {
  auto session = manager().session();
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    session.cancel();
  });
  EXPECT_EQ(error_of([&] { session.execute(kEndless); }).sqlstate(), "57014");
}

TEST_P(SessionTest, ATransactionMayOutliveItsSession) {
  auto transaction = [&] { return manager().session().begin(); }();
  EXPECT_EQ(transaction.execute("SELECT 5").one().get<int>(0), 5);
  EXPECT_EQ(manager().statistics().in_use, 1u);
}

}  // namespace
