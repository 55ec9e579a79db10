// Whether tenants are kept apart: what the catalogs show (audit) and what an attempt to break in finds (prove).
//
// The functions are blocking, connect for themselves and throw rowhouse::Error; 55000 when the core is not installed in
// the database, or is of a version that cannot do this.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rowhouse/error.hpp"
#include "rowhouse/export.hpp"
#include "rowhouse/url.hpp"

namespace rowhouse {

/// A row of rowhouse.audit().
struct AuditFinding {
  std::string severity;               ///< "error", "warning" or "info"
  std::string rule;                   ///< a stable name, such as "unbound-privileges"
  std::string object;                 ///< kind:name, such as "table:app.invoice"
  std::string detail;                 ///< why it leaks, and the statement that shows it
  std::optional<std::string> remedy;  ///< SQL that mends it, where such SQL exists
};

/// What audit() found.
struct AuditReport {
  std::vector<AuditFinding> findings;  ///< errors first
  /// How many findings are of this severity.
  ROWHOUSE_EXPORT std::size_t count(std::string_view severity) const;
};

/// Every way in which tenants can reach each other's rows that the catalogs show. Reads, changes nothing.
/// `interrupted` is asked often, from another thread; true ends the call with 57014.
ROWHOUSE_EXPORT AuditReport audit(const Url& target, const std::function<bool()>& interrupted = {});

/// A row of rowhouse.prove().
struct ProofAttempt {
  std::string attack;   ///< what was tried
  std::string object;   ///< kind:name
  std::string outcome;  ///< "held", "leaked" or "not applicable"
  std::string detail;   ///< what came of it, or why it was not tried
};

/// What prove() tried.
struct ProofReport {
  std::vector<ProofAttempt> attempts;  ///< one a row
  /// How many attempts had this outcome.
  ROWHOUSE_EXPORT std::size_t count(std::string_view outcome) const;
};

/// Tries to break into every protected table, or into `table` alone, as two throw-away tenants. Everything is undone.
ROWHOUSE_EXPORT ProofReport prove(const Url& target, const std::optional<std::string>& table = std::nullopt);

}  // namespace rowhouse
