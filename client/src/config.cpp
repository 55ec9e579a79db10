#include "rowhouse/config.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <span>

#include "connection.hpp"
#include "nearest.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse {
namespace {

using Variables = DatabaseConfig::Variables;
using Words = std::span<const std::string_view>;

constexpr std::array<std::string_view, 16> kVariables{
    "ENVIRONMENT",   "DATABASE_TYPE",   "DATABASE_URL",         "DATABASE_REPLICA_URL",
    "POSTGRES_HOST", "POSTGRES_PORT",   "POSTGRES_DB",          "POSTGRES_USER",
    "QDRANT_URL",    "SQLITE_DATA_DIR", "CONNECTION_POOL_SIZE", "QUERY_TIMEOUT",
    "USE_ORM",       "REDIS_URL",       "POSTGRES_PASSWORD",    "PGSSLMODE"};

struct Obsolete {
  std::string_view name;
  std::string_view why;
};
constexpr std::array kObsolete{Obsolete{"TENANT_ID_VALIDATION", "tenant ids are always checked"},
                               Obsolete{"TENANT_ISOLATION", "tenants are always kept apart"},
                               Obsolete{"MAX_TENANTS", "there is no limit"}};

constexpr std::size_t kMostConnections = 10'000;
constexpr std::size_t kLongestTimeout = 86'400;

std::optional<std::string_view> find(const Variables& variables, std::string_view name) {
  const auto at = variables.find(name);
  if (at == variables.end() || at->second.empty()) return std::nullopt;
  return at->second;
}

std::string listed(Words words, std::string_view last) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " " + std::string(last) + " " : ", ";
    out += words[i];
  }
  return out;
}

// What such a variable may be, and which of it was meant.
std::string word_hint(std::string_view text, Words words) {
  const std::string all = "It is one of " + listed(words, "and") + '.';
  const auto meant = detail::nearest(text, words);
  return meant ? "Did you mean " + std::string(*meant) + "? " + all : all;
}

// The variable as one of the words, whatever its case; its number among them.
std::optional<std::size_t> find_word(const Variables& variables, std::string_view name, Words words) {
  const auto text = find(variables, name);
  if (!text) return std::nullopt;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (*text == words[i]) return i;
  }
  throw ConfigurationError("unknown " + std::string(name) + ": " + std::string(*text), word_hint(*text, words));
}

std::size_t find_number(const Variables& variables, std::string_view name, std::size_t least, std::size_t most,
                        std::size_t otherwise) {
  const auto text = find(variables, name);
  if (!text) return otherwise;
  std::size_t number = 0;
  const auto [end, code] = std::from_chars(text->data(), text->data() + text->size(), number);
  const bool whole = end == text->data() + text->size() && !text->empty();
  if (code == std::errc() && whole && number >= least && number <= most) return number;
  const bool digits = whole || (text->starts_with('-') && code == std::errc::invalid_argument);
  const std::size_t near =
      digits ? (text->starts_with('-') || (code == std::errc() && number < least) ? least : most) : otherwise;
  throw ConfigurationError(std::string(name) + " is " + std::string(*text) + ", it is a whole number from " +
                               std::to_string(least) + " to " + std::to_string(most),
                           "For example " + std::string(name) + '=' + std::to_string(near) + '.');
}

// Of a text that is no URL nothing but the scheme is safe to show.
std::string masked(std::string_view text) {
  const std::size_t colon = text.find("://");
  return colon == std::string_view::npos ? "***" : std::string(text.substr(0, colon)) + "://***";
}

std::string scheme_hint(std::string_view scheme, Words schemes) {
  const auto meant = detail::nearest(scheme, schemes);
  return "It begins with " + std::string(meant ? *meant : schemes.front()) + "://.";
}

Url parse_url(std::string_view name, std::string_view text, Words schemes) {
  try {
    Url url = Url::parse(text);
    if (std::find(schemes.begin(), schemes.end(), url.scheme()) != schemes.end()) return url;
    std::string expected;
    for (const std::string_view scheme : schemes)
      expected += (expected.empty() ? "" : " or ") + std::string(scheme) + "://";
    throw ConfigurationError(std::string(name) + " is " + url.masked() + ", it does not begin with " + expected,
                             scheme_hint(url.scheme(), schemes));
  } catch (const ConfigurationError& error) {
    const std::string what = error.what();
    if (what.starts_with(name)) throw;
    throw ConfigurationError(std::string(name) + " is " + masked(text) + ": " + what, error.hint());
  }
}

std::optional<Url> find_url(const Variables& variables, std::string_view name, Words schemes) {
  const auto text = find(variables, name);
  if (!text) return std::nullopt;
  return parse_url(name, *text, schemes);
}

constexpr std::array<std::string_view, 2> kDatabaseSchemes{"postgresql", "sqlite"};
constexpr std::array<std::string_view, 1> kReplicaSchemes{"postgresql"};
constexpr std::array<std::string_view, 2> kQdrantSchemes{"http", "https"};
constexpr std::array<std::string_view, 2> kRedisSchemes{"redis", "rediss"};
constexpr std::array<std::string_view, 3> kEnvironments{"development", "staging", "production"};
constexpr std::array<std::string_view, 2> kTypes{"sqlite", "postgresql"};
constexpr std::array<std::string_view, 8> kFlags{"false", "true", "0", "1", "no", "yes", "off", "on"};

std::vector<Url> find_replicas(const Variables& variables) {
  std::vector<Url> urls;
  std::string_view text = find(variables, "DATABASE_REPLICA_URL").value_or("");
  while (true) {
    const std::size_t start = text.find_first_not_of(' ');
    if (start == std::string_view::npos) return urls;
    const std::size_t end = std::min(text.find(' ', start), text.size());
    urls.push_back(parse_url("DATABASE_REPLICA_URL", text.substr(start, end - start), kReplicaSchemes));
    text.remove_prefix(end);
  }
}

std::optional<Url> url_of_parts(const Variables& variables) {
  const auto host = find(variables, "POSTGRES_HOST");
  if (!host) return std::nullopt;
  std::string port;
  if (find(variables, "POSTGRES_PORT")) port = std::to_string(find_number(variables, "POSTGRES_PORT", 1, 65535, 5432));
  const auto text = [&](std::string_view name) { return std::string(find(variables, name).value_or("")); };
  std::optional<std::string> password;
  if (const auto found = find(variables, "POSTGRES_PASSWORD")) password = *found;
  return Url::postgresql({std::string(*host), port}, text("POSTGRES_DB"), text("POSTGRES_USER"), password);
}

// DATABASE_URL, or the same from POSTGRES_*.
Url require_database(const Variables& variables, std::string_view reason) {
  if (auto url = find_url(variables, "DATABASE_URL", kDatabaseSchemes)) return *url;
  if (auto url = url_of_parts(variables)) return *url;
  std::string hint = "For example DATABASE_URL=postgresql://user:password@host:5432/database, or POSTGRES_HOST.";
  constexpr std::array<std::string_view, 1> wanted{"DATABASE_URL"};
  for (const auto& [name, value] : variables) {
    if (std::find(kVariables.begin(), kVariables.end(), name) == kVariables.end() && detail::nearest(name, wanted))
      hint = "Is " + name + " meant to be DATABASE_URL? " + hint;
  }
  throw ConfigurationError("DATABASE_URL is not set, which " + std::string(reason) + " requires", hint);
}

bool is_local(const Url& url) {
  const auto is_socket = [](std::string_view host) {
    return host.empty() || host.front() == '/' || host.front() == '@';
  };
  bool from_parameters = false;
  for (const auto& [name, value] : url.parameters()) {
    if (name != "host" && name != "hostaddr") continue;
    from_parameters = true;
    if (name == "hostaddr" || !is_socket(value) || value.find(',') != std::string::npos) return false;
  }
  return from_parameters || std::all_of(url.hosts().begin(), url.hosts().end(),
                                        [&](const Url::Host& host) { return is_socket(host.name); });
}

std::optional<std::string> tls_warning(const Variables& variables, std::string_view name, const Url& url) {
  if (!url.is_postgresql() || is_local(url)) return std::nullopt;
  std::string mode(find(variables, "PGSSLMODE").value_or("prefer"));
  for (const auto& [parameter, value] : url.parameters()) {
    if (parameter == "sslmode") mode = value;
  }
  if (mode == "verify-full") return std::nullopt;
  return std::string(name) + ": sslmode is " + mode + ", with which nobody knows whether the server is the right one";
}

void warn_of_names(const Variables& variables, std::vector<std::string>& warnings) {
  for (const auto& variable : variables) {
    const std::string& name = variable.first;
    const auto obsolete = std::find_if(kObsolete.begin(), kObsolete.end(), [&](auto& o) { return o.name == name; });
    if (obsolete != kObsolete.end()) {
      warnings.push_back(name + " has no effect: " + std::string(obsolete->why));
    } else if (std::find(kVariables.begin(), kVariables.end(), name) == kVariables.end()) {
      if (const auto meant = detail::nearest(name, kVariables))
        warnings.push_back(name + " is not known; is it meant to be " + std::string(*meant) + '?');
    }
  }
}

Variables process_variables() {
  Variables variables;
  const auto take = [&](std::string_view name) {
    if (const char* value = std::getenv(std::string(name).c_str())) variables.emplace(name, value);
  };
  for (const std::string_view name : kVariables) take(name);
  for (const Obsolete& obsolete : kObsolete) take(obsolete.name);
  return variables;
}

}  // namespace

DatabaseConfig DatabaseConfig::from_environment(Checks checks) { return from_variables(process_variables(), checks); }

DatabaseConfig DatabaseConfig::from_file(const std::string& path, Checks checks) {
  Variables variables = process_variables();
  variables.merge(read_env_file(path));  // keeps what is there
  return from_variables(variables, checks);
}

DatabaseConfig DatabaseConfig::from_variables(const Variables& variables, Checks checks) {
  DatabaseConfig config;
  config.environment_ = static_cast<Environment>(find_word(variables, "ENVIRONMENT", kEnvironments).value_or(0));
  const bool development = config.environment_ == Environment::kDevelopment;
  const auto type = find_word(variables, "DATABASE_TYPE", kTypes);
  const bool postgres = type == 1;
  if (!development || postgres) {
    config.database_url_ =
        require_database(variables, development ? "DATABASE_TYPE=postgresql"
                                                : "ENVIRONMENT=" + std::string(*find(variables, "ENVIRONMENT")));
    if (type && config.database_url_->scheme() != kTypes[*type]) {
      throw ConfigurationError(
          "DATABASE_TYPE is " + std::string(kTypes[*type]) + ", but DATABASE_URL is " + config.database_url_->masked(),
          "Leave DATABASE_TYPE out, or correct one of them.");
    }
  }
  config.replica_urls_ = find_replicas(variables);
  if (!config.replica_urls_.empty()) config.replica_url_ = config.replica_urls_.front();
  config.qdrant_url_ = find_url(variables, "QDRANT_URL", kQdrantSchemes);
  config.redis_url_ = find_url(variables, "REDIS_URL", kRedisSchemes);
  config.data_folder_ = find(variables, "SQLITE_DATA_DIR").value_or("./data");
  config.pool_size_ = find_number(variables, "CONNECTION_POOL_SIZE", 1, kMostConnections, 20);
  config.query_timeout_ = std::chrono::seconds(find_number(variables, "QUERY_TIMEOUT", 0, kLongestTimeout, 30));
  if (const auto flag = find_word(variables, "USE_ORM", kFlags)) config.use_orm_ = *flag % 2 == 1;

  if (config.environment_ == Environment::kProduction) {
    const auto warn = [&](std::string_view name, const Url& url) {
      if (auto warning = tls_warning(variables, name, url)) config.warnings_.push_back(*std::move(warning));
    };
    warn(find(variables, "DATABASE_URL") ? "DATABASE_URL" : "POSTGRES_HOST", *config.database_url_);
    for (const Url& url : config.replica_urls_) warn("DATABASE_REPLICA_URL", url);
  }
  warn_of_names(variables, config.warnings_);
  if (checks == Checks::kStrict && !config.warnings_.empty()) {
    const bool tls = config.warnings_.front().find("sslmode") != std::string::npos;
    throw ConfigurationError(config.warnings_.front(),
                             tls ? "Add sslmode=verify-full, and sslrootcert=system or the authority's file." : "");
  }
  return config;
}

Url DatabaseConfig::get_database_url(std::optional<std::string_view> company_id) const {
  if (!database_url_) return get_sqlite_url(company_id);
  if (company_id) detail::check_tenant(*company_id);
  return *database_url_;
}

Url DatabaseConfig::get_sqlite_url(std::optional<std::string_view> company_id) const {
  const std::string folder = data_folder_.ends_with('/') ? data_folder_ : data_folder_ + '/';
  if (!company_id) return Url::sqlite_file(folder + "main.db");
  detail::check_tenant(*company_id);
  return Url::sqlite_file(folder + std::string(*company_id) + "_freshdesk_data.db");
}

DatabaseOptions DatabaseConfig::database_options() const {
  DatabaseOptions options;
  options.max_connections = pool_size_;
  options.statement_timeout = query_timeout_;
  if (database_url_ && database_url_->is_postgresql()) options.replicas = replica_urls_;
  return options;
}

}  // namespace rowhouse
