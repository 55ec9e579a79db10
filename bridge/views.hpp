// Views that mean the same over the tables of a plan.
#pragma once

#include <string>

#include "bridge/plan.hpp"

namespace rowhouse::bridge {

/// Gives each view of the plan its query, or says why it has none, by the names and types that the plan's tables have now.
/// Translated are lists of columns and of expressions, inner joins and WHERE, as far as expression.hpp reaches. The
/// tenant's column leads, and joins are within a tenant.
void translate_views(Plan& plan, const std::string& schema);

/// The views of the files, still without their queries; names are distinct from those of the plan's tables.
std::vector<ViewPlan> plan_views(const std::vector<const FileProfile*>& files, const Plan& plan,
                                 const TargetNames& target);

/// Of one that is translated: as its caller, so that the policies of the tables bind whoever reads it. PostgreSQL 15.
std::string create_view_sql(const ViewPlan& view, const std::string& schema);
std::string comment_view_sql(const ViewPlan& view, const std::string& schema);
/// The comment of the view that is made of `source_name`.
std::string view_comment(const std::string& source_name);

}  // namespace rowhouse::bridge
