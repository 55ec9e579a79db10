// 3. Units of work: all or nothing, again when another one got in the way, and never another tenant's rows.
//
//   example_3_transactions [setup]
#include <iostream>
#include <string_view>

#include "rowhouse/config.hpp"
#include "rowhouse/database_manager.hpp"
#include "rowhouse/error.hpp"
#include "rowhouse/repository.hpp"
#include "rowhouse/schema_manager.hpp"

namespace {

using rowhouse::IntegratedObjectRepository;
using rowhouse::Transaction;

constexpr const char* kCompany = "test_company";
constexpr const char* kOther = "other_company";

void set_up(const rowhouse::DatabaseManager& manager) {
  rowhouse::SchemaManager schema(manager);
  schema.create_all();
  for (const char* tenant : {kCompany, kOther}) schema.create_tenant(tenant);
}

// Committed when the function returns, undone when it throws. After a serialization failure, a deadlock or a busy file
// it runs again, so it must do nothing outside of its transaction.
void retry(rowhouse::DatabaseManager manager) {
  int attempts = 0;
  rowhouse::RetryOptions options;
  options.transaction.tenant = kCompany;
  options.retry_if = [](const rowhouse::Error& error, int attempt) {
    std::cout << "attempt " << attempt << " ended with " << error.sqlstate() << '\n';
    return true;
  };
  manager.run_in_transaction(
      [&](Transaction& transaction) {
        IntegratedObjectRepository objects(transaction);
        objects.create({.original_id = "1", .company_id = kCompany});
        objects.create({.original_id = "2", .company_id = kCompany});
        if (++attempts == 1) throw rowhouse::Error("40001", "as if another transaction had got in the way");
      },
      options);
  std::cout << "attempt " << attempts << " was committed\n";
}

void savepoint(rowhouse::DatabaseManager manager) {
  rowhouse::Session session = manager.session(kCompany);
  Transaction transaction = session.begin();
  IntegratedObjectRepository objects(transaction);
  {
    Transaction nested = transaction.nested();
    objects.create({.original_id = "3", .company_id = kCompany});
    std::cout << "within the savepoint: " << objects.count() << " objects\n";
  }  // not committed, so undone
  std::cout << "after it: " << objects.count() << " objects\n";
  transaction.commit();
}

void tenants(rowhouse::DatabaseManager manager) {
  rowhouse::Session session = manager.session(kOther);
  IntegratedObjectRepository objects(session);
  std::cout << "the other company sees " << objects.count() << " objects\n";
  try {
    objects.create({.original_id = "4", .company_id = kCompany});
  } catch (const rowhouse::Error& error) {
    std::cout << "and writes none: error " << error.sqlstate() << '\n';
  }
}

}  // namespace

int main(int count, char** arguments) {
  try {
    const auto config = rowhouse::DatabaseConfig::from_environment();
    const rowhouse::DatabaseManager manager(config.get_database_url());
    if (count > 1 && std::string_view(arguments[1]) == "setup") set_up(manager);
    retry(manager);
    savepoint(manager);
    tenants(manager);
    return 0;
  } catch (const rowhouse::Error& error) {
    std::cerr << "error " << error.sqlstate() << ": " << error.what() << '\n';
    return 1;
  }
}
