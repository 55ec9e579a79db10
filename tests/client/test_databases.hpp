#pragma once

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "rowhouse/database_manager.hpp"
#include "rowhouse/integrated_object.hpp"
#include "rowhouse/schema_manager.hpp"
#include "test_server.hpp"

// A backend dies of the very commit of a transaction that has done `what` (INSERT, UPDATE) to the table.
inline void die_at_commit(rowhouse::DatabaseManager& admin, const std::string& what, const std::string& table) {
  admin.session().execute(
      "CREATE OR REPLACE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
      " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); RETURN NULL; END'");
  admin.session().execute("CREATE CONSTRAINT TRIGGER die AFTER " + what + " ON " + table +
                          " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()");
}

// The very commit of a transaction that has inserted into the table is refused, with 23514.
inline void refuse_at_commit(rowhouse::DatabaseManager& admin, const std::string& table) {
  admin.session().execute(
      "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
      " 'BEGIN RAISE check_violation USING MESSAGE = ''refused at the end''; END'");
  admin.session().execute("CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON " + table +
                          " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()");
}

// Objects of a tenant with the ids 0, 1, 2 ...
inline std::vector<rowhouse::IntegratedObjectData> numbered_objects(const std::string& tenant, int count) {
  std::vector<rowhouse::IntegratedObjectData> objects;
  for (int i = 0; i < count; ++i) objects.push_back({.original_id = std::to_string(i), .company_id = tenant});
  return objects;
}

// A folder of its own, removed at the end. In memory where that can be, unless TMPDIR says otherwise: SQLite waits for
// the disk at each commit, which makes minutes of some hundred tests when others use the disk.
class TestFolder {
 public:
  TestFolder() {
    const bool in_memory = std::getenv("TMPDIR") == nullptr && access("/dev/shm", W_OK | X_OK) == 0;
    const std::filesystem::path parent = in_memory ? "/dev/shm" : std::filesystem::temp_directory_path();
    std::string path = (parent / "rowhouse-test-XXXXXX").string();
    path_ = mkdtemp(path.data());
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// A PostgreSQL database of its own with the core, the tenants acme and globex, integrated_objects, and a role bound by
// row security; dropped at the end.
class TestPostgres {
 public:
  static constexpr const char* kAppRole = "regress_rowhouse_client_app";

  TestPostgres() : name_("rowhouse_client_" + std::to_string(getpid()) + '_' + std::to_string(++made_)) {
    server().session().execute("CREATE DATABASE " + name_);
    rowhouse::DatabaseManager admin(admin_url());
    rowhouse::Session session = admin.session();
    session.execute("CREATE EXTENSION rowhouse");
    session.execute(std::string("DO $$ BEGIN CREATE ROLE ") + kAppRole +
                    " LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$");
    rowhouse::SchemaManager schema(admin);
    schema.create_all();
    for (const char* tenant : {"acme", "globex"}) schema.create_tenant(tenant);
    session.execute(std::string("GRANT SELECT, INSERT, UPDATE, DELETE ON integrated_objects TO ") + kAppRole);
  }
  ~TestPostgres() { server().session().execute("DROP DATABASE IF EXISTS " + name_ + " WITH (FORCE)"); }
  TestPostgres(const TestPostgres&) = delete;
  TestPostgres& operator=(const TestPostgres&) = delete;

  const std::string& name() const { return name_; }
  std::string admin_url() const { return test_server_url() + ("&dbname=" + name_); }
  std::string app_url() const { return admin_url() + "&user=" + kAppRole; }

 private:
  static rowhouse::DatabaseManager server() { return rowhouse::DatabaseManager(test_server_url()); }

  static inline std::atomic<int> made_{0};
  std::string name_;
};

// The same test body on both databases: a fresh database with integrated_objects and the tenants acme and globex.
class BothDatabases : public ::testing::TestWithParam<rowhouse::Database> {
 protected:
  void SetUp() override {
    if (GetParam() == rowhouse::Database::kPostgresql) {
      ROWHOUSE_NEEDS_SERVER();
      postgres_ = std::make_unique<TestPostgres>();
      manager_ = std::make_unique<rowhouse::DatabaseManager>(postgres_->app_url(), options());
    } else {
      folder_ = std::make_unique<TestFolder>();
      manager_ = std::make_unique<rowhouse::DatabaseManager>(
          rowhouse::Url::sqlite_file((*folder_ / "test.db").string()), options());
      rowhouse::SchemaManager(*manager_).create_all();
    }
  }
  virtual rowhouse::DatabaseOptions options() const { return {}; }
  rowhouse::DatabaseManager& manager() { return *manager_; }
  // For what the application's role is not allowed: on SQLite the same.
  rowhouse::DatabaseManager owner() const {
    return postgres_ ? rowhouse::DatabaseManager(postgres_->admin_url()) : *manager_;
  }
  bool on_postgres() const { return GetParam() == rowhouse::Database::kPostgresql; }

 private:
  std::unique_ptr<TestPostgres> postgres_;
  std::unique_ptr<TestFolder> folder_;
  std::unique_ptr<rowhouse::DatabaseManager> manager_;
};

inline std::string database_name(const ::testing::TestParamInfo<rowhouse::Database>& info) {
  return info.param == rowhouse::Database::kPostgresql ? "PostgreSQL" : "SQLite";
}

#define ROWHOUSE_ON_BOTH_DATABASES(fixture)                                                                 \
  INSTANTIATE_TEST_SUITE_P(Database, fixture,                                                               \
                           ::testing::Values(rowhouse::Database::kSqlite, rowhouse::Database::kPostgresql), \
                           database_name)
