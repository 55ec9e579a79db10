#include "rowhouse/config.hpp"

#include <fstream>

#include "test_databases.hpp"

namespace {

using rowhouse::DatabaseConfig;
using rowhouse::Environment;

TEST(ConfigTest, DevelopmentUsesSqliteFiles) {
  const auto config = DatabaseConfig::from_variables({{"DATABASE_URL", "not looked at"}});
  EXPECT_EQ(config.environment(), Environment::kDevelopment);
  EXPECT_EQ(config.get_database_url().revealed(), "sqlite:///./data/main.db");
  EXPECT_EQ(config.get_database_url("acme").revealed(), "sqlite:///./data/acme_freshdesk_data.db");
}

TEST(ConfigTest, ProductionAndStagingUseTheDatabaseUrl) {
  for (const char* environment : {"production", "staging"}) {
    const auto config = DatabaseConfig::from_variables({{"ENVIRONMENT", environment},
                                                        {"DATABASE_URL", "postgresql+psycopg2://u:p@db:5432/saas_db"},
                                                        {"DATABASE_REPLICA_URL", "postgres://replica/saas_db"},
                                                        {"QDRANT_URL", "https://qdrant-cluster.aws.com"},
                                                        {"REDIS_URL", "redis://elasticache.aws.com:6379"}});
    EXPECT_EQ(config.get_database_url("acme").revealed(), "postgresql://u:p@db:5432/saas_db");
    EXPECT_EQ(config.get_sqlite_url("acme").database(), "./data/acme_freshdesk_data.db");
    EXPECT_EQ(config.replica_url()->revealed(), "postgresql://replica/saas_db");
    EXPECT_EQ(config.qdrant_url()->hosts().at(0).name, "qdrant-cluster.aws.com");
    EXPECT_EQ(config.redis_url()->hosts().at(0).port, "6379");
  }
}

TEST(ConfigTest, ErrorsNameTheVariableTheMaskedValueAndTheNearestRightOne) {
  struct Case {
    DatabaseConfig::Variables variables;
    const char* message;
    const char* hint;
  };
  const char* kExample = "For example DATABASE_URL=postgresql://user:password@host:5432/database, or POSTGRES_HOST.";
  const Case cases[] = {
      {{{"ENVIRONMENT", "prod"}},
       "unknown ENVIRONMENT: prod",
       "Did you mean production? It is one of development, staging and production."},
      {{{"ENVIRONMENT", "live"}}, "unknown ENVIRONMENT: live", "It is one of development, staging and production."},
      {{{"ENVIRONMENT", "production"}}, "DATABASE_URL is not set, which ENVIRONMENT=production requires", kExample},
      {{{"ENVIRONMENT", "production"}, {"DATABASE_URL", ""}},
       "DATABASE_URL is not set, which ENVIRONMENT=production requires",
       kExample},
      {{{"DATABASE_TYPE", "postgresql"}}, "DATABASE_URL is not set, which DATABASE_TYPE=postgresql requires", kExample},
      {{{"DATABASE_TYPE", "postgres"}},
       "unknown DATABASE_TYPE: postgres",
       "Did you mean postgresql? It is one of sqlite and postgresql."},
      {{{"ENVIRONMENT", "production"}, {"DATABASE_URL", "postgersql://u:s3cret@h/d"}},
       "DATABASE_URL is postgersql://u:***@h/d, it does not begin with postgresql:// or sqlite://",
       "It begins with postgresql://."},
      {{{"ENVIRONMENT", "staging"}, {"DATABASE_TYPE", "sqlite"}, {"DATABASE_URL", "postgresql://u:s3cret@h/d"}},
       "DATABASE_TYPE is sqlite, but DATABASE_URL is postgresql://u:***@h/d",
       "Leave DATABASE_TYPE out, or correct one of them."},
      {{{"REDIS_URL", "redis://:s3cret@h:x"}},
       "REDIS_URL is redis://***: the port of the URL is not a number from 1 to 65535",
       "In a password, write '/' as %2F, ':' as %3A, '@' as %40, '?' as %3F and '#' as %23."},
      {{{"QDRANT_URL", "s3cret"}},
       "QDRANT_URL is ***: not a URL: there is no '://'",
       "For example postgresql://user@host/database."},
      {{{"CONNECTION_POOL_SIZE", "0"}},
       "CONNECTION_POOL_SIZE is 0, it is a whole number from 1 to 10000",
       "For example CONNECTION_POOL_SIZE=1."},
      {{{"CONNECTION_POOL_SIZE", "99999"}},
       "CONNECTION_POOL_SIZE is 99999, it is a whole number from 1 to 10000",
       "For example CONNECTION_POOL_SIZE=10000."},
      {{{"QUERY_TIMEOUT", "30s"}},
       "QUERY_TIMEOUT is 30s, it is a whole number from 0 to 86400",
       "For example QUERY_TIMEOUT=30."},
      {{{"USE_ORM", "ture"}},
       "unknown USE_ORM: ture",
       "Did you mean true? It is one of false, true, 0, 1, no, yes, off and on."},
      {{{"ENVIRONMENT", "staging"}, {"POSTGRES_HOST", "h"}, {"POSTGRES_PORT", "-1"}},
       "POSTGRES_PORT is -1, it is a whole number from 1 to 65535",
       "For example POSTGRES_PORT=1."}};
  for (const Case& c : cases) {
    const auto error = error_of([&] { DatabaseConfig::from_variables(c.variables); });
    EXPECT_EQ(error.kind(), rowhouse::ErrorKind::kConfiguration);
    EXPECT_STREQ(error.what(), c.message);
    EXPECT_EQ(error.hint(), c.hint) << c.message;
  }
  const auto misspelled = error_of([] {
    DatabaseConfig::from_variables({{"ENVIRONMENT", "staging"}, {"DATABSE_URL", "postgresql://u:s3cret@h/d"}});
  });
  EXPECT_EQ(misspelled.hint(), "Is DATABSE_URL meant to be DATABASE_URL? " + std::string(kExample));
}

TEST(ConfigTest, PartsMakeADatabaseUrl) {
  DatabaseConfig::Variables parts{{"DATABASE_TYPE", "postgresql"}, {"POSTGRES_HOST", "db"},
                                  {"POSTGRES_PORT", "5433"},       {"POSTGRES_DB", "saas"},
                                  {"POSTGRES_USER", "app"},        {"POSTGRES_PASSWORD", "a/b@c"}};
  EXPECT_EQ(DatabaseConfig::from_variables(parts).get_database_url("acme").revealed(),
            "postgresql://app:a%2Fb%40c@db:5433/saas");
  parts["DATABASE_URL"] = "postgresql://other/d";
  EXPECT_EQ(DatabaseConfig::from_variables(parts).get_database_url().revealed(), "postgresql://other/d");
}

TEST(ConfigTest, SettlesFoldersSizesTimesAndReplicas) {
  const auto config = DatabaseConfig::from_variables(
      {{"SQLITE_DATA_DIR", "/srv/data/"}, {"CONNECTION_POOL_SIZE", "7"}, {"QUERY_TIMEOUT", "5"}, {"USE_ORM", "yes"}});
  EXPECT_EQ(config.get_sqlite_url("acme").database(), "/srv/data/acme_freshdesk_data.db");
  EXPECT_EQ(config.get_database_url().database(), "/srv/data/main.db");
  EXPECT_EQ(config.database_options().max_connections, 7u);
  EXPECT_EQ(config.database_options().statement_timeout, std::chrono::seconds(5));
  EXPECT_EQ(config.use_orm(), true);
  const auto standard = DatabaseConfig::from_variables({});
  EXPECT_EQ(standard.connection_pool_size(), 20u);
  EXPECT_EQ(standard.query_timeout(), std::chrono::seconds(30));
  EXPECT_EQ(standard.use_orm(), std::nullopt);
  EXPECT_TRUE(standard.warnings().empty());
  const auto replicated =
      DatabaseConfig::from_variables({{"ENVIRONMENT", "staging"},
                                      {"DATABASE_URL", "postgresql://a/d"},
                                      {"DATABASE_REPLICA_URL", "postgresql://b/d  postgres://c/d"}});
  ASSERT_EQ(replicated.database_options().replicas.size(), 2u);
  EXPECT_EQ(replicated.database_options().replicas[1].revealed(), "postgresql://c/d");
}

TEST(ConfigTest, ProductionWarnsOfAServerThatIsNotVerified) {
  struct Case {
    const char* url;
    const char* pgsslmode;
    const char* mode;  // null: no warning
  };
  const Case cases[] = {{"postgresql://db/d", "", "prefer"},
                        {"postgresql://db/d?sslmode=require", "", "require"},
                        {"postgresql://db/d", "verify-ca", "verify-ca"},
                        {"postgresql://localhost/d", "", "prefer"},
                        {"postgresql:///d?host=/run/postgresql,db", "", "prefer"},
                        {"postgresql://db/d?sslmode=verify-full", "", nullptr},
                        {"postgresql://db/d", "verify-full", nullptr},
                        {"postgresql:///d", "", nullptr},
                        {"postgresql://%2Frun%2Fpostgresql/d", "", nullptr},
                        {"postgresql:///d?host=/run/postgresql", "", nullptr},
                        {"sqlite:///x.db", "", nullptr}};
  for (const Case& c : cases) {
    DatabaseConfig::Variables variables{
        {"ENVIRONMENT", "production"}, {"DATABASE_URL", c.url}, {"PGSSLMODE", c.pgsslmode}};
    const std::string warning = "DATABASE_URL: sslmode is " + std::string(c.mode != nullptr ? c.mode : "") +
                                ", with which nobody knows whether the server is the right one";
    const std::vector<std::string> expected(c.mode != nullptr ? 1 : 0, warning);
    EXPECT_EQ(DatabaseConfig::from_variables(variables).warnings(), expected) << c.url;
    const auto strict = [&] { DatabaseConfig::from_variables(variables, DatabaseConfig::Checks::kStrict); };
    if (c.mode != nullptr) {
      EXPECT_EQ(error_of(strict).what(), warning);
    } else {
      EXPECT_NO_THROW(strict()) << c.url;
    }
    variables["ENVIRONMENT"] = "staging";
    EXPECT_TRUE(DatabaseConfig::from_variables(variables).warnings().empty()) << c.url;
  }
}

TEST(ConfigTest, WarnsOfNamesThatDoNothing) {
  const auto config = DatabaseConfig::from_variables({{"MAX_TENANTS", "5"}, {"QUERY_TIMEOT", "3"}, {"HOME", "/root"}});
  EXPECT_EQ(config.warnings(),
            (std::vector<std::string>{"MAX_TENANTS has no effect: there is no limit",
                                      "QUERY_TIMEOT is not known; is it meant to be QUERY_TIMEOUT?"}));
}

TEST(ConfigTest, ACompanyIsNeverAPath) {
  const auto config = DatabaseConfig::from_variables({});
  for (const std::string& company : {std::string(), std::string("../x"), std::string("/etc/passwd"),
                                     std::string("a\0b", 3), std::string(300, 'a'), std::string("..")}) {
    EXPECT_EQ(error_of([&] { config.get_database_url(company); }).sqlstate(), "22023");
  }
}

TEST(EnvFileTest, ReadsTheUsualForms) {
  const TestFolder folder;
  std::ofstream(folder / ".env") << "\xEF\xBB\xBF# comment\r\n"
                                    "PLAIN=a b # comment\r\n"
                                    "export EXPORTED = x#y\n"
                                    "SINGLE='a \\n # $HOME'  # comment\n"
                                    "DOUBLE=\"say \\\"hi\\\" \\\\ \\$x\\n.\"\n"
                                    "EMPTY=\n\n"
                                    "TWICE=1\nTWICE=2\n";
  const DatabaseConfig::Variables expected{{"PLAIN", "a b"},
                                           {"EXPORTED", "x#y"},
                                           {"SINGLE", "a \\n # $HOME"},
                                           {"EMPTY", ""},
                                           {"DOUBLE", "say \"hi\" \\ $x\n."},
                                           {"TWICE", "2"}};
  EXPECT_EQ(rowhouse::read_env_file(folder / ".env"), expected);
}

TEST(EnvFileTest, NamesTheLineAndNotTheValue) {
  const TestFolder folder;
  const auto message = [&](const char* text) {
    std::ofstream(folder / ".env") << text;
    const std::string what = error_of([&] { rowhouse::read_env_file(folder / ".env"); }).what();
    EXPECT_EQ(what.find("s3cret"), std::string::npos);
    return what.substr(what.find(", line"));
  };
  EXPECT_EQ(message("A=1\nno equals s3cret\n"), ", line 2: not of the form NAME=VALUE");
  EXPECT_EQ(message("1A=s3cret"), ", line 1: not of the form NAME=VALUE");
  EXPECT_EQ(message("A='s3cret"), ", line 1: the quotes of A do not match");
  EXPECT_EQ(message("A='s3cret' s3cret"), ", line 1: the quotes of A do not match");
  EXPECT_EQ(error_of([&] { DatabaseConfig::from_file(folder / "absent"); }).kind(),
            rowhouse::ErrorKind::kConfiguration);
}

TEST(EnvFileTest, TheProcessWinsOverTheFile) {
  const TestFolder folder;
  std::ofstream(folder / ".env") << "ENVIRONMENT=production\nDATABASE_URL=postgresql://file/d\n";
  setenv("DATABASE_URL", "postgresql://process/d", 1);
  const auto config = DatabaseConfig::from_file(folder / ".env");
  unsetenv("DATABASE_URL");
  EXPECT_EQ(config.get_database_url().revealed(), "postgresql://process/d");
}

}  // namespace
