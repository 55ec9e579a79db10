#pragma once

#include <memory>

#include "bridge/changes.hpp"
#include "bridge/key_set.hpp"
#include "migration/ledger.hpp"
#include "rowhouse/migration.hpp"

namespace rowhouse::detail {

struct FileLook;

// The keys of a tenant's rows in a table.
struct KeysThere {
  bridge::KeySet keys;
  std::vector<bridge::PgType> types;  // of the key's columns
};

// Null where none of the rows that imports have brought can be missing: as many are there as the ledger says. Null,
// too, where it can't be told, for the table has another key than the ledger's marks. In a transaction whose tenant is
// set.
std::shared_ptr<const KeysThere> keys_where_rows_lack(PostgresConnection& connection, const std::string& tenant,
                                                      const std::string& schema, const std::string& table);

// How many of the rows that an entry of the ledger has `brought` are not there. Those kept back by a conflict don't
// count.
std::int64_t count_deleted(PostgresConnection& connection, const KeysThere& there, const std::string& entry,
                           std::int64_t brought);

// Rows that were deleted in PostgreSQL since their import are counted in the look at their file; with
// OnConflict::kSource their chunks are to be sent again. Those of chunks to be sent anyway are left to
// apply_differences().
void look_for_deletions(PostgresConnection& connection, const LedgerPlace& place, const MigrationOptions& options,
                        const FileLedger& ledger, FileLook& look);

// Rows of a chunk that the file has as before, and that are not there: new again where `brings_back`, else they stay
// deleted and are counted.
std::int64_t settle_deletions(const KeysThere& there, const bridge::Chunk& chunk, const bridge::KeyColumns& key,
                              bool brings_back, std::vector<bridge::Change>& changes);

}  // namespace rowhouse::detail
