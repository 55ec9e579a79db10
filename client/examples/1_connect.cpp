// 1. From the environment to a connection. In development a company's rows are in a SQLite file below ./data; in
// production they are in the PostgreSQL that DATABASE_URL names. The program is the same.
//
//   example_1_connect
//   ENVIRONMENT=production DATABASE_URL=postgresql://user@host/database example_1_connect
#include <iostream>

#include "rowhouse/config.hpp"
#include "rowhouse/database_manager.hpp"
#include "rowhouse/error.hpp"

int main() {
  try {
    const auto config = rowhouse::DatabaseConfig::from_environment();
    rowhouse::DatabaseOptions options;
    options.max_connections = 5;
    options.checkout_timeout = std::chrono::seconds(2);
    options.application_name = "example";
    rowhouse::DatabaseManager manager(config.get_database_url("test_company"), options);

    {
      rowhouse::Session session = manager.session();  // connects: a manager does when it is first needed
      const rowhouse::Result result =
          session.execute("SELECT CAST($1 AS text) AS greeting, CAST($2 AS bigint) AS number", {"안녕", 42});
      const rowhouse::Row row = result.one();
      std::cout << row["greeting"].as<std::string>() << ' ' << row["number"].as<int>() << '\n';
      std::cout << "in use: " << manager.statistics().in_use << '\n';
    }
    std::cout << "idle: " << manager.statistics().idle << '\n';

    // Errors have a kind to act on, a SQLSTATE that is the same for both databases, and no values in their words.
    try {
      manager.session().execute("SELECT 1 FROM nowhere");
    } catch (const rowhouse::Error& error) {
      std::cout << error.sqlstate() << ", a " << to_string(error.kind()) << " error\n";
    }
    return 0;
  } catch (const rowhouse::Error& error) {
    std::cerr << "error " << error.sqlstate() << ": " << error.what() << '\n';
    if (!error.hint().empty()) std::cerr << "hint: " << error.hint() << '\n';
    return 1;
  }
}
