#include "bridge/copy_encoder.hpp"

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "bridge/helpdesk.hpp"

namespace rowhouse::bridge {
namespace {

// Signature, flags and the length of an (empty) header extension.
constexpr std::string_view kCopyHeader("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
constexpr std::string_view kCopyTrailer("\377\377", 2);

constexpr Refusal kOtherTenant{"42501", "the row names another tenant than the file belongs to"};
constexpr std::size_t kColumnsMax = 1600;  // PostgreSQL's limit
constexpr Refusal kTooLong{"54000", "the row is longer than PostgreSQL's limit of 1 GB"};
constexpr Refusal kSuperseded{"23505", "superseded: a later update of the same object is kept instead"};

std::int32_t read_length(const char* at) {
  std::uint32_t length = 0;
  for (int i = 0; i < 4; ++i) length = (length << 8) | static_cast<unsigned char>(at[i]);
  return static_cast<std::int32_t>(length);
}

std::string bytes_of(const Cell& cell) {
  if (cell.storage_class == StorageClass::text || cell.storage_class == StorageClass::blob)
    return std::string(cell.bytes.substr(0, kRejectValueMax));
  Value value;
  decode(cell, PgType::text, TextCheck::utf8, value);
  return value.null ? std::string() : std::string(value.bytes);
}

}  // namespace

// The hash of each value: its class, its size, its bytes.
struct CopyEncoder::Digest {
  XXH3_state_t state;

  Digest() { XXH3_128bits_reset(&state); }
  void add(const Cell& cell) {
    struct {
      std::int64_t storage_class;
      std::int64_t payload;
    } head = {static_cast<std::int64_t>(cell.storage_class), 0};
    if (cell.storage_class == StorageClass::integer) {
      head.payload = cell.integer;
    } else if (cell.storage_class == StorageClass::real) {
      std::memcpy(&head.payload, &cell.real, sizeof cell.real);
    } else if (cell.storage_class != StorageClass::null) {
      head.payload = static_cast<std::int64_t>(cell.bytes.size());
    }
    XXH3_128bits_update(&state, &head, sizeof head);
    if (cell.storage_class == StorageClass::text || cell.storage_class == StorageClass::blob)
      XXH3_128bits_update(&state, cell.bytes.data(), cell.bytes.size());
  }
};

std::string_view Chunk::field(std::size_t row, std::size_t column) const {
  const char* at = bytes.data() + row_begin(row) + 2;
  for (;; --column) {
    const std::int32_t length = read_length(at);
    if (column == 0)
      return length < 0 ? std::string_view() : std::string_view(at + 4, static_cast<std::size_t>(length));
    at += 4 + std::max(length, 0);
  }
}

void Chunk::clear() {
  bytes.clear();
  row_ends.clear();
  keys.clear();
  rejects.clear();
}

CopyStream::CopyStream(const Chunk& chunk, std::size_t first, std::size_t last)
    : parts_{
          kCopyHeader,
          std::string_view(chunk.bytes).substr(chunk.row_begin(first), chunk.row_begin(last) - chunk.row_begin(first)),
          kCopyTrailer} {}

std::size_t CopyStream::read(std::span<char> buffer) {
  std::size_t copied = 0;
  while (part_ < 3 && copied < buffer.size()) {
    const std::size_t n = std::min(parts_[part_].size(), buffer.size() - copied);
    std::memcpy(buffer.data() + copied, parts_[part_].data(), n);
    parts_[part_].remove_prefix(n);
    copied += n;
    if (parts_[part_].empty()) ++part_;
  }
  return copied;
}

CopyEncoder::CopyEncoder(const TablePlan& plan, std::string tenant)
    : plan_(plan), tenant_(std::move(tenant)), digest_(new Digest()) {}
CopyEncoder::~CopyEncoder() = default;

Result<std::unique_ptr<CopyEncoder>> CopyEncoder::open(const Source& source, const Table& table, const TablePlan& plan,
                                                       const std::string& tenant) {
  std::unique_ptr<CopyEncoder> encoder(new CopyEncoder(plan, tenant));
  encoder->columns_.push_back({plan.tenant_column, "", PgType::text});
  std::vector<std::string> read;
  for (const ColumnPlan& column : plan.columns) {
    if (!column.source_name.empty() && !table.find(column.source_name)) continue;
    encoder->columns_.push_back({column.name, column.source_name, column.type});
    read.push_back(column.source_name);
  }
  for (const std::string& column : plan.source_tenant_columns) {
    if (!table.find(column)) continue;
    encoder->tenant_columns_.push_back(column);
    read.push_back(column);
  }
  if (encoder->columns_.size() > kColumnsMax)
    return Status{"54011", "table \"" + printable(table.name, 200) + "\" has too many columns",
                  "It would have " + std::to_string(encoder->columns_.size()) +
                      " columns in PostgreSQL, which holds at most 1600 in a table.",
                  "Split the table, or leave it out."};
  if (plan.integrated_objects) {
    Result<std::vector<std::int64_t>> superseded = superseded_rows(source, table);
    if (!superseded.ok()) return superseded.status();
    encoder->superseded_ = std::move(superseded.value());
  }
  Result<std::unique_ptr<RowReader>> reader = RowReader::open(source, table, read);
  if (!reader.ok()) return reader.status();
  encoder->reader_ = std::move(reader.value());
  return encoder;
}

Result<bool> CopyEncoder::next(Chunk& chunk, const Limits& limits) {
  chunk.clear();
  chunk.columns = columns_;
  do {
    Result<bool> more = reader_->next();
    if (!more.ok()) return more.status();
    if (!more.value()) break;
    ++rows_read_;
    for (const Cell& cell : reader_->cells()) digest_->add(cell);
    if (!is_set_aside(chunk)) encode_row(chunk, limits.row_bytes);
  } while (chunk.bytes.size() < limits.bytes && chunk.rows() < limits.rows && chunk.rejects.size() < limits.rejects);
  return chunk.rows() + chunk.rejects.size() > 0;
}

// Rows that are refused as a whole, before their values are looked at.
bool CopyEncoder::is_set_aside(Chunk& chunk) {
  const std::vector<Cell>& cells = reader_->cells();
  for (std::size_t i = 0; i < tenant_columns_.size(); ++i) {
    const Cell& cell = cells[columns_.size() - 1 + i];
    Value value;
    if (decode(cell, PgType::text, TextCheck::utf8, value) || value.null || value.bytes != tenant_) {
      reject(chunk, tenant_columns_[i], &cell, kOtherTenant);
      return true;
    }
  }
  if (superseded_.empty()) return false;
  if (!std::binary_search(superseded_.begin(), superseded_.end(), reader_->rowid())) return false;
  reject(chunk, "", nullptr, kSuperseded);
  return true;
}

void CopyEncoder::encode_row(Chunk& chunk, std::size_t row_bytes_max) {
  const std::size_t start = chunk.bytes.size();
  const auto count = static_cast<unsigned>(columns_.size());
  chunk.bytes += static_cast<char>(count >> 8);
  chunk.bytes += static_cast<char>(count);
  Value value;
  value.bytes = tenant_;
  append_binary(chunk.bytes, PgType::text, value);
  for (std::size_t i = 1; i < columns_.size(); ++i) {
    const Cell& cell = reader_->cells()[i - 1];
    value.bytes = {};
    if (const Refusal refusal = decode(cell, columns_[i].type, TextCheck::none, value)) {
      chunk.bytes.resize(start);
      reject(chunk, columns_[i].source_name, &cell, refusal);
      return;
    }
    if (value.null && plan_.integrated_objects && columns_[i].name == "platform") {
      value.null = false;
      value.bytes = kDefaultPlatform;
    }
    // Before it is added: neither our memory nor a length word may overflow.
    if (chunk.bytes.size() - start + value.bytes.size() > row_bytes_max) {
      chunk.bytes.resize(start);
      reject(chunk, columns_[i].source_name, &cell, kTooLong);
      return;
    }
    append_binary(chunk.bytes, columns_[i].type, value);
  }
  chunk.row_ends.push_back(chunk.bytes.size());
  chunk.keys.push_back(reader_->key());
}

void CopyEncoder::reject(Chunk& chunk, const std::string& column, const Cell* cell, const Refusal& refusal) {
  Reject reject{reader_->key(), column, "", "", refusal.sqlstate, refusal.reason};
  if (cell) {
    reject.storage_class = name_of(cell->storage_class);
    reject.value = bytes_of(*cell);
  }
  chunk.rejects.push_back(std::move(reject));
}

std::string CopyEncoder::digest() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(&digest_->state);
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

}  // namespace rowhouse::bridge
