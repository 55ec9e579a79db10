#pragma once

#include <string>

#include "rowhouse/session.hpp"

namespace rowhouse::detail {

// The table's name as SQL; the schema counts on PostgreSQL alone.
std::string integrated_objects_table(Database database, const std::string& schema);

// The statements of IntegratedObjectRepository, which differ between the databases in a few words alone.
// $1 is always the tenant.
struct RepositoryStatements {
  RepositoryStatements(Database database, const std::string& schema);

  std::string all, all_of_type, by_id, by_original_id, count, count_of_type, insert, upsert, update_summary, remove;
};

}  // namespace rowhouse::detail
