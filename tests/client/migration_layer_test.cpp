// A company on its way from its SQLite file to PostgreSQL, by both ways to call the library.
#include "rowhouse/migration_layer.hpp"

#include <sys/wait.h>

#include <csignal>
#include <mutex>
#include <thread>

#include "test_databases.hpp"
#include "ticket.hpp"
#include "both_ways.hpp"

namespace {

using rowhouse::IntegratedObjectRepository;
using rowhouse::Json;
using rowhouse::MigrationDifference;
using rowhouse::MigrationMode;

// A layer whose answers are waited for.
template <class Way>
struct Layer {
  using Text = std::string_view;

  explicit Layer(typename Way::MigrationLayer layer) : of(std::move(layer)) {}
  auto store_integrated_object(const Json& object, Text company) {
    return Way::wait([&] { return of.store_integrated_object(object, company); });
  }
  auto get_by_company(Text company) {
    return Way::wait([&] { return of.get_by_company(company); });
  }
  auto get_by_original_id(Text company, Text id) {
    return Way::wait([&] { return of.get_by_original_id(company, id); });
  }
  bool update_summary(Text company, Text id, Text summary) {
    return Way::wait([&] { return of.update_summary(company, id, summary); });
  }
  bool remove(Text company, Text id) {
    return Way::wait([&] { return of.remove(company, id); });
  }
  auto reconcile(Text company) {
    return Way::wait([&] { return of.reconcile(company); });
  }

  typename Way::MigrationLayer of;
};

template <class Way>
class MigrationLayerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ROWHOUSE_NEEDS_SERVER();
    postgres = std::make_unique<TestPostgres>();
    for (const char* company : {"acme", "globex"}) rowhouse::SchemaManager(file(company).revealed()).create_all();
    layer = std::make_unique<Layer<Way>>(new_layer(MigrationMode::kSqlite));
    layer->of.on_difference([this](const MigrationDifference& difference) {
      const std::lock_guard lock(differences_mutex);
      differences.push_back(difference);
    });
  }
  typename Way::MigrationLayer new_layer(MigrationMode mode) {
    return typename Way::MigrationLayer([this](std::string_view company) { return file(company); },
                                        Way::manager(std::string_view(postgres->app_url())), mode);
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
  std::unique_ptr<Layer<Way>> layer;
  std::mutex differences_mutex;
  std::vector<MigrationDifference> differences;
};
TYPED_TEST_SUITE(MigrationLayerTest, Ways, WayName);

TYPED_TEST(MigrationLayerTest, WritesWhereTheCompanysModeSays) {
  this->layer->store_integrated_object(ticket(1), "acme");
  EXPECT_EQ(this->in_sqlite("acme"), 1u);
  EXPECT_EQ(this->in_postgres("acme"), 0u);
  this->layer->of.set_mode("acme", MigrationMode::kDual);
  this->layer->store_integrated_object(ticket(2), "acme");
  this->layer->store_integrated_object(ticket(2), "globex");
  EXPECT_EQ(this->in_sqlite("acme"), 2u);
  EXPECT_EQ(this->in_postgres("acme"), 1u);
  EXPECT_EQ(this->in_postgres("globex"), 0u);
  EXPECT_EQ(this->layer->get_by_company("acme").size(), 2u);
  ASSERT_EQ(this->differences.size(), 1u);  // object 1 has not been migrated
  EXPECT_EQ(this->differences[0].original_id, "1");
  EXPECT_EQ(this->differences[0].columns, (std::vector<std::string>{"the whole row"}));
  this->layer->of.set_mode(MigrationMode::kPostgres);
  this->layer->of.set_mode("acme", MigrationMode::kPostgres);
  this->layer->store_integrated_object(ticket(3), "acme");
  EXPECT_EQ(this->in_sqlite("acme"), 2u);
  EXPECT_EQ(this->layer->get_by_company("acme").size(), 2u);
  EXPECT_TRUE(this->layer->get_by_company("globex").empty());
  EXPECT_EQ(this->layer->of.mode("nobody"), MigrationMode::kPostgres);
  const auto counters = this->layer->of.counters();
  EXPECT_EQ(counters.sqlite_writes, 3u);
  EXPECT_EQ(counters.postgres_writes, 2u);
  EXPECT_EQ(counters.compared, 2u);
  EXPECT_EQ(counters.different, 1u);
  EXPECT_EQ(counters.refused, 0u);
}

TYPED_TEST(MigrationLayerTest, TellsWhereTheTwoDiffer) {
  this->layer->store_integrated_object(ticket(1), "acme");
  this->layer->of.set_mode("acme", MigrationMode::kDual);
  this->layer->store_integrated_object(ticket(1), "acme");
  EXPECT_TRUE(this->layer->update_summary("acme", "1", "short"));
  EXPECT_FALSE(this->layer->update_summary("acme", "absent", "short"));
  EXPECT_TRUE(this->differences.empty());
  rowhouse::DatabaseManager(this->postgres->app_url())
      .session("acme")
      .execute("UPDATE integrated_objects SET integrated_content = 'x', metadata = NULL");
  EXPECT_TRUE(this->layer->update_summary("acme", "1", "shorter"));
  ASSERT_EQ(this->differences.size(), 1u);
  EXPECT_EQ(this->differences[0].original_id, "1");
  EXPECT_EQ(this->differences[0].columns, (std::vector<std::string>{"integrated_content", "metadata"}));
  EXPECT_EQ(this->layer->of.counters().different, 1u);
}

TYPED_TEST(MigrationLayerTest, SqliteIsTheTruthWhenPostgresqlRefuses) {
  rowhouse::SchemaManager(this->file("stranger").revealed()).create_all();
  this->layer->of.set_mode(MigrationMode::kDual);
  EXPECT_EQ(this->layer->store_integrated_object(ticket(1), "stranger").original_id, "1");
  EXPECT_EQ(this->in_sqlite("stranger"), 1u);
  ASSERT_EQ(this->differences.size(), 1u);
  EXPECT_EQ(this->differences[0].sqlstate, "42704");
  EXPECT_EQ(this->layer->of.counters().refused, 1u);
}

TYPED_TEST(MigrationLayerTest, RepeatsWhatPostgresqlDidNotTake) {
  rowhouse::SchemaManager(this->file("late").revealed()).create_all();
  this->layer->of.set_mode(MigrationMode::kDual);
  this->layer->store_integrated_object(ticket(1), "late");
  this->layer->store_integrated_object(ticket(2), "late");
  this->layer->update_summary("late", "1", "short");
  EXPECT_TRUE(this->layer->remove("late", "2"));
  EXPECT_EQ(this->layer->of.counters().refused, 4u);
  EXPECT_EQ(error_of([&] { this->layer->reconcile("late"); }).sqlstate(), "42704");
  rowhouse::SchemaManager(this->postgres->admin_url()).create_tenant("late");
  const auto report = this->layer->reconcile("late");
  EXPECT_EQ(report.found, 2u);
  EXPECT_EQ(report.mended, 2u);
  EXPECT_EQ(this->layer->reconcile("late").found, 0u);
  this->differences.clear();
  const auto there = this->layer->get_by_company("late");
  EXPECT_TRUE(this->differences.empty());
  this->layer->of.set_mode(MigrationMode::kPostgres);
  const auto here = this->layer->get_by_company("late");
  ASSERT_EQ(here.size(), 1u);
  EXPECT_EQ(here[0].summary, "short");
  EXPECT_EQ(here[0].created_at, there.at(0).created_at);
  EXPECT_EQ(here[0].updated_at, there.at(0).updated_at);
}

TYPED_TEST(MigrationLayerTest, LeavesANewerRowOfPostgresqlAlone) {
  this->layer->of.set_mode("acme", MigrationMode::kDual);
  this->layer->store_integrated_object(ticket(1), "acme");
  this->layer->of.set_mode("acme", MigrationMode::kPostgres);
  this->layer->update_summary("acme", "1", "newer");
  auto old_file = rowhouse::DatabaseManager(this->file("acme"));
  old_file.session().execute(
      "INSERT INTO rowhouse_intent (company_id, platform, object_type, original_id)"
      " VALUES ('acme', 'freshdesk', 'integrated_ticket', '1')");
  const auto report = this->layer->reconcile("acme");
  EXPECT_EQ(report.conflicts, 1u);
  EXPECT_EQ(this->differences.at(0).columns, (std::vector<std::string>{"updated_at"}));
  EXPECT_EQ(this->layer->get_by_original_id("acme", "1")->summary, "newer");
}

// Whatever became of the commit: the call succeeds, and reconcile() finds out.
TYPED_TEST(MigrationLayerTest, ACommitInDoubtIsReconciled) {
  rowhouse::DatabaseManager admin(this->postgres->admin_url());
  die_at_commit(admin, "INSERT", "integrated_objects");
  this->layer->of.set_mode("acme", MigrationMode::kDual);
  EXPECT_EQ(this->layer->store_integrated_object(ticket(1), "acme").original_id, "1");
  ASSERT_EQ(this->differences.size(), 1u);
  EXPECT_EQ(this->differences[0].sqlstate, "08007");
  EXPECT_EQ(this->layer->of.counters().refused, 1u);
  const auto doubtful = error_of([&] { this->layer->reconcile("acme"); });
  EXPECT_EQ(doubtful.sqlstate(), "08007");
  EXPECT_TRUE(doubtful.in_doubt());
  this->layer->of.set_mode("acme", MigrationMode::kPostgres);
  EXPECT_TRUE(error_of([&] { this->layer->store_integrated_object(ticket(2), "acme"); }).in_doubt());
  admin.session().execute("DROP TRIGGER die ON integrated_objects");
  EXPECT_EQ(this->layer->reconcile("acme").mended, 1u);
  EXPECT_EQ(this->in_postgres("acme"), 1u);
}

TYPED_TEST(MigrationLayerTest, TheLastOfManyWritesStandsInBoth) {
  this->layer->of.set_mode("acme", MigrationMode::kDual);
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 4; ++writer) {
    writers.emplace_back([&, writer] {
      for (int round = 0; round < 8; ++round) {
        Json changed = ticket(round % 2);
        changed["integrated_text"] = std::to_string(writer) + "/" + std::to_string(round);
        this->layer->store_integrated_object(changed, "acme");
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(this->layer->reconcile("acme").found, 0u);
  this->layer->get_by_company("acme");
  EXPECT_TRUE(this->differences.empty());
  EXPECT_EQ(this->layer->of.counters().refused, 0u);
}

TYPED_TEST(MigrationLayerTest, ComparesWhatItReads) {
  this->layer->of.set_mode("acme", MigrationMode::kDual);
  this->layer->store_integrated_object(ticket(1), "acme");
  EXPECT_TRUE(this->layer->get_by_original_id("acme", "1").has_value());
  EXPECT_FALSE(this->layer->get_by_original_id("acme", "absent").has_value());
  EXPECT_TRUE(this->differences.empty());
  rowhouse::DatabaseManager(this->postgres->app_url())
      .session("acme")
      .execute("UPDATE integrated_objects SET summary = 'other'");
  EXPECT_TRUE(this->layer->get_by_original_id("acme", "1").has_value());
  ASSERT_EQ(this->differences.size(), 1u);
  EXPECT_EQ(this->differences[0].columns, (std::vector<std::string>{"summary"}));
}

// Killed for good between the two writes: PostgreSQL's is kept waiting by a lock until then.
TYPED_TEST(MigrationLayerTest, SurvivesACrashBetweenTheTwo) {
  this->layer->of.set_mode("acme", MigrationMode::kDual);
  this->layer->store_integrated_object(ticket(1), "acme");
  rowhouse::DatabaseManager admin(this->postgres->admin_url());
  auto blocker = admin.session();
  auto lock = blocker.begin();
  lock.execute("LOCK TABLE integrated_objects");
  const pid_t child = fork();
  if (child == 0) {
    TypeParam::begin_anew();
    Layer<TypeParam>(this->new_layer(MigrationMode::kDual)).store_integrated_object(ticket(2), "acme");
    _exit(0);
  }
  for (int tries = 0; tries < 2000 && this->in_sqlite("acme") < 2; ++tries) usleep(10'000);
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  lock.rollback();
  EXPECT_EQ(this->in_sqlite("acme"), 2u);
  EXPECT_EQ(this->in_postgres("acme"), 1u);
  EXPECT_EQ(this->layer->reconcile("acme").mended, 1u);
  EXPECT_EQ(this->in_postgres("acme"), 2u);
  this->layer->get_by_company("acme");
  EXPECT_TRUE(this->differences.empty());
}

TEST(MigrationModeTest, HasNames) {
  EXPECT_EQ(rowhouse::parse_migration_mode("dual"), MigrationMode::kDual);
  EXPECT_EQ(rowhouse::to_string(MigrationMode::kPostgres), "postgres");
  EXPECT_THROW(rowhouse::parse_migration_mode("both"), rowhouse::ConfigurationError);
}

}  // namespace
