#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rowhouse/database_manager.hpp"
#include "rowhouse/export.hpp"
#include "rowhouse/migration.hpp"
#include "rowhouse/table.hpp"

namespace rowhouse {

/// What makes one version of a schema out of the version before it.
struct SchemaStep {
  std::vector<std::string> postgresql;  ///< statements, run in order; IF NOT EXISTS where a database may be older
  std::vector<std::string> sqlite;      ///< the same for SQLite
};

/// Tables that belong together and change together, as steps: the first makes version 1, the next version 2, and so on.
/// A step that a database may have taken is never changed; a new one is added.
struct Schema {
  std::string name;               ///< tells it from others in the same database
  std::vector<SchemaStep> steps;  ///< as many as there are versions
};

/// What an upgrade found and what it left.
struct SchemaVersions {
  int before = 0;  ///< 0: the schema was not there
  int now = 0;     ///< the newest that the steps know
};

namespace detail {
// Installs the core where it is missing: as an extension where the server has its files, else by the script that the
// library carries. Blocks.
ROWHOUSE_EXPORT void install_core(const Url& target);
}  // namespace detail

/// Makes and changes tables. Thread-safe, like its DatabaseManager; upgrades at the same time wait for each other. The
/// version of each schema stands in the database, in the table `rowhouse_schema`. What SchemaManager and its twin in
/// rowhouse::async can do: `Answer<R>` is an R here and an awaitable of an R there.
template <class Way>
class ROWHOUSE_EXPORT BasicSchemaManager {
 public:
  /// How a result comes.
  template <class R>
  using Answer = typename Way::template Answer<R>;
  /// Of the database.
  using Manager = typename Way::Manager;

  /// For the database of this manager.
  explicit BasicSchemaManager(Manager manager) noexcept : manager_(std::move(manager)) {}
  /// For this database; blocking alone, the other needs an executor.
  template <std::constructible_from<std::string_view> M = Manager>
  explicit BasicSchemaManager(std::string_view url) : manager_(M(url)) {}

  /// Creates integrated_objects where it is missing, or brings it to this library's version; idempotent. PostgreSQL:
  /// protected; the core is installed where it is missing, so the role must be allowed to create schemas and tables.
  /// Throws 55000 when a newer library made it.
  Answer<void> create_all();
  /// Takes the steps that this database has not taken, and notes them, in one transaction. Throws 55000, and changes
  /// nothing, when the database is ahead of the steps.
  Answer<SchemaVersions> upgrade(const Schema& schema);
  /// The version that the database is at; 0 when the schema is not there.
  Answer<int> version(std::string_view schema_name = "rowhouse");
  /// Makes the table where it is missing, protected on PostgreSQL; for tables that no Schema has.
  Answer<void> create_table(const TableShape& table);
  /// Drops integrated_objects with all its rows. `database_name` must be the name of this very database: PostgreSQL's
  /// current_database(), SQLite's file name without folders. Otherwise 22023 and nothing happens.
  Answer<void> drop_all(std::string_view database_name);
  /// Makes the tenant known; idempotent. SQLite keeps no list, there only the id is checked. PostgreSQL:
  /// installs the core where it is missing; needs a role that may write the registry.
  Answer<void> create_tenant(std::string_view tenant);
  /// Copies SQLite files into this PostgreSQL database, as `rowhouse migrate` does (see migrate() in migration.hpp).
  /// `path` is a file or a folder of them; without `tenant` each file's name says whose it is:
  /// `{tenant}_freshdesk_data.db`. `progress` is called often, from the thread that works. The report tells of files
  /// that could not be copied. Throws 0A000 when this database is SQLite.
  Answer<MigrationReport> migrate_from_sqlite(const std::string& path,
                                              const std::optional<std::string>& tenant = std::nullopt,
                                              const std::function<void(const MigrationProgress&)>& progress = {});

 private:
  Manager manager_;
};

extern template class BasicSchemaManager<detail::Blocking>;

/// BasicSchemaManager of the blocking library.
using SchemaManager = BasicSchemaManager<detail::Blocking>;

}  // namespace rowhouse
