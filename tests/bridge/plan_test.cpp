// From the shapes that files have to the tables that will hold them.
#include "bridge/plan.hpp"

#include <set>

#include "tests/bridge/planned_file.hpp"

namespace rowhouse::test {
namespace {

using bridge::TablePlan;
using Names = std::vector<std::string>;

TEST(Plan, MakesATenantsTable) {
  const PlannedFiles files(
      {"CREATE TABLE t(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, at DATETIME);"
       "CREATE INDEX by_at ON t(at, id); INSERT INTO t VALUES (1, 'a', '2024-02-29 10:00')"});
  const TablePlan& t = files.table("t");
  EXPECT_EQ(columns_of(t), (Names{"id bigint NOT NULL", "email text NOT NULL", "at timestamp without time zone"}));
  EXPECT_EQ(create_table_sql(t, {"app", true}),
            "CREATE TABLE IF NOT EXISTS \"app\".\"t\" (\n"
            "  \"company_id\" text NOT NULL,\n"
            "  \"id\" bigint NOT NULL,\n"
            "  \"email\" text COMPRESSION lz4 NOT NULL,\n"
            "  \"at\" timestamp without time zone,\n"
            "  PRIMARY KEY (\"company_id\", \"id\"),\n"
            "  CONSTRAINT \"t_sqlite_autoindex_t_1\" UNIQUE (\"company_id\", \"email\")\n)");
  EXPECT_EQ(create_index_sql(t, {"app", false}),
            (Names{"CREATE INDEX IF NOT EXISTS \"t_by_at\" ON \"app\".\"t\" (\"company_id\", \"at\", \"id\")"}));
}

TEST(Plan, MergesDrift) {
  const PlannedFiles files(
      {"CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER NOT NULL, b TEXT); INSERT INTO t VALUES (1, 2, 'x');"
       "CREATE UNIQUE INDEX u ON t(a); CREATE UNIQUE INDEX v ON t(b)",
       "CREATE TABLE T(ID INTEGER PRIMARY KEY, A REAL NOT NULL, c BLOB NOT NULL);"
       "INSERT INTO t VALUES (1, 2.5, x'00'); CREATE UNIQUE INDEX w ON t(A); CREATE TABLE only_here(x)"});
  const TablePlan& t = files.table("t");
  EXPECT_EQ(columns_of(t), (Names{"id bigint NOT NULL", "a double precision NOT NULL", "b text", "c bytea"}));
  EXPECT_EQ(t.primary_key, Names{"id"});
  EXPECT_TRUE(has_note(t.notes, "column \"b\" is in 1 of 2 files"));
  EXPECT_TRUE(has_note(files.table("only_here").notes, "in 1 of 2 files"));
  ASSERT_EQ(t.unique_keys.size(), 1u) << "unique in one file may not reject another's rows";
  EXPECT_EQ(t.unique_keys[0].columns, Names{"a"});
  EXPECT_TRUE(has_note(t.notes, "index \"v\" is unique in some files only"));
  const bridge::Chunk second = files.encode("T", 1);
  ASSERT_EQ(second.columns.size(), 4u) << "names differ by case alone: the same column";
  EXPECT_EQ(second.field(0, 2), std::string("\x40\x04\0\0\0\0\0\0", 8));
}

struct KeyCase {
  const char* what;
  std::vector<std::string> scripts;
  Names key;
};

TEST(Plan, FindsAKeyThatRefusesNoRow) {
  std::string wide = "CREATE TABLE t(c0", wide_key = ", PRIMARY KEY(c0";
  for (int i = 1; i < 40; ++i) wide += ", c" + std::to_string(i), wide_key += ", c" + std::to_string(i);
  const KeyCase kCases[] = {
      {"none in the source", {"CREATE TABLE t(a)"}, {"source_rowid"}},
      {"in the key's own order", {"CREATE TABLE t(a, b, c, PRIMARY KEY(c, a))"}, {"c", "a"}},
      {"NULL in the key", {"CREATE TABLE t(a PRIMARY KEY); INSERT INTO t VALUES (NULL), (NULL)"}, {"source_rowid"}},
      {"files that differ", {"CREATE TABLE t(a PRIMARY KEY, b)", "CREATE TABLE t(a, b PRIMARY KEY)"}, {"source_rowid"}},
      {"differ by case alone", {"CREATE TABLE t(a PRIMARY KEY, b)", "CREATE TABLE t(A PRIMARY KEY, b)"}, {"a"}},
      {"no rowid", {"CREATE TABLE t(a, b, PRIMARY KEY(b)) WITHOUT ROWID"}, {"b"}},
      {"differ, one has no rowid",
       {"CREATE TABLE t(a PRIMARY KEY, b) WITHOUT ROWID", "CREATE TABLE t(a, b PRIMARY KEY)"},
       {}},
      {"NULL in the key, rowid hidden",
       {"CREATE TABLE t(rowid PRIMARY KEY, oid, _rowid_); INSERT INTO t VALUES (NULL, 1, 1)"},
       {}},
      {"keyless, rowid hidden", {"CREATE TABLE t(rowid, oid, _rowid_)"}, {}},
      {"the tenant alone", {"CREATE TABLE t(company_id TEXT PRIMARY KEY, a)"}, {"source_rowid"}},
      {"the tenant and more", {"CREATE TABLE t(company_id TEXT, a, PRIMARY KEY(company_id, a))"}, {"a"}},
      {"wider than PostgreSQL's", {wide + wide_key + "))"}, {"source_rowid"}},
      {"a column called like ours", {"CREATE TABLE t(source_rowid)"}, {"source_rowid_"}},
  };
  for (const KeyCase& c : kCases) EXPECT_EQ(PlannedFiles(c.scripts).table("t").primary_key, c.key) << c.what;
}

TEST(Plan, KeepsNamesApart) {
  const std::string stem(63, 'n');
  const PlannedFiles files({"CREATE TABLE t(" + stem + "1, " + stem + "2, \"" + std::string(40, 'x') +
                            "ééééééééééééééé\", ctid, ctid_, xmin, tableoid);"
                            "CREATE TABLE " +
                            stem + "1(a); CREATE TABLE " + stem +
                            "2(a);"
                            "CREATE TABLE a(x); CREATE INDEX b ON a(x); CREATE TABLE a_b(x); CREATE INDEX c ON a_b(x);"
                            "CREATE TABLE a_b_c(x)"});
  std::set<std::string> names;
  for (const bridge::ColumnPlan& column : files.table("t").columns) {
    EXPECT_TRUE(names.insert(column.name).second) << column.name;
    EXPECT_LE(column.name.size(), 63u);
    EXPECT_FALSE(bridge::check_text(column.name)) << column.name;
  }
  for (const char* taken : {"ctid", "xmin", "tableoid"}) EXPECT_EQ(names.count(taken), 0u);
  std::set<std::string> relations;
  for (const TablePlan& table : files.plan.tables) {
    EXPECT_TRUE(relations.insert(table.name).second) << table.name;
    for (const bridge::KeyPlan& index : table.indexes) EXPECT_TRUE(relations.insert(index.name).second) << index.name;
  }
  EXPECT_EQ(relations.count("a_b"), 1u);
  EXPECT_EQ(bridge::make_plan(files.profiles, {}).tables[0].columns[0].name, files.plan.tables[0].columns[0].name);
}

TEST(Plan, TakesTheTenantColumnOfTheSource) {
  const PlannedFiles agree(
      {"CREATE TABLE t(id INTEGER PRIMARY KEY, Company_ID TEXT); INSERT INTO t VALUES (1, 'acme')"});
  EXPECT_EQ(agree.table("t").source_tenant_columns, Names{"Company_ID"});
  EXPECT_EQ(columns_of(agree.table("t")), Names{"id bigint NOT NULL"});

  const PlannedFiles other(
      {"CREATE TABLE t(id INTEGER PRIMARY KEY, source_company_id TEXT, Company_ID TEXT);"
       "INSERT INTO t VALUES (1, 'x', 'acme'), (2, 'y', 'globex')"});
  EXPECT_TRUE(other.table("t").source_tenant_columns.empty());
  EXPECT_EQ(columns_of(other.table("t")),
            (Names{"id bigint NOT NULL", "source_company_id text", "source_Company_ID text"}));
  EXPECT_EQ(other.encode("t").rows(), 2u);

  const PlannedFiles clash(
      {"CREATE TABLE t(source_company_id TEXT, company_id TEXT); INSERT INTO t VALUES ('x', 'globex')"});
  EXPECT_EQ(columns_of(clash.table("t")).at(1), "source_company_id_ text");
}

TEST(Plan, SaysWhatItLeaves) {
  const PlannedFiles files(
      {"CREATE TABLE t(a, b, m); CREATE INDEX p ON t(a) WHERE b; CREATE INDEX e ON t(a + b);"
       "CREATE VIEW v AS SELECT 1; INSERT INTO t VALUES (1, 1, 'x'), (1, 1, x'00')"});
  const TablePlan& t = files.table("t");
  EXPECT_TRUE(t.indexes.empty());
  EXPECT_TRUE(has_note(t.notes, "index \"p\" is not carried over: it is partial"));
  EXPECT_TRUE(has_note(t.notes, "index \"e\" is not carried over: it is on an expression"));
  EXPECT_TRUE(has_note(t.notes, "column \"m\" mixes blobs"));
  EXPECT_TRUE(has_note(files.plan.notes, "view \"v\" is passed over"));
}

// Hostile names and declared types stay names: they end in quotes or in evidence, never in SQL.
TEST(Plan, LetsNothingOutOfItsQuotes) {
  const PlannedFiles files({"CREATE TABLE \"t\"\"; DROP TABLE x; --\"(\"c\"\") , (\" \"text); DROP TABLE y; --\")"});
  const std::string sql = create_table_sql(files.plan.tables.at(0), {});
  EXPECT_EQ(sql,
            "CREATE TABLE IF NOT EXISTS \"public\".\"t\"\"; DROP TABLE x; --\" (\n"
            "  \"company_id\" text NOT NULL,\n  \"c\"\") , (\" text,\n  \"source_rowid\" bigint NOT NULL,\n"
            "  PRIMARY KEY (\"company_id\", \"source_rowid\")\n)");
}

TEST(Plan, NamesTablesThatAreTooWide) {
  std::string sql = "CREATE TABLE t(c0";
  for (int i = 1; i < 2000; ++i) sql += ", c" + std::to_string(i);
  const PlannedFiles files({sql + "); INSERT INTO t(c7) VALUES (1)"});
  EXPECT_TRUE(has_note(files.table("t").notes, "too many columns"));
  const auto encoder =
      bridge::CopyEncoder::open(*files.sources[0], files.profiles[0].tables[0].table, files.table("t"), "acme");
  ASSERT_FALSE(encoder.ok());
  EXPECT_STREQ(encoder.status().sqlstate, "54011");
}

}  // namespace
}  // namespace rowhouse::test
