#include "rowhouse/schema_manager.hpp"

#include <filesystem>
#include <string>

#include "connection.hpp"
#include "migration/core_installer.hpp"
#include "repository_statements.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse {
namespace {

// As in the files that the Python service made, so that those and new ones are alike.
constexpr std::string_view kSqliteTable =
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

// As an extension where the server has its files, else by the script that the library carries.
void install_core(const DatabaseManager& manager) {
  detail::PostgresConnection connection = detail::PostgresConnection::connect(manager.url());
  detail::install_core(connection);
}

}  // namespace

void SchemaManager::create_all() {
  if (manager_.database() == Database::kPostgresql) install_core(manager_);
  manager_.run_in_transaction([this](Transaction& transaction) {
    if (manager_.database() == Database::kSqlite) {
      transaction.execute(kSqliteTable);
      return;
    }
    transaction.execute("SELECT rowhouse.create_integrated_objects($1)", {manager_.options().schema});
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
    transaction.execute("DROP TABLE IF EXISTS " +
                        detail::integrated_objects_table(manager_.database(), manager_.options().schema));
  });
}

void SchemaManager::create_tenant(std::string_view tenant) {
  detail::check_tenant(tenant);
  if (manager_.database() == Database::kSqlite) return;
  install_core(manager_);
  manager_.run_in_transaction(
      [&](Transaction& transaction) { transaction.execute("SELECT rowhouse.create_tenant($1, true)", {tenant}); });
}

MigrationReport SchemaManager::migrate_from_sqlite(const std::string& path, const std::optional<std::string>& tenant) {
  if (manager_.database() == Database::kSqlite) {
    throw_error("0A000", "the target of a migration is PostgreSQL, not SQLite");
  }
  MigrationOptions options;
  options.schema = manager_.options().schema;
  return migrate(find_sources({path}, {"{tenant}_freshdesk_data.db"}, tenant), manager_.url(), options);
}

}  // namespace rowhouse
