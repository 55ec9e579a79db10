// What read_catalog finds in files of every shape that SQLite allows.
#include "bridge/catalog.hpp"

#include <algorithm>

#include "tests/bridge/sqlite_file.hpp"

namespace rowhouse::test {
namespace {

using bridge::Catalog;
using bridge::Table;

Catalog catalog_from(const Folder& folder, const std::string& sql) {
  make_database(folder.path("acme.db"), sql);
  return catalog_of(*open_source(folder, "acme.db"));
}

// kind of everything passed over, by name
std::map<std::string, std::string> passed_over(const Catalog& catalog) {
  std::map<std::string, std::string> kinds;
  for (const bridge::PassedOver& object : catalog.passed_over) kinds[object.name] = object.kind;
  return kinds;
}

TEST(Catalog, ReadsColumnsKeysAndIndexes) {
  Folder folder;
  const Catalog catalog = catalog_from(
      folder,
      "CREATE TABLE parent(a, b, PRIMARY KEY(b, a));"
      "CREATE TABLE child(id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(20) NOT NULL DEFAULT 'x''y', x, y,"
      "  FOREIGN KEY(x, y) REFERENCES parent ON DELETE CASCADE, FOREIGN KEY(x) REFERENCES child(id));"
      "CREATE UNIQUE INDEX u ON child(name, x); CREATE INDEX p ON child(x) WHERE x > 1;"
      "CREATE INDEX e ON child(lower(name)); INSERT INTO child(x) VALUES (1)");
  ASSERT_EQ(catalog.tables.size(), 2u) << "sqlite_sequence is no table of the user's";
  const Table child = table_of(catalog, "child");
  EXPECT_EQ(child.rowid_alias, "id");
  EXPECT_EQ(child.columns[1].declared_type, "VARCHAR(20)");
  EXPECT_EQ(child.columns[1].default_sql, "'x''y'");
  EXPECT_TRUE(child.columns[1].not_null);
  ASSERT_EQ(child.indexes.size(), 3u);
  EXPECT_TRUE(child.indexes[0].columns.empty()) << "an expression";
  EXPECT_TRUE(child.indexes[1].partial);
  EXPECT_TRUE(child.indexes[2].unique);
  EXPECT_EQ(child.indexes[2].columns, (std::vector<std::string>{"name", "x"}));
  ASSERT_EQ(child.foreign_keys.size(), 2u);
  EXPECT_EQ(child.foreign_keys[0].referenced_columns, std::vector<std::string>{"id"});
  EXPECT_EQ(child.foreign_keys[1].columns, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(child.foreign_keys[1].on_delete, "CASCADE");
  EXPECT_EQ(table_of(catalog, "parent").primary_key(), (std::vector<std::string>{"b", "a"}));
}

struct RowidCase {
  const char* sql;
  const char* rowid_name;
  const char* rowid_alias;
};

TEST(Catalog, FindsTheRowid) {
  const RowidCase cases[] = {
      {"CREATE TABLE t(a)", "rowid", ""},
      {"CREATE TABLE t(a INTEGER PRIMARY KEY)", "a", "a"},
      {"CREATE TABLE t(rowid TEXT, a integer primary key)", "a", "a"},
      {"CREATE TABLE t(a INT PRIMARY KEY)", "rowid", ""},
      {"CREATE TABLE t(a INTEGER PRIMARY KEY DESC)", "rowid", ""},
      {"CREATE TABLE t(a INTEGER, b, PRIMARY KEY(a, b))", "rowid", ""},
      {"CREATE TABLE t(RowId TEXT)", "_rowid_", ""},
      {"CREATE TABLE t(rowid TEXT, _rowid_)", "oid", ""},
      {"CREATE TABLE t(rowid, oid, _rowid_, row_number)", "row_number_", ""},
      {"CREATE TABLE t(a INTEGER PRIMARY KEY) WITHOUT ROWID", "", ""},
  };
  for (const RowidCase& c : cases) {
    Folder folder;
    const Table table = table_of(catalog_from(folder, c.sql), "t");
    EXPECT_EQ(table.rowid_name, c.rowid_name) << c.sql;
    EXPECT_EQ(table.rowid_alias, c.rowid_alias) << c.sql;
  }
}

TEST(Catalog, KnowsStrictAndGeneratedColumns) {
  Folder folder;
  const Catalog catalog =
      catalog_from(folder,
                   "CREATE TABLE s(a INT, b ANY) STRICT;"
                   "CREATE TABLE g(a, b AS (a * 2) VIRTUAL, c TEXT GENERATED ALWAYS AS (a || 'x') STORED)");
  EXPECT_EQ(table_of(catalog, "s").columns[1].declared_type, "ANY");
  const Table g = table_of(catalog, "g");
  ASSERT_EQ(g.columns.size(), 3u);
  EXPECT_FALSE(g.columns[0].generated);
  EXPECT_TRUE(g.columns[1].generated && g.columns[2].generated);
}

TEST(Catalog, TakesVirtualTablesAndLeavesTheirShadows) {
  Folder folder;
  const Catalog catalog =
      catalog_from(folder,
                   "CREATE VIRTUAL TABLE notes USING fts5(title, body); CREATE VIRTUAL TABLE old USING fts4(x);"
                   "CREATE VIRTUAL TABLE box USING rtree(id, a, b); INSERT INTO notes VALUES ('t', 'b')");
  std::vector<std::string> names;
  for (const Table& table : catalog.tables) {
    names.push_back(table.name);
    EXPECT_TRUE(table.is_virtual);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"box", "notes", "old"}));
  EXPECT_EQ(table_of(catalog, "notes").columns.size(), 2u) << "hidden columns are no data";
  EXPECT_EQ(table_of(catalog, "notes").rowid_name, "rowid");
  EXPECT_EQ(passed_over(catalog).at("notes_data"), "shadow table");
  EXPECT_EQ(passed_over(catalog).at("old_segdir"), "shadow table");
}

// Every value of such a table reads as NULL: copied, that would look like what was in it.
TEST(Catalog, LeavesIndexesThatKeepNoContent) {
  Folder folder;
  const Catalog catalog = catalog_from(folder,
                                       "CREATE VIRTUAL TABLE f USING fts5(a, content = '', b);"
                                       "CREATE VIRTUAL TABLE g USING fts4(content=\"\", a);"
                                       "CREATE TABLE t(id INTEGER PRIMARY KEY, a);"
                                       "CREATE VIRTUAL TABLE h USING fts5(a, content='t', content_rowid='id');"
                                       "INSERT INTO f(rowid, a) VALUES (1, 'x')");
  EXPECT_EQ(passed_over(catalog).at("f"), "virtual table");
  EXPECT_EQ(passed_over(catalog).at("g"), "virtual table");
  EXPECT_EQ(catalog.tables.size(), 2u);
}

TEST(Catalog, NamesWhatItPassesOver) {
  Folder folder;
  {
    Writer writer(folder.path("acme.db"),
                  "CREATE TABLE t(a); CREATE VIEW v AS SELECT no_such_function(1) AS x;"
                  "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END;");
    const auto nothing = [](sqlite3_context*, int, sqlite3_value**) {};
    sqlite3_create_function(writer.connection(), "app", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, nullptr, nothing,
                            nullptr, nullptr);
    writer.run(
        "CREATE TABLE generated(a, b AS (app(a)));"
        "PRAGMA writable_schema=ON; INSERT INTO sqlite_schema VALUES "
        "('table', 'foreign_module', 'foreign_module', 0, 'CREATE VIRTUAL TABLE foreign_module USING spell(x)')");
  }
  const Catalog catalog = catalog_of(*open_source(folder, "acme.db"));
  ASSERT_EQ(catalog.tables.size(), 1u);
  EXPECT_EQ(passed_over(catalog),
            (std::map<std::string, std::string>{
                {"v", "view"}, {"r", "trigger"}, {"generated", "table"}, {"foreign_module", "virtual table"}}));
  for (const bridge::PassedOver& object : catalog.passed_over) EXPECT_FALSE(object.reason.empty()) << object.name;
}

TEST(Catalog, QuotesOddNames) {
  Folder folder;
  const char* const names[] = {"select", "a \"b\"", "a.b", "semi;colon", "é", "it's", "[x]", "`y`", "line\nbreak", " "};
  std::string sql;
  for (const char* name : names) {
    sql += "CREATE TABLE " + bridge::quote_sqlite(name) + "(" + bridge::quote_sqlite(name) + " INTEGER PRIMARY KEY);";
  }
  const Catalog catalog = catalog_from(folder, sql);
  ASSERT_EQ(catalog.tables.size(), std::size(names));
  for (const char* name : names) EXPECT_EQ(table_of(catalog, name).rowid_alias, name);
}

TEST(Catalog, PassesOverNamesThatAreNoText) {
  Folder folder;
  const Catalog catalog = catalog_from(folder,
                                       "CREATE TABLE \"bad\xFF\"(a); CREATE TABLE c(\"\xC0\x80\" INT);"
                                       "CREATE TABLE \"\"(a); CREATE VIEW \"v\xFF\" AS SELECT 1");
  EXPECT_TRUE(catalog.tables.empty());
  EXPECT_EQ(passed_over(catalog),
            (std::map<std::string, std::string>{{"bad?", "table"}, {"c", "table"}, {"", "table"}, {"v?", "view"}}));
}

TEST(Catalog, ReadsUtf16) {
  for (const char* encoding : {"UTF-16le", "UTF-16be"}) {
    Folder folder;
    const Catalog catalog =
        catalog_from(folder, std::string("PRAGMA encoding='") + encoding + "'; CREATE TABLE \"tâble\"(a)");
    EXPECT_FALSE(catalog.utf8);
    EXPECT_EQ(catalog.tables.at(0).name, "tâble");
  }
}

TEST(Catalog, FindsColumnsAsSqliteDoes) {
  Folder folder;
  const Table table = table_of(catalog_from(folder, "CREATE TABLE t(Name, \"É\")"), "t");
  EXPECT_EQ(table.find("nAME"), &table.columns[0]);
  EXPECT_EQ(table.find("é"), nullptr) << "only ASCII letters have no case";
}

// Each view doubles the work of the one below: to look at the last one would take for ever.
TEST(Catalog, DoesNotExpandViews) {
  Folder folder;
  std::string sql = "CREATE TABLE t(a); CREATE VIEW v0 AS SELECT a FROM t;";
  for (int i = 1; i <= 40; ++i) {
    const std::string below = "v" + std::to_string(i - 1);
    sql += "CREATE VIEW v" + std::to_string(i) + " AS SELECT x.a FROM " + below + " x, " + below + " y;";
  }
  EXPECT_EQ(catalog_from(folder, sql).passed_over.size(), 41u);
}

TEST(Catalog, ReadsTwoThousandColumns) {
  Folder folder;
  std::string sql = "CREATE TABLE t(c0";
  for (int i = 1; i < 2000; ++i) sql += ", c" + std::to_string(i);
  EXPECT_EQ(table_of(catalog_from(folder, sql + ")"), "t").columns.size(), 2000u);
}

}  // namespace
}  // namespace rowhouse::test
