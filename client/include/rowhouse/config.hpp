#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rowhouse/database_manager.hpp"
#include "rowhouse/export.hpp"
#include "rowhouse/url.hpp"

namespace rowhouse {

/// Where the program runs; everything but development is for real data.
enum class Environment {
  kDevelopment,  ///< SQLite files, unless DATABASE_TYPE says otherwise
  kStaging,      ///< as production, but TLS is not judged
  kProduction,   ///< warnings() tells of servers that are not verified
};

/// Which databases and services to use, from environment variables. Functions that make one throw ConfigurationError,
/// which names the variable, its value with everything secret masked, and the nearest right one. Immutable, so
/// thread-safe.
///
///   ENVIRONMENT           development (default), staging, production
///   DATABASE_TYPE         sqlite or postgresql; without it sqlite in development, else as DATABASE_URL says
///   DATABASE_URL          required outside development, unless POSTGRES_HOST is there; not looked at for sqlite in
///                         development
///   POSTGRES_HOST, POSTGRES_PORT, POSTGRES_DB, POSTGRES_USER, POSTGRES_PASSWORD
///                         the same in parts, where DATABASE_URL is not set
///   DATABASE_REPLICA_URL  postgresql://, for reads that may be a little late; several are separated by blanks
///   SQLITE_DATA_DIR       the folder of the companies' files, ./data by default
///   CONNECTION_POOL_SIZE  1 to 10000, by default 20
///   QUERY_TIMEOUT         seconds that the server works on one statement, by default 30; 0: no limit
///   USE_ORM               true or false: whether MigrationLayer works on PostgreSQL; not set: its caller decides
///   QDRANT_URL            http:// or https://
///   REDIS_URL             redis:// or rediss://
///
/// An empty variable counts as one that is not set.
class ROWHOUSE_EXPORT DatabaseConfig {
 public:
  /// Environment variables by name.
  using Variables = std::map<std::string, std::string, std::less<>>;

  /// What becomes of what works and is doubtful.
  enum class Checks {
    kWarn,    ///< warnings() tells it
    kStrict,  ///< it is a ConfigurationError
  };

  /// From the process's environment.
  static DatabaseConfig from_environment(Checks checks = Checks::kWarn);
  /// From a `.env` file. A variable that the process's environment has as well wins over the file's, an empty one too;
  /// of a variable that stands in the file twice, the last counts.
  static DatabaseConfig from_file(const std::string& path, Checks checks = Checks::kWarn);
  /// From these variables alone.
  static DatabaseConfig from_variables(const Variables& variables, Checks checks = Checks::kWarn);

  /// ENVIRONMENT.
  Environment environment() const noexcept { return environment_; }
  /// The company's SQLite file, or main.db without a company; or the PostgreSQL database of all companies.
  /// Throws Error 22023 for a company id that is no tenant id; so it can never be a path.
  Url get_database_url(std::optional<std::string_view> company_id = std::nullopt) const;
  /// The company's SQLite file in every environment, as MigrationLayer needs it.
  Url get_sqlite_url(std::optional<std::string_view> company_id = std::nullopt) const;
  /// For a DatabaseManager: pool size, timeout and replicas; the rest as by default.
  DatabaseOptions database_options() const;

  /// DATABASE_REPLICA_URL, the first one.
  const std::optional<Url>& replica_url() const noexcept { return replica_url_; }
  /// QDRANT_URL; read and checked, not used by this library.
  const std::optional<Url>& qdrant_url() const noexcept { return qdrant_url_; }
  /// REDIS_URL; read and checked, not used by this library.
  const std::optional<Url>& redis_url() const noexcept { return redis_url_; }
  /// CONNECTION_POOL_SIZE.
  std::size_t connection_pool_size() const noexcept { return pool_size_; }
  /// QUERY_TIMEOUT; 0: no limit.
  std::chrono::seconds query_timeout() const noexcept { return query_timeout_; }
  /// USE_ORM; nothing where it is not set.
  const std::optional<bool>& use_orm() const noexcept { return use_orm_; }

  /// What works and is doubtful, in sentences that name the variable: production over a connection whose server is not
  /// verified (sslmode below verify-full, host not a local socket), variables that are probably misspelled, variables
  /// that no longer mean anything.
  const std::vector<std::string>& warnings() const noexcept { return warnings_; }

 private:
  DatabaseConfig() = default;

  Environment environment_ = Environment::kDevelopment;
  std::optional<Url> database_url_;  ///< empty: the companies' SQLite files
  std::vector<Url> replica_urls_;
  std::optional<Url> replica_url_;
  std::optional<Url> qdrant_url_;
  std::optional<Url> redis_url_;
  std::string data_folder_;
  std::size_t pool_size_ = 20;
  std::chrono::seconds query_timeout_{30};
  std::optional<bool> use_orm_;
  std::vector<std::string> warnings_;
};

/// The variables of a `.env` file: NAME=VALUE lines, `export` before them, comments, single and double quotes (with
/// `\n`,
/// `\"`, `\\` and `\$` in double ones). Nothing is expanded. Throws ConfigurationError naming file and line.
ROWHOUSE_EXPORT DatabaseConfig::Variables read_env_file(const std::string& path);

}  // namespace rowhouse
