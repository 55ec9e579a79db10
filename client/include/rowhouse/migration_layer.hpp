#pragma once

#include <cstddef>
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

/// Where a company is on its way.
enum class MigrationMode {
  kSqlite,    ///< as before
  kDual,      ///< writes go to both databases, reads come from SQLite, and what differs is reported
  kPostgres,  ///< PostgreSQL alone
};

/// "sqlite", "dual", "postgres".
ROWHOUSE_EXPORT std::string_view to_string(MigrationMode mode) noexcept;
/// Reads "sqlite", "dual", "postgres"; throws ConfigurationError otherwise.
ROWHOUSE_EXPORT MigrationMode parse_migration_mode(std::string_view text);

/// One object that was not the same in both databases.
struct MigrationDifference {
  std::string company_id;               ///< whose it is
  std::string platform;                 ///< its natural key
  std::string object_type;              ///< its natural key
  std::string original_id;              ///< its natural key
  std::vector<std::string> columns;     ///< that differ; empty when PostgreSQL refused the write
  std::optional<std::string> sqlstate;  ///< of PostgreSQL's refusal
  std::string message;                  ///< without values
};

/// What a layer has done since it was made.
struct MigrationCounters {
  std::uint64_t sqlite_writes = 0;    ///< taken by SQLite
  std::uint64_t postgres_writes = 0;  ///< taken by PostgreSQL
  std::uint64_t compared = 0;         ///< objects looked at in both
  std::uint64_t different = 0;        ///< of them not the same
  std::uint64_t refused = 0;          ///< in dual mode written to SQLite, but not yet to PostgreSQL
  std::uint64_t reconciled = 0;       ///< mended by reconcile()
};

/// What reconcile() did.
struct ReconcileReport {
  std::size_t found = 0;      ///< objects whose write had not reached PostgreSQL for certain
  std::size_t mended = 0;     ///< are now the same in both
  std::size_t conflicts = 0;  ///< left alone, since PostgreSQL's is the newer one: told to the handler
};

/// Between the old SQLite files and PostgreSQL while companies move, one by one. A call works in the mode that its
/// company has when it starts. Thread-safe; several processes may work on the same files. What MigrationLayer and its
/// twin in rowhouse::async can do: `Answer<R>` is an R here and an awaitable of an R there.
///
/// Dual: SQLite is the truth. A write and the intent to repeat it in PostgreSQL are one transaction of SQLite; then the
/// object as SQLite has it goes to PostgreSQL, id apart, and the intent is taken back. So whatever ends the process
/// between the two is found by reconcile(), and of writes at the same time the last one stands in both. What PostgreSQL
/// does not take is counted and told to the handler, and the call succeeds; what SQLite does not take fails and is not
/// sent to PostgreSQL. An object that differed before it is written is reported, and is the same in both afterwards.
///
/// A company's way: migrate its file, set kDual, reconcile() and look at the differences until there are none, set
/// kPostgres, reconcile() once more for what was under way.
template <class Way>
class ROWHOUSE_EXPORT BasicMigrationLayer {
 public:
  /// How a result comes.
  template <class R>
  using Answer = typename Way::template Answer<R>;
  /// Of PostgreSQL.
  using Manager = typename Way::Manager;
  using SqliteUrl = std::function<Url(std::string_view company_id)>;          ///< names a company's file
  using DifferenceHandler = std::function<void(const MigrationDifference&)>;  ///< must be thread-safe and not throw

  /// `sqlite_url` names each company's file; DatabaseConfig::get_sqlite_url does.
  BasicMigrationLayer(SqliteUrl sqlite_url, Manager postgres, MigrationMode mode = MigrationMode::kSqlite,
                      DatabaseOptions sqlite_options = {});
  BasicMigrationLayer(BasicMigrationLayer&&) noexcept;  ///< leaves nothing behind to call
  ~BasicMigrationLayer();

  /// Of this company.
  MigrationMode mode(std::string_view company_id) const;
  void set_mode(MigrationMode mode);                               ///< of every company without a mode of its own
  void set_mode(std::string_view company_id, MigrationMode mode);  ///< of this company; calls at work end as they began
  /// Told of every difference and refusal from now on.
  void on_difference(DifferenceHandler handler);

  /// See rowhouse::store_integrated_object.
  Answer<IntegratedObject> store_integrated_object(const Json& object, std::string_view company_id,
                                                   std::string_view platform = kDefaultPlatform);
  /// Newest first. Dual: both databases are read and compared.
  Answer<std::vector<IntegratedObject>> get_by_company(std::string_view company_id,
                                                       std::optional<std::string_view> object_type = std::nullopt);
  /// Dual: both databases are read and compared.
  Answer<std::optional<IntegratedObject>> get_by_original_id(std::string_view company_id, std::string_view original_id,
                                                             std::string_view object_type = kDefaultObjectType,
                                                             std::string_view platform = kDefaultPlatform);
  /// By original id, since ids are not the same in both databases. False where there is no such object.
  Answer<bool> update_summary(std::string_view company_id, std::string_view original_id, std::string_view summary,
                              std::string_view object_type = kDefaultObjectType,
                              std::string_view platform = kDefaultPlatform);
  /// By original id. False where there is no such object.
  Answer<bool> remove(std::string_view company_id, std::string_view original_id,
                      std::string_view object_type = kDefaultObjectType, std::string_view platform = kDefaultPlatform);

  /// Repeats in PostgreSQL every write of the company that is in SQLite and did not reach PostgreSQL for certain, in
  /// any mode, by whatever process it was made. Throws what PostgreSQL says; what is not mended then is found again.
  Answer<ReconcileReport> reconcile(std::string_view company_id);
  /// Since the layer was made.
  MigrationCounters counters() const noexcept;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

extern template class BasicMigrationLayer<detail::Blocking>;

/// BasicMigrationLayer of the blocking library.
using MigrationLayer = BasicMigrationLayer<detail::Blocking>;

}  // namespace rowhouse
