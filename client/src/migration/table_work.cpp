#include "migration/table_work.hpp"

#include <algorithm>
#include <charconv>

#include "bridge/ddl.hpp"
#include "bridge/helpdesk.hpp"

namespace rowhouse::detail {
namespace {

constexpr std::size_t kRangesMax = 16;  // more of them are found faster by reading the whole table

std::string identity_of(const bridge::ChunkIdentity& chunk) { return chunk.digest + chunk.key_from; }

std::int64_t to_rowid(const std::string& key) {
  std::int64_t rowid = 0;
  std::from_chars(key.data(), key.data() + key.size(), rowid);
  return rowid;
}

}  // namespace

TableWork::TableWork(const MigrationSource& source, const bridge::Source& file, const bridge::TableProfile& profile,
                     const bridge::TablePlan& plan, TableLook look, const std::string& schema)
    : table(*profile.table),
      sequence(profile.sequence),
      plan(plan),
      look(std::move(look)),
      target(bridge::quote_qualified(schema, plan.name)) {
  bridge::Result<std::vector<bridge::CopyColumn>> encoded = bridge::CopyEncoder::columns_of(table, plan);
  if (!encoded.ok()) throw_status(encoded.status());
  columns = std::move(encoded.value());
  bridge::Result<bridge::KeyColumns> found = bridge::key_columns(plan, columns);
  if (!found.ok()) throw_status(found.status());
  key = std::move(found.value());
  outcome.tenant = source.tenant;
  outcome.source = file.file_name();
  outcome.source_table = table.name;
  outcome.table = plan.name;
  outcome.kept_deleted = this->look.kept_deleted;
}

std::unique_ptr<bridge::CopyEncoder> WorkReader::open(const std::optional<bridge::RowidRange>& range) const {
  bridge::Result<std::unique_ptr<bridge::CopyEncoder>> encoder =
      bridge::CopyEncoder::open(file_, work_.table, work_.plan, tenant_, {}, range);
  if (!encoder.ok()) throw_status(encoder.status());
  return std::move(encoder.value());
}

bool WorkReader::reads_ranges() const {
  return work_.look.is_known && !work_.table.rowid_name.empty() && work_.look.missing.size() <= kRangesMax;
}

bool WorkReader::next_range() {
  if (range_ == work_.look.missing.size()) return false;
  const bridge::ChunkIdentity& chunk = work_.look.missing[range_++];
  encoder_ = open(bridge::RowidRange{to_rowid(chunk.key_from), to_rowid(chunk.key_to)});
  return true;
}

bool WorkReader::next(bridge::Chunk& chunk) {
  if (!encoder_) {
    if (reads_ranges()) {
      if (!next_range()) return false;
    } else {
      encoder_ = open(std::nullopt);
      for (const bridge::ChunkIdentity& missing : work_.look.missing) wanted_.insert(identity_of(missing));
    }
  }
  for (;;) {
    bridge::Result<bool> more = encoder_->next(chunk);
    if (!more.ok()) throw_status(more.status());
    if (!more.value()) {
      if (!reads_ranges() || !next_range()) return false;
    } else if (!work_.look.is_known || reads_ranges() || wanted_.count(identity_of(chunk.identity)) > 0) {
      return true;
    }
  }
}

}  // namespace rowhouse::detail
