#include "bridge/chunk_cutter.hpp"

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "bridge/helpdesk.hpp"

namespace rowhouse::bridge {
namespace {

constexpr std::size_t kHashedInPlace = 256;  // longer values are hashed for themselves first
// A chunk may end from a fraction of its limits on, behind one row of so many.
constexpr std::size_t kSoftBytes = 4, kSoftRows = 6, kRowsPerEnd = 64;

template <class Number>
void append(std::string& out, Number number) {
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  out.append(bytes, sizeof number);
}

// The value's class, its size, its bytes.
void append_cell(std::string& out, const Cell& cell) {
  out += static_cast<char>(cell.storage_class);
  switch (cell.storage_class) {
    case StorageClass::null:
      return;
    case StorageClass::integer:
      return append(out, cell.integer);
    case StorageClass::real:
      return append(out, cell.real);
    default:
      append(out, cell.bytes.size());
      if (cell.bytes.size() <= kHashedInPlace)
        out += cell.bytes;
      else
        append(out, XXH3_64bits(cell.bytes.data(), cell.bytes.size()));
  }
}

std::string hex_of(XXH128_hash_t hash) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (unsigned char byte : canonical.digest) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

}  // namespace

ChunkCutter::ChunkCutter(const Table& table, ChunkLimits limits) : limits_(limits), order_(table.columns.size()) {
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  std::sort(order_.begin(), order_.end(),
            [&](std::size_t a, std::size_t b) { return table.columns[a].name < table.columns[b].name; });
}

void ChunkCutter::begin() {
  digests_.clear();
  key_from_.clear();
  key_to_.clear();
  bytes_ = 0;
  full_ = false;
}

std::uint64_t ChunkCutter::add(const RowReader& reader, bool set_aside) {
  key_to_ = reader.key();
  if (digests_.empty()) key_from_ = key_to_;
  row_.clear();
  append(row_, key_to_.size());
  row_ += key_to_;
  row_ += set_aside ? '-' : '+';
  for (std::size_t column : order_) {
    const Cell& cell = reader.cells()[column];
    append_cell(row_, cell);
    bytes_ += sizeof cell.integer + cell.bytes.size();
  }
  digests_.push_back(XXH3_64bits_withSeed(row_.data(), row_.size(), limits_.salt));
  const bool may_end = bytes_ >= limits_.bytes / kSoftBytes || digests_.size() >= limits_.rows / kSoftRows;
  full_ = bytes_ >= limits_.bytes || digests_.size() >= limits_.rows ||
          (may_end && XXH3_64bits(key_to_.data(), key_to_.size()) % kRowsPerEnd == 0);
  return digests_.back();
}

ChunkIdentity ChunkCutter::identity() const {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(
      digests_.data(), digests_.size() * sizeof(std::uint64_t), limits_.salt);
  return {key_from_, key_to_, rows(), hex_of(hash)};
}

Result<std::unique_ptr<ChunkScanner>> ChunkScanner::open(const Source& source, const Table& table,
                                                         ChunkLimits limits) {
  std::unique_ptr<ChunkScanner> scanner(new ChunkScanner(table, limits));
  if (is_integrated_objects(table)) {
    Result<std::vector<std::int64_t>> superseded = superseded_rows(source, table);
    if (!superseded.ok()) return superseded.status();
    scanner->superseded_ = std::move(superseded.value());
  }
  std::vector<std::string> columns;
  for (const Column& column : table.columns) columns.push_back(column.name);
  Result<std::unique_ptr<RowReader>> reader = RowReader::open(source, table, columns);
  if (!reader.ok()) return reader.status();
  scanner->reader_ = std::move(reader.value());
  return scanner;
}

Result<bool> ChunkScanner::next(ChunkIdentity& chunk) {
  cutter_.begin();
  while (!cutter_.full()) {
    Result<bool> more = reader_->next();
    if (!more.ok()) return more.status();
    if (!more.value()) break;
    cutter_.add(*reader_, std::binary_search(superseded_.begin(), superseded_.end(), reader_->rowid()));
  }
  if (cutter_.rows() == 0 && any_) return false;
  any_ = true;
  chunk = cutter_.identity();
  return true;
}

}  // namespace rowhouse::bridge
