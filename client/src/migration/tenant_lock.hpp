#pragma once

#include <string>

#include "migration/ledger.hpp"
#include "migration/source_files.hpp"

namespace rowhouse::detail {

// One import of a tenant at a time, in this run and in others: the next sees what the one before has written. Of the
// session, so that it outlasts transactions and ends with a connection that is lost.
class TenantLock {
 public:
  // Waits for it, and reads the ledger, in the same round trip when nobody has the lock.
  TenantLock(PostgresConnection& connection, const LedgerPlace& place, const MigrationOptions& options);
  ~TenantLock();
  TenantLock(const TenantLock&) = delete;
  TenantLock& operator=(const TenantLock&) = delete;

  // As it was when the lock was taken.
  const FileLedger& ledger() const { return ledger_; }

 private:
  bool try_lock(const LedgerPlace& place);
  void unlock() noexcept;

  PostgresConnection& connection_;
  const std::string tenant_;
  FileLedger ledger_;
};

}  // namespace rowhouse::detail
