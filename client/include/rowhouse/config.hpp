#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "rowhouse/export.hpp"
#include "rowhouse/url.hpp"

namespace rowhouse {

enum class Environment { kDevelopment, kStaging, kProduction };

/// Which databases and services to use, from environment variables. Every function throws ConfigurationError naming the
/// variable, never its value. Immutable, so thread-safe.
///
///   ENVIRONMENT           development (default), staging, production
///   DATABASE_URL          required outside development, where it is not looked at
///   DATABASE_REPLICA_URL  postgresql://
///   QDRANT_URL            http:// or https://
///   REDIS_URL             redis:// or rediss://
class ROWHOUSE_EXPORT DatabaseConfig {
 public:
  using Variables = std::map<std::string, std::string, std::less<>>;

  /// From the process's environment.
  static DatabaseConfig from_environment();
  /// From a `.env` file; a variable that the process's environment has as well wins over the file's.
  static DatabaseConfig from_file(const std::string& path);
  /// From these variables alone.
  static DatabaseConfig from_variables(const Variables& variables);

  Environment environment() const noexcept { return environment_; }
  /// Development: the company's SQLite file, or main.db without a company. Else DATABASE_URL.
  /// Throws Error 22023 for a company id that is no tenant id; so it can never be a path.
  Url get_database_url(std::optional<std::string_view> company_id = std::nullopt) const;
  /// The company's SQLite file in every environment, as MigrationLayer needs it.
  Url get_sqlite_url(std::optional<std::string_view> company_id = std::nullopt) const;

  const std::optional<Url>& replica_url() const noexcept { return replica_url_; }
  const std::optional<Url>& qdrant_url() const noexcept { return qdrant_url_; }
  const std::optional<Url>& redis_url() const noexcept { return redis_url_; }

 private:
  DatabaseConfig() = default;

  Environment environment_ = Environment::kDevelopment;
  std::optional<Url> database_url_;
  std::optional<Url> replica_url_;
  std::optional<Url> qdrant_url_;
  std::optional<Url> redis_url_;
};

/// The variables of a `.env` file: NAME=VALUE lines, `export` before them, comments, single and double quotes (with \n,
/// \",
/// \\ and \$ in double ones). Nothing is expanded. Throws ConfigurationError naming file and line.
ROWHOUSE_EXPORT DatabaseConfig::Variables read_env_file(const std::string& path);

}  // namespace rowhouse
