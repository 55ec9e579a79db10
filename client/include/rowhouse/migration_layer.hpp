#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rowhouse/config.hpp"
#include "rowhouse/database_manager.hpp"
#include "rowhouse/export.hpp"
#include "rowhouse/integrated_object.hpp"

namespace rowhouse {

/// kSqlite: as before. kDual: writes go to both databases and the two rows are compared, reads come from SQLite.
/// kPostgres: PostgreSQL alone.
enum class MigrationMode { kSqlite, kDual, kPostgres };

ROWHOUSE_EXPORT std::string_view to_string(MigrationMode mode) noexcept;
/// Reads "sqlite", "dual", "postgres"; throws ConfigurationError otherwise.
ROWHOUSE_EXPORT MigrationMode parse_migration_mode(std::string_view text);

/// One object that is not the same in both databases after a dual write.
struct MigrationDifference {
  std::string company_id;
  std::string platform;
  std::string object_type;
  std::string original_id;
  std::vector<std::string> columns;     ///< that differ; empty when PostgreSQL refused the write
  std::optional<std::string> sqlstate;  ///< of PostgreSQL's refusal
  std::string message;                  ///< without values
};

struct MigrationCounters {
  std::uint64_t sqlite_writes = 0;
  std::uint64_t postgres_writes = 0;
  std::uint64_t compared = 0;
  std::uint64_t different = 0;  ///< compared and not the same
  std::uint64_t refused = 0;    ///< in dual mode written to SQLite, but not to PostgreSQL
};

/// Between the old SQLite files and PostgreSQL while companies move, one by one. A call works in the mode that its
/// company has when it starts. Thread-safe.
///
/// Dual: SQLite is the truth. What PostgreSQL does not take is counted and told to the handler, and the call succeeds;
/// what SQLite does not take fails and is not sent to PostgreSQL.
class ROWHOUSE_EXPORT MigrationLayer {
 public:
  using SqliteUrl = std::function<Url(std::string_view company_id)>;
  using DifferenceHandler = std::function<void(const MigrationDifference&)>;  ///< must be thread-safe and not throw

  /// `sqlite_url` names each company's file; DatabaseConfig::get_sqlite_url does.
  MigrationLayer(SqliteUrl sqlite_url, DatabaseManager postgres, MigrationMode mode = MigrationMode::kSqlite,
                 DatabaseOptions sqlite_options = {});
  MigrationLayer(MigrationLayer&&) noexcept;
  ~MigrationLayer();

  MigrationMode mode(std::string_view company_id) const;
  void set_mode(MigrationMode mode);  ///< of every company without a mode of its own
  void set_mode(std::string_view company_id, MigrationMode mode);
  void on_difference(DifferenceHandler handler);

  /// See rowhouse::store_integrated_object.
  IntegratedObject store_integrated_object(const Json& object, std::string_view company_id,
                                           std::string_view platform = kDefaultPlatform);
  std::vector<IntegratedObject> get_by_company(std::string_view company_id,
                                               std::optional<std::string_view> object_type = std::nullopt);
  /// By original id, since ids are not the same in both databases. False where there is no such object.
  bool update_summary(std::string_view company_id, std::string_view original_id, std::string_view summary,
                      std::string_view object_type = kDefaultObjectType, std::string_view platform = kDefaultPlatform);
  MigrationCounters counters() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rowhouse
