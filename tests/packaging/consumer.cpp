// What a user's program needs at least: a database in memory, its table, an object.
#include <iostream>
#include <rowhouse/repository.hpp>
#include <rowhouse/schema_manager.hpp>
#include <rowhouse/version.hpp>

int main() {
  rowhouse::DatabaseManager manager("sqlite://");
  rowhouse::SchemaManager(manager).create_all();
  rowhouse::Session session = manager.session("acme");
  rowhouse::IntegratedObjectRepository objects(session);
  rowhouse::IntegratedObjectData data;
  data.original_id = "1";
  data.company_id = "acme";
  try {
    objects.create(data);
    objects.create(data);
  } catch (const rowhouse::ConstraintError& error) {  // thrown in the library, caught here
    std::cout << objects.count() << ' ' << error.sqlstate() << '\n';
  }
}
