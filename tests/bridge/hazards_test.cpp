// What is told of a file before it is copied: which hazard, how often, where first, and what it becomes.
#include "bridge/collisions.hpp"
#include "bridge/hazards.hpp"

#include "tests/bridge/planned_file.hpp"

namespace rowhouse::test {
namespace {

using bridge::Hazard;
using bridge::OnInvalidUtf8;
using bridge::OnNul;
using bridge::TextPolicy;

// "kind table.column count sample -> becomes" of each.
std::vector<std::string> hazards_of(const bridge::Plan& plan) {
  std::vector<std::string> lines;
  for (const Hazard& hazard : plan.hazards)
    lines.push_back(hazard.kind + " " + hazard.table + "." + hazard.column + " " + std::to_string(hazard.count) + " " +
                    hazard.sample + " -> " + hazard.becomes);
  return lines;
}
std::vector<std::string> hazards_of(const std::vector<std::string>& scripts, TextPolicy policy = {}) {
  const PlannedFiles files(scripts);
  bridge::PlanOptions options;
  options.text_policy = policy;
  return hazards_of(make_plan(files.profiles, options));
}

constexpr const char* kSetAside = "the row is set aside in rowhouse.import_reject (22021)";

TEST(Hazards, AreNoneInAnOrdinaryFile) {
  EXPECT_EQ(hazards_of({"CREATE TABLE t(id INTEGER PRIMARY KEY, n NUMERIC, r REAL, s TEXT, at DATETIME, b BOOLEAN);"
                        "INSERT INTO t VALUES (1, 1, 1, 'a', '2024-01-01 00:00:00', 0), (2, 1.5, 2.5, NULL, NULL, 1)"}),
            std::vector<std::string>());
}

struct PolicyCase {
  const char* what;
  TextPolicy policy;
  std::string nul, invalid;
};

TEST(Hazards, OfTextFollowThePolicy) {
  const PolicyCase kCases[] = {
      {"reject", {}, kSetAside, kSetAside},
      {"strip", {OnNul::strip}, "the NUL is left out", kSetAside},
      {"replace", {OnNul::replace, OnInvalidUtf8::replace}, "the NUL becomes U+2400", "each wrong byte becomes U+FFFD"},
      {"bytea", {OnNul::strip, OnInvalidUtf8::bytea}, "bytea, NUL included", "bytea, byte by byte"},
  };
  for (const PolicyCase& c : kCases)
    EXPECT_EQ(hazards_of({"CREATE TABLE t(id INTEGER PRIMARY KEY, s TEXT);"
                          "INSERT INTO t VALUES (1, 'a'), (7, CAST(x'6100' AS TEXT)), (8, CAST(x'ff00' AS TEXT)),"
                          " (9, CAST(x'ff' AS TEXT))"},
                         c.policy),
              (std::vector<std::string>{"nul_in_text t.s 2 key 7 -> " + c.nul, "invalid_utf8 t.s 2 key 8 -> " + c.invalid}))
        << c.what;
  EXPECT_EQ(hazards_of({"CREATE TABLE t(s TEXT PRIMARY KEY); INSERT INTO t VALUES (CAST(x'6100' AS TEXT))"}, {OnNul::strip}),
            std::vector<std::string>{std::string("nul_in_text t.s 1 key 1 -> ") + kSetAside + ": no policy changes a key"});
}

struct ValueCase {
  const char* declared;
  const char* values;
  std::string hazards;
};

TEST(Hazards, OfValuesNameTheExceptions) {
  const ValueCase kCases[] = {
      {"INTEGER", "(1), (2), ('x')", "mixed_classes 1 key 3 -> text, numbers in their shortest exact form"},
      {"", "(x'00'), (2.5), ('x'), ('y')",
       "mixed_classes 2 key 2 -> bytea, text and numbers as the bytes that they are written with"},
      {"INTEGER", "(1), (2.5), (3)", "mixed_classes 1 key 2 -> double precision, which holds each of them exactly"},
      {"NUMERIC", "(1), (2.5), (3)", ""},
      {"INTEGER", "(9223372036854775808), (9223372036854775807)",
       "beyond_bigint 1 key 1 -> numeric: SQLite stores it as a real, its last digits were gone before; "
       "beyond_double 1 key 2 -> numeric, as no double precision holds each of the column's numbers; "
       "mixed_classes 1 key 1 -> numeric, which holds each of them exactly"},
      {"INTEGER", "(-9223372036854775808)", ""},
      {"REAL", "(1.5), (9e999), (-9e999)", "infinity 2 key 2 -> double precision, as Infinity"},
      {"DATETIME", "('2024-01-01 00:00'), ('2024-01-01'), ('2024-01-01 00:00:00Z'), ('2024-01-02T01:02')",
       "mixed_times 2 key 2 -> timestamp with time zone, a time without a zone as UTC, a date as its midnight"},
      {"DATETIME", "('2024-01-01'), ('2024-01-01'), ('soon'), ('2024-01-01 00:00Z')",
       "mixed_times 1 key 4 -> text, each as it is written; not_as_declared 1 key 3 -> all of the column is text"},
      {"DATE", "('2024-01-01'), (20240101), ('2024-01-01')",
       "mixed_classes 1 key 2 -> text, numbers in their shortest exact form"},
      {"BOOLEAN", "(0), (1), (2)", "not_as_declared 1 key 3 -> all of the column is bigint"},
      {"JSON", "('{}'), ('{')", "not_as_declared 1 key 2 -> all of the column is text"},
  };
  for (const ValueCase& c : kCases) {
    std::string said;
    for (std::string line : hazards_of({"CREATE TABLE t(c " + std::string(c.declared) + "); INSERT INTO t VALUES " + c.values})) {
      line.replace(line.find(" t.c"), 4, "");
      said += (said.empty() ? "" : "; ") + line;
    }
    EXPECT_EQ(said, c.hazards) << c.declared << " " << c.values;
  }
}

TEST(Hazards, OfKeysAndReferences) {
  EXPECT_EQ(hazards_of({"CREATE TABLE p(id INTEGER PRIMARY KEY); INSERT INTO p VALUES (1);"
                        "CREATE TABLE c(a INTEGER REFERENCES p, b TEXT REFERENCES p, k PRIMARY KEY);"
                        "INSERT INTO c VALUES (1, NULL, NULL), (2, NULL, NULL), (3, '4', 'k')"}),
            (std::vector<std::string>{
                "null_in_key c.k 2 key 1 -> rows are keyed by SQLite's rowid, in \"source_rowid\"",
                "orphan c.a 2 key 2 -> kept; the foreign key to \"p\" is NOT VALID: it binds new rows",
                "orphan c.b 1 key 3 -> kept; the foreign key is not carried over"}));
  EXPECT_EQ(hazards_of({"CREATE TABLE t(id INTEGER PRIMARY KEY, company_id TEXT);"
                        "INSERT INTO t VALUES (1, 'acme'), (2, 'globex'), (3, NULL)"}),
            std::vector<std::string>{
                "other_tenant t.company_id 2  -> the column is kept beside the tenant's, as \"source_company_id\""});
  EXPECT_EQ(hazards_of({"CREATE TABLE t(a, b, PRIMARY KEY(a, b)) WITHOUT ROWID; INSERT INTO t VALUES ('x', CAST(x'00' AS TEXT))"}),
            std::vector<std::string>{std::string("nul_in_text t.b 1 key [\"x\", \"\\u0000\"] -> ") + kSetAside});
}

TEST(Hazards, BetweenFilesAreCountedInFiles) {
  EXPECT_EQ(hazards_of({"CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b TEXT DEFAULT 'x'); INSERT INTO t VALUES (1, 2, 'y')",
                        "CREATE TABLE T(ID INTEGER PRIMARY KEY, A TEXT); INSERT INTO t VALUES (5, 'text')",
                        "CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b TEXT DEFAULT 'x'); INSERT INTO t VALUES (1, 2, 'y');"
                        "CREATE TABLE only_here(x)"}),
            (std::vector<std::string>{
                "drift_table only_here. 2  -> the table is made; files that lack it bring no rows of it",
                "mixed_classes t.a 1 key 5 of file1.db -> text, numbers in their shortest exact form",
                "drift_type t.a 2 file0.db: bigint -> text for all files",
                "drift_column t.b 1 file1.db -> its default in the rows of files that lack it"}));
  EXPECT_EQ(hazards_of({"CREATE TABLE t(a PRIMARY KEY, b)", "CREATE TABLE t(a, b PRIMARY KEY)"}),
            std::vector<std::string>{"drift_key t. 1 file1.db -> rows are keyed by SQLite's rowid where they have one"});
}

TEST(Hazards, OfTheHelpdeskAreItsRejects) {
  EXPECT_EQ(hazards_of({"CREATE TABLE integrated_objects(id INTEGER PRIMARY KEY, original_id TEXT, company_id TEXT, platform TEXT,"
                        " object_type TEXT, original_data TEXT, updated_at TEXT);"
                        "INSERT INTO integrated_objects VALUES (1, 'a', 'acme', 'f', 'ticket', '{}', '2024-01-01'),"
                        " (2, 'a', 'acme', 'f', 'ticket', '{', '2024-01-02'), (3, 'b', 'bolt', 'f', 'ticket', '{}', 'soon')"}),
            (std::vector<std::string>{
                "other_tenant integrated_objects.company_id 1  -> the row is set aside in rowhouse.import_reject (42501)",
                "superseded integrated_objects. 1  -> the row is set aside in rowhouse.import_reject (23505): a later update "
                "of the same object is kept",
                "not_as_declared integrated_objects.original_data 1 key 2 -> the row is set aside in rowhouse.import_reject "
                "(22P02)",
                "not_as_declared integrated_objects.updated_at 1 key 3 -> the row is set aside in rowhouse.import_reject "
                "(22007)"}));
}

struct CollisionCase {
  const char* what;
  const char* sql;
  TextPolicy policy;
  std::string found;  // "column count sample" of each
};

TEST(Hazards, OfKeysThatBecomeOne) {
  const CollisionCase kCases[] = {
      {"integers", "CREATE TABLE t(k PRIMARY KEY); INSERT INTO t VALUES (1), (2)", {}, ""},
      {"number and text", "CREATE TABLE t(k PRIMARY KEY); INSERT INTO t VALUES (1), ('1'), (2), (0.5), ('0.5'), ('x')", {}, "k 2 key 2;"},
      {"beside NULL", "CREATE TABLE t(k PRIMARY KEY); INSERT INTO t VALUES ('a'), (x'61'), ('b'), (NULL), (NULL)", {}, "k 1 key 2;"},
      {"text and blob", "CREATE TABLE t(k PRIMARY KEY); INSERT INTO t VALUES ('a'), (x'61'), ('b')", {}, "k 1 key 2;"},
      {"times", "CREATE TABLE t(id INTEGER PRIMARY KEY, at DATETIME UNIQUE); INSERT INTO t VALUES (1, '2024-01-01 10:00'),"
       " (2, '2024-01-01T10:00:00'), (3, '2024-01-01 10:00:00.0'), (4, NULL), (5, NULL)", {}, "at 2 key 3;"},
      {"two columns", "CREATE TABLE t(a, b, PRIMARY KEY (a, b)) WITHOUT ROWID; INSERT INTO t VALUES (1, 1), ('1', 1), ('1', 2)", {}, "a, b 1 ;"},
      {"what is set aside", "CREATE TABLE t(id INTEGER PRIMARY KEY, k UNIQUE); INSERT INTO t VALUES (1, 'a'), (2, CAST(x'6100' AS TEXT))", {}, ""},
      {"what a policy makes one", "CREATE TABLE t(id INTEGER PRIMARY KEY, k UNIQUE); INSERT INTO t VALUES (1, 'a'), (2, CAST(x'6100' AS TEXT))",
       {OnNul::strip}, "k 1 key 2;"},
  };
  for (const CollisionCase& c : kCases) {
    const PlannedFiles files({c.sql});
    bridge::PlanOptions options;
    options.text_policy = c.policy;
    const bridge::Plan plan = make_plan(files.profiles, options);
    std::vector<Hazard> hazards;
    ASSERT_TRUE(find_collisions(*files.sources[0], *files.profiles[0].tables[0].table, plan.tables[0], hazards).ok()) << c.what;
    std::string found;
    for (const Hazard& hazard : hazards) found += hazard.column + " " + std::to_string(hazard.count) + " " + hazard.sample + ";";
    EXPECT_EQ(found, c.found) << c.what;
    EXPECT_TRUE(found.empty() || may_collide(plan.tables[0])) << c.what;
  }
}

// A sample never grows with what a hostile file holds.
TEST(Hazards, AreShort) {
  const std::vector<std::string> hazards =
      hazards_of({"CREATE TABLE t(k TEXT, PRIMARY KEY(k)) WITHOUT ROWID; INSERT INTO t VALUES (printf('%.*c', 100000, 'x') || char(0))"});
  ASSERT_EQ(hazards.size(), 1u);
  EXPECT_LT(hazards[0].size(), 250u);
}

}  // namespace
}  // namespace rowhouse::test
