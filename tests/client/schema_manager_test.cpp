#include "rowhouse/schema_manager.hpp"

#include <map>
#include <set>

#include "test_databases.hpp"
#include "both_ways.hpp"

namespace {

using rowhouse::DatabaseManager;
using rowhouse::IntegratedObjectRepository;
using rowhouse::Url;

// Runs by way of a schema manager whose answers are waited for; reads by the blocking library.
template <class Way>
struct Schemas {
  template <class Target>
  explicit Schemas(const Target& target, rowhouse::DatabaseOptions options = {})
      : of(Way::manager(target, std::move(options))) {}
  void create_all() {
    Way::wait([&] { return of.create_all(); });
  }
  void create_tenant(const char* tenant) {
    Way::wait([&] { return of.create_tenant(tenant); });
  }
  void drop_all(const std::string& name) {
    Way::wait([&] { return of.drop_all(name); });
  }
  auto upgrade(const rowhouse::Schema& schema) {
    return Way::wait([&] { return of.upgrade(schema); });
  }
  int version(const char* name = "rowhouse") {
    return Way::wait([&] { return of.version(name); });
  }

  typename Way::SchemaManager of;
};

template <class Way>
class SchemaManagerTest : public ::testing::Test {};
TYPED_TEST_SUITE(SchemaManagerTest, Ways, WayName);

template <class Way>
void expect_create_and_drop(const Url& url, const std::string& name, const rowhouse::DatabaseOptions& options = {}) {
  Schemas<Way> schema(url, options);
  DatabaseManager manager(url, options);
  schema.create_tenant("acme");
  schema.create_tenant("acme");
  schema.create_all();
  schema.create_all();
  auto session = manager.session("acme");
  IntegratedObjectRepository repository(session);
  repository.create({.original_id = "1", .company_id = "acme"});
  const auto error = error_of([&] { schema.drop_all("another"); });
  EXPECT_EQ(error.sqlstate(), "22023");
  EXPECT_NE(error.hint().find(name), std::string::npos);
  EXPECT_EQ(repository.count(), 1u);
  schema.drop_all(name);
  EXPECT_EQ(error_of([&] { repository.count(); }).sqlstate(), "42P01");
  schema.drop_all(name);
}

TYPED_TEST(SchemaManagerTest, CreatesAndDropsInSqlite) {
  const TestFolder folder;
  expect_create_and_drop<TypeParam>(Url::sqlite_file(folder / "acme_freshdesk_data.db"), "acme_freshdesk_data.db");
}

TYPED_TEST(SchemaManagerTest, CreatesAndDropsInPostgresql) {
  ROWHOUSE_NEEDS_SERVER();
  const TestPostgres database;
  DatabaseManager(database.admin_url()).session().execute("CREATE SCHEMA \"my \"\"schema\"");
  rowhouse::DatabaseOptions options;
  options.schema = "my \"schema";
  expect_create_and_drop<TypeParam>(Url::parse(database.admin_url()), database.name(), options);
}

template <class Way>
void expect_upgrades(const Url& url) {
  Schemas<Way> manage(url);
  DatabaseManager manager(url);
  const std::vector<std::string> first{"CREATE TABLE note (a text)"};
  const std::vector<std::string> second{"ALTER TABLE note ADD COLUMN b text",
                                        "INSERT INTO note (a, b) VALUES ('1', '2')"};
  rowhouse::Schema schema{"notes", {{first, first}}};
  EXPECT_EQ(manage.version("notes"), 0);
  EXPECT_EQ(manage.upgrade(schema).before, 0);
  EXPECT_EQ(manage.version("notes"), 1);
  const rowhouse::Schema old = schema;
  schema.steps.push_back({second, second});
  const auto versions = manage.upgrade(schema);
  EXPECT_EQ(versions.before, 1);
  EXPECT_EQ(versions.now, 2);
  EXPECT_EQ(manage.upgrade(schema).before, 2);
  EXPECT_EQ(manager.session().execute("SELECT b FROM note").one().get<std::string>(0), "2");
  const auto ahead = error_of([&] { manage.upgrade(old); });
  EXPECT_EQ(ahead.sqlstate(), "55000");
  EXPECT_FALSE(ahead.hint().empty());
  const std::vector<std::string> bad{"CREATE TABLE other (a text)", "INSERT INTO nowhere VALUES (1)"};
  schema.steps.push_back({bad, bad});
  EXPECT_EQ(error_of([&] { manage.upgrade(schema); }).sqlstate(), "42P01");
  EXPECT_EQ(manage.version("notes"), 2);
  EXPECT_EQ(error_of([&] { manager.session().execute("SELECT * FROM other"); }).sqlstate(), "42P01");
  manage.create_all();
  EXPECT_EQ(manage.version(), 1);
  EXPECT_EQ(manage.version("notes"), 2);
}

TYPED_TEST(SchemaManagerTest, UpgradesStepByStepInSqlite) {
  const TestFolder folder;
  expect_upgrades<TypeParam>(Url::sqlite_file(folder / "main.db"));
}

TYPED_TEST(SchemaManagerTest, UpgradesStepByStepInPostgresql) {
  ROWHOUSE_NEEDS_SERVER();
  const TestPostgres database;
  expect_upgrades<TypeParam>(Url::parse(database.admin_url()));
}

TYPED_TEST(SchemaManagerTest, InstallsTheCoreWhereItIsMissing) {
  ROWHOUSE_NEEDS_SERVER();
  const TestPostgres database;
  DatabaseManager manager(database.admin_url());
  manager.session().execute("DROP TABLE integrated_objects");
  manager.session().execute("DROP EXTENSION rowhouse CASCADE");
  Schemas<TypeParam>(database.admin_url()).create_all();
  const auto isolated = manager.session().execute("SELECT count(*) FROM rowhouse.protected_tables");
  EXPECT_EQ(isolated.one().get<int>(0), 1);
}

// Its one connection is the database.
TYPED_TEST(SchemaManagerTest, WorksInMemory) {
  auto manager = TypeParam::manager("sqlite://");
  TypeParam::wait([&] { return typename TypeParam::SchemaManager(manager).create_all(); });
  EXPECT_EQ(TypeParam::wait([&] { return TypeParam::store(manager, {{"id", 1}}, "acme"); }).original_id, "1");
}

// A file as the Python service left it: its own table, times in several forms, NULLs.
TEST(FilesOfTheServiceTest, AreWorkedOn) {
  const TestFolder folder;
  DatabaseManager manager(Url::sqlite_file(folder / "acme_freshdesk_data.db"));
  manager.session().execute(
      "CREATE TABLE integrated_objects (id INTEGER PRIMARY KEY AUTOINCREMENT, original_id TEXT NOT NULL, company_id "
      "TEXT"
      " NOT NULL, platform TEXT, object_type TEXT NOT NULL, original_data TEXT NOT NULL, integrated_content TEXT,"
      " summary TEXT, metadata TEXT, created_at TEXT DEFAULT CURRENT_TIMESTAMP, updated_at TEXT DEFAULT"
      " CURRENT_TIMESTAMP, UNIQUE (company_id, platform, object_type, original_id))");
  manager.session().execute(
      "INSERT INTO integrated_objects (original_id, company_id, platform, object_type, original_data, created_at) "
      "VALUES"
      " ('1', 'acme', 'freshdesk', 'integrated_ticket', '{\"a\": \"\\uc774\"}', '2025-01-01 10:00:00'),"
      " ('2', 'acme', 'freshdesk', 'integrated_ticket', '{}', '2025-01-01T09:30:00.5Z'),"
      " ('3', 'acme', NULL, 'integrated_ticket', '[]', NULL)");
  rowhouse::SchemaManager(manager).create_all();
  auto session = manager.session("acme");
  IntegratedObjectRepository repository(session);
  const auto objects = repository.get_by_company("acme");
  ASSERT_EQ(objects.size(), 3u);
  EXPECT_EQ(objects[0].original_id + objects[1].original_id + objects[2].original_id, "123");
  EXPECT_EQ(objects[0].original_data["a"], "이");
  EXPECT_EQ(objects[2].platform, "");
  EXPECT_EQ(objects[2].created_at, std::nullopt);
  repository.upsert({.original_id = "1", .company_id = "acme", .original_data = {{"a", 2}}});
  EXPECT_EQ(repository.get_by_original_id("1")->original_data, (rowhouse::Json{{"a", 2}}));
  session.execute("UPDATE integrated_objects SET original_data = '{\"s3cret\": NaN}' WHERE original_id = '2'");
  EXPECT_STREQ(error_of([&] { repository.get_by_company("acme"); }).what(),
               "integrated_objects, id 2: column \"original_data\" cannot be read as JSON");
}

TYPED_TEST(SchemaManagerTest, MigratesFilesOfSqlite) {
  ROWHOUSE_NEEDS_SERVER();
  const TestFolder folder;
  const TestPostgres database;
  std::map<std::string, std::vector<rowhouse::IntegratedObject>> expected;
  for (const std::string company : {"acme", "initech"}) {
    DatabaseManager file(Url::sqlite_file(folder / (company + "_freshdesk_data.db")));
    rowhouse::SchemaManager(file).create_all();
    auto session = file.session(company);
    IntegratedObjectRepository repository(session);
    for (const char* id : {"1", "2"}) {
      repository.create({.original_id = id, .company_id = company, .original_data = {{"n", id}}, .summary = "요약"});
    }
    expected[company] = repository.get_by_company(company);
  }
  Schemas<TypeParam> schema(database.admin_url());
  for (int run = 0; run < 2; ++run) {  // again: no row twice
    std::set<std::string> phases;
    const auto note = [&](const rowhouse::MigrationProgress& progress) { phases.insert(progress.phase); };
    const auto report = TypeParam::wait([&] { return schema.of.migrate_from_sqlite(folder / "", std::nullopt, note); });
    EXPECT_TRUE(report.failures.empty());
    EXPECT_EQ(phases.count("copy"), run == 0 ? 1u : 0u);
    for (const auto& [company, objects] : expected) {
      auto session = DatabaseManager(database.app_url()).session(company);
      const auto migrated = IntegratedObjectRepository(session).get_by_company(company);
      ASSERT_EQ(migrated.size(), objects.size());
      for (std::size_t i = 0; i < objects.size(); ++i) {
        EXPECT_EQ(static_cast<const rowhouse::IntegratedObjectData&>(migrated[i]), objects[i]);
        EXPECT_EQ(migrated[i].created_at, objects[i].created_at);
      }
    }
  }
  EXPECT_EQ(error_of([] { (void)Schemas<TypeParam>("sqlite://").of.migrate_from_sqlite("x"); }).sqlstate(), "0A000");
}

}  // namespace
