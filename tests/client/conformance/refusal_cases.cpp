#include <cmath>

#include "suite.hpp"

namespace conformance {
namespace {

using rowhouse::ErrorKind;
using rowhouse::IntegratedObject;
using rowhouse::IntegratedObjectData;
using rowhouse::Json;
using rowhouse::Value;

struct BadValue {
  const char* name;
  const char* sqlstate;
  std::function<void(IntegratedObjectData&)> spoil;
};

std::vector<BadValue> bad_values() {
  const std::string nul("s3cret\0x", 8);
  const std::string cut = "s3cret\xe2\x82";
  return {{"NulInOriginalId", "22021", [=](auto& data) { data.original_id = nul; }},
          {"NulInPlatform", "22021", [=](auto& data) { data.platform = nul; }},
          {"NulInType", "22021", [=](auto& data) { data.object_type = nul; }},
          {"NulInContent", "22021", [=](auto& data) { data.integrated_content = nul; }},
          {"NulInSummary", "22021", [=](auto& data) { data.summary = nul; }},
          {"NulInJson", "22P05",
           [=](auto& data) {
             data.original_data = Json{{"a", nul}};
           }},
          {"NulInJsonKey", "22P05",
           [=](auto& data) {
             data.metadata = Json{{nul, 1}};
           }},
          {"CutUtf8", "22021", [=](auto& data) { data.integrated_content = cut; }},
          {"CutUtf8InJson", "22021",
           [=](auto& data) {
             data.original_data = Json{{"a", cut}};
           }},
          {"Latin1", "22021", [](auto& data) { data.summary = "s3cret\xe9"; }},
          {"OverlongUtf8", "22021", [](auto& data) { data.summary = "s3cret\xc0\x80"; }},
          {"Surrogate", "22021", [](auto& data) { data.summary = "s3cret\xed\xa0\x80"; }},
          {"BeyondUnicode", "22021", [](auto& data) { data.summary = "s3cret\xf4\x90\x80\x80"; }},
          {"NanInJson", "22P02",
           [](auto& data) {
             data.metadata = Json{{"a", std::nan("")}};
           }},
          {"InfinityInJson", "22P02", [](auto& data) { data.original_data = Json::array({HUGE_VAL}); }},
          {"NoCompany", "22023", [](auto& data) { data.company_id = ""; }},
          {"CompanyIsAPath", "22023", [](auto& data) { data.company_id = "../s3cret"; }}};
}

Case bad_value_case(const BadValue& bad) {
  return {std::string("Refused/") + bad.name, [bad](Driver& driver) {
            const std::string tenant = driver.new_tenant();
            const auto objects = driver.objects(tenant);
            IntegratedObjectData data = object(tenant, "1");
            bad.spoil(data);
            expect_error(bad.sqlstate, ErrorKind::kData, [&] { objects->create(data); });
            expect_error(bad.sqlstate, ErrorKind::kData, [&] { objects->upsert(data); });
            expect_error(bad.sqlstate, ErrorKind::kData, [&] { objects->upsert_many({object(tenant, "0"), data}); });
            EXPECT_EQ(objects->count(), 0u);
          }};
}

void bad_summary(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = driver.objects(tenant);
  const std::int64_t id = objects->create(object(tenant, "1")).id;
  for (const std::string& text : {std::string("s3cret\0", 7), std::string("s3cret\xff")}) {
    expect_error("22021", ErrorKind::kData, [&] { objects->update_summary(id, text); });
    expect_error("22021", ErrorKind::kData, [&] { objects->get_by_original_id(text); });
  }
  EXPECT_EQ(objects->get(id)->summary, std::nullopt);
}

struct BadStatement {
  const char* name;
  const char* sqlstate;
  ErrorKind kind;
  std::string sql;
  std::vector<Value> parameters;
};

std::vector<BadStatement> bad_statements() {
  const ErrorKind statement = ErrorKind::kStatement;
  return {
      {"Syntax", "42601", statement, "SELEC 1", {}},
      {"SyntaxAtTheEnd", "42601", statement, "SELECT 1 +", {}},
      {"NoTable", "42P01", statement, "SELECT 1 FROM nowhere", {}},
      {"NoTableToWrite", "42P01", statement, "INSERT INTO nowhere VALUES (1)", {}},
      {"NoColumn", "42703", statement, "SELECT no_such FROM integrated_objects", {}},
      {"NoColumnToWrite", "42703", statement, "INSERT INTO integrated_objects (no_such) VALUES (1)", {}},
      {"NoFunction", "42883", statement, "SELECT no_such(1)", {}},
      {"TwoStatements", "42601", statement, "SELECT 1; SELECT 2", {}},
      {"NulInStatement", "42601", statement, std::string("SELECT 1\0", 9), {}},
      {"TooFewParameters", "08P01", ErrorKind::kConnection, "SELECT CAST($1 AS text) || CAST($2 AS text)", {"s3cret"}},
      {"NotNull",
       "23502",
       ErrorKind::kConstraint,
       "INSERT INTO integrated_objects (original_id, company_id, original_data) VALUES (NULL, $1, '{}')",
       {"TENANT"}},
      {"Unique",
       "23505",
       ErrorKind::kConstraint,
       "INSERT INTO integrated_objects (original_id, company_id, original_data) VALUES ('1', $1, '{}'), ('1', $1, "
       "'{}')",
       {"TENANT"}},
      {"NoSuchConflict",
       "42P10",
       statement,
       "INSERT INTO integrated_objects (original_id, company_id, original_data) VALUES ('1', $1, '{}')"
       " ON CONFLICT (summary) DO NOTHING",
       {"TENANT"}},
      {"NulInParameter", "22021", ErrorKind::kData, "SELECT CAST($1 AS text)", {std::string("s3cret\0", 7)}},
      {"BadUtf8InParameter", "22021", ErrorKind::kData, "SELECT CAST($1 AS text)", {"s3cret\xff"}}};
}

Case bad_statement_case(const BadStatement& bad) {
  return {std::string("Statement/") + bad.name, [bad](Driver& driver) {
            const std::string tenant = driver.new_tenant();
            std::vector<Value> parameters = bad.parameters;
            for (Value& value : parameters) {
              const auto* text = std::get_if<std::string>(&value.held());
              if (text != nullptr && *text == "TENANT") value = Value(tenant);
            }
            expect_error(bad.sqlstate, bad.kind, [&] { driver.execute(tenant, bad.sql, parameters); });
            EXPECT_EQ(driver.objects(tenant)->count(), 0u);
          }};
}

}  // namespace

Cases refusal_cases() {
  Cases cases{{"Refused/Summary", bad_summary}};
  for (const BadValue& bad : bad_values()) cases.push_back(bad_value_case(bad));
  for (const BadStatement& bad : bad_statements()) cases.push_back(bad_statement_case(bad));
  return cases;
}

}  // namespace conformance
