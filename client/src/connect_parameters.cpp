#include "connect_parameters.hpp"

#include <libpq-fe.h>

#include <memory>

#include "rowhouse/error.hpp"

namespace rowhouse::detail {
namespace {

void check_known(const std::string& name) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> known(PQconndefaults(), &PQconninfoFree);
  for (const PQconninfoOption* option = known.get(); option != nullptr && option->keyword != nullptr; ++option) {
    if (name == option->keyword) return;
  }
  throw ConfigurationError("the PostgreSQL URL has the unknown parameter \"" + name + '"',
                           "See libpq's connection parameters; for TLS it is sslmode.");
}

}  // namespace

ConnectParameters::ConnectParameters(const Url& url, const PostgresOptions& options) {
  add("application_name", options.application_name);
  add("client_encoding", "UTF8");
  // Who waits for a peer that is gone without a word learns of it within a minute; the system alone would take two hours.
  // No tcp_user_timeout: it would end a connection to a server that is there and reads nothing while it waits for a lock.
  add("keepalives_idle", "30");
  add("keepalives_interval", "10");
  add("keepalives_count", "3");
  std::string hosts, ports;
  for (const Url::Host& host : url.hosts()) {
    if (&host != &url.hosts().front()) hosts += ',', ports += ',';
    hosts += host.name;
    ports += host.port;
  }
  if (hosts.find_first_not_of(',') != std::string::npos) add("host", hosts);
  if (ports.find_first_not_of(',') != std::string::npos) add("port", ports);
  if (!url.user().empty()) add("user", url.user());
  if (url.password()) add("password", *url.password());
  if (!url.database().empty()) add("dbname", url.database());
  std::string settings;  // the URL's own come later, and win
  if (options.statement_timeout.count() > 0)
    settings = "-c statement_timeout=" + std::to_string(options.statement_timeout.count());
  for (const auto& [name, value] : url.parameters()) {
    check_known(name);
    if (name == "options")
      settings += ' ' + value;
    else
      add(name, value);
  }
  if (!settings.empty()) add("options", settings);
}

std::vector<const char*> ConnectParameters::pointers(std::string Item::*member) const {
  std::vector<const char*> out;
  for (const Item& item : items_) out.push_back((item.*member).c_str());
  out.push_back(nullptr);
  return out;
}

}  // namespace rowhouse::detail
