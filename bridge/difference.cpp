#include "bridge/difference.hpp"

namespace rowhouse::bridge {

void Difference::add_marks(const PackedMarks& marks) {
  const auto rows = unpack_marks(marks.keys, marks.digests, key_.types);
  if (!rows) return;
  for (const RowMark& row : *rows) base_.insert_or_assign(row.key, Base{row.digest});
}

void Difference::show(const Chunk& chunk) {
  for (std::size_t row = 0; row < chunk.rows(); ++row) {
    const auto base = base_.find(row_key(chunk, row, key_));
    if (base == base_.end()) continue;
    if (base->second.owner == 0 || chunk.digests[row] == base->second.digest) base->second.owner = chunk.digests[row];
  }
}

std::vector<std::string> Difference::removals() const {
  std::vector<std::string> keys;
  for (const auto& [key, base] : base_) {
    if (base.owner == 0) keys.push_back(key);
  }
  return keys;
}

std::vector<Change> Difference::changes(const Chunk& chunk) const {
  std::vector<Change> changes(chunk.rows(), Change::insert);
  for (std::size_t row = 0; row < chunk.rows(); ++row) {
    const auto base = base_.find(row_key(chunk, row, key_));
    if (base != base_.end() && base->second.owner == chunk.digests[row])
      changes[row] = base->second.digest == chunk.digests[row] ? Change::none : Change::update;
  }
  return changes;
}

PackedMarks Difference::marks(const Chunk& chunk, const std::vector<std::size_t>& kept_back) const {
  std::vector<RowMark> marks;
  for (std::size_t row = 0; row < chunk.rows(); ++row) {
    if (!chunk.refused[row]) marks.push_back({row_key(chunk, row, key_), chunk.digests[row]});
  }
  for (std::size_t row : kept_back) {
    const auto base = base_.find(row_key(chunk, row, key_));
    if (base != base_.end()) marks.push_back({base->first, base->second.digest});
  }
  return pack_marks(marks, key_.types);
}

PackedMarks marks_of(const Chunk& chunk, const KeyColumns& key) { return Difference(key).marks(chunk); }

Result<ChunkMatch> match_chunks(const Source& source, const Table& table, const std::vector<ChunkIdentity>& entries,
                                const std::vector<bool>& due, std::uint64_t salt) {
  ChunkMatch match;
  std::unordered_map<std::string, std::size_t> open;
  for (std::size_t i = 0; i < entries.size(); ++i) open.emplace(entries[i].digest + entries[i].key_from, i);
  ChunkLimits limits;
  limits.salt = salt;
  Result<std::unique_ptr<ChunkScanner>> scanner = ChunkScanner::open(source, table, limits);
  if (!scanner.ok()) return scanner.status();
  ChunkIdentity chunk;
  for (;;) {
    Result<bool> more = scanner.value()->next(chunk);
    if (!more.ok()) return more.status();
    if (!more.value()) break;
    const auto entry = open.find(chunk.digest + chunk.key_from);
    if (entry != open.end() && entries[entry->second] == chunk && !due[entry->second]) {
      open.erase(entry);
      continue;
    }
    match.missing_rows += chunk.rows;
    match.missing.push_back(chunk);
  }
  for (const auto& [key, place] : open) match.stale.push_back(place);
  return match;
}

}  // namespace rowhouse::bridge
