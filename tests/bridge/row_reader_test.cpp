#include "bridge/row_reader.hpp"

#include "tests/bridge/sqlite_file.hpp"

namespace rowhouse::test {
namespace {

using bridge::OrderColumn;
using bridge::PgType;
using bridge::RowReader;
using bridge::StorageClass;

// Every row of table t: its key and its cells as text, in the reader's order.
std::vector<std::string> rows_of(const bridge::Source& source, const bridge::Table& table,
                                 const std::vector<std::string>& columns, const std::vector<OrderColumn>& order = {}) {
  std::vector<std::string> rows;
  auto reader = RowReader::open(source, table, columns, order);
  EXPECT_TRUE(reader.ok()) << reader.status().message;
  for (;;) {
    const auto more = reader.value()->next();
    EXPECT_TRUE(more.ok()) << more.status().message;
    if (!more.ok() || !more.value()) return rows;
    std::string row = reader.value()->key();
    for (const bridge::Cell& cell : reader.value()->cells()) {
      row +=
          "|" + (cell.storage_class == StorageClass::integer ? std::to_string(cell.integer) : std::string(cell.bytes));
    }
    rows.push_back(std::move(row));
  }
}

std::vector<std::string> rows_from(const Folder& folder, const std::string& sql,
                                   const std::vector<std::string>& columns,
                                   const std::vector<OrderColumn>& order = {}) {
  make_database(folder.path("acme.db"), sql);
  const auto source = open_source(folder, "acme.db");
  return rows_of(*source, catalog_of(*source).tables.at(0), columns, order);
}

using Rows = std::vector<std::string>;

TEST(RowReader, ReadsByKey) {
  Folder a, b, c, d, e;
  EXPECT_EQ(rows_from(a, "CREATE TABLE t(a); INSERT INTO t(rowid, a) VALUES (9, 'x'), (-5, 'y'), (0, NULL)", {"a", ""}),
            (Rows{"-5|y|-5", "0||0", "9|x|9"}));
  EXPECT_EQ(rows_from(b,
                      "CREATE TABLE t(a, b TEXT, c BLOB, PRIMARY KEY(b, a, c)) WITHOUT ROWID;"
                      "INSERT INTO t VALUES (2, 'x', x'ff'), (1.5, 'y\"', 0), (1, 'x', 'é')",
                      {"a"}),
            (Rows{"[\"x\", 1, \"é\"]|1", "[\"x\", 2, \"\uFFFD\"]|2", "[\"y\\\"\", 1.5, 0]|"}));
  EXPECT_EQ(
      rows_from(c, "CREATE TABLE \"a \"\"b\"(\"c \"\"d\" INTEGER PRIMARY KEY); INSERT INTO \"a \"\"b\" VALUES (3)",
                {"c \"d"}),
      (Rows{"3|3"}));
  EXPECT_EQ(rows_from(d, "CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO f VALUES ('one'), ('two')", {"x"}),
            (Rows{"1|one", "2|two"}));
  EXPECT_EQ(rows_from(e, "CREATE TABLE t(rowid, oid, _rowid_); INSERT INTO t VALUES (1, 2, 3), (1, 2, 3)", {"oid", ""}),
            (Rows{"1|2|1", "2|2|2"}))
      << "columns hide the rowid: rows are numbered in its order";
}

// The order of PostgreSQL's bytes, whatever the class, collation and encoding in SQLite.
TEST(RowReader, SortsAsPostgresqlWould) {
  for (const char* encoding : {"UTF-8", "UTF-16le"}) {
    Folder folder;
    const Rows rows =
        rows_from(folder,
                  std::string("PRAGMA encoding='") + encoding +
                      "'; CREATE TABLE t(a COLLATE NOCASE); INSERT INTO t VALUES ('b'), ('B'), (10), (9), "
                      "('\U0001F600'), ('\uFFFD'), (0.30000000000000004), (0.3), (x'39ff'), (NULL)",
                  {}, {{"a", PgType::bytea}});
    EXPECT_EQ(rows, (Rows{"10", "8", "7", "3", "4", "9", "2", "1", "6", "5"})) << encoding;
  }
}

TEST(RowReader, WorksBesideOthersOnOneSource) {
  Folder folder;
  make_database(folder.path("acme.db"), "CREATE TABLE t(a); INSERT INTO t VALUES ('x'), ('y')");
  const auto source = open_source(folder, "acme.db");
  const bridge::Table table = catalog_of(*source).tables.at(0);
  auto first = RowReader::open(*source, table, {"a"}, {{"a", PgType::text}});
  ASSERT_TRUE(first.ok() && first.value()->next().value());
  EXPECT_EQ(rows_of(*source, table, {"a"}, {{"a", PgType::text}}), (Rows{"1|x", "2|y"}));
  EXPECT_TRUE(first.value()->next().value());
  EXPECT_FALSE(first.value()->next().value());
  EXPECT_FALSE(first.value()->next().value()) << "the end stays the end";
  first.value()->rewind();
  EXPECT_TRUE(first.value()->next().value());
  EXPECT_EQ(first.value()->rowid(), 1);
}

TEST(RowReader, NamesWhatItCannotRead) {
  Folder folder;
  make_database(folder.path("acme.db"), "CREATE TABLE t(a); INSERT INTO t VALUES (1)");
  const auto source = open_source(folder, "acme.db");
  bridge::Table table = catalog_of(*source).tables.at(0);
  table.name = "gone";
  const auto reader = RowReader::open(*source, table, {"a"});
  ASSERT_FALSE(reader.ok());
  EXPECT_NE(reader.status().message.find("\"gone\""), std::string::npos);
}

// Reading tables by their own b-tree finds rows that a damaged index lacks.
TEST(RowReader, NeverReadsThroughAnIndex) {
  Folder folder;
  make_database(folder.path("acme.db"),
                "CREATE TABLE t(a); CREATE INDEX i ON t(a) WHERE a > 1; INSERT INTO t VALUES (1), (2);"
                "PRAGMA writable_schema=ON;"
                "UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t(a)' WHERE name = 'i'");
  const auto source = open_source(folder, "acme.db");
  EXPECT_EQ(rows_of(*source, catalog_of(*source).tables.at(0), {"a"}), (Rows{"1|1", "2|2"}));
}

}  // namespace
}  // namespace rowhouse::test
