#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rowhouse/integrated_object.hpp"
#include "rowhouse/session.hpp"

namespace rowhouse::detail {

// The natural key of an object, without its tenant.
struct ObjectKey {
  std::string original_id;
  std::string object_type;
  std::string platform;

  bool operator==(const ObjectKey&) const = default;
};

// The intents that stand in a company's SQLite file: objects that were written there, and may not be in PostgreSQL as
// they are here. Every call works within a transaction of that file.

// Notes that the object is written in this transaction.
void note_intent(Transaction& transaction, std::string_view company_id, const ObjectKey& key);
// The last intent of this object, nothing when there is none.
std::optional<std::int64_t> last_intent(Transaction& transaction, std::string_view company_id, const ObjectKey& key);
// Takes back the intents of this object up to that one.
void clear_intents(Transaction& transaction, std::string_view company_id, const ObjectKey& key, std::int64_t last);
// The objects with intents.
std::vector<ObjectKey> pending_objects(Transaction& transaction, std::string_view company_id);

}  // namespace rowhouse::detail
