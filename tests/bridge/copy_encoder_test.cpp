// Byte for byte what goes over the wire, where chunks end, and what is set aside.
#include "bridge/copy_encoder.hpp"
#include "bridge/chunk_loader.hpp"

#include "tests/bridge/planned_file.hpp"

namespace rowhouse::test {
namespace {

using bridge::Chunk;
using bridge::CopyEncoder;
using bridge::CopyStream;
using bridge::PgType;
using bridge::Value;

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    char digits[4];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(c));
    out += digits;
  }
  return out;
}

std::string stream_of(const Chunk& chunk, std::size_t first, std::size_t last, std::size_t buffer_size) {
  CopyStream stream(chunk, first, last);
  std::string bytes, buffer(buffer_size, '\0');
  while (const std::size_t n = stream.read(buffer)) bytes.append(buffer, 0, n);
  EXPECT_EQ(stream.read(buffer), 0u) << "the end stays the end";
  return bytes;
}

TEST(CopyEncoder, WritesTheServersOwnFormat) {
  const PlannedFiles files(
      {"CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b REAL, c BOOLEAN, d BLOB, e DATE, f DATETIME,"
       "  g JSON, h TIMESTAMP, i NUMERIC);"
       "INSERT INTO t VALUES (-2, 'é', 1.5, 1, x'00ff', '2000-01-02', '2000-01-01 00:00:01', '{}', "
       "  '2000-01-01T00:00Z', 3), (5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"});
  const Chunk chunk = files.encode("t");
  const std::string expected =
      "5047434f50590aff0d0a00"
      "00000000"
      "00000000"  // signature, flags, no extension
      "000b"
      "00000004"
      "61636d65"  // 11 fields; acme
      "00000008"
      "fffffffffffffffe"
      "00000002"
      "c3a9"
      "00000008"
      "3ff8000000000000"
      "00000001"
      "01"
      "00000002"
      "00ff"
      "00000004"
      "00000001"
      "00000008"
      "00000000000f4240"
      "00000003"
      "017b7d"
      "00000008"
      "0000000000000000"
      "0000000a"
      "0001"
      "0000"
      "0000"
      "0000"
      "0003"
      "000b"
      "00000004"
      "61636d65"
      "00000008"
      "0000000000000005"
      "ffffffff"
      "ffffffff"
      "ffffffff"
      "ffffffff"
      "ffffffff"
      "ffffffff"
      "ffffffff"
      "ffffffff"
      "ffffffff"
      "ffff";
  for (const std::size_t buffer : {1u, 2u, 7u, 64u, 100000u}) EXPECT_EQ(hex(stream_of(chunk, 0, 2, buffer)), expected);
  EXPECT_EQ(stream_of(chunk, 1, 2, 64).size(), 19 + chunk.bytes.size() - chunk.row_begin(1) + 2);
  EXPECT_EQ(hex(stream_of(chunk, 1, 1, 64)), "5047434f50590aff0d0a000000000000000000ffff");
  EXPECT_EQ(chunk.keys, (std::vector<std::string>{"-2", "5"}));
  EXPECT_EQ(chunk.field(0, 2), "é");
  EXPECT_EQ(chunk.field(1, 2).data(), nullptr);
}

struct Numeric {
  const char* text;
  const char* bytes;  // digits, weight, sign, scale, groups of four: as numeric_send writes them
};

TEST(CopyEncoder, WritesNumericAsNumericSendDoes) {
  const Numeric kNumerics[] = {
      {"0", "0000 0000 0000 0000"},
      {"0.0", "0000 0000 0000 0001"},
      {"-0.0", "0000 0000 0000 0001"},
      {"1", "0001 0000 0000 0000 0001"},
      {"-1", "0001 0000 4000 0000 0001"},
      {"10000", "0001 0001 0000 0000 0001"},
      {"12345", "0002 0001 0000 0000 0001 0929"},
      {"100000000", "0001 0002 0000 0000 0001"},
      {"0.1", "0001 ffff 0000 0001 03e8"},
      {"0.0001", "0001 ffff 0000 0004 0001"},
      {"0.00001", "0001 fffe 0000 0005 03e8"},
      {"1.5", "0002 0000 0000 0001 0001 1388"},
      {"-12345.678", "0003 0001 4000 0003 0001 0929 1a7c"},
      {"1e+20", "0001 0005 0000 0000 0001"},
      {"1.5e+3", "0001 0000 0000 0000 05dc"},
      {"5e-324", "0001 ffaf 0000 0144 0005"},
      {"9223372036854775807", "0005 0004 0000 0000 039a 0d2c 0170 1565 16af"},
      {"Infinity", "0000 0000 d000 0000"},
      {"-Infinity", "0000 0000 f000 0000"},
  };
  for (const Numeric& numeric : kNumerics) {
    std::string expected, out;
    for (const char* c = numeric.bytes; *c; ++c) {
      if (*c != ' ') expected += *c;
    }
    Value value;
    value.bytes = numeric.text;
    append_binary(out, PgType::numeric, value);
    EXPECT_EQ(hex(out.substr(4)), expected) << numeric.text;
    EXPECT_EQ(static_cast<unsigned char>(out[3]), expected.size() / 2) << numeric.text;
  }
}

constexpr const char* kHundred =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, a);"
    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 100)"
    "INSERT INTO t SELECT i, CASE i % 10 WHEN 0 THEN 'abc' ELSE i END FROM n";

TEST(CopyEncoder, EndsChunksAtTheirLimits) {
  struct Case {
    bridge::ChunkLimits limits;
    std::size_t chunks_min, chunks_max;
  };
  PlannedFiles files({kHundred});
  files.plan.tables[0].columns[1].type = PgType::bigint;
  for (const Case& c : {Case{{1u << 20, 1000}, 1, 1}, Case{{1u << 20, 9}, 12, 50}, Case{{1, 1000}, 100, 100},
                        Case{{0, 0}, 100, 100}}) {
    const auto encoder = files.encoder("t", 0, {c.limits});
    Chunk chunk;
    std::size_t chunks = 0, rows = 0, rejects = 0;
    while (encoder->next(chunk).value()) {
      ++chunks;
      rows += chunk.rows();
      rejects += chunk.rejects.size();
      EXPECT_EQ(chunk.identity.rows, static_cast<std::int64_t>(chunk.rows() + chunk.rejects.size()));
      EXPECT_EQ(chunk.digests.size(), chunk.rows());
    }
    EXPECT_EQ(rows, 90u);
    EXPECT_EQ(rejects, 10u);
    EXPECT_GE(chunks, c.chunks_min);
    EXPECT_LE(chunks, c.chunks_max);
    EXPECT_EQ(chunk.rows() + chunk.rejects.size(), 0u) << "after the end";
    EXPECT_EQ(encoder->rows_read(), 100);
  }
}

// A table that was made for other files has types that need not hold every value of this one.
TEST(CopyEncoder, SetsAsideWhatTheTypeDoesNotHold) {
  PlannedFiles files(
      {"CREATE TABLE t(id INTEGER PRIMARY KEY, a, b);"
       "INSERT INTO t VALUES (1, 1, 2), (2, 1, CAST(x'61ff62' AS TEXT)),"
       "  (3, CAST(x'6100' AS TEXT), 2), (4, 1, 2)"});
  for (bridge::ColumnPlan& column : files.plan.tables[0].columns) column.type = PgType::bigint;
  const Chunk chunk = files.encode("t");
  EXPECT_EQ(chunk.keys, (std::vector<std::string>{"1", "4"}));
  ASSERT_EQ(chunk.rejects.size(), 2u);
  EXPECT_EQ(chunk.rejects[0].key, "2");
  EXPECT_EQ(chunk.rejects[0].column, "b");
  EXPECT_EQ(chunk.rejects[0].value,
            "a\xFF"
            "b");
  EXPECT_EQ(chunk.rejects[0].storage_class, "text");
  EXPECT_EQ(chunk.rejects[0].sqlstate, "22P02");
  EXPECT_EQ(chunk.rejects[1].value, std::string("a\0", 2));
}

// Text goes as it is: the server checks it anyway. Where it objects, the rows at fault are found with their reasons.
TEST(CopyEncoder, LeavesTextToTheServer) {
  const PlannedFiles files(
      {"CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT);"
       "INSERT INTO t VALUES (1, 'x'), (2, CAST(x'61ff62' AS TEXT)), (3, CAST(x'6100' AS TEXT)), (4, 'y')"});
  Chunk chunk = files.encode("t");
  EXPECT_EQ(chunk.keys, (std::vector<std::string>{"1", "2", "3", "4"}));
  const auto server = [&](std::size_t first, std::size_t last) -> std::optional<bridge::CopyRefusal> {
    for (std::size_t row = first; row < last; ++row) {
      if (bridge::check_text(chunk.field(row, 2))) return bridge::CopyRefusal{"22021", "invalid byte sequence", "a", 0};
    }
    return std::nullopt;
  };
  EXPECT_EQ(bridge::load_chunk(chunk, server), 2u);
  ASSERT_EQ(chunk.rejects.size(), 2u);
  EXPECT_EQ(chunk.rejects[0].value,
            "a\xFF"
            "b");
  EXPECT_EQ(chunk.rejects[0].sqlstate, "22021");
  EXPECT_EQ(chunk.rejects[1].key, "3");
}

TEST(CopyEncoder, SetsRowsAsideThatAreTooLong) {
  const PlannedFiles files(
      {"CREATE TABLE t(id INTEGER PRIMARY KEY, a, b); INSERT INTO t VALUES "
       "(1, zeroblob(600), zeroblob(600)), (2, zeroblob(600), 5), (3, NULL, zeroblob(900000))"});
  Chunk chunk;
  ASSERT_TRUE(files.encoder("t", 0, {{}, 1000})->next(chunk).value());
  EXPECT_EQ(chunk.keys, std::vector<std::string>{"2"});
  ASSERT_EQ(chunk.rejects.size(), 2u);
  EXPECT_EQ(chunk.rejects[0].sqlstate, "54000");
  EXPECT_EQ(chunk.rejects[0].column, "b");
}

TEST(CopyEncoder, StopsAtDamage) {
  Folder folder;
  make_database(folder.path("file.db"),
                "CREATE TABLE t(a); WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n "
                "WHERE i < 200) INSERT INTO t SELECT printf('%0500d', i) FROM n");
  std::fstream(folder.path("file.db"), std::ios::in | std::ios::out | std::ios::binary).seekp(4096 * 9)
      << std::string(4096, '\7');
  const auto source = open_source(folder, "file.db");
  const auto profile = bridge::profile_file(*source, "acme", {});
  ASSERT_FALSE(profile.ok());
  EXPECT_STREQ(profile.status().sqlstate, "22P04");
  EXPECT_NE(profile.status().message.find("\"t\""), std::string::npos);
}

std::string digest_of(const std::string& sql) { return PlannedFiles({sql}).encode("t").identity.digest; }

// Equal for equal contents however they came to be, another for any change of a value or its class.
TEST(CopyEncoder, DigestsContents) {
  const std::string table = "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b);";
  const std::string base = digest_of(table + "INSERT INTO t VALUES (1, 'ab', 'c'), (2, 1, NULL)");
  EXPECT_EQ(base.size(), 32u);
  EXPECT_EQ(base, digest_of("PRAGMA page_size=512;" + table +
                            "INSERT INTO t VALUES (2, 1, NULL); INSERT INTO t VALUES (3, 0, 0), "
                            "(1, 'ab', 'c'); DELETE FROM t WHERE id = 3"));
  for (const char* rows :
       {"(1, 'a', 'bc'), (2, 1, NULL)", "(1, 'ab', 'c'), (2, 1.0, NULL)", "(1, 'ab', 'c'), (2, '1', NULL)",
        "(1, 'ab', 'c'), (2, 1, '')", "(1, 'ab', x'63'), (2, 1, NULL)", "(1, 'ab', 'c'), (3, 1, NULL)",
        "(1, 'ab', 'c')", "(1, 'c', 'ab'), (2, 1, NULL)"}) {
    EXPECT_NE(base, digest_of(table + "INSERT INTO t VALUES " + rows)) << rows;
  }
}

}  // namespace
}  // namespace rowhouse::test
