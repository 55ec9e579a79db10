#include "rowhouse/config.hpp"

#include <algorithm>
#include <cstdlib>
#include <initializer_list>

#include "connection.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse {
namespace {

constexpr const char* kVariables[] = {"ENVIRONMENT", "DATABASE_URL", "DATABASE_REPLICA_URL", "QDRANT_URL", "REDIS_URL"};

// An empty variable counts as absent.
std::optional<std::string_view> find(const DatabaseConfig::Variables& variables, std::string_view name) {
  const auto at = variables.find(name);
  if (at == variables.end() || at->second.empty()) return std::nullopt;
  return at->second;
}

Environment parse_environment(std::optional<std::string_view> text) {
  if (!text || *text == "development") return Environment::kDevelopment;
  if (*text == "staging") return Environment::kStaging;
  if (*text == "production") return Environment::kProduction;
  throw ConfigurationError("unknown ENVIRONMENT: " + std::string(*text),
                           "It is one of development, staging and production.");
}

std::optional<Url> parse_url(const DatabaseConfig::Variables& variables, std::string_view name,
                             std::initializer_list<std::string_view> schemes) {
  const auto text = find(variables, name);
  if (!text) return std::nullopt;
  std::string expected;
  for (const std::string_view scheme : schemes)
    expected += (expected.empty() ? "" : " or ") + std::string(scheme) + "://";
  try {
    Url url = Url::parse(*text);
    if (std::find(schemes.begin(), schemes.end(), url.scheme()) != schemes.end()) return url;
  } catch (const ConfigurationError& error) {
    throw ConfigurationError(std::string(name) + ": " + error.what(), error.hint());
  }
  throw ConfigurationError(std::string(name) + " does not begin with " + expected);
}

DatabaseConfig::Variables process_variables() {
  DatabaseConfig::Variables variables;
  for (const char* name : kVariables) {
    if (const char* value = std::getenv(name)) variables.emplace(name, value);
  }
  return variables;
}

}  // namespace

DatabaseConfig DatabaseConfig::from_environment() { return from_variables(process_variables()); }

DatabaseConfig DatabaseConfig::from_file(const std::string& path) {
  Variables variables = process_variables();
  variables.merge(read_env_file(path));  // keeps what is there
  return from_variables(variables);
}

DatabaseConfig DatabaseConfig::from_variables(const Variables& variables) {
  DatabaseConfig config;
  config.environment_ = parse_environment(find(variables, "ENVIRONMENT"));
  if (config.environment_ != Environment::kDevelopment) {
    config.database_url_ = parse_url(variables, "DATABASE_URL", {"postgresql", "sqlite"});
    if (!config.database_url_) {
      throw ConfigurationError(
          "DATABASE_URL is not set, which ENVIRONMENT=" + std::string(*find(variables, "ENVIRONMENT")) + " requires",
          "For example DATABASE_URL=postgresql://user:password@host:5432/database.");
    }
  }
  config.replica_url_ = parse_url(variables, "DATABASE_REPLICA_URL", {"postgresql"});
  config.qdrant_url_ = parse_url(variables, "QDRANT_URL", {"http", "https"});
  config.redis_url_ = parse_url(variables, "REDIS_URL", {"redis", "rediss"});
  return config;
}

Url DatabaseConfig::get_database_url(std::optional<std::string_view> company_id) const {
  if (!database_url_) return get_sqlite_url(company_id);
  if (company_id) detail::check_tenant(*company_id);
  return *database_url_;
}

Url DatabaseConfig::get_sqlite_url(std::optional<std::string_view> company_id) const {
  if (!company_id) return Url::sqlite_file("./data/main.db");
  detail::check_tenant(*company_id);
  return Url::sqlite_file("./data/" + std::string(*company_id) + "_freshdesk_data.db");
}

}  // namespace rowhouse
