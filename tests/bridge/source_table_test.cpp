// What is kept of a source's table so that it can be made again.
#include "bridge/source_table.hpp"

#include "tests/bridge/planned_file.hpp"

namespace rowhouse::test {
namespace {

struct SourceTableCase {
  const char* script;
  const char* table;
  const char* sql;
  const char* columns;
};

TEST(SourceTable, KeepsSqlAndColumns) {
  const SourceTableCase cases[] = {
      {"CREATE TABLE t(id INTEGER PRIMARY KEY, Name varchar UNIQUE, d, g AS (id + 1)); CREATE INDEX i ON t(d)\n WHERE d > 1;"
       " CREATE INDEX h ON t(lower(name))",
       "t",
       "CREATE TABLE t(id INTEGER PRIMARY KEY, Name varchar UNIQUE, d, g AS (id + 1));\n"
       "CREATE INDEX h ON t(lower(name));\nCREATE INDEX i ON t(d)\n WHERE d > 1;\n",
       R"([{"declared":"INTEGER","name":"id","source":"id"},{"declared":"varchar","name":"Name","source":"Name"},)"
       R"({"declared":"","name":"d","source":"d"},{"declared":"","name":"g","source":"g"}])"},
      {"CREATE TABLE \"k\ne;y\" (a TEXT, company_id TEXT); INSERT INTO \"k\ne;y\" VALUES ('x', 'acme')", "k\ne;y",
       "CREATE TABLE \"k\ne;y\" (a TEXT, company_id TEXT);\n",
       R"([{"declared":"TEXT","name":"a","source":"a"},{"declared":"TEXT","name":"company_id","source":"company_id"},)"
       R"({"declared":"INTEGER","name":"source_rowid","source":""}])"},
      {"CREATE TABLE integrated_objects(id INTEGER PRIMARY KEY, original_id TEXT, tenant_id TEXT, object_type TEXT,"
       " original_data TEXT, tenant_metadata TEXT)",
       "integrated_objects",
       "CREATE TABLE integrated_objects(id INTEGER PRIMARY KEY, original_id TEXT, tenant_id TEXT, object_type TEXT,"
       " original_data TEXT, tenant_metadata TEXT);\n",
       R"([{"declared":"INTEGER","name":"id","source":"id"},{"declared":"TEXT","name":"original_id","source":"original_id"},)"
       R"({"declared":"TEXT","name":"company_id","source":"tenant_id"},)"
       R"({"declared":"TEXT","name":"object_type","source":"object_type"},)"
       R"({"declared":"TEXT","name":"original_data","source":"original_data"},)"
       R"({"declared":"TEXT","name":"metadata","source":"tenant_metadata"}])"},
      {"CREATE VIRTUAL TABLE v USING fts5(a, b)", "v", "CREATE VIRTUAL TABLE v USING fts5(a, b);\n",
       R"([{"declared":"","name":"a","source":"a"},{"declared":"","name":"b","source":"b"},)"
       R"({"declared":"INTEGER","name":"source_rowid","source":""}])"},
      {"CREATE TABLE t(a DEFAULT '\xff')", "t", "",
       R"([{"declared":"","name":"a","source":"a"},{"declared":"INTEGER","name":"source_rowid","source":""}])"},
  };
  for (const SourceTableCase& one : cases) {
    SCOPED_TRACE(one.script);
    const PlannedFiles files({one.script});
    for (const bridge::TableProfile& profile : files.profiles[0].tables) {
      if (profile.table->name != one.table) continue;
      EXPECT_EQ(bridge::source_sql(*profile.table), one.sql);
      EXPECT_EQ(bridge::source_columns(*profile.table, files.table(one.table)), one.columns);
    }
  }
}

}  // namespace
}  // namespace rowhouse::test
