// 5. A company moves while the service runs: its SQLite file, then both databases, then PostgreSQL alone.
//
//   DATABASE_URL=postgresql://user@host/database example_5_migration_layer setup
#include <iostream>

#include "rowhouse/config.hpp"
#include "rowhouse/error.hpp"
#include "rowhouse/migration_layer.hpp"
#include "rowhouse/schema_manager.hpp"

namespace {

using rowhouse::Json;
using rowhouse::MigrationMode;

constexpr const char* kCompany = "test_company";

Json ticket(int id, const char* text) { return {{"id", id}, {"subject", "Printer"}, {"integrated_text", text}}; }

void print(const char* step, rowhouse::MigrationLayer& layer) {
  const auto mode = layer.mode(kCompany);
  std::cout << step << ": mode " << to_string(mode) << ", objects " << layer.get_by_company(kCompany).size() << '\n';
}

void work(const rowhouse::DatabaseConfig& config) {
  const rowhouse::Url file = config.get_sqlite_url(kCompany);
  const rowhouse::DatabaseManager postgres(config.get_database_url(kCompany));
  rowhouse::SchemaManager(file.revealed()).create_all();
  rowhouse::SchemaManager target(postgres);
  target.create_all();

  rowhouse::MigrationLayer layer([&](std::string_view company) { return config.get_sqlite_url(company); }, postgres);
  layer.on_difference([](const rowhouse::MigrationDifference& difference) {
    std::cout << "difference: " << difference.original_id << ", " << difference.message << '\n';
  });

  // Phase 1: as before.
  layer.store_integrated_object(ticket(1, "It does not print"), kCompany);
  print("the old file", layer);

  // What is there is copied once.
  const auto report = target.migrate_from_sqlite(file.database(), kCompany);
  std::cout << "migrated: " << report.tables.at(0).rows << " objects\n";

  // Phase 2: every write goes to both, and what both hold is compared.
  layer.set_mode(kCompany, MigrationMode::kDual);
  layer.store_integrated_object(ticket(2, "It burns"), kCompany);
  layer.update_summary(kCompany, "1", "paper is out");
  print("both", layer);
  const auto reconciled = layer.reconcile(kCompany);
  std::cout << "left to mend: " << reconciled.found << '\n';

  // Phase 3: the file is history.
  layer.set_mode(kCompany, MigrationMode::kPostgres);
  layer.reconcile(kCompany);
  layer.store_integrated_object(ticket(3, "It prints"), kCompany);
  print("PostgreSQL", layer);
  std::cout << "summary of 1: " << layer.get_by_original_id(kCompany, "1")->summary.value_or("-") << '\n';
  const auto counters = layer.counters();
  std::cout << "writes to SQLite: " << counters.sqlite_writes << ", to PostgreSQL: " << counters.postgres_writes
            << ", different: " << counters.different << ", refused: " << counters.refused << '\n';
}

}  // namespace

int main() {
  try {
    work(rowhouse::DatabaseConfig::from_environment());
    return 0;
  } catch (const rowhouse::Error& error) {
    std::cerr << "error " << error.sqlstate() << ": " << error.what() << '\n';
    return 1;
  }
}
