// Views of SQLite that mean the same in PostgreSQL, within a tenant, and why the others do not.
#include "bridge/views.hpp"

#include "tests/bridge/planned_file.hpp"

namespace rowhouse::test {
namespace {

const std::string kTables =
    "CREATE TABLE a(id INTEGER PRIMARY KEY, n INTEGER, s TEXT, w TEXT COLLATE NOCASE, k TEXT COLLATE RTRIM, at DATETIME);"
    "INSERT INTO a VALUES (1, 2, 'x', 'y', 'z', '2024-01-01 00:00');"
    "CREATE TABLE b(id INTEGER PRIMARY KEY, a_id INTEGER, company_id TEXT); INSERT INTO b VALUES (1, 1, 'acme');";

bridge::Plan plan_of(const std::string& views) {
  PlannedFiles files({kTables + views});
  bridge::translate_views(files.plan, "app");
  return files.plan;
}

struct Case {
  const char* sql;
  const char* query;  // behind "SELECT "; empty where there is none
  const char* why;
};

TEST(Views, AreTranslatedOrSayWhyNot) {
  const Case kCases[] = {
      {"CREATE VIEW v AS SELECT id, s FROM a",
       "\"a\".\"company_id\", \"a\".\"id\" AS \"id\", \"a\".\"s\" AS \"s\" FROM \"app\".\"a\" AS \"a\"", ""},
      {"CREATE VIEW IF NOT EXISTS main.v(one, two) AS SELECT ID, upper(s) x FROM a /* c */ WHERE n > 1 AND w = 'Y';",
       "\"a\".\"company_id\", \"a\".\"id\" AS \"one\", upper(\"a\".\"s\" COLLATE \"C\") AS \"two\" FROM \"app\".\"a\" AS \"a\" "
       "WHERE ((\"a\".\"n\" > 1) AND (lower(\"a\".\"w\" COLLATE \"C\") = lower('Y' COLLATE \"C\")))", ""},
      {"CREATE VIEW v AS SELECT b.*, at AS \"when\", p.s || 'x' AS sx FROM b JOIN a AS p ON p.id = b.a_id",
       "\"b\".\"company_id\", \"b\".\"id\" AS \"id\", \"b\".\"a_id\" AS \"a_id\", \"p\".\"at\" AS \"when\", "
       "(\"p\".\"s\" || 'x') AS \"sx\" FROM \"app\".\"b\" AS \"b\" JOIN \"app\".\"a\" AS \"p\" ON (\"p\".\"company_id\" = "
       "\"b\".\"company_id\" AND (\"p\".\"id\" = \"b\".\"a_id\"))", ""},
      {"CREATE VIEW v AS SELECT company_id, a_id FROM b, a WHERE a_id = a.id",
       "\"b\".\"company_id\", \"b\".\"a_id\" AS \"a_id\" FROM \"app\".\"b\" AS \"b\" JOIN \"app\".\"a\" AS \"a\" ON "
       "(\"a\".\"company_id\" = \"b\".\"company_id\") WHERE (\"b\".\"a_id\" = \"a\".\"id\")", ""},
      {"CREATE VIEW v AS SELECT w FROM a", "\"a\".\"company_id\", \"a\".\"w\" AS \"w\" FROM \"app\".\"a\" AS \"a\"", ""},
      {"CREATE VIEW v AS SELECT count(*) AS c FROM a", "", "PostgreSQL may compute one of its columns otherwise"},
      {"CREATE VIEW v AS SELECT s NOTNULL FROM a", "", "one of its columns has no name"},
      {"CREATE VIEW v AS SELECT n + 1 FROM a", "", "one of its columns has no name"},
      {"CREATE VIEW v AS SELECT trim(w) AS t FROM a", "", "PostgreSQL may compute one of its columns otherwise"},
      {"CREATE VIEW v AS SELECT id FROM a WHERE k = 'z '", "", "PostgreSQL may judge one of its conditions otherwise"},
      {"CREATE VIEW v AS SELECT id FROM a WHERE at > '2024'", "", "PostgreSQL may judge one of its conditions otherwise"},
      {"CREATE VIEW v AS SELECT id FROM a WHERE s GLOB 'x*'", "", "PostgreSQL may judge one of its conditions otherwise"},
      {"CREATE VIEW v AS SELECT id FROM a WHERE id IN (SELECT a_id FROM b)", "", "PostgreSQL may judge one of its conditions otherwise"},
      {"CREATE VIEW v AS SELECT DISTINCT n FROM a", "", "it groups, orders, limits or combines rows"},
      {"CREATE VIEW v AS SELECT n FROM a GROUP BY n", "", "it groups, orders, limits or combines rows"},
      {"CREATE VIEW v AS SELECT n FROM a ORDER BY n LIMIT 3", "", "it groups, orders, limits or combines rows"},
      {"CREATE VIEW v AS SELECT id FROM a UNION SELECT id FROM b", "", "it groups, orders, limits or combines rows"},
      {"CREATE VIEW v AS SELECT s FROM a LEFT JOIN b ON a.id = b.a_id", "", "its join is no inner one on a condition"},
      {"CREATE VIEW v AS SELECT s FROM a JOIN b USING (id)", "", "its join is no inner one on a condition"},
      {"CREATE VIEW v AS SELECT s FROM a NATURAL JOIN b", "", "its join is no inner one on a condition"},
      {"CREATE VIEW v AS SELECT a.id, b.id FROM a, b", "", "two of its columns have one name, or one that PostgreSQL keeps for itself"},
      {"CREATE VIEW v AS SELECT n AS ctid FROM a", "", "two of its columns have one name, or one that PostgreSQL keeps for itself"},
      {"CREATE VIEW v AS SELECT n AS company_id FROM a", "", "two of its columns have one name, or one that PostgreSQL keeps for itself"},
      {"CREATE VIEW v AS SELECT id FROM a, b", "", "a column of it is in two tables"},
      {"CREATE VIEW v AS SELECT x.id FROM a x, a x", "", "two of its tables have one name"},
      {"CREATE VIEW v AS SELECT rowid FROM a", "", "a column of it is not there"},
      {"CREATE VIEW v AS SELECT id FROM (SELECT id FROM a)", "", "it reads from a query"},
      {"CREATE VIEW v AS SELECT name FROM pragma_table_list('a')", "", "it reads from a function"},
      {"CREATE VIEW v AS SELECT name FROM sqlite_schema", "", "it reads something else than a table that is made"},
      {"CREATE VIEW v AS SELECT 1 AS one", "", "it reads no table"},
      {"CREATE VIEW v AS VALUES (1)", "", "it is no plain SELECT"},
      {"CREATE VIEW v AS WITH c AS (SELECT 1) SELECT * FROM c", "", "it is no plain SELECT"},
  };
  bridge::Plan plan = plan_of("CREATE VIEW v AS SELECT id FROM a");
  ASSERT_EQ(plan.views.size(), 1u);
  for (const Case& c : kCases) {
    plan.views[0].source_sql = c.sql;
    bridge::translate_views(plan, "app");
    EXPECT_EQ(plan.views[0].query, *c.query ? std::string("SELECT ") + c.query : "") << c.sql;
    EXPECT_EQ(plan.views[0].why, c.why) << c.sql;
  }
}

TEST(Views, EndSoonWhateverTheirSize) {
  bridge::Plan plan = plan_of("CREATE VIEW v AS SELECT id FROM a");
  std::string list = "id c", from = "a t";
  for (int i = 0; i < 10000; ++i) {
    list += ", id c" + std::to_string(i);
    from += ", a t" + std::to_string(i);
  }
  plan.views[0].source_sql = "CREATE VIEW v AS SELECT " + list + " FROM a";
  bridge::translate_views(plan, "app");
  EXPECT_EQ(plan.views[0].why, "it has too many columns");
  plan.views[0].source_sql = "CREATE VIEW v AS SELECT t.id FROM " + from;
  bridge::translate_views(plan, "app");
  EXPECT_EQ(plan.views[0].why, "it joins too many tables");
}

TEST(Views, AskAsTheirCaller) {
  const bridge::Plan plan = plan_of("CREATE VIEW \"my \"\"view\" AS SELECT id FROM a");
  ASSERT_EQ(plan.views.size(), 1u);
  EXPECT_EQ(create_view_sql(plan.views[0], "app"),
            "CREATE VIEW \"app\".\"my \"\"view\" WITH (security_invoker = true) AS SELECT \"a\".\"company_id\", "
            "\"a\".\"id\" AS \"id\" FROM \"app\".\"a\" AS \"a\"");
  EXPECT_EQ(comment_view_sql(plan.views[0], "app"), "COMMENT ON VIEW \"app\".\"my \"\"view\" IS 'from SQLite view my \"view'");
}

TEST(Views, OfOneNameAreTheSameInAllFiles) {
  PlannedFiles files({kTables + "CREATE VIEW v AS SELECT id FROM a; CREATE VIEW w AS SELECT s FROM a",
                      kTables + "CREATE VIEW v AS SELECT n FROM a"});
  bridge::translate_views(files.plan, "app");
  ASSERT_EQ(files.plan.views.size(), 2u);
  EXPECT_EQ(files.plan.views[0].why, "the files have different views of this name");
  EXPECT_EQ(files.plan.views[1].why, "");
}

TEST(Views, TakeNobodysName) {
  PlannedFiles files({kTables + "CREATE VIEW v AS SELECT id FROM a"});
  bridge::PlanOptions options;
  options.target.others["v"] = "";
  bridge::Plan taken = bridge::make_plan(files.profiles, options);
  bridge::translate_views(taken, "app");
  EXPECT_EQ(taken.views.at(0).why, "its name is taken");
  options.target.views["v"] = "V";
  bridge::Plan ours = bridge::make_plan(files.profiles, options);
  bridge::translate_views(ours, "app");
  EXPECT_EQ(ours.views.at(0).why, "") << "made by an earlier run";
}

// Whatever stands in a view, it is translated or not: no crash, no SQL of a stranger outside of quotes.
TEST(Views, SurviveAnySql) {
  bridge::Plan plan = plan_of("CREATE VIEW v AS SELECT id FROM a");
  for (const char* sql : {"", "CREATE", "CREATE VIEW", "CREATE VIEW v", "CREATE VIEW v AS SELECT", "CREATE VIEW v AS SELECT FROM",
                          "CREATE VIEW v AS SELECT (", "CREATE VIEW v AS SELECT id FROM a WHERE", "CREATE VIEW IF",
                          "CREATE VIEW v AS SELECT id FROM a JOIN", "CREATE VIEW v AS SELECT a. FROM a",
                          "CREATE VIEW v AS SELECT id FROM a WHERE ((((", "CREATE VIEW v( AS SELECT id FROM a"}) {
    plan.views[0].source_sql = sql;
    bridge::translate_views(plan, "app");
    EXPECT_EQ(plan.views[0].query, "") << sql;
    EXPECT_NE(plan.views[0].why, "") << sql;
  }
}

}  // namespace
}  // namespace rowhouse::test
