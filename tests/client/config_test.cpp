#include "rowhouse/config.hpp"

#include <fstream>

#include "test_databases.hpp"

namespace {

using rowhouse::DatabaseConfig;
using rowhouse::Environment;

std::string config_error(const DatabaseConfig::Variables& variables) {
  const auto error = error_of([&] { DatabaseConfig::from_variables(variables); });
  EXPECT_EQ(error.kind(), rowhouse::ErrorKind::kConfiguration);
  return error.what();
}

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

TEST(ConfigTest, ErrorsNameTheVariableAndNeverASecret) {
  EXPECT_EQ(config_error({{"ENVIRONMENT", "prod"}}), "unknown ENVIRONMENT: prod");
  EXPECT_EQ(config_error({{"ENVIRONMENT", "production"}}),
            "DATABASE_URL is not set, which ENVIRONMENT=production requires");
  EXPECT_EQ(config_error({{"ENVIRONMENT", "production"}, {"DATABASE_URL", ""}}),
            "DATABASE_URL is not set, which ENVIRONMENT=production requires");
  EXPECT_EQ(config_error({{"ENVIRONMENT", "production"}, {"DATABASE_URL", "mysql://u:s3cret@h/d"}}),
            "DATABASE_URL does not begin with postgresql:// or sqlite://");
  EXPECT_EQ(config_error({{"REDIS_URL", "redis://:s3cret@h:x"}}),
            "REDIS_URL: the port of the URL is not a number from 1 to 65535");
  EXPECT_EQ(config_error({{"QDRANT_URL", "qdrant"}}), "QDRANT_URL: not a URL: there is no '://'");
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
