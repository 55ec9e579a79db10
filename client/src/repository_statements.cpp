#include "repository_statements.hpp"

namespace rowhouse::detail {

std::string integrated_objects_table(Database database, const std::string& schema) {
  if (database == Database::kSqlite) return "integrated_objects";
  std::string quoted;
  for (const char c : schema) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return '"' + quoted + "\".integrated_objects";
}

RepositoryStatements::RepositoryStatements(Database database, const std::string& schema) {
  const bool postgres = database == Database::kPostgresql;
  const std::string table = integrated_objects_table(database, schema);
  const std::string json = postgres ? "::jsonb" : "";
  const std::string columns =
      "id, original_id, company_id, platform, object_type, original_data, integrated_content, summary, metadata, " +
      (postgres
           ? std::string("created_at AT TIME ZONE 'UTC' AS created_at, updated_at AT TIME ZONE 'UTC' AS updated_at")
           : std::string("created_at, updated_at"));
  const std::string select = "SELECT " + columns + " FROM " + table + " WHERE company_id = $1";
  // Files hold times in more than one form, which do not sort as text: those rows are sorted after reading.
  const std::string order = postgres ? " ORDER BY created_at DESC, id" : " ORDER BY id";
  const std::string optional_type = " AND object_type = $2";

  all = select + " AND company_id = $2" + order;
  all_of_type = select + " AND company_id = $2 AND object_type = $3" + order;
  by_id = select + " AND id = $2";
  by_original_id = select + " AND original_id = $2 AND object_type = $3 AND platform = $4";
  count = "SELECT count(*) FROM " + table + " WHERE company_id = $1";
  count_of_type = count + optional_type;
  insert =
      "INSERT INTO " + table +
      " AS t (company_id, original_id, platform, object_type, original_data, integrated_content, summary, metadata,"
      " created_at, updated_at) VALUES ($1, $2, $3, $4, $5" +
      json + ", $6, $7, $8" + json + ", $9, $9)";
  upsert = insert +
           " ON CONFLICT (company_id, platform, object_type, original_id) DO UPDATE SET original_data ="
           " excluded.original_data, integrated_content = excluded.integrated_content, summary ="
           " coalesce(excluded.summary, t.summary), metadata = excluded.metadata, updated_at = excluded.updated_at"
           " RETURNING " +
           columns;
  insert += " RETURNING " + columns;
  update_summary = "UPDATE " + table + " SET summary = $3, updated_at = $4 WHERE company_id = $1 AND id = $2";
  remove = "DELETE FROM " + table + " WHERE company_id = $1 AND id = $2";
}

}  // namespace rowhouse::detail
