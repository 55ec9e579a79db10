// check_json says what jsonb would say. Each row was tried on a PostgreSQL server.
#include <gtest/gtest.h>

#include <string>

#include "bridge/cell.hpp"

namespace rowhouse::bridge {
namespace {

TEST(Json, TakesWhatJsonbTakes) {
  for (const char* text : {"{}", "[]", "null", "true", "0", "-0", "1.5e-3", "\"\"", " \t\r\n[1 , 2] ",
                           "{\"a\": {\"b\": [null]}, \"a\": 1}", "\"\\u00e9 \\ud83d\\ude00 \\/ \\b\"", "\"\x7F é 😀\"",
                           "{\"\": 1}", "1e400", "123456789012345678901234567890", "\"\\\\u0000\""}) {
    EXPECT_FALSE(check_json(text)) << text << ": " << check_json(text).reason;
  }
}

TEST(Json, RefusesWhatJsonbRefuses) {
  struct Bad {
    std::string text;
    const char* sqlstate;
  };
  const Bad kBad[] = {{"", "22P02"},
                      {" ", "22P02"},
                      {"{", "22P02"},
                      {"[1,]", "22P02"},
                      {"{'a': 1}", "22P02"},
                      {"{a: 1}", "22P02"},
                      {"NaN", "22P02"},
                      {"[Infinity]", "22P02"},
                      {"-Infinity", "22P02"},
                      {"01", "22P02"},
                      {"1.", "22P02"},
                      {".5", "22P02"},
                      {"+1", "22P02"},
                      {"True", "22P02"},
                      {"None", "22P02"},
                      {"{} {}", "22P02"},
                      {"\"a\nb\"", "22P02"},
                      {"\"\\x41\"", "22P02"},
                      {"\"\\u12\"", "22P02"},
                      {"// x\n1", "22P02"},
                      {"\xEF\xBB\xBF{}", "22P02"},
                      {"\"\\ud800\"", "22P02"},
                      {"\"\\udc00\"", "22P02"},
                      {"\"\\ud800\\u0041\"", "22P02"},
                      {"{\"a\": \"\\u0000\"}", "22P05"},
                      {"{\"\\u0000\": 1}", "22P05"},
                      {"\"a\xFF\"", "22021"},
                      {std::string("\"\0\"", 3), "22021"}};
  for (const Bad& bad : kBad) {
    const Refusal refusal = check_json(bad.text);
    ASSERT_TRUE(refusal) << bad.text;
    EXPECT_STREQ(refusal.sqlstate, bad.sqlstate) << bad.text;
  }
}

TEST(Json, SurvivesAbsurdDepth) {
  EXPECT_FALSE(check_json(std::string(200000, '[') + std::string(200000, ']')));
  EXPECT_TRUE(check_json(std::string(1000000, '[')));
}

}  // namespace
}  // namespace rowhouse::bridge
