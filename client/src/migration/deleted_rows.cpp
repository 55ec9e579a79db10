// What was deleted in PostgreSQL since its import leaves no trace there: the ledger's marks tell, beside the keys that
// are.
#include "migration/deleted_rows.hpp"

#include <algorithm>

#include "bridge/ddl.hpp"
#include "bridge/helpdesk.hpp"
#include "migration/cell_compare.hpp"
#include "migration/file_look.hpp"
#include "migration/key_copy.hpp"

namespace rowhouse::detail {
namespace {

// Columns by which the ledger may know the rows of a table, without the tenant's.
struct Key {
  std::vector<std::string> names;
  std::vector<bridge::PgType> types;
};

Key read_key(const PostgresResult& columns, bool by_primary_key) {
  Key key;
  for (std::size_t i = 0; i < columns.rows(); ++i) {
    const std::string name(columns.value(i, 1).value_or(""));
    if (by_primary_key ? columns.value(i, 3) != "t" : !bridge::is_object_key(name)) continue;
    bridge::PgType type;
    const std::string_view type_name = columns.value(i, 2).value_or("");
    if (!bridge::type_from_name(type_name == "character varying" ? "text" : std::string(type_name), type)) return {};
    key.names.push_back(name);
    key.types.push_back(type);
  }
  return key;
}

// An object without a number is known by what tells it from others.
Key key_of_marks(const PostgresResult& columns, const std::string& table, std::string_view marks) {
  for (const bool by_primary_key : {true, false}) {
    if (!by_primary_key && table != bridge::kIntegratedObjects) break;
    Key key = read_key(columns, by_primary_key);
    if (!key.names.empty() && bridge::are_keys_of(marks, key.types)) return key;
  }
  return {};
}

constexpr std::string_view kColumns =
    "SELECT t.tenant_column, a.attname, pg_catalog.format_type(a.atttypid, NULL), k.conkey IS NOT NULL "
    "FROM rowhouse.protected_tables AS t JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.table_name AND a.attnum > "
    "0 "
    "LEFT JOIN pg_catalog.pg_constraint AS k ON k.conrelid = t.table_name AND k.contype = 'p' AND a.attnum = ANY "
    "(k.conkey) "
    "WHERE t.table_name = $1::regclass AND a.attname <> t.tenant_column "
    "ORDER BY pg_catalog.array_position(k.conkey, a.attnum), "
    "pg_catalog.array_position('{platform,object_type,original_id}', a.attname)";

constexpr const char* kEntries =
    " FROM rowhouse.import_chunk WHERE tenant = $1 AND target_schema = $2 AND target_table = $3";

KeysThere read_target(PostgresConnection& connection, const std::string& target, const std::string& own,
                      const Key& key) {
  std::string list;
  for (const std::string& name : key.names) list += (list.empty() ? "" : ", ") + bridge::quote_identifier(name);
  KeysThere there{{}, key.types};
  read_keys(connection, "SELECT " + list + " FROM " + target + " WHERE " + own,
            [&](std::string_view row) { there.keys.add(row); });
  there.keys.close();
  return there;
}

// The chunks of one table of the file. True where something has become due.
bool look_into(PostgresConnection& connection, const KeysThere& there, const std::vector<LedgerChunk>& entries,
               bool brings_back, TableLook& look) {
  bool is_due = false;
  for (const LedgerChunk& entry : entries) {
    if (std::find(look.stale.begin(), look.stale.end(), entry.id) != look.stale.end()) continue;
    const std::int64_t deleted = count_deleted(connection, there, entry.id, entry.identity.rows - entry.rejected);
    if (deleted > 0 && brings_back) {
      look.stale.push_back(entry.id);
      look.missing.push_back(entry.identity);
      look.rows += entry.identity.rows;
      is_due = true;
    } else {
      look.kept_deleted += deleted;
    }
  }
  return is_due;
}

}  // namespace

std::shared_ptr<const KeysThere> keys_where_rows_lack(PostgresConnection& connection, const std::string& tenant,
                                                      const std::string& schema, const std::string& table) {
  const std::string target = bridge::quote_qualified(schema, table);
  const PostgresResult columns = connection.execute(kColumns, {target});
  if (columns.rows() == 0) return nullptr;
  const std::string own = bridge::tenant_condition(columns.text(0, 0), tenant);
  const PostgresResult counts = connection.execute(
      "SELECT coalesce(sum(rows), 0)::bigint, (SELECT count(*) FROM " + target + " WHERE " + own +
          " AND xmin IN (SELECT pg_catalog.unnest(xids)" + kEntries +
          ")), (SELECT pg_catalog.substr(row_keys, 1, 200)" + kEntries + " AND rows > 0 LIMIT 1)" + kEntries,
      {tenant, schema, table});
  if (counts.value(0, 0) == counts.value(0, 1)) return nullptr;
  const Key key = key_of_marks(columns, table, from_hex(counts.value(0, 2).value_or("")));
  if (key.names.empty()) return nullptr;
  return std::make_shared<const KeysThere>(read_target(connection, target, own, key));
}

std::int64_t count_deleted(PostgresConnection& connection, const KeysThere& there, const std::string& entry,
                           std::int64_t brought) {
  std::int64_t deleted = 0;
  for (const ChunkRows& rows : read_chunk_rows(connection, {entry})) {
    const auto marks = bridge::unpack_marks(rows.marks.keys, rows.marks.digests, there.types);
    if (!marks) continue;
    // Behind the marks of the rows that were brought stand those of rows kept back.
    const auto end =
        marks->begin() + std::min(static_cast<std::ptrdiff_t>(marks->size()), static_cast<std::ptrdiff_t>(brought));
    deleted +=
        std::count_if(marks->begin(), end, [&](const bridge::RowMark& mark) { return !there.keys.has(mark.key); });
  }
  return deleted;
}

namespace {

// In a transaction of its own: to hold the lock of one table and wait for that of another would be a deadlock with a
// run that drops a foreign key between them.
std::shared_ptr<const KeysThere> keys_where_rows_lack(PostgresConnection& connection, const LedgerPlace& place,
                                                      const std::vector<LedgerChunk>& entries) {
  try {
    connection.begin("BEGIN READ ONLY", place.tenant);
  } catch (const Error& error) {
    if (ends_the_run(error)) throw;
    return nullptr;  // a suspended tenant's rows are not seen by everybody
  }
  try {
    std::shared_ptr<const KeysThere> there =
        keys_where_rows_lack(connection, place.tenant, place.schema, entries.front().target);
    connection.rollback();
    return there;
  } catch (...) {
    connection.rollback();
    throw;
  }
}

}  // namespace

void look_for_deletions(PostgresConnection& connection, const LedgerPlace& place, const MigrationOptions& options,
                        const FileLedger& ledger, FileLook& look) {
  const bool brings_back = options.on_conflict == OnConflict::kSource;
  for (TableLook& table : look.tables) {
    const auto entries = ledger.tables.find(table.name);
    if (entries == ledger.tables.end()) continue;
    table.there = keys_where_rows_lack(connection, place, entries->second);
    if (table.there) look_into(connection, *table.there, entries->second, brings_back, table);
  }
  std::erase_if(look.unchanged, [&](TableOutcome& outcome) {
    const std::vector<LedgerChunk>& entries = ledger.tables.at(outcome.source_table);
    TableLook table{.name = outcome.source_table, .is_known = true};
    table.there = keys_where_rows_lack(connection, place, entries);
    const bool is_due = table.there && look_into(connection, *table.there, entries, brings_back, table);
    outcome.kept_deleted = table.kept_deleted;
    if (is_due) look.tables.push_back(std::move(table));
    return is_due;
  });
}

std::int64_t settle_deletions(const KeysThere& there, const bridge::Chunk& chunk, const bridge::KeyColumns& key,
                              bool brings_back, std::vector<bridge::Change>& changes) {
  std::int64_t kept = 0;
  for (std::size_t row = 0; row < chunk.rows(); ++row) {
    if (changes[row] != bridge::Change::none || there.keys.has(bridge::row_key(chunk, row, key))) continue;
    if (brings_back) {
      changes[row] = bridge::Change::insert;
    } else {
      ++kept;
    }
  }
  return kept;
}

}  // namespace rowhouse::detail
