#include "rowhouse/store.hpp"

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
    layer->on_difference([this](const MigrationDifference& difference) { differences.push_back(difference); });
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
  layer->set_mode(MigrationMode::kPostgres);
  layer->set_mode("acme", MigrationMode::kPostgres);
  layer->store_integrated_object(ticket(3), "acme");
  EXPECT_EQ(in_sqlite("acme"), 2u);
  EXPECT_EQ(layer->get_by_company("acme").size(), 2u);
  EXPECT_TRUE(layer->get_by_company("globex").empty());
  EXPECT_EQ(layer->mode("nobody"), MigrationMode::kPostgres);
  EXPECT_TRUE(differences.empty());
  const auto counters = layer->counters();
  EXPECT_EQ(counters.sqlite_writes, 3u);
  EXPECT_EQ(counters.postgres_writes, 2u);
  EXPECT_EQ(counters.compared, 1u);
  EXPECT_EQ(counters.different + counters.refused, 0u);
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

TEST(MigrationModeTest, HasNames) {
  EXPECT_EQ(rowhouse::parse_migration_mode("dual"), MigrationMode::kDual);
  EXPECT_EQ(rowhouse::to_string(MigrationMode::kPostgres), "postgres");
  EXPECT_THROW(rowhouse::parse_migration_mode("both"), rowhouse::ConfigurationError);
}

}  // namespace
