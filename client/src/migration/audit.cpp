// What the core says of a database: audit and prove.
#include "rowhouse/audit.hpp"

#include <algorithm>

#include "migration/core_installer.hpp"
#include "migration/interrupt_watch.hpp"
#include "migration/source_files.hpp"

namespace rowhouse {
namespace {

// Connected to a database whose core knows `function`, named with its arguments' types.
detail::PostgresConnection connect(detail::InterruptWatch& watch, const Url& target, std::string_view function) {
  detail::PostgresConnection connection = watch.connect(target);
  const std::string core = detail::require_core(connection, target);
  if (connection.execute("SELECT pg_catalog.to_regprocedure($1) IS NOT NULL", {function}).value(0, 0) == "t")
    return connection;
  Diagnostics diagnostics;
  diagnostics.message = "rowhouse in " + target.masked() + " (" + core + ") has no " + std::string(function);
  diagnostics.hint = "ALTER EXTENSION rowhouse UPDATE, or run the plain script of this version.";
  const std::string message = diagnostics.message;
  throw_error("55000", message, std::move(diagnostics));
}

}  // namespace

std::size_t AuditReport::count(std::string_view severity) const {
  return static_cast<std::size_t>(std::count_if(
      findings.begin(), findings.end(), [&](const AuditFinding& finding) { return finding.severity == severity; }));
}

std::size_t ProofReport::count(std::string_view outcome) const {
  return static_cast<std::size_t>(std::count_if(
      attempts.begin(), attempts.end(), [&](const ProofAttempt& attempt) { return attempt.outcome == outcome; }));
}

AuditReport audit(const Url& target, const std::function<bool()>& interrupted) {
  detail::InterruptWatch watch(interrupted);
  const detail::PostgresResult rows = watch.run([&] {
    return connect(watch, target, "rowhouse.audit()")
        .execute("SELECT severity, rule, object, detail, remedy FROM rowhouse.audit()");
  });
  AuditReport report;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    const std::optional<std::string_view> remedy = rows.value(i, 4);
    report.findings.push_back({rows.text(i, 0), rows.text(i, 1), rows.text(i, 2), rows.text(i, 3),
                               remedy ? std::optional(std::string(*remedy)) : std::nullopt});
  }
  return report;
}

ProofReport prove(const Url& target, const std::optional<std::string>& table) {
  detail::InterruptWatch watch({});
  detail::PostgresConnection connection = connect(watch, target, "rowhouse.prove(regclass)");
  const detail::PostgresResult rows = connection.execute(
      "SELECT attack, object, outcome, detail FROM rowhouse.prove($1::pg_catalog.regclass)",
      {table ? detail::PostgresParameter(*table) : detail::PostgresParameter(std::nullopt)});
  ProofReport report;
  for (std::size_t i = 0; i < rows.rows(); ++i)
    report.attempts.push_back({rows.text(i, 0), rows.text(i, 1), rows.text(i, 2), rows.text(i, 3)});
  return report;
}

}  // namespace rowhouse
