#pragma once

#include <memory>
#include <string>
#include <vector>

#include "rowhouse/table.hpp"

namespace rowhouse::detail {

// What the statements of a table are made of, for every tenant the same.
struct TableTexts {
  std::string table;               // quoted
  std::vector<std::string> names;  // of the columns, quoted
  std::string columns;             // of SELECT
  std::string returning;           // the same where the table has no alias
  std::string insert;              // INSERT, up to its VALUES
  std::string upsert;              // the whole statement that gives nothing back
};

// The texts of the tables that were used last. Thread-safe.
std::shared_ptr<const TableTexts> known_texts(Database database, const std::string& schema, const TableShape& shape);
void keep_texts(Database database, const std::string& schema, const TableShape& shape,
                std::shared_ptr<const TableTexts> texts);

}  // namespace rowhouse::detail
