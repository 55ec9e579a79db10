#include "pool_options.hpp"

#include <utility>

#include "rowhouse/error.hpp"

namespace rowhouse::detail {
namespace {

constexpr std::size_t kMostConnections = 10'000;

void require(bool right, const std::string& message) {
  if (!right) throw ConfigurationError(message);
}

}  // namespace

void validate(const DatabaseOptions& options) {
  require(options.max_connections >= 1 && options.max_connections <= kMostConnections,
          "max_connections is " + std::to_string(options.max_connections) + ", allowed are 1 to 10000");
  require(options.min_connections <= options.max_connections,
          "min_connections is " + std::to_string(options.min_connections) + ", more than max_connections, which is " +
              std::to_string(options.max_connections));
  const std::pair<const char*, std::chrono::milliseconds> durations[] = {
      {"checkout_timeout", options.checkout_timeout}, {"connect_timeout", options.connect_timeout},
      {"idle_timeout", options.idle_timeout},         {"max_lifetime", options.max_lifetime},
      {"health_check", options.health_check},         {"statement_timeout", options.statement_timeout},
      {"call_timeout", options.call_timeout},         {"slow_statement", options.slow_statement},
      {"max_replica_lag", options.max_replica_lag}};
  for (const auto& [name, duration] : durations) require(duration.count() >= 0, std::string(name) + " is negative");
  require(options.busy_timeout.count() >= 0 && options.busy_timeout.count() <= 3'600'000,
          "busy_timeout is not between 0 and one hour");
  require(!options.schema.empty(), "schema is empty");
}

DatabaseOptions fitted(const Url& url, DatabaseOptions options) {
  validate(options);
  require(url.is_sqlite() || url.is_postgresql(),
          "no database of this kind: the URL's scheme is " + url.scheme() + ", known are sqlite and postgresql");
  if (url.is_sqlite() && url.database().empty()) {  // each connection would have a database of its own
    options.min_connections = options.max_connections = 1;
    options.max_lifetime = options.idle_timeout = {};
  }
  return options;
}

ObservedDatabase observed_database(const Url& url) {
  ObservedDatabase database;
  database.system_name = url.scheme();
  database.name = url.database();
  if (!url.hosts().empty()) {
    database.server_address = url.hosts().front().name;
    const std::string& port = url.hosts().front().port;
    if (!port.empty()) database.server_port = std::stoi(port);
  }
  for (const auto& [name, value] : url.parameters()) {
    if (name == "dbname") database.name = value;
    if (name == "host") database.server_address = value;
  }
  return database;
}

Error too_many_waiting(std::size_t waiting) {
  return Error("53300", std::to_string(waiting) + " callers wait for a connection already",
               {.hint = "Return sessions sooner, or raise max_connections or max_waiting."});
}

Error none_came_free(const DatabaseOptions& options) {
  return Error("53300",
               "no connection came free within " + std::to_string(options.checkout_timeout.count()) + " ms: all " +
                   std::to_string(options.max_connections) + " are in use",
               {.hint = "Return sessions sooner, or raise max_connections."});
}

bool is_too_old(Clock::time_point made, const DatabaseOptions& options) {
  return options.max_lifetime.count() > 0 && Clock::now() - made > options.max_lifetime;
}

bool is_to_be_asked(Clock::time_point returned, const DatabaseOptions& options) {
  return options.health_check.count() > 0 && Clock::now() - returned > options.health_check;
}

}  // namespace rowhouse::detail
