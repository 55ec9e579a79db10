// Every rule by which stored values and declared words decide on a type.
#include "bridge/types.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace rowhouse::bridge {
namespace {

Cell integer(std::int64_t value) { return {StorageClass::integer, value, 0, {}}; }
Cell real(double value) { return {StorageClass::real, 0, value, {}}; }
Cell text(std::string_view value) { return {StorageClass::text, 0, 0, value}; }
Cell blob(std::string_view value) { return {StorageClass::blob, 0, 0, value}; }

ColumnProfile profile_of(std::string_view declared, const std::vector<Cell>& cells) {
  ColumnProfile profile;
  for (const Cell& cell : cells) profile.add(cell, declared_kind(declared));
  return profile;
}

struct Rule {
  const char* declared;
  std::vector<Cell> cells;
  PgType type;
  bool in_key = false;
};

constexpr std::int64_t kBig = (std::int64_t{1} << 53) + 1;

TEST(Types, AreDecidedByWhatIsStored) {
  const Rule kRules[] = {
      // No values: the declared words speak.
      {"INTEGER", {}, PgType::bigint},
      {"UNSIGNED BIG INT", {}, PgType::bigint},
      {"VARCHAR(20)", {}, PgType::text},
      {"", {}, PgType::text},
      {"REAL", {}, PgType::double_precision},
      {"DECIMAL(10,2)", {}, PgType::numeric},
      {"BLOB", {}, PgType::bytea},
      {"boolean", {}, PgType::boolean},
      {"DATE", {}, PgType::date},
      {"DATETIME", {}, PgType::timestamp},
      {"JSON", {}, PgType::jsonb},
      {"GUID", {Cell{}, Cell{}}, PgType::text},
      {"DATETIME", {}, PgType::text, true},
      {"JSON", {}, PgType::text, true},
      // One class, or several that one type holds.
      {"INTEGER", {integer(1), Cell{}}, PgType::bigint},
      {"", {integer(kBig)}, PgType::bigint},
      {"TEXT", {text("1"), text("x")}, PgType::text},
      {"INTEGER", {integer(1), text("x")}, PgType::text},
      {"DOUBLE", {real(1.5), text("")}, PgType::text},
      {"TEXT", {text("x"), blob("x")}, PgType::bytea},
      {"BLOB", {integer(1), blob("x")}, PgType::bytea},
      {"INTEGER", {integer(1), real(1.5)}, PgType::double_precision},
      {"INTEGER", {integer(kBig), real(1.5)}, PgType::numeric},
      {"REAL", {real(1.5)}, PgType::double_precision},
      {"REAL", {integer(3)}, PgType::double_precision},
      {"REAL", {integer(kBig)}, PgType::bigint},
      {"NUMERIC(10,2)", {integer(3)}, PgType::numeric},
      {"NUMERIC(10,2)", {real(0.1), integer(kBig)}, PgType::numeric},
      {"NUMERIC", {real(0.1), text("n/a")}, PgType::text},
      // Words that ask for a look at each value.
      {"BOOLEAN", {integer(0), integer(1), text("TRUE"), text("false"), Cell{}}, PgType::boolean},
      {"BOOLEAN", {integer(0), integer(2)}, PgType::bigint},
      {"BOOLEAN", {integer(0), text("maybe")}, PgType::text},
      {"BOOLEAN", {integer(1)}, PgType::bigint, true},
      {"DATE", {text("2024-02-29"), Cell{}}, PgType::date},
      {"DATE", {text("2024-02-29"), text("2024-02-29 10:00")}, PgType::timestamp},
      {"DATE", {text("2024-02-30")}, PgType::text},
      {"DATE", {text("2024-02-29")}, PgType::text, true},
      {"DATETIME", {text("2024-02-29 10:00"), text("2024-02-29T10:00:00.123456")}, PgType::timestamp},
      {"DATETIME", {text("2024-02-29")}, PgType::date},
      {"TIMESTAMP", {text("2024-02-29 10:00"), text("2024-02-29T10:00Z")}, PgType::timestamptz},
      {"TIMESTAMP", {text("2024-02-29 10:00:00.1234567")}, PgType::text},
      {"DATETIME", {integer(1700000000)}, PgType::bigint},
      {"DATETIME", {integer(1700000000), text("2024-02-29 10:00")}, PgType::text},
      {"DATETIME", {real(1e100), integer(5)}, PgType::double_precision},
      {"JSON", {text("{\"a\": 1}"), integer(5), real(1.5), Cell{}}, PgType::jsonb},
      {"JSON", {text("{\"a\": \"\\u0000\"}")}, PgType::text},
      {"JSON", {text("{}"), blob("{}")}, PgType::bytea},
      {"JSONB", {blob("\x01")}, PgType::bytea},
      {"TEXT", {text("{}")}, PgType::text},
      // Times and JSON are never guessed.
      {"TEXT", {text("2024-02-29 10:00")}, PgType::text},
  };
  for (const Rule& rule : kRules) {
    const TypeDecision decision = decide_type(rule.declared, profile_of(rule.declared, rule.cells), rule.in_key);
    EXPECT_STREQ(sql_name(decision.type), sql_name(rule.type)) << decision.evidence;
  }
}

// What the decision promises: no value of the column is refused by the type that was chosen.
TEST(Types, HoldEveryValueTheyWereChosenFor) {
  const std::vector<Cell> kCells = {
      Cell{},    integer(0),    integer(1),  integer(-5),        integer(kBig),
      real(1.5), real(-1e300),  real(1e-7),  text(""),           text("true"),
      text("x"), text("{}"),    text("[1]"), text("2024-02-29"), text("2024-02-29T10:00Z"),
      blob(""),  blob("\xFF\0")};
  const char* const kDeclared[] = {"",     "INTEGER", "TEXT", "REAL",     "NUMERIC",
                                   "BLOB", "BOOLEAN", "DATE", "DATETIME", "JSON"};
  int decided = 0;
  for (const char* declared : kDeclared) {
    for (const Cell& a : kCells) {
      for (const Cell& b : kCells) {
        for (const bool in_key : {false, true}) {
          const PgType type = decide_type(declared, profile_of(declared, {a, b}), in_key).type;
          for (const Cell& cell : {a, b}) {
            Value value;
            const Refusal refusal = decode(cell, type, TextCheck::json, value);
            EXPECT_FALSE(refusal) << declared << " as " << sql_name(type) << ": " << refusal.reason;
          }
          ++decided;
        }
      }
    }
  }
  EXPECT_EQ(decided, 10 * 17 * 17 * 2);
}

TEST(Types, ReadDeclaredWordsAsSqliteDoes) {
  struct Words {
    const char* declared;
    DeclaredKind kind;
  };
  const Words kWords[] = {{"", DeclaredKind::none},
                          {"INT", DeclaredKind::integer},
                          {"tinyint(1)", DeclaredKind::integer},
                          {"POINT", DeclaredKind::integer},
                          {"INTEGE", DeclaredKind::integer},
                          {"FLOATING POINT", DeclaredKind::integer},
                          {"NVARCHAR(100)", DeclaredKind::text},
                          {"LONGTEXT", DeclaredKind::text},
                          {"CLOB", DeclaredKind::text},
                          {"STRING", DeclaredKind::none},
                          {"longblob", DeclaredKind::blob},
                          {"DOUBLE PRECISION", DeclaredKind::real},
                          {"FLOAT", DeclaredKind::real},
                          {"NUMBER(10)", DeclaredKind::numeric},
                          {"decimal", DeclaredKind::numeric},
                          {"BOOL", DeclaredKind::boolean},
                          {"date", DeclaredKind::date},
                          {"DATE_TEXT", DeclaredKind::text},
                          {"timestamp with time zone", DeclaredKind::time},
                          {"json", DeclaredKind::json},
                          {"ANY", DeclaredKind::none}};
  for (const Words& words : kWords) EXPECT_EQ(declared_kind(words.declared), words.kind) << words.declared;
}

TEST(Types, ProfilesAddUp) {
  ColumnProfile sum = profile_of("DATETIME", {text("2024-02-29T10:00Z"), integer(1)});
  sum.add(profile_of("DATETIME", {text("soon"), Cell{}, blob("x"), real(1)}));
  EXPECT_EQ(sum.values(), 5);
  EXPECT_EQ(sum.classes(), 4);
  EXPECT_EQ(sum.nulls, 1);
  EXPECT_EQ(sum.with_zone, 1);
  EXPECT_EQ(sum.not_time, 1);
  EXPECT_EQ(sum.odd_value, "soon");
}

TEST(Types, EvidenceIsTextWhateverTheFileHolds) {
  const std::string declared = "DATETIME \xFF\n" + std::string(100000, 'x');
  const TypeDecision decision =
      decide_type(declared, profile_of("DATETIME", {text("a\xC3\"\n" + std::string(60, 'y'))}), false);
  EXPECT_FALSE(check_text(decision.evidence));
  EXPECT_LT(decision.evidence.size(), 500u);
  EXPECT_NE(decision.evidence.find("a?.?y"), std::string::npos) << decision.evidence;
}

TEST(Types, HaveNamesAndObjectIds) {
  for (const PgType type : {PgType::boolean, PgType::bigint, PgType::double_precision, PgType::numeric, PgType::text,
                            PgType::bytea, PgType::date, PgType::timestamp, PgType::timestamptz, PgType::jsonb}) {
    PgType back = PgType::boolean;
    EXPECT_TRUE(type_from_name(sql_name(type), back));
    EXPECT_EQ(back, type);
    EXPECT_GT(type_oid(type), 15u);
  }
  PgType none;
  EXPECT_FALSE(type_from_name("integer", none));
}

}  // namespace
}  // namespace rowhouse::bridge
