#include "rowhouse/schema_manager.hpp"

#include <filesystem>
#include <string>

#include "bridge/names.hpp"
#include "connection.hpp"
#include "migration/core_installer.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse {
namespace {

constexpr const char* kOwnSchema = "rowhouse";

// As in the files that the Python service made, so that those and new ones are alike.
constexpr const char* kSqliteTable =
    "CREATE TABLE IF NOT EXISTS integrated_objects ("
    "id INTEGER PRIMARY KEY AUTOINCREMENT, "
    "original_id TEXT NOT NULL, "
    "company_id TEXT NOT NULL, "
    "platform TEXT NOT NULL DEFAULT 'freshdesk', "
    "object_type TEXT NOT NULL DEFAULT 'integrated_ticket', "
    "original_data TEXT NOT NULL, "
    "integrated_content TEXT, "
    "summary TEXT, "
    "metadata TEXT, "
    "created_at TEXT DEFAULT CURRENT_TIMESTAMP, "
    "updated_at TEXT DEFAULT CURRENT_TIMESTAMP, "
    "UNIQUE (company_id, platform, object_type, original_id))";

Schema own_schema(const std::string& postgres_schema) {
  return {kOwnSchema,
          {{{"SELECT rowhouse.create_integrated_objects(" + bridge::quote_literal(postgres_schema) + ')'},
            {kSqliteTable}}}};
}

std::string qualified(const DatabaseManager& manager, const char* table) {
  return manager.database() == Database::kSqlite ? std::string(table)
                                                 : bridge::quote_qualified(manager.options().schema, table);
}

// As an extension where the server has its files, else by the script that the library carries.
void install_core(const DatabaseManager& manager) {
  detail::PostgresConnection connection = detail::PostgresConnection::connect(manager.url());
  detail::install_core(connection);
}

bool has_versions(Transaction& transaction, const std::string& versions) {
  const bool sqlite = transaction.database() == Database::kSqlite;
  const Result found =
      sqlite ? transaction.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'rowhouse_schema'")
             : transaction.execute("SELECT 1 WHERE pg_catalog.to_regclass($1) IS NOT NULL", {versions});
  return !found.empty();
}

int version_of(Transaction& transaction, const std::string& versions, std::string_view name) {
  const Result found = transaction.execute("SELECT version FROM " + versions + " WHERE name = $1", {name});
  return found.empty() ? 0 : found.one().get<int>(0);
}

}  // namespace

void SchemaManager::create_all() {
  if (manager_.database() == Database::kPostgresql) install_core(manager_);
  const Schema own = own_schema(manager_.options().schema);
  upgrade(own);
  // A table may have been dropped by hand since: each step of this schema makes only what is missing.
  manager_.run_in_transaction([&](Transaction& transaction) {
    for (const SchemaStep& step : own.steps) {
      const bool sqlite = transaction.database() == Database::kSqlite;
      for (const std::string& sql : sqlite ? step.sqlite : step.postgresql) transaction.execute(sql);
    }
  });
}

SchemaVersions SchemaManager::upgrade(const Schema& schema) {
  const bool sqlite = manager_.database() == Database::kSqlite;
  const std::string versions = qualified(manager_, "rowhouse_schema");
  const int newest = static_cast<int>(schema.steps.size());
  return manager_.run_in_transaction([&](Transaction& transaction) {
    if (!sqlite) {
      transaction.execute("SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('rowhouse.schema', 0))");
    }
    if (!has_versions(transaction, versions)) {
      transaction.execute("CREATE TABLE " + versions + " (name text PRIMARY KEY, version integer NOT NULL)");
    }
    const int before = version_of(transaction, versions, schema.name);
    if (before > newest) {
      throw_error("55000",
                  "the schema \"" + schema.name + "\" of this database has version " + std::to_string(before) +
                      ", known here are versions up to " + std::to_string(newest),
                  {.hint = "A newer program has upgraded it: use that one, or a newer one, here too."});
    }
    for (int step = before; step < newest; ++step) {
      const SchemaStep& taken = schema.steps[static_cast<std::size_t>(step)];
      for (const std::string& sql : sqlite ? taken.sqlite : taken.postgresql) transaction.execute(sql);
    }
    transaction.execute(
        "INSERT INTO " + versions +
            " (name, version) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET version = excluded.version",
        {schema.name, newest});
    return SchemaVersions{before, newest};
  });
}

int SchemaManager::version(std::string_view schema_name) {
  const std::string versions = qualified(manager_, "rowhouse_schema");
  return manager_.run_in_transaction(
      [&](Transaction& transaction) {
        return has_versions(transaction, versions) ? version_of(transaction, versions, schema_name) : 0;
      },
      {.transaction = {.read_only = true}});
}

void SchemaManager::create_table(const TableShape& table) {
  if (manager_.database() == Database::kPostgresql) install_core(manager_);
  manager_.run_in_transaction([&](Transaction& transaction) {
    for (const std::string& sql : table.create_statements(manager_.database(), manager_.options().schema)) {
      transaction.execute(sql);
    }
  });
}

void SchemaManager::drop_all(std::string_view database_name) {
  manager_.run_in_transaction([&](Transaction& transaction) {
    const bool sqlite = manager_.database() == Database::kSqlite;
    const std::string name = sqlite ? std::filesystem::path(manager_.url().database()).filename().string()
                                    : transaction.execute("SELECT current_database()").one().get<std::string>(0);
    if (name != database_name) {
      throw_error("22023", "not dropped: this is not the name of the database",
                  {.hint = "Confirm with the database's own name, \"" + name + "\"."});
    }
    transaction.execute("DROP TABLE IF EXISTS " + qualified(manager_, "integrated_objects"));
    if (sqlite) transaction.execute("DROP TABLE IF EXISTS rowhouse_intent");
    const std::string versions = qualified(manager_, "rowhouse_schema");
    if (has_versions(transaction, versions)) {
      transaction.execute("DELETE FROM " + versions + " WHERE name = $1", {kOwnSchema});
    }
  });
}

void SchemaManager::create_tenant(std::string_view tenant) {
  detail::check_tenant(tenant);
  if (manager_.database() == Database::kSqlite) return;
  install_core(manager_);
  manager_.run_in_transaction(
      [&](Transaction& transaction) { transaction.execute("SELECT rowhouse.create_tenant($1, true)", {tenant}); });
}

MigrationReport SchemaManager::migrate_from_sqlite(const std::string& path, const std::optional<std::string>& tenant,
                                                   const std::function<void(const MigrationProgress&)>& progress) {
  if (manager_.database() == Database::kSqlite) {
    throw_error("0A000", "the target of a migration is PostgreSQL, not SQLite");
  }
  MigrationOptions options;
  options.schema = manager_.options().schema;
  options.progress = progress;
  return migrate(find_sources({path}, {"{tenant}_freshdesk_data.db"}, tenant), manager_.url(), options);
}

}  // namespace rowhouse
