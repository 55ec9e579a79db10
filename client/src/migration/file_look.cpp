#include "migration/file_look.hpp"

#include <algorithm>

#include "bridge/difference.hpp"
#include "migration/choices.hpp"

namespace rowhouse::detail {
namespace {

// Entries whose rows are to be looked at again although the file has them as before.
bool is_due(const LedgerChunk& chunk, const MigrationOptions& options) {
  return (options.retry_rejects && chunk.rejected > 0) ||
         (options.on_conflict == OnConflict::kSource && chunk.has_conflicts);
}

TableLook compare(const bridge::Source& file, const bridge::Table& table, const std::vector<LedgerChunk>& entries,
                  const MigrationOptions& options) {
  std::vector<bridge::ChunkIdentity> identities;
  std::vector<bool> due;
  for (const LedgerChunk& entry : entries) {
    identities.push_back(entry.identity);
    due.push_back(is_due(entry, options));
  }
  bridge::Result<bridge::ChunkMatch> match =
      bridge::match_chunks(file, table, identities, due, text_policy(options).salt());
  if (!match.ok()) throw_status(match.status());
  TableLook look{.name = table.name,
                 .is_known = true,
                 .missing = std::move(match.value().missing),
                 .rows = match.value().missing_rows};
  for (std::size_t place : match.value().stale) look.stale.push_back(entries[place].id);
  return look;
}

// A row that was kept back for another one's key may have its place now that something has changed.
void reopen_collisions(TableLook& look, const std::vector<LedgerChunk>& entries) {
  if (look.missing.empty() && look.stale.empty()) return;
  for (const LedgerChunk& entry : entries) {
    if (!entry.has_collisions || std::find(look.stale.begin(), look.stale.end(), entry.id) != look.stale.end())
      continue;
    look.stale.push_back(entry.id);
    look.missing.push_back(entry.identity);
    look.rows += entry.identity.rows;
  }
}

}  // namespace

const TableLook* FileLook::find(const std::string& table) const {
  for (const TableLook& look : tables) {
    if (look.name == table) return &look;
  }
  return nullptr;
}

FileLook look_at(const bridge::Source& file, const MigrationSource& source, const MigrationOptions& options,
                 const FileLedger& ledger) {
  bridge::Result<bridge::Catalog> catalog = bridge::read_catalog(file);
  if (!catalog.ok()) throw_status(catalog.status());
  FileLook look;
  look.source = source;
  look.stamp = ledger.stamp;
  for (const bridge::Table& table : catalog.value().tables) {
    if (is_excluded(options, table.name)) continue;
    const auto entries = ledger.tables.find(table.name);
    if (entries == ledger.tables.end()) {
      look.tables.push_back({.name = table.name});
      continue;
    }
    TableLook compared = compare(file, table, entries->second, options);
    reopen_collisions(compared, entries->second);
    if (!compared.missing.empty() || !compared.stale.empty()) {
      look.tables.push_back(std::move(compared));
      continue;
    }
    TableOutcome outcome;
    outcome.tenant = source.tenant;
    outcome.source = file.file_name();
    outcome.source_table = table.name;
    outcome.table = entries->second.front().target;
    outcome.unchanged = true;
    look.unchanged.push_back(std::move(outcome));
  }
  for (const auto& known : ledger.tables) {
    const bool is_there = std::any_of(catalog.value().tables.begin(), catalog.value().tables.end(),
                                      [&](const bridge::Table& table) { return table.name == known.first; });
    if (!is_there && !is_excluded(options, known.first)) look.gone.push_back(known.first);
  }
  return look;
}

}  // namespace rowhouse::detail
