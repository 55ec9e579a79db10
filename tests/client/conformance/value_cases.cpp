#include <limits>

#include "suite.hpp"

namespace conformance {
namespace {

using rowhouse::IntegratedObject;
using rowhouse::IntegratedObjectData;
using rowhouse::Json;
using rowhouse::Result;
using rowhouse::Timestamp;
using rowhouse::Value;

struct TextRow {
  const char* name;
  std::string text;
};

std::string repeated(const std::string& text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

std::vector<TextRow> texts() {
  return {{"Empty", ""},
          {"Blank", " "},
          {"Blanks", "  a  "},
          {"Newlines", "a\nb\r\nc\r"},
          {"Controls", "\x01\x02\x1b\x7f"},
          {"Tab", "a\tb"},
          {"Quotes", "'\"`''\\\\'"},
          {"Backslashes", "\\n\\x41\\u0041\\000"},
          {"Sql", "'); DROP TABLE integrated_objects; --"},
          {"Parameters", "$1 ?1 :a @b %s {}"},
          {"CopyMarks", "\\.\n\\N"},
          {"Null", "NULL"},
          {"Number", "007"},
          {"Exponent", "1e5"},
          {"Hex", "\\x6869"},
          {"Korean", "인쇄기가 인쇄하지 않습니다"},
          {"Arabic", "الطابعة لا تطبع"},
          {"Emoji", "\xf0\x9f\x96\xa8\xef\xb8\x8f \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb"},
          {"Combining", "e\xcc\x81 \xc3\xa9"},
          {"Noncharacter", "\xef\xbf\xbe\xef\xbf\xbf\xf4\x8f\xbf\xbf"},
          {"ByteOrderMark",
           "\xef\xbb\xbf"
           "a"},
          {"LineSeparator", "\xe2\x80\xa8\xe2\x80\xa9"},
          {"Last", "\xf4\x8f\xbf\xbd"},
          {"Long", repeated("긴 글 ", 20'000)},
          {"Huge", std::string(std::size_t{4} << 20, 'x')}};
}

Case text_case(const TextRow& row) {
  return {std::string("Text/") + row.name, [row](Driver& driver) {
            const std::string tenant = driver.new_tenant();
            const auto objects = driver.objects(tenant);
            IntegratedObjectData data = object(tenant, row.text.size() < 1000 ? row.text : "long");
            data.integrated_content = row.text;
            data.summary = row.text;
            data.original_data = {{row.text.size() < 1000 ? row.text : "long", row.text}};
            data.metadata = row.text;
            EXPECT_TRUE(static_cast<const IntegratedObjectData&>(objects->create(data)) == data);
            const auto read = objects->get_by_original_id(data.original_id);
            ASSERT_TRUE(read);
            EXPECT_TRUE(static_cast<const IntegratedObjectData&>(*read) == data);
            EXPECT_EQ(objects->upsert_many({data}), 1u);
            EXPECT_TRUE(static_cast<const IntegratedObjectData&>(objects->get(read->id).value()) == data);
            EXPECT_TRUE(objects->update_summary(read->id, row.text + "!"));
            EXPECT_TRUE(objects->get(read->id)->summary == row.text + "!");
          }};
}

struct JsonRow {
  const char* name;
  Json json;
};

Json nested(int depth) {
  Json json = 1;
  for (int i = 0; i < depth; ++i) json = i % 2 == 0 ? Json::array({json}) : Json{{"a", json}};
  return json;
}

std::vector<JsonRow> jsons() {
  return {{"Null", nullptr},
          {"True", true},
          {"Zero", 0},
          {"MinusZero", -0.0},
          {"Smallest", std::numeric_limits<std::int64_t>::min()},
          {"Largest", std::numeric_limits<std::int64_t>::max()},
          {"Unsigned", std::numeric_limits<std::uint64_t>::max()},
          {"BeyondDouble", std::int64_t{9007199254740993}},
          {"Fraction", 0.1},
          {"ManyDigits", 3.141592653589793},
          {"SmallestDouble", std::numeric_limits<double>::denorm_min()},
          {"LargestDouble", std::numeric_limits<double>::max()},
          {"Exponent", 1e21},
          {"EmptyText", ""},
          {"Text", "a \"b\" \\ / \b\f\n\r\t \x01 \xf0\x9f\x96\xa8"},
          {"EmptyArray", Json::array()},
          {"EmptyObject", Json::object()},
          {"Mixed", Json::array({1, "1", 1.5, nullptr, true, Json::array(), Json::object()})},
          {"EmptyKey", {{"", 1}}},
          {"OddKeys", {{"a.b", 1}, {"$1", 2}, {"'", 3}, {"\"", 4}, {"키", 5}}},
          {"KeysByCase", {{"a", 1}, {"A", 2}}},
          {"Nested", nested(200)},
          {"Wide", [] {
             Json wide = Json::object();
             for (int i = 0; i < 2000; ++i) wide["key" + std::to_string(i)] = i;
             return wide;
           }()}};
}

Case json_case(const JsonRow& row) {
  return {std::string("Json/") + row.name, [row](Driver& driver) {
            const std::string tenant = driver.new_tenant();
            const auto objects = driver.objects(tenant);
            IntegratedObjectData data = object(tenant, "1");
            data.original_data = row.json;
            data.metadata = {{"inner", row.json}};
            EXPECT_EQ(objects->create(data).original_data, row.json);
            const auto read = objects->get_by_original_id("1");
            EXPECT_EQ(read->original_data, row.json);
            EXPECT_EQ(read->metadata["inner"], row.json);
            objects->upsert_many({data});
            EXPECT_EQ(objects->get(read->id)->original_data, row.json);
            data.metadata = row.json;
            EXPECT_EQ(objects->upsert(data).metadata, row.json);
          }};
}

// A value through a statement of the caller's own, by the type that both databases know under this name.
template <class T>
Case scalar_case(const char* name, const char* type, T value) {
  return {std::string("Scalar/") + name, [type, value](Driver& driver) {
            const std::string tenant = driver.new_tenant();
            const Result result =
                driver.execute(tenant, std::string("SELECT CAST($1 AS ") + type + ") AS v", {Value(value)});
            EXPECT_EQ(result.one()["v"].as<std::optional<T>>(), value);
          }};
}

Case null_case(const char* type) {
  return {std::string("Scalar/Null/") + type, [type](Driver& driver) {
            const Result result =
                driver.execute(driver.new_tenant(), std::string("SELECT CAST($1 AS ") + type + ')', {Value()});
            EXPECT_TRUE(result.one()[0].is_null());
            EXPECT_EQ(result.one().get<std::optional<std::string>>(0), std::nullopt);
            expect_error("22004", rowhouse::ErrorKind::kData, [&] { result.one().get<std::string>(0); });
          }};
}

struct TimeRow {
  const char* name;
  std::int64_t microseconds;  // since 1970
};
constexpr TimeRow kTimes[] = {{"Epoch", 0},
                              {"Microsecond", 1},
                              {"BeforeEpoch", -1},
                              {"LeapDay", 1'709'164'799'999'999},
                              {"EndOfYear", 1'767'225'599'123'456},
                              {"Year2038", 2'147'483'648'000'000},
                              {"YearOne", -62'135'596'800'000'000},
                              {"Year1900", -2'208'988'800'000'001},
                              {"Year9999", 253'402'300'799'999'999}};

Case time_case(const TimeRow& row) {
  return {std::string("Time/") + row.name, [row](Driver& driver) {
            const std::string tenant = driver.new_tenant();
            const auto objects = driver.objects(tenant);
            const std::int64_t id = objects->create(object(tenant, "1")).id;
            const Timestamp time{std::chrono::microseconds(row.microseconds)};
            driver.execute(tenant,
                           "UPDATE integrated_objects SET created_at = $1, updated_at = $1 WHERE company_id = $2",
                           {time, tenant});
            EXPECT_EQ(objects->get(id)->created_at, time);
            EXPECT_EQ(objects->get(id)->updated_at, time);
            EXPECT_EQ(objects->find(rowhouse::where(&IntegratedObject::created_at) == time).size(), 1u);
            EXPECT_EQ(objects->find(rowhouse::where(&IntegratedObject::created_at) > time).size(), 0u);
          }};
}

}  // namespace

Cases value_cases() {
  Cases cases;
  for (const TextRow& row : texts()) cases.push_back(text_case(row));
  for (const JsonRow& row : jsons()) cases.push_back(json_case(row));
  for (const TimeRow& row : kTimes) cases.push_back(time_case(row));
  const Cases scalars{
      scalar_case<std::int64_t>("SmallestInteger", "bigint", std::numeric_limits<std::int64_t>::min()),
      scalar_case<std::int64_t>("LargestInteger", "bigint", std::numeric_limits<std::int64_t>::max()),
      scalar_case<double>("Fraction", "double precision", 0.1),
      scalar_case<double>("LargestDouble", "double precision", std::numeric_limits<double>::max()),
      scalar_case<double>("SmallestDouble", "double precision", std::numeric_limits<double>::denorm_min()),
      scalar_case<std::string>("Text", "text", "인쇄기 '$1'"),
      scalar_case<std::string>("EmptyText", "text", ""),
      null_case("text"),
      null_case("bigint"),
      null_case("double precision")};
  cases.insert(cases.end(), scalars.begin(), scalars.end());
  return cases;
}

}  // namespace conformance
