// A sealed database: whoever has a token is its tenant.
#include "test_databases.hpp"

namespace {

using rowhouse::DatabaseManager;
using rowhouse::LoginToken;

TEST(LoginTokenTest, NamesItsTenantAndIsNeverHalfRead) {
  const LoginToken token("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0ZW5hbnQiOiJhY21lIiwiZXhwIjoxfQ.c2lnbmF0dXJl");
  EXPECT_EQ(token.tenant(), "acme");
  for (const char* text : {"", "a", "a.b", "a.b.c", "a.eyJ0ZW5hbnQiOjV9.c", "a.e30.c", "a.eyJ0ZW5hbnQiOiIuLi94In0.c"}) {
    const auto error = error_of([&] { LoginToken{text}; });
    EXPECT_EQ(error.sqlstate(), "22023") << text;
  }
  EXPECT_EQ(error_of([&] { DatabaseManager("sqlite://").session(token); }).sqlstate(), "0A000");
}

class SealedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ROWHOUSE_NEEDS_SERVER();
    database = std::make_unique<TestPostgres>();
    auto admin = DatabaseManager(database->admin_url()).session();
    for (const char* tenant : {"acme", "globex"}) {
      auto transaction = admin.begin({.tenant = tenant});
      transaction.execute(
          "INSERT INTO integrated_objects (original_id, company_id, platform, object_type, original_data)"
          " VALUES ($1, $1, 'p', 't', '{}')",
          {tenant});
      transaction.commit();
    }
    key = admin.execute("SELECT rowhouse.seal()").one().get<std::string>(0);
    manager = std::make_unique<DatabaseManager>(database->app_url());
  }
  // As an issuer who has the key makes it.
  LoginToken token(const std::string& tenant, int seconds) {
    auto admin = DatabaseManager(database->admin_url()).session();
    return LoginToken(
        admin
            .execute("SELECT part || '.' || translate(encode(sha256(rowhouse.pad_key(convert_to($1::text, 'UTF8'), 92)"
                     " || sha256(rowhouse.pad_key(convert_to($1, 'UTF8'), 54) || convert_to(part, 'UTF8'))),"
                     " 'base64'), E'+/=\\n', '-_') FROM (SELECT translate(encode("
                     "'{\"alg\":\"HS256\",\"typ\":\"JWT\"}', 'base64'), E'+/=\\n', '-_') || '.' ||"
                     " translate(encode(convert_to(json_build_object('tenant', $2::text, 'exp',"
                     " floor(extract(epoch FROM clock_timestamp())) + $3::int)::text, 'UTF8'), 'base64'),"
                     " E'+/=\\n', '-_') AS part) AS t",
                     {key, tenant, seconds})
            .one()
            .get<std::string>(0));
  }

  std::unique_ptr<TestPostgres> database;
  std::unique_ptr<DatabaseManager> manager;
  std::string key;
};

constexpr const char* kSeen = "SELECT string_agg(company_id, ',') FROM integrated_objects";

TEST_F(SealedTest, ATokenOpensItsTenantAndNoOther) {
  for (int round = 0; round < 3; ++round) {
    for (const char* tenant : {"acme", "globex"}) {
      auto session = manager->session(token(tenant, 60));
      EXPECT_EQ(session.execute(kSeen).one().get<std::string>(0), tenant);
      auto transaction = session.begin();
      EXPECT_EQ(transaction.execute(kSeen).one().get<std::string>(0), tenant);
      EXPECT_EQ(transaction.execute("SELECT rowhouse.current_tenant()").one().get<std::string>(0), tenant);
    }
    EXPECT_TRUE(manager->session().execute(kSeen).one()[0].is_null());
  }
  rowhouse::RetryOptions options;
  options.transaction.login = token("acme", 60);
  EXPECT_EQ(manager->run_in_transaction(
                [](rowhouse::Transaction& transaction) { return transaction.execute(kSeen).one().get<std::string>(0); },
                options),
            "acme");
}

TEST_F(SealedTest, WithoutARightTokenNothingOpens) {
  EXPECT_EQ(error_of([&] { manager->session("acme").execute(kSeen); }).kind(), rowhouse::ErrorKind::kPermission);
  EXPECT_EQ(error_of([&] { manager->session(token("acme", -60)).execute(kSeen); }).sqlstate(), "28000");
  std::string forged = token("acme", 60).revealed();
  forged.back() = forged.back() == 'A' ? 'B' : 'A';
  forged[forged.size() - 5] = forged[forged.size() - 5] == 'A' ? 'B' : 'A';
  const auto error = error_of([&] { manager->session(LoginToken(forged)).begin(); });
  EXPECT_EQ(error.sqlstate(), "28P01");
  EXPECT_EQ(std::string(error.what()).find(forged), std::string::npos);
  EXPECT_EQ(error_of([&] { manager->session(token("acme", 60)).begin({.tenant = "globex"}); }).sqlstate(), "55000");
}

}  // namespace
