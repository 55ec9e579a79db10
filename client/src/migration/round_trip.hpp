// Statements that go to the server together.
#pragma once

#include <list>
#include <optional>
#include <string>
#include <vector>

#include "postgres_connection.hpp"

namespace rowhouse::detail {

// Collects statements, whose texts it owns, and sends them in one round trip.
class RoundTrip {
 public:
  using Parameters = std::vector<std::optional<std::string>>;

  explicit RoundTrip(PostgresConnection& connection) : connection_(connection) {}
  RoundTrip(const RoundTrip&) = delete;
  RoundTrip& operator=(const RoundTrip&) = delete;

  PostgresConnection& connection() { return connection_; }
  void add(std::string sql, Parameters parameters = {}) {
    Texts& texts = texts_.emplace_back(std::move(sql), std::move(parameters));
    texts.views.assign(texts.parameters.begin(), texts.parameters.end());
    statements_.push_back({texts.sql, texts.views});
  }
  // The result of each. The first error is thrown; what comes behind it did not run.
  std::vector<PostgresResult> run() {
    if (statements_.empty()) return {};
    return connection_.execute_pipeline(statements_);
  }
  // The same, then COMMIT.
  void commit() { connection_.commit(statements_); }

 private:
  struct Texts {
    Texts(std::string text, Parameters values) : sql(std::move(text)), parameters(std::move(values)) {}
    const std::string sql;
    const Parameters parameters;
    std::vector<PostgresParameter> views;
  };

  PostgresConnection& connection_;
  std::list<Texts> texts_;  // stays where it is: statements point to it
  std::vector<PostgresStatement> statements_;
};

}  // namespace rowhouse::detail
