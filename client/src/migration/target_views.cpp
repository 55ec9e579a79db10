#include "migration/target_views.hpp"

#include "bridge/cell.hpp"
#include "migration/source_files.hpp"

namespace rowhouse::detail {
namespace {

constexpr int kSecurityInvokerSince = 150000;
constexpr std::size_t kNameShown = 126;

bool exists(PostgresConnection& connection, const std::string& schema, const std::string& view) {
  return connection
             .execute("SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace "
                      "WHERE n.nspname = $1 AND c.relname = $2",
                      {schema, view})
             .rows() > 0;
}

// Empty when it is made.
std::string make_view(PostgresConnection& connection, const bridge::ViewPlan& view, const std::string& schema) {
  connection.begin();
  try {
    connection.execute(bridge::create_view_sql(view, schema));
    connection.execute(bridge::comment_view_sql(view, schema));
    connection.commit();
    return "";
  } catch (const Error& error) {
    connection.rollback();
    if (ends_the_run(error)) throw;
    return std::string("the server says \"") + error.what() + "\"";
  }
}

}  // namespace

std::string view_note(const bridge::ViewPlan& view, const std::string& why) {
  return "view \"" + bridge::printable(view.source_name, kNameShown) + "\" is passed over: " + why;
}

std::vector<std::string> make_views(PostgresConnection& connection, bridge::Plan& plan, const MigrationOptions& options) {
  std::vector<std::string> notes;
  bridge::translate_views(plan, options.schema);
  for (const bridge::ViewPlan& view : plan.views) {
    check_interrupted(options);
    std::string why = view.why;
    if (why.empty() && connection.server_version() < kSecurityInvokerSince)
      why = "before PostgreSQL 15 a view would show the rows of every tenant";
    if (why.empty() && !exists(connection, options.schema, view.name)) why = make_view(connection, view, options.schema);
    if (!why.empty()) notes.push_back(view_note(view, why));
  }
  return notes;
}

std::vector<std::string> drop_views_on(PostgresConnection& connection, const std::string& table) {
  const PostgresResult views = connection.execute(
      "SELECT DISTINCT v.relname, pg_catalog.format('%I.%I', n.nspname, v.relname) FROM pg_catalog.pg_depend AS d "
      "JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid JOIN pg_catalog.pg_class AS v ON v.oid = r.ev_class "
      "JOIN pg_catalog.pg_namespace AS n ON n.oid = v.relnamespace "
      "WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.refobjid = $1::regclass AND v.relkind = 'v' "
      "AND pg_catalog.starts_with(pg_catalog.obj_description(v.oid, 'pg_class'), $2) ORDER BY 1",
      {table, bridge::view_comment("")});
  std::vector<std::string> notes;
  for (std::size_t i = 0; i < views.rows(); ++i) {
    connection.execute("DROP VIEW " + views.text(i, 1));
    notes.push_back("view \"" + views.text(i, 0) +
                    "\" had to go for it: it is made again where a file of the run has it, without what was granted on it");
  }
  return notes;
}

}  // namespace rowhouse::detail
