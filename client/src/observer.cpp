#include "rowhouse/observer.hpp"

namespace rowhouse {
namespace {

void add_error(Attributes& attributes, const Error* error) {
  if (error == nullptr) return;
  attributes.emplace_back("db.response.status_code", std::string_view(error->sqlstate()));
  attributes.emplace_back("error.type", to_string(error->kind()));
}

}  // namespace

Attributes ObservedDatabase::attributes() const {
  Attributes attributes{{"db.system.name", std::string_view(system_name)}};
  if (!name.empty()) attributes.emplace_back("db.namespace", std::string_view(name));
  if (!server_address.empty()) attributes.emplace_back("server.address", std::string_view(server_address));
  if (server_port != 0) attributes.emplace_back("server.port", server_port);
  return attributes;
}

Attributes ConnectEvent::attributes() const {
  Attributes attributes = database.attributes();
  add_error(attributes, error);
  return attributes;
}

Attributes StatementEvent::attributes() const {
  Attributes attributes = database.attributes();
  attributes.emplace_back("db.operation.name", operation);
  attributes.emplace_back("db.query.summary", name);
  if (!text.empty()) attributes.emplace_back("db.query.text", text);
  if (error == nullptr) attributes.emplace_back("db.response.returned_rows", static_cast<std::int64_t>(rows));
  add_error(attributes, error);
  return attributes;
}

Attributes RetryEvent::attributes() const {
  Attributes attributes = database.attributes();
  attributes.emplace_back("rowhouse.retry.attempt", std::int64_t{attempt});
  add_error(attributes, &error);
  return attributes;
}

Attributes PoolWaitEvent::attributes() const {
  Attributes attributes = database.attributes();
  attributes.emplace_back("db.client.connection.in_use", static_cast<std::int64_t>(in_use));
  attributes.emplace_back("db.client.connection.pending_requests", static_cast<std::int64_t>(waiting));
  add_error(attributes, error);
  return attributes;
}

Observer::~Observer() = default;
void Observer::connected(const ConnectEvent&) noexcept {}
void Observer::statement_started(const StatementEvent&) noexcept {}
void Observer::statement_finished(const StatementEvent&) noexcept {}
void Observer::slow_statement(const StatementEvent&) noexcept {}
void Observer::retrying(const RetryEvent&) noexcept {}
void Observer::waited(const PoolWaitEvent&) noexcept {}

}  // namespace rowhouse
