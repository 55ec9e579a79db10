#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rowhouse/database_manager.hpp"
#include "rowhouse/export.hpp"
#include "rowhouse/migration.hpp"

namespace rowhouse {

/// The tables of the repositories. Thread-safe, like its DatabaseManager.
class ROWHOUSE_EXPORT SchemaManager {
 public:
  explicit SchemaManager(DatabaseManager manager) noexcept : manager_(std::move(manager)) {}
  explicit SchemaManager(std::string_view url) : manager_(url) {}

  /// Creates integrated_objects where it is missing; idempotent. PostgreSQL: protected; the core is installed where it
  /// is missing, so the role must be allowed to create schemas and tables.
  void create_all();
  /// Drops integrated_objects with all its rows. `database_name` must be the name of this very database: PostgreSQL's
  /// current_database(), SQLite's file name without folders. Otherwise 22023 and nothing happens.
  void drop_all(std::string_view database_name);
  /// Makes the tenant known; idempotent. SQLite keeps no list, there only the id is checked. PostgreSQL:
  /// installs the core where it is missing; needs a role that may write the registry.
  void create_tenant(std::string_view tenant);
  /// Copies SQLite files into this PostgreSQL database, as `rowhouse migrate` does (see migrate() in migration.hpp).
  /// `path` is a file or a folder of them; without `tenant` each file's name says whose it is:
  /// `{tenant}_freshdesk_data.db`. The report tells of files that could not be copied. Throws 0A000 when this database
  /// is SQLite.
  MigrationReport migrate_from_sqlite(const std::string& path, const std::optional<std::string>& tenant = std::nullopt);

 private:
  DatabaseManager manager_;
};

}  // namespace rowhouse
