// The same attempts to reach another tenant's rows, on both databases.
#include "rowhouse/repository.hpp"
#include "test_databases.hpp"

namespace {

using rowhouse::Error;
using rowhouse::ErrorKind;
using rowhouse::IntegratedObject;
using rowhouse::IntegratedObjectRepository;
using rowhouse::Json;

class IsolationTest : public BothDatabases {
 protected:
  void SetUp() override {
    BothDatabases::SetUp();
    if (IsSkipped()) return;
    auto session = manager().session("acme");
    secret =
        IntegratedObjectRepository(session).create({.original_id = "1", .company_id = "acme", .summary = "secret"});
  }
  rowhouse::DatabaseOptions options() const override {
    rowhouse::DatabaseOptions one;
    one.max_connections = 1;  // so that every tenant below is served by the same server session
    return one;
  }

  IntegratedObject secret;
};
ROWHOUSE_ON_BOTH_DATABASES(IsolationTest);

TEST_P(IsolationTest, AnotherTenantReadsAndChangesNothing) {
  {
    auto session = manager().session("globex");
    IntegratedObjectRepository globex(session);
    EXPECT_TRUE(globex.get_by_company("acme").empty());
    EXPECT_TRUE(globex.get_by_company("globex").empty());
    EXPECT_EQ(globex.get(secret.id), std::nullopt);
    EXPECT_EQ(globex.get_by_original_id("1"), std::nullopt);
    EXPECT_EQ(globex.count(), 0u);
    EXPECT_FALSE(globex.update_summary(secret.id, "stolen"));
    EXPECT_FALSE(globex.remove(secret.id));
    const Error error = error_of([&] { globex.create({.original_id = "2", .company_id = "acme"}); });
    EXPECT_EQ(error.sqlstate(), "42501");
    EXPECT_EQ(error.kind(), ErrorKind::kPermission);
    EXPECT_EQ(error_of([&] { globex.upsert({.original_id = "1", .company_id = "acme"}); }).sqlstate(), "42501");
    // The same natural key in two tenants is two objects.
    EXPECT_NE(globex.create({.original_id = "1", .company_id = "globex", .summary = "own"}).summary, "secret");
  }
  auto session = manager().session("acme");
  IntegratedObjectRepository acme(session);
  EXPECT_EQ(acme.count(), 1u);
  EXPECT_EQ(acme.get_by_company("acme").at(0).summary, "secret");
  EXPECT_TRUE(acme.get_by_company("globex").empty());
}

TEST_P(IsolationTest, OneServerSessionServesManyTenantsInTurn) {
  for (int round = 0; round < 20; ++round) {
    for (const char* tenant : {"acme", "globex"}) {
      auto session = manager().session(tenant);
      const auto objects = IntegratedObjectRepository(session).get_by_company(tenant);
      EXPECT_EQ(objects.size(), std::string_view(tenant) == "acme" ? 1u : 0u);
      for (const IntegratedObject& object : objects) EXPECT_EQ(object.company_id, tenant);
    }
  }
}

TEST_P(IsolationTest, MalformedTenantsAreRefusedBeforeAnythingHappens) {
  for (const std::string& tenant :
       {std::string(), std::string("../x"), std::string("a\0b", 3), std::string(300, 'a'), std::string("a/b"),
        std::string(".hidden"), std::string("x "), std::string("\xff")}) {
    const Error error = error_of([&] { manager().session(tenant); });
    EXPECT_EQ(error.sqlstate(), "22023");
    EXPECT_EQ(error.kind(), ErrorKind::kData);
    EXPECT_FALSE(error.hint().empty());
    auto session = manager().session();
    EXPECT_EQ(error_of([&] { session.begin({.tenant = tenant}); }).sqlstate(), "22023");
  }
  EXPECT_EQ(manager().statistics().in_use, 0u);
}

TEST_P(IsolationTest, ASessionKeepsItsTenant) {
  auto session = manager().session("acme");
  EXPECT_EQ(error_of([&] { session.begin({.tenant = "globex"}); }).sqlstate(), "55000");
  EXPECT_NO_THROW(session.begin({.tenant = "acme"}));
}

// What row security adds where statements are the caller's own.
class RowSecurityTest : public IsolationTest {
 protected:
  std::string scalar(rowhouse::Session& session, std::string_view sql) {
    return session.execute(sql).one().get<std::optional<std::string>>(0).value_or("NULL");
  }
};
INSTANTIATE_TEST_SUITE_P(Database, RowSecurityTest, ::testing::Values(rowhouse::Database::kPostgresql), database_name);

TEST_P(RowSecurityTest, BindsStatementsOfTheCallersOwn) {
  std::string pid;
  {
    auto session = manager().session("acme");
    pid = scalar(session, "SELECT pg_backend_pid()");
    EXPECT_EQ(scalar(session, "SELECT count(*) FROM integrated_objects"), "1");
  }
  {
    auto session = manager().session("globex");
    EXPECT_EQ(scalar(session, "SELECT pg_backend_pid()"), pid);
    EXPECT_EQ(scalar(session, "SELECT rowhouse.current_tenant()"), "globex");
    EXPECT_EQ(scalar(session, "SELECT count(*) FROM integrated_objects"), "0");
    EXPECT_EQ(session.execute("UPDATE integrated_objects SET summary = 'stolen'").affected_rows(), 0u);
    const Error error = error_of(
        [&] { session.execute("INSERT INTO integrated_objects (original_id, company_id) VALUES ('9', 'acme')"); });
    EXPECT_EQ(error.sqlstate(), "42501");
  }
  auto session = manager().session();
  EXPECT_EQ(scalar(session, "SELECT pg_backend_pid()"), pid);
  EXPECT_EQ(scalar(session, "SELECT rowhouse.current_tenant()"), "NULL");
  EXPECT_EQ(scalar(session, "SELECT count(*) FROM integrated_objects"), "0");
}

TEST_P(RowSecurityTest, ATenantSetForTheSessionDoesNotSurviveItsReturn) {
  {
    auto session = manager().session();
    session.execute("SELECT rowhouse.set_tenant('acme', false)");
    EXPECT_EQ(scalar(session, "SELECT rowhouse.current_tenant()"), "acme");
  }
  auto session = manager().session();
  EXPECT_EQ(scalar(session, "SELECT rowhouse.current_tenant()"), "NULL");
}

TEST_P(RowSecurityTest, AnUnknownTenantOpensNothing) {
  auto session = manager().session("nobody");
  const Error error = error_of([&] { session.begin(); });
  EXPECT_EQ(error.sqlstate(), "42704");
  EXPECT_EQ(error_of([&] { session.execute("SELECT 1"); }).sqlstate(), "42704");
  auto fresh = [&] {
    { auto returned = std::move(session); }
    return manager().session("acme");
  }();
  EXPECT_EQ(scalar(fresh, "SELECT count(*) FROM integrated_objects"), "1");
}

}  // namespace
