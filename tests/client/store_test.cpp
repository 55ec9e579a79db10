#include "rowhouse/store.hpp"

#include <sys/wait.h>

#include <csignal>
#include <mutex>
#include <thread>

#include "rowhouse/migration_layer.hpp"
#include "rowhouse/repository.hpp"
#include "test_databases.hpp"

namespace {

using rowhouse::create_metadata;
using rowhouse::IntegratedObjectRepository;
using rowhouse::Json;
using rowhouse::MigrationDifference;
using rowhouse::MigrationLayer;
using rowhouse::MigrationMode;

Json ticket(const Json& id) {
  return {
      {"id", id},
      {"subject", "printer"},
      {"status", 2},
      {"priority", nullptr},
      {"integrated_text", "the whole text"},
      {"integration_timestamp", "2025-01-02T03:04:05Z"},
      {"conversations",
       {{{"id", 7}, {"body_text", std::string(99, 'x') + "한글"}, {"private", false}, {"to_emails", Json::array()}}}},
      {"all_attachments", {{{"id", 8}, {"name", "a.png"}, {"content_type", "image/png"}, {"size", 3}, {"url", "x"}}}},
      {"inline_images", {{{"attachment_id", 9}, {"alt_text", ""}}}}};
}

TEST(MetadataTest, HasTheKeysOfTheService) {
  EXPECT_EQ(create_metadata(ticket(1)),
            (Json{{"has_conversations", true},
                  {"has_attachments", true},
                  {"has_inline_images", true},
                  {"conversation_count", 1},
                  {"attachment_count", 1},
                  {"inline_image_count", 1},
                  {"total_image_count", 2},
                  {"subject", "printer"},
                  {"status", 2},
                  {"integration_timestamp", "2025-01-02T03:04:05Z"},
                  {"conversations", {{{"id", 7}, {"private", false}, {"body_text", std::string(99, 'x') + "한"}}}},
                  {"attachments", {{{"id", 8}, {"name", "a.png"}, {"content_type", "image/png"}, {"size", 3}}}},
                  {"inline_images", {{{"attachment_id", 9}}}}}));
  const Json empty = create_metadata(Json::object());
  EXPECT_EQ(empty["conversation_count"], 0);
  EXPECT_FALSE(empty.contains("attachments"));
  EXPECT_TRUE(empty.contains("integration_timestamp"));
  EXPECT_EQ(error_of([] { create_metadata(Json::array()); }).sqlstate(), "22023");
}

class StoreTest : public BothDatabases {};
ROWHOUSE_ON_BOTH_DATABASES(StoreTest);

TEST_P(StoreTest, StoresAndReplaces) {
  const auto first = rowhouse::store_integrated_object(manager(), ticket(123), "acme");
  EXPECT_EQ(first.original_id, "123");
  EXPECT_EQ(first.object_type, "integrated_ticket");
  EXPECT_EQ(first.platform, "freshdesk");
  EXPECT_EQ(first.integrated_content, "the whole text");
  EXPECT_EQ(first.original_data, ticket(123));
  EXPECT_EQ(first.metadata, create_metadata(ticket(123)));
  EXPECT_EQ(rowhouse::store_integrated_object(manager(), ticket("123"), "acme").id, first.id);
  Json simplified = ticket(nullptr);
  simplified["original_id"] = "abc";
  EXPECT_EQ(rowhouse::store_integrated_object(manager(), simplified, "acme").original_id, "abc");
}

TEST_P(StoreTest, NeverInventsAnId) {
  for (const Json& id : {Json(), Json(""), Json(1.5), Json::object()}) {
    EXPECT_EQ(error_of([&] { rowhouse::store_integrated_object(manager(), ticket(id), "acme"); }).sqlstate(), "22023");
  }
  EXPECT_EQ(error_of([&] { rowhouse::store_integrated_object(manager(), ticket(1), "../x"); }).sqlstate(), "22023");
}

class MigrationLayerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ROWHOUSE_NEEDS_SERVER();
    postgres = std::make_unique<TestPostgres>();
    for (const char* company : {"acme", "globex"}) rowhouse::SchemaManager(file(company).revealed()).create_all();
    layer = std::make_unique<MigrationLayer>([this](std::string_view company) { return file(company); },
                                             rowhouse::DatabaseManager(postgres->app_url()));
    layer->on_difference([this](const MigrationDifference& difference) {
      const std::lock_guard lock(differences_mutex);
      differences.push_back(difference);
    });
  }
  rowhouse::Url file(std::string_view company) {
    return rowhouse::Url::sqlite_file(folder / (std::string(company) + "_freshdesk_data.db"));
  }
  std::uint64_t count(rowhouse::DatabaseManager manager, const std::string& company) {
    auto session = manager.session(company);
    return IntegratedObjectRepository(session).count();
  }
  std::uint64_t in_sqlite(const std::string& company) {
    return count(rowhouse::DatabaseManager(file(company)), company);
  }
  std::uint64_t in_postgres(const std::string& company) {
    return count(rowhouse::DatabaseManager(postgres->app_url()), company);
  }

  TestFolder folder;
  std::unique_ptr<TestPostgres> postgres;
  std::unique_ptr<MigrationLayer> layer;
  std::mutex differences_mutex;
  std::vector<MigrationDifference> differences;
};

TEST_F(MigrationLayerTest, WritesWhereTheCompanysModeSays) {
  layer->store_integrated_object(ticket(1), "acme");
  EXPECT_EQ(in_sqlite("acme"), 1u);
  EXPECT_EQ(in_postgres("acme"), 0u);
  layer->set_mode("acme", MigrationMode::kDual);
  layer->store_integrated_object(ticket(2), "acme");
  layer->store_integrated_object(ticket(2), "globex");
  EXPECT_EQ(in_sqlite("acme"), 2u);
  EXPECT_EQ(in_postgres("acme"), 1u);
  EXPECT_EQ(in_postgres("globex"), 0u);
  EXPECT_EQ(layer->get_by_company("acme").size(), 2u);
  ASSERT_EQ(differences.size(), 1u);  // object 1 has not been migrated
  EXPECT_EQ(differences[0].original_id, "1");
  EXPECT_EQ(differences[0].columns, (std::vector<std::string>{"the whole row"}));
  layer->set_mode(MigrationMode::kPostgres);
  layer->set_mode("acme", MigrationMode::kPostgres);
  layer->store_integrated_object(ticket(3), "acme");
  EXPECT_EQ(in_sqlite("acme"), 2u);
  EXPECT_EQ(layer->get_by_company("acme").size(), 2u);
  EXPECT_TRUE(layer->get_by_company("globex").empty());
  EXPECT_EQ(layer->mode("nobody"), MigrationMode::kPostgres);
  const auto counters = layer->counters();
  EXPECT_EQ(counters.sqlite_writes, 3u);
  EXPECT_EQ(counters.postgres_writes, 2u);
  EXPECT_EQ(counters.compared, 2u);
  EXPECT_EQ(counters.different, 1u);
  EXPECT_EQ(counters.refused, 0u);
}

TEST_F(MigrationLayerTest, TellsWhereTheTwoDiffer) {
  layer->store_integrated_object(ticket(1), "acme");
  layer->set_mode("acme", MigrationMode::kDual);
  layer->store_integrated_object(ticket(1), "acme");
  EXPECT_TRUE(layer->update_summary("acme", "1", "short"));
  EXPECT_FALSE(layer->update_summary("acme", "absent", "short"));
  EXPECT_TRUE(differences.empty());
  rowhouse::DatabaseManager(postgres->app_url())
      .session("acme")
      .execute("UPDATE integrated_objects SET integrated_content = 'x', metadata = NULL");
  EXPECT_TRUE(layer->update_summary("acme", "1", "shorter"));
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences[0].original_id, "1");
  EXPECT_EQ(differences[0].columns, (std::vector<std::string>{"integrated_content", "metadata"}));
  EXPECT_EQ(layer->counters().different, 1u);
}

TEST_F(MigrationLayerTest, SqliteIsTheTruthWhenPostgresqlRefuses) {
  rowhouse::SchemaManager(file("stranger").revealed()).create_all();
  layer->set_mode(MigrationMode::kDual);
  EXPECT_EQ(layer->store_integrated_object(ticket(1), "stranger").original_id, "1");
  EXPECT_EQ(in_sqlite("stranger"), 1u);
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences[0].sqlstate, "42704");
  EXPECT_EQ(layer->counters().refused, 1u);
}

TEST_F(MigrationLayerTest, RepeatsWhatPostgresqlDidNotTake) {
  rowhouse::SchemaManager(file("late").revealed()).create_all();
  layer->set_mode(MigrationMode::kDual);
  layer->store_integrated_object(ticket(1), "late");
  layer->store_integrated_object(ticket(2), "late");
  layer->update_summary("late", "1", "short");
  EXPECT_TRUE(layer->remove("late", "2"));
  EXPECT_EQ(layer->counters().refused, 4u);
  EXPECT_EQ(error_of([&] { layer->reconcile("late"); }).sqlstate(), "42704");
  rowhouse::SchemaManager(postgres->admin_url()).create_tenant("late");
  const auto report = layer->reconcile("late");
  EXPECT_EQ(report.found, 2u);
  EXPECT_EQ(report.mended, 2u);
  EXPECT_EQ(layer->reconcile("late").found, 0u);
  differences.clear();
  const auto there = layer->get_by_company("late");
  EXPECT_TRUE(differences.empty());
  layer->set_mode(MigrationMode::kPostgres);
  const auto here = layer->get_by_company("late");
  ASSERT_EQ(here.size(), 1u);
  EXPECT_EQ(here[0].summary, "short");
  EXPECT_EQ(here[0].created_at, there.at(0).created_at);
  EXPECT_EQ(here[0].updated_at, there.at(0).updated_at);
}

TEST_F(MigrationLayerTest, LeavesANewerRowOfPostgresqlAlone) {
  layer->set_mode("acme", MigrationMode::kDual);
  layer->store_integrated_object(ticket(1), "acme");
  layer->set_mode("acme", MigrationMode::kPostgres);
  layer->update_summary("acme", "1", "newer");
  auto old_file = rowhouse::DatabaseManager(file("acme"));
  old_file.session().execute(
      "INSERT INTO rowhouse_intent (company_id, platform, object_type, original_id)"
      " VALUES ('acme', 'freshdesk', 'integrated_ticket', '1')");
  const auto report = layer->reconcile("acme");
  EXPECT_EQ(report.conflicts, 1u);
  EXPECT_EQ(differences.at(0).columns, (std::vector<std::string>{"updated_at"}));
  EXPECT_EQ(layer->get_by_original_id("acme", "1")->summary, "newer");
}

// Killed for good between the two writes: PostgreSQL's is kept waiting by a lock until then.
TEST_F(MigrationLayerTest, SurvivesACrashBetweenTheTwo) {
  layer->set_mode("acme", MigrationMode::kDual);
  layer->store_integrated_object(ticket(1), "acme");
  rowhouse::DatabaseManager admin(postgres->admin_url());
  auto blocker = admin.session();
  auto lock = blocker.begin();
  lock.execute("LOCK TABLE integrated_objects");
  const pid_t child = fork();
  if (child == 0) {
    MigrationLayer doomed([this](std::string_view company) { return file(company); },
                          rowhouse::DatabaseManager(postgres->app_url()), MigrationMode::kDual);
    doomed.store_integrated_object(ticket(2), "acme");
    _exit(0);
  }
  for (int tries = 0; tries < 2000 && in_sqlite("acme") < 2; ++tries) usleep(10'000);
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  lock.rollback();
  EXPECT_EQ(in_sqlite("acme"), 2u);
  EXPECT_EQ(in_postgres("acme"), 1u);
  EXPECT_EQ(layer->reconcile("acme").mended, 1u);
  EXPECT_EQ(in_postgres("acme"), 2u);
  layer->get_by_company("acme");
  EXPECT_TRUE(differences.empty());
}

TEST_F(MigrationLayerTest, TheLastOfManyWritesStandsInBoth) {
  layer->set_mode("acme", MigrationMode::kDual);
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 4; ++writer) {
    writers.emplace_back([&, writer] {
      for (int round = 0; round < 8; ++round) {
        Json changed = ticket(round % 2);
        changed["integrated_text"] = std::to_string(writer) + "/" + std::to_string(round);
        layer->store_integrated_object(changed, "acme");
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(layer->reconcile("acme").found, 0u);
  layer->get_by_company("acme");
  EXPECT_TRUE(differences.empty());
  EXPECT_EQ(layer->counters().refused, 0u);
}

TEST_F(MigrationLayerTest, ComparesWhatItReads) {
  layer->set_mode("acme", MigrationMode::kDual);
  layer->store_integrated_object(ticket(1), "acme");
  EXPECT_TRUE(layer->get_by_original_id("acme", "1").has_value());
  EXPECT_FALSE(layer->get_by_original_id("acme", "absent").has_value());
  EXPECT_TRUE(differences.empty());
  rowhouse::DatabaseManager(postgres->app_url())
      .session("acme")
      .execute("UPDATE integrated_objects SET summary = 'other'");
  EXPECT_TRUE(layer->get_by_original_id("acme", "1").has_value());
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences[0].columns, (std::vector<std::string>{"summary"}));
}

TEST(MigrationModeTest, HasNames) {
  EXPECT_EQ(rowhouse::parse_migration_mode("dual"), MigrationMode::kDual);
  EXPECT_EQ(rowhouse::to_string(MigrationMode::kPostgres), "postgres");
  EXPECT_THROW(rowhouse::parse_migration_mode("both"), rowhouse::ConfigurationError);
}

}  // namespace
