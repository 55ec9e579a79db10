// Chunks are found again in a file that changed, and what became of each row is told by the marks of the time before.
#include "bridge/difference.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "bridge/key_set.hpp"
#include "planned_file.hpp"

namespace rowhouse::test {
namespace {

using bridge::Change;
using bridge::Chunk;
using bridge::ChunkIdentity;

std::string rows_sql(const std::string& select = "SELECT i, 'row ' || i, i * 0.5 FROM n") {
  return "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b REAL);"
         "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO t " +
         select + ";";
}

constexpr bridge::ChunkLimits kSmall{16 * 1024, 600};

std::vector<ChunkIdentity> scan(const PlannedFiles& files) {
  auto scanner = bridge::ChunkScanner::open(*files.sources[0], *files.profiles[0].tables[0].table, kSmall);
  std::vector<ChunkIdentity> chunks;
  for (ChunkIdentity chunk; scanner.value()->next(chunk).value();) chunks.push_back(chunk);
  return chunks;
}

std::vector<Chunk> encode(const PlannedFiles& files) {
  const auto encoder = files.encoder("t", 0, {kSmall});
  std::vector<Chunk> chunks;
  for (Chunk chunk; encoder->next(chunk).value();) chunks.push_back(chunk);
  return chunks;
}

TEST(ChunkCutter, ScansTheChunksThatAreEncoded) {
  const PlannedFiles files({rows_sql()});
  const std::vector<ChunkIdentity> scanned = scan(files);
  const std::vector<Chunk> encoded = encode(files);
  ASSERT_EQ(scanned.size(), encoded.size());
  EXPECT_GT(scanned.size(), 4u);
  for (std::size_t i = 0; i < scanned.size(); ++i) EXPECT_EQ(scanned[i], encoded[i].identity);
  EXPECT_EQ(scanned.front().key_from, "1");
  EXPECT_EQ(scanned.back().key_to, "3000");
}

// A change moves the ends of few chunks: all others are known by what they were known by.
TEST(ChunkCutter, KeepsChunksThatAChangeDoesNotTouch) {
  const std::vector<ChunkIdentity> before = scan(PlannedFiles({rows_sql()}));
  for (const char* change : {"DELETE FROM t WHERE id = 2", "UPDATE t SET a = 'longer than it was before' WHERE id = 1500",
                             "INSERT INTO t VALUES (-5, 'first', 0)", "DELETE FROM t WHERE id BETWEEN 700 AND 720"}) {
    const std::vector<ChunkIdentity> after = scan(PlannedFiles({rows_sql() + change}));
    const auto kept = std::count_if(after.begin(), after.end(), [&](const ChunkIdentity& chunk) {
      return std::find(before.begin(), before.end(), chunk) != before.end();
    });
    EXPECT_GE(kept, static_cast<std::ptrdiff_t>(before.size()) - 3) << change;
    EXPECT_LT(kept, static_cast<std::ptrdiff_t>(after.size())) << change;
  }
}

TEST(ChunkCutter, KnowsATableWithoutRowsByOneChunk) {
  const std::vector<ChunkIdentity> chunks = scan(PlannedFiles({"CREATE TABLE t(id INTEGER PRIMARY KEY)"}));
  ASSERT_EQ(chunks.size(), 1u);
  EXPECT_EQ(chunks[0].rows, 0);
  EXPECT_EQ(chunks[0].key_from, "");
}

TEST(Difference, TellsNewOtherAndGoneRows) {
  const PlannedFiles before({rows_sql()});
  const PlannedFiles after({rows_sql() + "UPDATE t SET b = -1 WHERE id = 7; DELETE FROM t WHERE id IN (8, 2999);"
                                         "INSERT INTO t VALUES (4000, 'new', 1)"});
  const auto key = bridge::key_columns(before.table("t"), before.encoder("t")->columns());
  bridge::Difference difference(key.value());
  for (const Chunk& chunk : encode(before)) difference.add_marks(bridge::marks_of(chunk, key.value()));
  const std::vector<Chunk> chunks = encode(after);
  for (const Chunk& chunk : chunks) difference.show(chunk);
  EXPECT_EQ(difference.removals().size(), 2u);
  std::map<std::string, Change> changed;
  for (const Chunk& chunk : chunks) {
    const std::vector<Change> changes = difference.changes(chunk);
    for (std::size_t row = 0; row < chunk.rows(); ++row) {
      if (changes[row] != Change::none) changed[chunk.keys[row]] = changes[row];
    }
  }
  EXPECT_EQ(changed, (std::map<std::string, Change>{{"7", Change::update}, {"4000", Change::insert}}));
}

TEST(RowMarks, ComeBackAsTheyWere) {
  for (const char* sql :
       {"CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES (-9223372036854775808), (-1), (0), (1), (300), "
        "(9223372036854775807)",
        "CREATE TABLE t(a TEXT, b INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID; INSERT INTO t VALUES ('', 1), ('x', 2)",
        "CREATE TABLE t(a); INSERT INTO t VALUES (1), (1), (NULL)"}) {
    const PlannedFiles files({sql});
    const Chunk chunk = files.encode("t");
    const auto key = bridge::key_columns(files.table("t"), files.encoder("t")->columns()).value();
    const bridge::PackedMarks packed = bridge::marks_of(chunk, key);
    const auto marks = bridge::unpack_marks(packed.keys, packed.digests, key.types);
    ASSERT_TRUE(marks) << sql;
    ASSERT_EQ(marks->size(), chunk.rows());
    for (std::size_t row = 0; row < chunk.rows(); ++row) {
      EXPECT_EQ((*marks)[row].key, bridge::row_key(chunk, row, key)) << sql;
      EXPECT_EQ((*marks)[row].digest, chunk.digests[row]);
    }
    EXPECT_FALSE(bridge::unpack_marks(packed.keys, packed.digests, {bridge::PgType::numeric}));
    EXPECT_FALSE(bridge::unpack_marks(packed.keys.substr(0, packed.keys.size() - 1), packed.digests, key.types));
    EXPECT_FALSE(bridge::unpack_marks(packed.keys + "x", packed.digests, key.types));
  }
}

TEST(RowMarks, MergeTransactions) {
  EXPECT_EQ(bridge::merge_xids("{}", "{}"), "{}");
  EXPECT_EQ(bridge::merge_xids("{}", "{7}"), "{7}");
  EXPECT_EQ(bridge::merge_xids("{12,7}", "{7,3}"), "{12,3,7}");
}

TEST(KeySet, HasTheKeysThatWereAdded) {
  bridge::KeySet keys;
  for (int i = 999; i >= 0; --i) keys.add("key " + std::to_string(i * 2));
  keys.close();
  for (int i = 0; i < 2000; ++i) EXPECT_EQ(keys.has("key " + std::to_string(i)), i % 2 == 0) << i;
  EXPECT_FALSE(keys.has(""));
  EXPECT_FALSE(bridge::KeySet().has("key 0"));
}

TEST(PackedMarks, TellWhichTypesTheyWerePackedFor) {
  using bridge::PgType;
  const std::string steps = bridge::pack_marks({}, {PgType::bigint}).keys;
  const std::string fields = bridge::pack_marks({}, {PgType::text, PgType::bigint}).keys;
  EXPECT_TRUE(bridge::are_keys_of(steps, {PgType::bigint}));
  EXPECT_FALSE(bridge::are_keys_of(steps, {PgType::text}));
  EXPECT_TRUE(bridge::are_keys_of(fields, {PgType::text, PgType::bigint}));
  EXPECT_FALSE(bridge::are_keys_of(fields, {PgType::bigint, PgType::text}));
  EXPECT_FALSE(bridge::are_keys_of("", {PgType::bigint}));
}

}  // namespace
}  // namespace rowhouse::test
