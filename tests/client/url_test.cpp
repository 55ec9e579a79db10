#include "rowhouse/url.hpp"

#include <sstream>

#include "test_server.hpp"

namespace {

using rowhouse::ConfigurationError;
using rowhouse::mask_url;
using rowhouse::Url;

TEST(UrlTest, TakesAPostgresqlUrlApart) {
  const Url url =
      Url::parse("postgresql+asyncpg://al%40ice:p%3Aw@db1:5433,[::1]/sales%20db?sslmode=require&application_name=x");
  EXPECT_EQ(url.scheme(), "postgresql");
  EXPECT_EQ(url.user(), "al@ice");
  EXPECT_EQ(url.password(), "p:w");
  ASSERT_EQ(url.hosts().size(), 2u);
  EXPECT_EQ(url.hosts()[0].name + '/' + url.hosts()[0].port, "db1/5433");
  EXPECT_EQ(url.hosts()[1].name + '/' + url.hosts()[1].port, "::1/");
  EXPECT_EQ(url.database(), "sales db");
  EXPECT_EQ(url.parameters().at(0).second, "require");
  EXPECT_TRUE(Url::parse("postgres://h/d").is_postgresql());
}

TEST(UrlTest, SqlitePathsHaveThreeSlashesOrFour) {
  EXPECT_EQ(Url::parse("sqlite:///./data/main.db").database(), "./data/main.db");
  EXPECT_EQ(Url::parse("sqlite+aiosqlite:////srv/data/main.db").database(), "/srv/data/main.db");
  EXPECT_EQ(Url::parse("sqlite://").database(), "");
  EXPECT_EQ(Url::parse("sqlite:///:memory:").database(), "");
  EXPECT_THROW(Url::parse("sqlite://data/main.db"), ConfigurationError);
  const Url odd = Url::sqlite_file("./data/a?b#c%41_freshdesk_data.db");
  EXPECT_EQ(Url::parse(odd.revealed()).database(), odd.database());
}

TEST(UrlTest, PrintsWithoutSecretsAndReadsBackWithThem) {
  const std::string text = "postgresql://bob:s3cret%40@h:1/d?sslpassword=s3cret&password=s3cret&sslmode=require";
  const Url url = Url::parse(text);
  EXPECT_EQ(url.masked(), "postgresql://bob:***@h:1/d?sslpassword=***&password=***&sslmode=require");
  EXPECT_EQ(url.revealed(), text);
  std::ostringstream out;
  out << url;
  EXPECT_EQ(out.str(), url.masked());
}

TEST(UrlTest, MasksWhatIsNoProperUrl) {
  for (const char* text :
       {"postgresql://bob:s3cret@h/d", "postgresql://bob:s3@s3cret@h/d", "postgresql://bob:/s3cret@h", "bob:s3cret@h/d",
        "postgresql://h/d?password=s3cret", "postgresql://b:x?s3cret@h/d?user=b"}) {
    EXPECT_EQ(mask_url(text).find("s3cret"), std::string::npos) << mask_url(text);
  }
  EXPECT_EQ(mask_url("postgresql://bob@h/d"), "postgresql://***@h/d");
  EXPECT_EQ(mask_url("sqlite:///./data/main.db"), "sqlite:///./data/main.db");
}

TEST(UrlTest, RefusesWithoutRepeatingTheText) {
  for (const char* text :
       {"", "s3cret", "://s3cret", "1s3cret://h", "postgresql://b:s3cret/x@h/d", "postgresql://h:s3cret",
        "postgresql://h:0/s3cret", "postgresql://h:70000/s3cret", "postgresql://h/s3cret%zz", "postgresql://h/s3cret%0",
        "postgresql://h/s3cret%00", "postgresql://[s3cret", "postgresql://h/d?s3cret", "postgresql://h/ s3cret"}) {
    const auto error = error_of([&] { Url::parse(text); });
    EXPECT_EQ(error.kind(), rowhouse::ErrorKind::kConfiguration) << text;
    EXPECT_EQ(std::string(error.what()).find("s3cret"), std::string::npos) << error.what();
  }
}

}  // namespace
