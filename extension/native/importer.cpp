#include "pg_compat.hpp"

#include "importer.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "boundary.hpp"
#include "bridge/difference.hpp"
#include "failure.hpp"
#include "scan.hpp"
#include "sql.hpp"

namespace rowhouse {
namespace {

std::int64_t read_bigint(std::string_view bytes) {
  std::uint64_t number = 0;
  for (char byte : bytes) number = (number << 8) | static_cast<unsigned char>(byte);
  return static_cast<std::int64_t>(number);
}

/// The highest numbers in the columns of a load that may have a sequence behind them.
class HighestNumbers {
 public:
  explicit HighestNumbers(const std::vector<bridge::CopyColumn>& columns) {
    for (std::size_t i = 1; i < columns.size(); ++i) {
      if (columns[i].type == bridge::PgType::bigint) highest_[i] = 0;
    }
  }
  void add(const bridge::Chunk& chunk) {
    for (auto& [column, number] : highest_) {
      for (std::size_t row = 0; row < chunk.rows(); ++row) {
        const std::string_view field = chunk.field(row, column);
        if (field.size() == sizeof number) number = std::max(number, read_bigint(field));
      }
    }
  }
  void move_sequences(const TargetTable& target, const std::vector<bridge::CopyColumn>& columns) const {
    for (const auto& [column, number] : highest_) {
      if (number > 0) move_sequence(target, columns[column].name, number);
    }
  }

 private:
  std::map<std::size_t, std::int64_t> highest_;
};

bridge::FileProfile profile(const bridge::Source& source, const std::string& tenant) {
  bridge::PlanOptions options;
  options.count_known = false;
  return take(bridge::profile_file(source, tenant, options));
}

}  // namespace

Importer::Importer(const std::string& path, std::string tenant, std::string schema, bool check_integrity)
    : tenant_(std::move(tenant)),
      schema_(std::move(schema)),
      source_(open_source(path, check_integrity)),
      ledger_(tenant_, source_->file_name()),
      profile_(profile(*source_, tenant_)),
      plan_(bridge::make_plan({profile_}, {})) {}

std::vector<ImportedTable> Importer::run() {
  ledger_.begin_import();
  std::vector<ImportedTable> imported;
  for (const bridge::TableProfile& table : profile_.tables) imported.push_back(import_table(table));
  check(source_->check_unchanged());
  return imported;
}

ImportedTable Importer::import_table(const bridge::TableProfile& profile) {
  const bridge::Table& table = *profile.table;
  bridge::TablePlan plan = *plan_.find_source(table.name);
  const TargetTable target = prepare_target(plan, schema_, ledger_);
  ledger_.write_source_table(profile, plan, schema_);
  ImportedTable imported;
  imported.relation = target.relation;
  std::vector<LedgerChunk> entries;
  if (!target.is_new) entries = ledger_.chunks(table.name, schema_);
  std::vector<bridge::ChunkIdentity> identities;
  for (const LedgerChunk& entry : entries) identities.push_back(entry.identity);
  bridge::ChunkMatch match;
  if (!entries.empty())
    match = take(bridge::match_chunks(*source_, table, identities, std::vector<bool>(identities.size(), false)));
  if (entries.empty() || !match.missing.empty() || !match.stale.empty()) load(table, plan, target, entries, match, imported);
  if (target.is_new) make_indexes(plan, schema_);
  return imported;
}

// The chunks that are not in the ledger as they are; all of a table that it does not know.
template <class Take>
void Importer::read_missing(const bridge::Table& table, const bridge::TablePlan& plan, bool is_known,
                            const bridge::ChunkMatch& match, Take take_chunk) const {
  std::set<std::string> wanted;
  for (const bridge::ChunkIdentity& chunk : match.missing) wanted.insert(chunk.digest + chunk.key_from);
  const std::unique_ptr<bridge::CopyEncoder> encoder = take(bridge::CopyEncoder::open(*source_, table, plan, tenant_));
  bridge::Chunk chunk;
  while (take(encoder->next(chunk))) {
    pg_call([] { CHECK_FOR_INTERRUPTS(); });
    if (!is_known || wanted.count(chunk.identity.digest + chunk.identity.key_from) > 0) take_chunk(chunk);
  }
}

void Importer::load(const bridge::Table& table, const bridge::TablePlan& plan, const TargetTable& target,
                    const std::vector<LedgerChunk>& entries, const bridge::ChunkMatch& match, ImportedTable& imported) {
  const bool is_known = !entries.empty();
  const std::vector<bridge::CopyColumn> columns = take(bridge::CopyEncoder::columns_of(table, plan));
  CopyTarget copy(target, plan, tenant_, columns, is_known);
  bridge::Difference difference(copy.key());
  std::string before = "{}";
  for (std::size_t place : match.stale) {
    std::string xids;
    difference.add_marks(ledger_.marks(entries[place].id, xids));
    before = bridge::merge_xids(before, xids);
  }
  if (!match.stale.empty()) {
    read_missing(table, plan, is_known, match, [&](const bridge::Chunk& chunk) { difference.show(chunk); });
    const std::vector<std::string> removals = difference.removals();
    if (!removals.empty()) copy.remove(removals, before);
    for (std::size_t place : match.stale) ledger_.forget(entries[place].id);
  }
  HighestNumbers highest(columns);
  bool any = false;
  read_missing(table, plan, is_known, match, [&](bridge::Chunk& chunk) {
    any = true;
    const CopyTarget::Loaded loaded = copy.load(chunk, difference.changes(chunk), before);
    ledger_.write(table.name, target.relation, chunk, difference.marks(chunk, loaded.kept_back), loaded.xids);
    imported.rows += loaded.rows;
    imported.rejected += static_cast<std::int64_t>(chunk.rejects.size());
    highest.add(chunk);
  });
  if (!any && (!is_known || !match.missing.empty())) {
    bridge::Chunk none;
    none.identity = bridge::ChunkCutter(table, {}).identity();
    ledger_.write(table.name, target.relation, none, bridge::marks_of(none, copy.key()), "{}");
  }
  highest.move_sequences(target, columns);
}

}  // namespace rowhouse
