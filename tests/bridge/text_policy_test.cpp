// What a text policy makes of text that PostgreSQL refuses.
#include "bridge/text_policy.hpp"

#include "bridge/cell.hpp"
#include "tests/bridge/planned_file.hpp"

namespace rowhouse::test {
namespace {

using bridge::OnInvalidUtf8;
using bridge::OnNul;
using bridge::PgType;
using bridge::TextPolicy;
using namespace std::string_literals;

struct RepairCase {
  PgType type;
  TextPolicy policy;
  std::string found, kept;
};

TEST(TextPolicy, ChangesWhatItNames) {
  const TextPolicy strip{OnNul::strip, OnInvalidUtf8::reject}, replace{OnNul::replace, OnInvalidUtf8::replace},
      characters{OnNul::reject, OnInvalidUtf8::replace};
  const RepairCase kCases[] = {
      {PgType::text, strip, "a\0b\0"s, "ab"},
      {PgType::text, strip, "\0"s, ""},
      {PgType::text, strip, "a\0\xFF"s, "a\xFF"},
      {PgType::text, strip, "a\xFF", "a\xFF"},
      {PgType::text, strip, "\\u0000", "\\u0000"},
      {PgType::text, replace, "a\0\xC3\xA9\xC3"s, "a\u2400é\uFFFD"},
      {PgType::text, replace, "\xE2\x82", "\uFFFD\uFFFD"},
      {PgType::text, characters, "\0\xFF"s, "\0\uFFFD"s},
      {PgType::text, replace, "sound é", "sound é"},
      {PgType::jsonb, strip, "{\"a\": \"x\\u0000y\"}", "{\"a\": \"xy\"}"},
      {PgType::jsonb, strip, "[\"\\\\u0000\", \"\\\\\\u0000\"]", "[\"\\\\u0000\", \"\\\\\"]"},
      {PgType::jsonb, replace, "\"\\u0000\\ud83d\"", "\"\\u2400\\ufffd\""},
      {PgType::jsonb, replace, "\"\\uD83D\\uDE00 \\ude00\\u00e9\"", "\"\\uD83D\\uDE00 \\ufffd\\u00e9\""},
      {PgType::jsonb, replace, "\"\\\xC3\xA9\\u12\"", "\"\\\xC3\xA9\\u12\""},
      {PgType::jsonb, characters, "\"\\u0000\"", "\"\\u0000\""},
  };
  for (const RepairCase& c : kCases) {
    std::string kept;
    const bool changed = bridge::repair_text(c.found, c.type, c.policy, kept);
    EXPECT_EQ(changed, c.found != c.kept) << c.found;
    EXPECT_EQ(changed ? kept : c.found, c.kept);
  }
}

TEST(TextPolicy, FindsEveryFault) {
  for (const auto& [text, nul, invalid] :
       {std::tuple("a"s, false, false), {"\0"s, true, false}, {"\xFF", false, true}, {"\0\xFF"s, true, true}}) {
    const bridge::TextFaults faults = bridge::find_faults(text);
    EXPECT_EQ(faults.nul, nul);
    EXPECT_EQ(faults.invalid_utf8, invalid);
  }
}

constexpr const char* kFile =
    "CREATE TABLE t(k TEXT PRIMARY KEY, v TEXT);"
    "INSERT INTO t VALUES ('1', 'good'), ('2', CAST(x'610062' AS TEXT)), ('3', CAST(x'ff' AS TEXT)),"
    "  (CAST(x'3400' AS TEXT), 'in the key')";

bridge::PlanOptions options_with(const TextPolicy& policy) {
  bridge::PlanOptions options;
  options.text_policy = policy;
  return options;
}

TEST(TextPolicy, GoesFromThePlanToTheRows) {
  const PlannedFiles files({kFile});
  const auto encode = [&](const TextPolicy& policy, std::string& digest) {
    const bridge::Plan plan = make_plan(files.profiles, options_with(policy));
    auto encoder = bridge::CopyEncoder::open(*files.sources[0], *files.profiles[0].tables[0].table, plan.tables[0], "acme");
    bridge::Chunk chunk;
    EXPECT_TRUE(encoder.ok() && encoder.value()->next(chunk).ok());
    digest = chunk.identity.digest;
    return chunk;
  };
  std::string as_found, stripped;
  EXPECT_TRUE(encode({}, as_found).repaired.empty());
  const bridge::Chunk chunk = encode({OnNul::strip, OnInvalidUtf8::reject}, stripped);
  EXPECT_EQ(chunk.repaired, (std::map<std::size_t, std::size_t>{{1, 1}})) << "neither the key nor what it does not name";
  EXPECT_EQ(chunk.field(1, 2), "ab");
  EXPECT_EQ(chunk.field(3, 1), "4\0"s);
  EXPECT_NE(as_found, stripped) << "another policy keeps other values";
}

TEST(TextPolicy, MakesAColumnBytes) {
  const PlannedFiles files({kFile});
  const auto type = [&](OnInvalidUtf8 policy) {
    return make_plan(files.profiles, options_with({OnNul::reject, policy})).tables[0].find("v")->type;
  };
  EXPECT_EQ(type(OnInvalidUtf8::replace), PgType::text);
  EXPECT_EQ(type(OnInvalidUtf8::bytea), PgType::bytea);
}

}  // namespace
}  // namespace rowhouse::test
