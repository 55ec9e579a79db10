#include "rowhouse/repository.hpp"

#include <thread>

#include "test_databases.hpp"

namespace {

using rowhouse::Error;
using rowhouse::ErrorKind;
using rowhouse::IntegratedObject;
using rowhouse::IntegratedObjectData;
using rowhouse::IntegratedObjectRepository;
using rowhouse::Json;

class RepositoryTest : public BothDatabases {};
ROWHOUSE_ON_BOTH_DATABASES(RepositoryTest);

IntegratedObjectData ticket(const std::string& original_id) {
  return {.original_id = original_id,
          .company_id = "acme",
          .original_data =
              Json{{"subject", "인쇄기"}, {"tags", {"a", "b"}}, {"score", 1.5}, {"open", true}, {"none", nullptr}},
          .integrated_content = "line 1\nline 2",
          .metadata = Json{{"attachment_count", 2}}};
}

TEST_P(RepositoryTest, CreateReturnsWhatIsStored) {
  auto session = manager().session("acme");
  IntegratedObjectRepository repository(session);
  const auto before = std::chrono::system_clock::now();
  const IntegratedObject made = repository.create(ticket("test_123"));
  EXPECT_GT(made.id, 0);
  EXPECT_EQ(static_cast<const IntegratedObjectData&>(made), ticket("test_123"));
  EXPECT_EQ(made.platform, "freshdesk");
  EXPECT_EQ(made.object_type, "integrated_ticket");
  EXPECT_LT(std::chrono::abs(*made.created_at - before), std::chrono::seconds(5));
  EXPECT_EQ(made.created_at, made.updated_at);
  const auto read = repository.get(made.id);
  ASSERT_TRUE(read);
  EXPECT_EQ(static_cast<const IntegratedObjectData&>(*read), ticket("test_123"));
  EXPECT_EQ(read->created_at, made.created_at);
  EXPECT_EQ(repository.get_by_original_id("test_123")->id, made.id);
}

TEST_P(RepositoryTest, CreateFromJsonAsTheServiceDid) {
  auto session = manager().session("acme");
  IntegratedObjectRepository repository(session);
  const IntegratedObject made = repository.create(Json{{"original_id", "7"},
                                                       {"company_id", "acme"},
                                                       {"platform", "freshdesk"},
                                                       {"object_type", "integrated_article"},
                                                       {"original_data", {{"test", "data"}}},
                                                       {"integrated_content", "Test content"},
                                                       {"summary", nullptr}});
  EXPECT_EQ(made.object_type, "integrated_article");
  EXPECT_EQ(made.original_data, (Json{{"test", "data"}}));
  EXPECT_EQ(made.summary, std::nullopt);
  EXPECT_TRUE(made.metadata.is_null());
}

TEST_P(RepositoryTest, GetByCompanyIsNewestFirstAndFilters) {
  auto session = manager().session("acme");
  IntegratedObjectRepository repository(session);
  for (const char* id : {"1", "2", "3"}) {
    repository.create(ticket(id));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  IntegratedObjectData article = ticket("9");
  article.object_type = "integrated_article";
  repository.create(article);
  const auto all = repository.get_by_company("acme");
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].original_id + all[1].original_id + all[2].original_id + all[3].original_id, "9321");
  EXPECT_EQ(repository.get_by_company("acme", "integrated_ticket").size(), 3u);
  EXPECT_TRUE(repository.get_by_company("acme", "no_such_type").empty());
  EXPECT_EQ(repository.count(), 4u);
  EXPECT_EQ(repository.count("integrated_article"), 1u);
}

TEST_P(RepositoryTest, TheNaturalKeyIsUnique) {
  auto session = manager().session("acme");
  IntegratedObjectRepository repository(session);
  repository.create(ticket("1"));
  const Error error = error_of([&] { repository.create(ticket("1")); });
  EXPECT_EQ(error.sqlstate(), "23505");
  EXPECT_EQ(error.kind(), ErrorKind::kConstraint);
  EXPECT_FALSE(error.retryable());
  EXPECT_EQ(std::string(error.what()).find("line 1"), std::string::npos);
  IntegratedObjectData other = ticket("1");
  other.platform = "zendesk";
  EXPECT_NO_THROW(repository.create(other));
  EXPECT_EQ(repository.count(), 2u);
}

TEST_P(RepositoryTest, UpsertReplacesButKeepsASummary) {
  auto session = manager().session("acme");
  IntegratedObjectRepository repository(session);
  const IntegratedObject first = repository.upsert(ticket("1"));
  EXPECT_TRUE(repository.update_summary(first.id, "short"));
  IntegratedObjectData changed = ticket("1");
  changed.original_data = Json{{"subject", "new"}};
  const IntegratedObject second = repository.upsert(changed);
  EXPECT_EQ(second.id, first.id);
  EXPECT_EQ(second.original_data, changed.original_data);
  EXPECT_EQ(second.summary, "short");
  EXPECT_EQ(second.created_at, first.created_at);
  EXPECT_GT(second.updated_at, first.updated_at);
  changed.summary = "other";
  EXPECT_EQ(repository.upsert(changed).summary, "other");
  EXPECT_EQ(repository.count(), 1u);
}

TEST_P(RepositoryTest, UpdateSummaryAndRemoveTellWhetherTheObjectWasThere) {
  auto session = manager().session("acme");
  IntegratedObjectRepository repository(session);
  const IntegratedObject made = repository.create(ticket("1"));
  EXPECT_TRUE(repository.update_summary(made.id, "요약 'quoted' \"too\" $1"));
  EXPECT_EQ(repository.get(made.id)->summary, "요약 'quoted' \"too\" $1");
  EXPECT_FALSE(repository.update_summary(made.id + 1, "x"));
  EXPECT_FALSE(repository.remove(made.id + 1));
  EXPECT_TRUE(repository.remove(made.id));
  EXPECT_EQ(repository.get(made.id), std::nullopt);
}

TEST_P(RepositoryTest, RefusesWhatPostgresqlCannotHoldOnBoth) {
  auto session = manager().session("acme");
  IntegratedObjectRepository repository(session);
  const auto refused = [&](auto change) {
    IntegratedObjectData data = ticket("1");
    change(data);
    const Error error = error_of([&] { repository.create(data); });
    EXPECT_EQ(error.kind(), ErrorKind::kData) << error.what();
    EXPECT_EQ(std::string(error.what()).find("s3cret"), std::string::npos) << error.what();
    return error.sqlstate();
  };
  EXPECT_EQ(refused([](auto& data) { data.integrated_content = std::string("s3cret\0x", 8); }), "22021");
  EXPECT_EQ(refused([](auto& data) { data.integrated_content = "s3cret\xff"; }), "22021");
  EXPECT_EQ(refused([](auto& data) { data.original_data = Json{{"a", "s3cret\xff"}}; }), "22021");
  EXPECT_EQ(refused([](auto& data) { data.original_data = Json{{"a", std::string("s3cret\0", 7)}}; }), "22P05");
  EXPECT_EQ(repository.count(), 0u);
}

TEST_P(RepositoryTest, TakesPartInATransaction) {
  {
    auto session = manager().session("acme");
    auto transaction = session.begin();
    IntegratedObjectRepository(transaction).create(ticket("gone"));
  }
  manager().run_in_transaction(
      [](rowhouse::Transaction& transaction) {
        IntegratedObjectRepository repository(transaction);
        repository.create(ticket("kept"));
        {
          auto nested = transaction.nested();
          repository.create(ticket("undone"));
        }
        EXPECT_EQ(repository.count(), 1u);
      },
      {.transaction = {.tenant = "acme"}});
  auto session = manager().session("acme");
  const auto all = IntegratedObjectRepository(session).get_by_company("acme");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].original_id, "kept");
}

TEST_P(RepositoryTest, EndsWithItsTransaction) {
  auto session = manager().session("acme");
  auto transaction = session.begin();
  IntegratedObjectRepository repository(transaction);
  transaction.commit();
  EXPECT_EQ(error_of([&] { repository.count(); }).sqlstate(), "25P01");
}

class PostgresRepositoryTest : public RepositoryTest {};
INSTANTIATE_TEST_SUITE_P(Database, PostgresRepositoryTest, ::testing::Values(rowhouse::Database::kPostgresql),
                         database_name);

// A call on a session is one round trip, whose end is the commit.
TEST_P(PostgresRepositoryTest, ARefusalAtCommitIsAnErrorOfTheCall) {
  rowhouse::DatabaseManager admin = owner();
  refuse_at_commit(admin, "integrated_objects");
  auto session = manager().session("acme");
  IntegratedObjectRepository repository(session);
  const Error error = error_of([&] { repository.create(ticket("1")); });
  EXPECT_EQ(error.sqlstate(), "23514");
  EXPECT_FALSE(error.in_doubt());
  EXPECT_EQ(repository.count(), 0u);
  admin.session().execute("DROP TRIGGER refuse ON integrated_objects");
  repository.create(ticket("1"));
  EXPECT_EQ(repository.count(), 1u);
  die_at_commit(admin, "INSERT", "integrated_objects");
  EXPECT_TRUE(error_of([&] { repository.create(ticket("2")); }).in_doubt());
}

// Nothing of a transaction is left open, whatever the text of a call says.
TEST_P(PostgresRepositoryTest, NoTransactionIsLeftOpen) {
  auto session = manager().session("acme");
  IntegratedObjectRepository repository(session);
  for (const char* text : {"BEGIN", "COMMIT", "ROLLBACK", "START TRANSACTION READ ONLY"}) {
    session.execute(text);
    repository.upsert(ticket(text));
    EXPECT_EQ(session.execute("SELECT current_setting('rowhouse.tenant')").one().get<std::string>(0), "acme");
  }
  auto other = manager().session("acme");
  EXPECT_EQ(IntegratedObjectRepository(other).count(), 4u);
}

TEST_P(RepositoryTest, NeedsATenant) {
  auto session = manager().session();
  const Error error = error_of([&] { IntegratedObjectRepository repository(session); });
  EXPECT_EQ(error.sqlstate(), "55000");
  EXPECT_EQ(error.kind(), ErrorKind::kState);
}

TEST(IntegratedObjectDataTest, FromJsonNamesTheWrongKey) {
  using rowhouse::IntegratedObjectData;
  const auto message = [](const Json& data) {
    return std::string(error_of([&] { IntegratedObjectData::from_json(data); }).what());
  };
  EXPECT_NE(message({{"company_id", "acme"}}).find("\"original_id\""), std::string::npos);
  EXPECT_NE(message({{"company_id", "acme"}, {"original_id", 5}}).find("\"original_id\""), std::string::npos);
  EXPECT_NE(message({{"company_id", "acme"}, {"original_id", "5"}, {"sumary", nullptr}}).find("\"sumary\""),
            std::string::npos);
  EXPECT_NE(message(Json::array()).find("JSON object"), std::string::npos);
}

}  // namespace
