// 2. From the environment to stored objects: the same program, and the same output, on a SQLite file in development and
// on PostgreSQL in production. The tables and the tenant must be there; with the argument `setup` it makes them first.
//
//   ENVIRONMENT=production DATABASE_URL=postgresql://user@host/database example_2_repository [setup]
#include <iostream>
#include <optional>
#include <string_view>
#include <vector>

#include "rowhouse/config.hpp"
#include "rowhouse/database_manager.hpp"
#include "rowhouse/error.hpp"
#include "rowhouse/repository.hpp"
#include "rowhouse/schema_manager.hpp"
#include "rowhouse/store.hpp"

namespace {

constexpr const char* kCompany = "test_company";

void set_up(const rowhouse::DatabaseManager& manager) {
  rowhouse::SchemaManager schema(manager);
  schema.create_all();
  schema.create_tenant(kCompany);
}

void print(const rowhouse::IntegratedObject& object) {
  std::cout << object.company_id << ' ' << object.object_type << ' ' << object.original_id << ": "
            << object.integrated_content.value_or("-") << ", summary: " << object.summary.value_or("-") << ", data "
            << object.original_data << '\n';
}

void work(rowhouse::DatabaseManager manager) {
  rowhouse::Session session = manager.session(kCompany);
  rowhouse::IntegratedObjectRepository repository(session);

  const rowhouse::IntegratedObject made = repository.create({.original_id = "test_123",
                                                             .company_id = kCompany,
                                                             .original_data = {{"test", "data"}},
                                                             .integrated_content = "Test content"});
  std::cout << "created\n";
  print(made);

  rowhouse::store_integrated_object(
      manager, {{"id", 124}, {"subject", "Printer"}, {"integrated_text", "It does not print"}}, kCompany);
  const bool updated = repository.update_summary(made.id, "a test");
  std::cout << "summary updated: " << (updated ? "yes" : "no") << '\n';

  std::cout << "objects of " << kCompany << ", newest first\n";
  for (const rowhouse::IntegratedObject& object : repository.get_by_company(kCompany)) print(object);
  std::cout << "objects of another_company: " << repository.get_by_company("another_company").size() << '\n';

  std::vector<rowhouse::IntegratedObjectData> batch;
  for (const char* id : {"200", "201", "202"}) batch.push_back({.original_id = id, .company_id = kCompany});
  std::cout << "upserted at once: " << repository.upsert_many(batch) << '\n';
  std::optional<rowhouse::PageKey> after;
  for (int number = 1; number == 1 || after; ++number) {
    const auto page = repository.page(2, after);
    std::cout << "page " << number << ": " << page.rows.size() << " objects\n";
    after = page.next;
  }

  try {
    repository.create({.original_id = "test_123", .company_id = kCompany});
  } catch (const rowhouse::ConstraintError& error) {
    std::cout << "a second test_123: error " << error.sqlstate() << '\n';
  }
}

}  // namespace

int main(int count, char** arguments) {
  try {
    const auto config = rowhouse::DatabaseConfig::from_environment();
    const rowhouse::DatabaseManager manager(config.get_database_url(kCompany));
    if (count > 1 && std::string_view(arguments[1]) == "setup") set_up(manager);
    work(manager);
    return 0;
  } catch (const rowhouse::Error& error) {
    std::cerr << "error " << error.sqlstate() << ": " << error.what() << '\n';
    if (!error.hint().empty()) std::cerr << "hint: " << error.hint() << '\n';
    return 1;
  }
}
