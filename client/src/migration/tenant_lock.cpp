#include "migration/tenant_lock.hpp"

#include <chrono>
#include <thread>

namespace rowhouse::detail {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(50);

std::string call(const char* function) {
  return "SELECT pg_catalog." + std::string(function) +
         "(pg_catalog.hashtextextended('rowhouse.import.' || $1, 0))";
}

}  // namespace

TenantLock::TenantLock(PostgresConnection& connection, const LedgerPlace& place, const MigrationOptions& options)
    : connection_(connection), tenant_(place.tenant) {
  try {
    while (!try_lock(place)) {
      check_interrupted(options);
      std::this_thread::sleep_for(kPoll);
    }
  } catch (...) {
    unlock();  // of use when it was the ledger that failed
    throw;
  }
}

TenantLock::~TenantLock() { unlock(); }

// Each statement sees what was committed when it began: the ledger is read as it is under the lock.
bool TenantLock::try_lock(const LedgerPlace& place) {
  RoundTrip trip(connection_);
  trip.add(call("pg_try_advisory_lock"), {tenant_});
  ask_ledger(trip, place);
  const std::vector<PostgresResult> results = trip.run();
  if (results.front().value(0, 0) != "t") return false;
  ledger_ = to_ledger(results.back());
  return true;
}

void TenantLock::unlock() noexcept {
  try {
    RoundTrip trip(connection_);
    trip.add(call("pg_advisory_unlock"), {tenant_});
    trip.run();
  } catch (const Error&) {
    // The connection is lost, and the lock with it.
  }
}

}  // namespace rowhouse::detail
