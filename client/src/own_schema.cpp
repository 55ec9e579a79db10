#include "own_schema.hpp"

#include "bridge/names.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse::detail {
namespace {

// As in the files that the Python service made, so that those and new ones are alike.
constexpr const char* kSqliteTable =
    "CREATE TABLE IF NOT EXISTS integrated_objects ("
    "id INTEGER PRIMARY KEY AUTOINCREMENT, "
    "original_id TEXT NOT NULL, "
    "company_id TEXT NOT NULL, "
    "platform TEXT NOT NULL DEFAULT 'freshdesk', "
    "object_type TEXT NOT NULL DEFAULT 'integrated_ticket', "
    "original_data TEXT NOT NULL, "
    "integrated_content TEXT, "
    "summary TEXT, "
    "metadata TEXT, "
    "created_at TEXT DEFAULT CURRENT_TIMESTAMP, "
    "updated_at TEXT DEFAULT CURRENT_TIMESTAMP, "
    "UNIQUE (company_id, platform, object_type, original_id))";

}  // namespace

Schema own_schema(const std::string& postgres_schema) {
  return {"rowhouse",
          {{{"SELECT rowhouse.create_integrated_objects(" + bridge::quote_literal(postgres_schema) + ')'},
            {kSqliteTable}}}};
}

std::string own_table(Database database, const std::string& postgres_schema, const char* table) {
  return database == Database::kSqlite ? std::string(table) : bridge::quote_qualified(postgres_schema, table);
}

void check_version(const Schema& schema, int version) {
  const int newest = static_cast<int>(schema.steps.size());
  if (version <= newest) return;
  throw_error("55000",
              "the schema \"" + schema.name + "\" of this database has version " + std::to_string(version) +
                  ", known here are versions up to " + std::to_string(newest),
              {.hint = "A newer program has upgraded it: use that one, or a newer one, here too."});
}

}  // namespace rowhouse::detail
