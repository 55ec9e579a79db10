// The helpdesk's integrated_objects of both generations, with what years of use leave in them.
#include "bridge/helpdesk.hpp"

#include "tests/bridge/planned_file.hpp"

namespace rowhouse::test {
namespace {

using Names = std::vector<std::string>;

std::string objects(const std::string& tenant_column, const std::string& more = "") {
  return "CREATE TABLE integrated_objects(id INTEGER PRIMARY KEY AUTOINCREMENT, original_id TEXT NOT NULL, " +
         tenant_column +
         " TEXT NOT NULL, platform TEXT, object_type TEXT NOT NULL, original_data TEXT NOT NULL, "
         "integrated_content TEXT, summary TEXT, metadata TEXT, created_at TEXT, updated_at TEXT" +
         more + ", UNIQUE(" + tenant_column + ", platform, object_type, original_id));";
}

std::string row(int id, const std::string& original, const std::string& tenant, const std::string& platform,
                const std::string& updated, const std::string& data = "{}") {
  return "INSERT INTO integrated_objects VALUES (" + std::to_string(id) + ", " + original + ", '" + tenant + "', " +
         platform + ", 'ticket', '" + data + "', NULL, NULL, '{}', '2024-01-01', " + updated + ");";
}

const Names kColumns = {"id bigint",
                        "original_id text",
                        "platform text",
                        "object_type text",
                        "original_data jsonb",
                        "integrated_content text",
                        "summary text",
                        "metadata jsonb",
                        "created_at timestamp with time zone",
                        "updated_at timestamp with time zone"};

TEST(Helpdesk, KnowsBothGenerations) {
  for (const char* tenant_column : {"company_id", "tenant_id"}) {
    const PlannedFiles files({objects(tenant_column) + row(1, "'1'", "acme", "'freshdesk'", "NULL")});
    const bridge::TablePlan& plan = files.table("integrated_objects");
    EXPECT_TRUE(plan.integrated_objects) << tenant_column;
    EXPECT_EQ(plan.source_tenant_columns, Names{tenant_column});
    EXPECT_EQ(columns_of(plan), kColumns);
    EXPECT_EQ(files.encode("integrated_objects").rows(), 1u);
  }
  for (const char* sql : {"CREATE TABLE integrated_objects(original_id, object_type, original_data)",
                          "CREATE TABLE integrated_objects(company_id, other)",
                          "CREATE TABLE objects(company_id, original_id, object_type, original_data)"}) {
    EXPECT_FALSE(PlannedFiles({sql}).plan.tables.at(0).integrated_objects) << sql;
  }
}

TEST(Helpdesk, MergesGenerationsAndExtraColumns) {
  const PlannedFiles files({objects("company_id"), objects("tenant_id", ", processed_at TEXT, tenant_metadata TEXT")});
  const bridge::TablePlan& plan = files.table("integrated_objects");
  EXPECT_EQ(plan.source_tenant_columns, (Names{"company_id", "tenant_id"}));
  Names expected = kColumns;
  expected.insert(expected.end(), {"processed_at text", "tenant_metadata text"});
  EXPECT_EQ(columns_of(plan), expected) << "two columns that mean metadata stay two";
}

struct Superseded {
  const char* what;
  std::string rows;
  std::vector<std::int64_t> superseded;
};

TEST(Helpdesk, KeepsTheLastUpdateOfAnObject) {
  const Superseded kCases[] = {
      {"unique", row(1, "'1'", "acme", "'freshdesk'", "NULL") + row(2, "'2'", "acme", "NULL", "NULL"), {}},
      {"blank-separated UTC before a later Z",
       row(1, "'1'", "acme", "NULL", "'2024-01-01 10:00:00'") + row(2, "'1'", "acme", "NULL", "'2024-01-01T11:00:00Z'"),
       {1}},
      {"a zone that makes it earlier, in the later row",
       row(1, "'1'", "acme", "NULL", "'2024-01-01 10:00:00'") +
           row(2, "'1'", "acme", "NULL", "'2024-01-01T11:00:00+02:00'"),
       {2}},
      {"microseconds decide",
       row(1, "'1'", "acme", "NULL", "'2024-01-01T10:00:00.000002'") +
           row(2, "'1'", "acme", "NULL", "'2024-01-01 10:00:00.000001'"),
       {2}},
      {"equal times: the later row",
       row(1, "'1'", "acme", "NULL", "'2024-01-01'") + row(2, "'1'", "acme", "NULL", "'2024-01-01 00:00'"),
       {1}},
      {"no time loses to any time",
       row(1, "'1'", "acme", "NULL", "'0001-01-01'") + row(2, "'1'", "acme", "NULL", "'soon'"),
       {2}},
      {"NULL platform is freshdesk",
       row(1, "'1'", "acme", "NULL", "'2024-01-01'") + row(2, "'1'", "acme", "'freshdesk'", "'2024-01-02'"),
       {1}},
      {"another platform is another object",
       row(1, "'1'", "acme", "NULL", "NULL") + row(2, "'1'", "acme", "'zendesk'", "NULL"),
       {}},
      {"case tells objects apart", row(1, "'a'", "acme", "NULL", "NULL") + row(2, "'A'", "acme", "NULL", "NULL"), {}},
      {"another tenant's row supersedes nothing",
       row(1, "'1'", "acme", "NULL", "'2024-01-01'") + row(2, "'1'", "globex", "NULL", "'2024-01-02'"),
       {}},
      {"three of one, two of another",
       row(1, "'1'", "acme", "NULL", "'2024-01-03'") + row(2, "'2'", "acme", "NULL", "'2024-01-01'") +
           row(3, "'1'", "acme", "NULL", "'2024-01-02'") + row(4, "'2'", "acme", "NULL", "'2024-01-02'") +
           row(5, "'1'", "acme", "NULL", "'2024-01-01'"),
       {2, 3, 5}},
  };
  for (const Superseded& c : kCases) {
    const PlannedFiles files({objects("company_id") + c.rows});
    const auto found = bridge::superseded_rows(*files.sources[0], *files.profiles[0].tables[0].table);
    ASSERT_TRUE(found.ok()) << found.status().message;
    EXPECT_EQ(found.value(), c.superseded) << c.what;
  }
}

TEST(Helpdesk, LeavesRowsWithoutAnIdToTheServer) {
  const PlannedFiles files(
      {"CREATE TABLE integrated_objects(original_id, company_id, object_type, original_data);"
       "INSERT INTO integrated_objects VALUES (NULL, 'acme', 't', '{}'), (NULL, 'acme', 't', '{}')"});
  EXPECT_EQ(files.encode("integrated_objects").rows(), 2u);
}

TEST(Helpdesk, SetsAsideWithReasons) {
  const PlannedFiles files({objects("company_id") + row(1, "'1'", "acme", "NULL", "'2024-01-01'") +
                            row(2, "'1'", "acme", "NULL", "'2024-01-02'") + row(3, "'3'", "globex", "NULL", "NULL") +
                            row(4, "'4'", "acme", "NULL", "'soon'") + row(5, "'5'", "acme", "'zendesk'", "NULL")});
  const bridge::TablePlan& plan = files.table("integrated_objects");
  EXPECT_TRUE(has_note(plan.notes, "4 rows have no platform"));
  EXPECT_TRUE(has_note(plan.notes, "1 rows are superseded"));
  EXPECT_TRUE(has_note(plan.notes, "1 rows name another tenant"));
  const bridge::Chunk chunk = files.encode("integrated_objects");
  EXPECT_EQ(chunk.keys, (Names{"2", "5"}));
  EXPECT_EQ(chunk.field(0, 3), "freshdesk");
  EXPECT_EQ(chunk.field(1, 3), "zendesk");
  ASSERT_EQ(chunk.rejects.size(), 3u);
  const char* const kExpected[][4] = {
      {"1", "", "23505", ""}, {"3", "company_id", "42501", "globex"}, {"4", "updated_at", "22007", "soon"}};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(chunk.rejects[i].key, kExpected[i][0]);
    EXPECT_EQ(chunk.rejects[i].column, kExpected[i][1]);
    EXPECT_EQ(chunk.rejects[i].sqlstate, kExpected[i][2]);
    EXPECT_EQ(chunk.rejects[i].value, kExpected[i][3]);
  }
}

}  // namespace
}  // namespace rowhouse::test
