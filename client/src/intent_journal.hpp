#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "object_key.hpp"
#include "runner.hpp"

namespace rowhouse::detail {

// The intents that stand in a company's SQLite file: objects that were written there, and may not be in PostgreSQL as
// they are here. Every call works within a transaction of that file, which lives until its end.
template <class Way>
class IntentJournal {
 public:
  using Transaction = typename Way::Transaction;
  template <class R>
  using Task = typename Runner<Way>::template Task<R>;

  // Notes that the object is written in this transaction.
  static Task<void> note(Transaction& transaction, std::string company_id, ObjectKey key) {
    auto looking = has_journal(transaction);
    const bool there = co_await std::move(looking);
    if (!there) {
      auto making = ask(transaction, kTable, {});
      co_await std::move(making);
    }
    auto noting = ask(transaction,
                      "INSERT INTO rowhouse_intent (company_id, platform, object_type, original_id)"
                      " VALUES ($1, $2, $3, $4)",
                      parameters(company_id, key));
    co_await std::move(noting);
  }
  // The last intent of this object, nothing when there is none.
  static Task<std::optional<std::int64_t>> last(Transaction& transaction, std::string company_id, ObjectKey key) {
    auto looking = has_journal(transaction);
    const bool there = co_await std::move(looking);
    if (!there) co_return std::nullopt;
    auto asking = ask(transaction, std::string("SELECT max(id)") + kOfObject, parameters(company_id, key));
    const Result found = co_await std::move(asking);
    co_return found.one().template get<std::optional<std::int64_t>>(0);
  }
  // Takes back the intents of this object up to that one.
  static Task<bool> clear(Transaction& transaction, std::string company_id, ObjectKey key, std::int64_t last) {
    std::vector<Value> values = parameters(company_id, key);
    values.emplace_back(last);
    auto clearing = ask(transaction, std::string("DELETE") + kOfObject + " AND id <= $5", std::move(values));
    const Result cleared = co_await std::move(clearing);
    co_return cleared.affected_rows() > 0;
  }
  // The objects with intents, the oldest first.
  static Task<std::vector<ObjectKey>> pending(Transaction& transaction, std::string company_id) {
    std::vector<ObjectKey> keys;
    auto looking = has_journal(transaction);
    const bool there = co_await std::move(looking);
    if (!there) co_return keys;
    std::vector<Value> company;
    company.emplace_back(company_id);
    auto asking = ask(transaction,
                      "SELECT original_id, object_type, platform FROM rowhouse_intent WHERE company_id = $1"
                      " GROUP BY original_id, object_type, platform ORDER BY min(id)",
                      std::move(company));
    const Result rows = co_await std::move(asking);
    for (const Row& row : rows) {
      keys.push_back(
          {row.template get<std::string>(0), row.template get<std::string>(1), row.template get<std::string>(2)});
    }
    co_return keys;
  }

 private:
  static constexpr const char* kTable =
      "CREATE TABLE IF NOT EXISTS rowhouse_intent (id INTEGER PRIMARY KEY AUTOINCREMENT, company_id TEXT NOT NULL,"
      " platform TEXT NOT NULL, object_type TEXT NOT NULL, original_id TEXT NOT NULL)";
  static constexpr const char* kOfObject =
      " FROM rowhouse_intent WHERE company_id = $1 AND platform = $2 AND object_type = $3 AND original_id = $4";

  static std::vector<Value> parameters(const std::string& company_id, const ObjectKey& key) {
    return {company_id, key.platform, key.object_type, key.original_id};
  }
  static Task<Result> ask(Transaction& transaction, std::string sql, std::vector<Value> values) {
    return Runner<Way>::ask(transaction, std::move(sql), std::move(values));
  }
  static Task<bool> has_journal(Transaction& transaction) {
    auto asking = ask(transaction, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'rowhouse_intent'", {});
    const Result found = co_await std::move(asking);
    co_return !found.empty();
  }
};

}  // namespace rowhouse::detail
