#include "bridge/copy_encoder.hpp"

#include <algorithm>
#include <cstring>

#include "bridge/helpdesk.hpp"

namespace rowhouse::bridge {
namespace {

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
  digests.clear();
  refused.clear();
  rejects.clear();
  identity = {};
  repaired.clear();
}

void set_row_aside(Chunk& chunk, std::size_t row, const char* sqlstate, const char* reason) {
  chunk.rejects.push_back({chunk.keys[row], "", "", "", sqlstate, reason});
  chunk.refused[row] = true;
}

CopyStream::CopyStream(const Chunk& chunk, std::size_t first, std::size_t last) : parts_{kCopyHeader} {
  add(chunk, first, last);
  parts_.push_back(kCopyTrailer);
}

CopyStream::CopyStream(std::span<const Chunk* const> chunks) : parts_{kCopyHeader} {
  for (const Chunk* chunk : chunks) add(*chunk, 0, chunk->rows());
  parts_.push_back(kCopyTrailer);
}

void CopyStream::add(const Chunk& chunk, std::size_t first, std::size_t last) {
  const std::string_view bytes(chunk.bytes);
  for (std::size_t row = first, run = first; row <= last; ++row) {
    if (row < last && !chunk.refused[row]) continue;
    if (run < row) parts_.push_back(bytes.substr(chunk.row_begin(run), chunk.row_begin(row) - chunk.row_begin(run)));
    run = row + 1;
  }
}

std::size_t CopyStream::read(std::span<char> buffer) {
  std::size_t copied = 0;
  while (part_ < parts_.size() && copied < buffer.size()) {
    const std::size_t n = std::min(parts_[part_].size(), buffer.size() - copied);
    std::memcpy(buffer.data() + copied, parts_[part_].data(), n);
    parts_[part_].remove_prefix(n);
    copied += n;
    if (parts_[part_].empty()) ++part_;
  }
  return copied;
}

namespace {

ChunkLimits salted(ChunkLimits limits, const TablePlan& plan) {
  limits.salt = plan.text_policy.salt();
  return limits;
}

}  // namespace

CopyEncoder::CopyEncoder(const Table& table, const TablePlan& plan, std::string tenant, const EncoderLimits& limits)
    : plan_(plan), tenant_(std::move(tenant)), limits_(limits), cutter_(table, salted(limits.chunk, plan)) {}
CopyEncoder::~CopyEncoder() = default;

// The reader has all columns of the table in order, then the rowid where the plan keeps it.
Status CopyEncoder::map_columns(const Table& table) {
  const auto place = [&](const std::string& name) {
    const Column* const column = name.empty() ? nullptr : table.find(name);
    return column ? static_cast<std::size_t>(column - table.columns.data()) : table.columns.size();
  };
  columns_.push_back({plan_.tenant_column, "", PgType::text});
  cells_.push_back(0);
  repairs_.push_back(false);
  for (const ColumnPlan& column : plan_.columns) {
    if (!column.source_name.empty() && !table.find(column.source_name)) continue;
    columns_.push_back({column.name, column.source_name, column.type});
    cells_.push_back(place(column.source_name));
    repairs_.push_back(plan_.repairs(column));
  }
  for (const std::string& column : plan_.source_tenant_columns) {
    if (table.find(column)) tenant_cells_.emplace_back(column, place(column));
  }
  if (columns_.size() <= kColumnsMax) return {};
  return Status{"54011", "table \"" + printable(table.name, 200) + "\" has too many columns",
                "It would have " + std::to_string(columns_.size()) +
                    " columns in PostgreSQL, which holds at most 1600 in a table.",
                "Split the table, or leave it out."};
}

Result<std::vector<CopyColumn>> CopyEncoder::columns_of(const Table& table, const TablePlan& plan) {
  CopyEncoder encoder(table, plan, "", {});
  if (Status status = encoder.map_columns(table); !status.ok()) return status;
  return std::move(encoder.columns_);
}

Result<std::unique_ptr<CopyEncoder>> CopyEncoder::open(const Source& source, const Table& table, const TablePlan& plan,
                                                       const std::string& tenant, const EncoderLimits& limits,
                                                       const std::optional<RowidRange>& range) {
  std::unique_ptr<CopyEncoder> encoder(new CopyEncoder(table, plan, tenant, limits));
  if (Status status = encoder->map_columns(table); !status.ok()) return status;
  if (plan.integrated_objects) {
    Result<std::vector<std::int64_t>> superseded = superseded_rows(source, table);
    if (!superseded.ok()) return superseded.status();
    encoder->superseded_ = std::move(superseded.value());
  }
  std::vector<std::string> read;
  for (const Column& column : table.columns) read.push_back(column.name);
  if (plan.keyed_by_rowid) read.emplace_back();
  Result<std::unique_ptr<RowReader>> reader = RowReader::open(source, table, read, {}, range);
  if (!reader.ok()) return reader.status();
  encoder->reader_ = std::move(reader.value());
  return encoder;
}

Result<bool> CopyEncoder::next(Chunk& chunk) {
  chunk.clear();
  chunk.columns = columns_;
  cutter_.begin();
  while (!cutter_.full()) {
    Result<bool> more = reader_->next();
    if (!more.ok()) return more.status();
    if (!more.value()) break;
    ++rows_read_;
    const bool is_superseded = std::binary_search(superseded_.begin(), superseded_.end(), reader_->rowid());
    const std::uint64_t digest = cutter_.add(*reader_, is_superseded);
    const std::size_t rows = chunk.rows();
    if (!is_set_aside(chunk, is_superseded)) encode_row(chunk);
    if (chunk.rows() > rows) chunk.digests.push_back(digest);
  }
  chunk.refused.assign(chunk.rows(), false);
  chunk.identity = cutter_.identity();
  return cutter_.rows() > 0;
}

// Rows that are refused as a whole, before their values are looked at.
bool CopyEncoder::is_set_aside(Chunk& chunk, bool is_superseded) {
  for (const auto& [column, place] : tenant_cells_) {
    const Cell& cell = reader_->cells()[place];
    Value value;
    if (decode(cell, PgType::text, TextCheck::utf8, value) || value.null || value.bytes != tenant_) {
      reject(chunk, column, &cell, kOtherTenant);
      return true;
    }
  }
  if (is_superseded) reject(chunk, "", nullptr, kSuperseded);
  return is_superseded;
}

void CopyEncoder::encode_row(Chunk& chunk) {
  const std::size_t start = chunk.bytes.size();
  const auto count = static_cast<unsigned>(columns_.size());
  chunk.bytes += static_cast<char>(count >> 8);
  chunk.bytes += static_cast<char>(count);
  Value value;
  std::size_t repaired = 0;
  value.bytes = tenant_;
  append_binary(chunk.bytes, PgType::text, value);
  for (std::size_t i = 1; i < columns_.size(); ++i) {
    Cell cell = cell_of(i);
    TextCheck how = TextCheck::none;
    value.bytes = {};
    if (repairs_[i] && cell.storage_class == StorageClass::text &&
        repair_text(cell.bytes, columns_[i].type, plan_.text_policy, kept_)) {
      cell.bytes = kept_;
      how = TextCheck::json;  // here, where the value as found is at hand
      ++repaired;
    }
    if (const Refusal refusal = decode(cell, columns_[i].type, how, value)) {
      chunk.bytes.resize(start);
      reject(chunk, columns_[i].source_name, &cell_of(i), refusal);
      return;
    }
    if (value.null && plan_.integrated_objects && columns_[i].name == "platform") {
      value.null = false;
      value.bytes = kDefaultPlatform;
    }
    // Before it is added: neither our memory nor a length word may overflow.
    if (chunk.bytes.size() - start + value.bytes.size() > limits_.row_bytes) {
      chunk.bytes.resize(start);
      reject(chunk, columns_[i].source_name, &cell_of(i), kTooLong);
      return;
    }
    append_binary(chunk.bytes, columns_[i].type, value);
  }
  if (repaired > 0) chunk.repaired[chunk.rows()] = repaired;
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

}  // namespace rowhouse::bridge
