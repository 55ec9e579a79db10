#pragma once

#include "bridge/views.hpp"
#include "postgres_connection.hpp"
#include "rowhouse/migration.hpp"

namespace rowhouse::detail {

// Makes the views of the plan that mean the same over its tables, as they are now, where they are missing. What stands
// against each of the others is returned.
std::vector<std::string> make_views(PostgresConnection& connection, bridge::Plan& plan, const MigrationOptions& options);

// One line for people: a view that is not made, and why.
std::string view_note(const bridge::ViewPlan& view, const std::string& why);

// Drops the views that make_views() made and that read the table, so that its columns can be altered; says which.
std::vector<std::string> drop_views_on(PostgresConnection& connection, const std::string& table);

}  // namespace rowhouse::detail
