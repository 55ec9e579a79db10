#include "intent_journal.hpp"

namespace rowhouse::detail {
namespace {

constexpr const char* kTable =
    "CREATE TABLE IF NOT EXISTS rowhouse_intent (id INTEGER PRIMARY KEY AUTOINCREMENT, company_id TEXT NOT NULL,"
    " platform TEXT NOT NULL, object_type TEXT NOT NULL, original_id TEXT NOT NULL)";

constexpr const char* kOfObject =
    " FROM rowhouse_intent WHERE company_id = $1 AND platform = $2 AND object_type = $3 AND original_id = $4";

bool has_journal(Transaction& transaction) {
  return !transaction.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'rowhouse_intent'").empty();
}

}  // namespace

void note_intent(Transaction& transaction, std::string_view company_id, const ObjectKey& key) {
  if (!has_journal(transaction)) transaction.execute(kTable);
  transaction.execute(
      "INSERT INTO rowhouse_intent (company_id, platform, object_type, original_id) VALUES ($1, $2, $3, $4)",
      {company_id, key.platform, key.object_type, key.original_id});
}

std::optional<std::int64_t> last_intent(Transaction& transaction, std::string_view company_id, const ObjectKey& key) {
  if (!has_journal(transaction)) return std::nullopt;
  return transaction
      .execute(std::string("SELECT max(id)") + kOfObject, {company_id, key.platform, key.object_type, key.original_id})
      .one()
      .get<std::optional<std::int64_t>>(0);
}

void clear_intents(Transaction& transaction, std::string_view company_id, const ObjectKey& key, std::int64_t last) {
  transaction.execute(std::string("DELETE") + kOfObject + " AND id <= $5",
                      {company_id, key.platform, key.object_type, key.original_id, last});
}

std::vector<ObjectKey> pending_objects(Transaction& transaction, std::string_view company_id) {
  std::vector<ObjectKey> keys;
  if (!has_journal(transaction)) return keys;
  const Result rows = transaction.execute(
      "SELECT original_id, object_type, platform FROM rowhouse_intent WHERE company_id = $1"
      " GROUP BY original_id, object_type, platform ORDER BY min(id)",
      {company_id});
  for (const Row& row : rows) {
    keys.push_back({row.get<std::string>(0), row.get<std::string>(1), row.get<std::string>(2)});
  }
  return keys;
}

}  // namespace rowhouse::detail
