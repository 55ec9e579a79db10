#include "migration/tenant_lock.hpp"

#include <chrono>
#include <thread>

namespace rowhouse::detail {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(50);

}  // namespace

TenantLock::TenantLock(PostgresConnection& connection, const std::string& tenant, const MigrationOptions& options)
    : connection_(connection), tenant_(tenant) {
  while (call("pg_try_advisory_lock") != "t") {
    check_interrupted(options);
    std::this_thread::sleep_for(kPoll);
  }
}

TenantLock::~TenantLock() {
  try {
    call("pg_advisory_unlock");
  } catch (const Error&) {
    // The connection is lost, and the lock with it.
  }
}

std::string TenantLock::call(const char* function) {
  const PostgresResult result = connection_.execute(
      "SELECT pg_catalog." + std::string(function) + "(pg_catalog.hashtextextended('rowhouse.import.' || $1, 0))",
      {tenant_});
  return result.text(0, 0);
}

}  // namespace rowhouse::detail
