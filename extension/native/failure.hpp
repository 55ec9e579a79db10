// Errors of our own on their way through C++ to an entry, which reports them.
#pragma once

#include <string>
#include <utility>

#include "bridge/status.hpp"

namespace rowhouse {

/// Thrown with a Status of the bridge's kind; its SQLSTATE, message, detail and hint become the report.
struct Failure {
  bridge::Status status;
};

/// Returns when the status is ok; throws otherwise. A scan or read that stopped because the server wants this backend
/// to stop ends with the server's own words, such as those of statement_timeout. Throws PgError then.
void check(const bridge::Status& status);

/// The value of a result; throws as check() does when there is none.
template <class T>
T take(bridge::Result<T> result) {
  if (!result.ok()) check(result.status());
  return std::move(result.value());
}

/// Whether a cancel or a shutdown waits for this backend: for the bridge to stop SQLite in the middle of a statement.
bool is_interrupted(void*);

}  // namespace rowhouse
