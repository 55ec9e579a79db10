#pragma once

#include <string>

#include "migration/source_files.hpp"
#include "postgres_connection.hpp"

namespace rowhouse::detail {

// One import of a tenant at a time, in this run and in others: the next sees what the one before has written. Of the
// session, so that it outlasts transactions and ends with a connection that is lost.
class TenantLock {
 public:
  TenantLock(PostgresConnection& connection, const std::string& tenant, const MigrationOptions& options);
  ~TenantLock();
  TenantLock(const TenantLock&) = delete;
  TenantLock& operator=(const TenantLock&) = delete;

 private:
  std::string call(const char* function);

  PostgresConnection& connection_;
  const std::string tenant_;
};

}  // namespace rowhouse::detail
