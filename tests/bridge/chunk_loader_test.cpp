// A server that refuses chosen rows: every good row gets in exactly once, every bad one is set aside, in few attempts.
#include "bridge/chunk_loader.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace rowhouse::bridge {
namespace {

// Rows of one text column and one of JSON; those in `bad_json` hold JSON that jsonb refuses.
Chunk make_chunk(std::size_t rows, const std::set<std::size_t>& bad_json = {}) {
  Chunk chunk;
  chunk.columns = {{"company_id", "", PgType::text}, {"name", "Name", PgType::text}, {"data", "data", PgType::jsonb}};
  for (std::size_t row = 0; row < rows; ++row) {
    chunk.bytes += std::string("\0\3", 2);
    Value value;
    const std::string name = "row " + std::to_string(row);
    for (const auto& [type, bytes] : {std::pair<PgType, std::string>{PgType::text, "acme"},
                                      {PgType::text, name},
                                      {PgType::jsonb, bad_json.count(row) ? "{\"a\": \"\\u0000\"}" : "{}"}}) {
      value.bytes = bytes;
      append_binary(chunk.bytes, type, value);
    }
    chunk.row_ends.push_back(chunk.bytes.size());
    chunk.keys.push_back(std::to_string(row));
  }
  return chunk;
}

struct Server {
  enum class Lines { named, none, wrong };

  std::set<std::size_t> refuses;
  Lines lines = Lines::named;
  std::vector<int> times_in;
  std::size_t attempts = 0;

  std::optional<CopyRefusal> copy(std::size_t first, std::size_t last) {
    ++attempts;
    EXPECT_LT(first, last) << "nothing to send";
    const auto bad = refuses.lower_bound(first);
    if (bad == refuses.end() || *bad >= last) {
      for (std::size_t row = first; row < last; ++row) ++times_in[row];
      return std::nullopt;
    }
    const auto line = static_cast<std::int64_t>(*bad - first + 1);
    return CopyRefusal{"23505", "refused", "name", lines == Lines::named ? line : lines == Lines::wrong ? 1 : 0};
  }
};

void check(std::size_t rows, const std::set<std::size_t>& refused, const std::set<std::size_t>& bad_json,
           Server::Lines lines, std::size_t attempts_max) {
  Chunk chunk = make_chunk(rows, bad_json);
  std::set<std::size_t> bad = refused;
  bad.insert(bad_json.begin(), bad_json.end());
  Server server{bad, lines, std::vector<int>(rows), 0};
  const std::size_t loaded =
      load_chunk(chunk, [&](std::size_t first, std::size_t last) { return server.copy(first, last); });
  EXPECT_EQ(loaded, rows - bad.size());
  std::set<std::size_t> set_aside;
  for (const Reject& reject : chunk.rejects) EXPECT_TRUE(set_aside.insert(std::stoul(reject.key)).second) << reject.key;
  EXPECT_EQ(set_aside, bad);
  for (std::size_t row = 0; row < rows; ++row) EXPECT_EQ(server.times_in[row], bad.count(row) ? 0 : 1) << row;
  EXPECT_LE(server.attempts, attempts_max);
}

std::set<std::size_t> every(std::size_t rows, std::size_t step) {
  std::set<std::size_t> chosen;
  for (std::size_t row = 0; row < rows; row += step) chosen.insert(row);
  return chosen;
}

TEST(ChunkLoader, LoadsEveryGoodRowOnceAndSetsTheOthersAside) {
  constexpr auto kNamed = Server::Lines::named, kNone = Server::Lines::none, kWrong = Server::Lines::wrong;
  check(0, {}, {}, kNamed, 0);
  check(1000, {}, {}, kNamed, 1);
  check(1, {0}, {}, kNamed, 1);
  check(1, {0}, {}, kNone, 1);
  check(1000, {0}, {}, kNamed, 3);
  check(1000, {999}, {}, kNamed, 3);
  check(1000, {500}, {}, kNamed, 4);
  check(1000, {500}, {}, kNone, 2 * 10 + 1);
  check(1000, {500}, {}, kWrong, 2 * 10 + 4);
  check(1000, every(1000, 100), {}, kNamed, 3 * 10 + 1);
  check(1000, every(1000, 100), {}, kNone, 10 * 2 * 10);
  check(1000, every(1000, 100), {}, kWrong, 10 * 2 * 10 + 4);
  check(200, every(200, 1), {}, kNamed, 2 * 200);
  check(200, every(200, 1), {}, kNone, 2 * 200);
  // Bad JSON is found by looking, not by asking.
  check(1000, {}, every(1000, 10), kNamed, 1 + 100);
  check(1000, {}, every(1000, 1), kNone, 1);
  check(1000, {55, 501}, every(1000, 100), kNamed, 1 + 10 + 2 * 4);
}

TEST(ChunkLoader, EveryPatternOfTenRows) {
  for (unsigned pattern = 0; pattern < 1024; ++pattern) {
    std::set<std::size_t> refused, bad_json;
    for (std::size_t row = 0; row < 10; ++row) {
      if (pattern >> row & 1) (row % 3 == 0 ? bad_json : refused).insert(row);
    }
    for (const auto lines : {Server::Lines::named, Server::Lines::none, Server::Lines::wrong})
      check(10, refused, bad_json, lines, 40);
  }
}

TEST(ChunkLoader, SaysWhatWasRefused) {
  Chunk chunk = make_chunk(3, {2});
  load_chunk(chunk, [](std::size_t first, std::size_t last) -> std::optional<CopyRefusal> {
    if (first <= 1 && 1 < last) return CopyRefusal{"23505", "it is there already", "name", 2 - static_cast<int>(first)};
    if (first <= 2 && 2 < last) return CopyRefusal{"22P05", "no NUL", "data", 0};
    return std::nullopt;
  });
  ASSERT_EQ(chunk.rejects.size(), 2u);
  EXPECT_EQ(chunk.rejects[0].column, "data");
  EXPECT_EQ(chunk.rejects[0].value, "{\"a\": \"\\u0000\"}");
  EXPECT_EQ(chunk.rejects[0].sqlstate, "22P05");
  EXPECT_EQ(chunk.rejects[1].column, "Name") << "as the source calls it";
  EXPECT_EQ(chunk.rejects[1].value, "row 1");
  EXPECT_EQ(chunk.rejects[1].storage_class, "text");
  EXPECT_EQ(chunk.rejects[1].reason, "it is there already");
}

TEST(ChunkLoader, LetsOtherErrorsPass) {
  Chunk chunk = make_chunk(3);
  EXPECT_THROW(load_chunk(chunk, [](std::size_t, std::size_t) -> std::optional<CopyRefusal> { throw 7; }), int);
}

}  // namespace
}  // namespace rowhouse::bridge
