#pragma once

#include <atomic>
#include <memory>

#include "../test_databases.hpp"
#include "driver.hpp"

namespace conformance {

// The blocking library, on a database that lives as long as the driver.
class SyncDriver final : public Driver {
 public:
  // SQLite: one file for all tenants, so that they can try to reach each other.
  static std::unique_ptr<SyncDriver> sqlite();
  // PostgreSQL, as a role bound by row security; by way of a pooler where ROWHOUSE_POOLER_URL names one.
  static std::unique_ptr<SyncDriver> postgres();

  rowhouse::Database database() const override { return manager_.database(); }
  std::string new_tenant() override;
  std::unique_ptr<Objects> objects(const std::string& tenant) override;
  rowhouse::Result execute(const std::string& tenant, std::string_view sql,
                           std::vector<rowhouse::Value> parameters) override;
  void transaction(const std::string& tenant, const std::function<void(Unit&)>& work,
                   rowhouse::TransactionOptions options) override;
  void retried(const std::string& tenant, const std::function<void(Unit&)>& work,
               rowhouse::RetryOptions options) override;

 private:
  SyncDriver(std::unique_ptr<TestFolder> folder, std::unique_ptr<TestPostgres> postgres,
             rowhouse::DatabaseManager manager, rowhouse::DatabaseManager owner)
      : folder_(std::move(folder)), postgres_(std::move(postgres)), manager_(manager), owner_(owner) {}

  std::unique_ptr<TestFolder> folder_;
  std::unique_ptr<TestPostgres> postgres_;
  rowhouse::DatabaseManager manager_;
  rowhouse::DatabaseManager owner_;
  std::atomic<int> tenants_{0};
};

}  // namespace conformance
