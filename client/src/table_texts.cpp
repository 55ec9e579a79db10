#include "table_texts.hpp"

#include <algorithm>
#include <deque>
#include <mutex>
#include <utility>

namespace rowhouse::detail {
namespace {

constexpr std::size_t kMostTables = 64;  // a program has few; one that makes them up as it goes keeps the latest

struct Known {
  Database database;
  std::string schema;
  TableShape shape;  // a table may be gone, and another one be where it was
  std::shared_ptr<const TableTexts> texts;
};

struct Cache {
  std::mutex mutex;  // guards what follows
  std::deque<Known> tables;
};

// Never destroyed: statements may be made while the program ends.
Cache& cache() {
  static Cache* const only = new Cache;
  return *only;
}

}  // namespace

std::shared_ptr<const TableTexts> known_texts(Database database, const std::string& schema, const TableShape& shape) {
  const std::lock_guard lock(cache().mutex);
  const auto& tables = cache().tables;
  const auto found = std::find_if(tables.begin(), tables.end(), [&](const Known& known) {
    return known.database == database && known.shape == shape && known.schema == schema;
  });
  return found == tables.end() ? nullptr : found->texts;
}

void keep_texts(Database database, const std::string& schema, const TableShape& shape,
                std::shared_ptr<const TableTexts> texts) {
  Known known{database, schema, shape, std::move(texts)};
  const std::lock_guard lock(cache().mutex);
  if (cache().tables.size() >= kMostTables) cache().tables.pop_front();
  cache().tables.push_back(std::move(known));
}

}  // namespace rowhouse::detail
