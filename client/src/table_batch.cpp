#include "table_batch.hpp"

#include <algorithm>
#include <numeric>

#include "bridge/copy_encoder.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse::detail {
namespace {

constexpr auto kEpochOfPostgres = std::chrono::sys_days(std::chrono::year(2000) / 1 / 1);

bridge::PgType pg_type(ColumnType type) {
  switch (type) {
    case ColumnType::kBoolean:
      return bridge::PgType::boolean;
    case ColumnType::kInteger:
      return bridge::PgType::bigint;
    case ColumnType::kReal:
      return bridge::PgType::double_precision;
    case ColumnType::kText:
      return bridge::PgType::text;
    case ColumnType::kBytes:
      return bridge::PgType::bytea;
    case ColumnType::kJson:
      return bridge::PgType::jsonb;
    case ColumnType::kTimestamp:
      return bridge::PgType::timestamptz;
  }
  return bridge::PgType::text;
}

struct ToBinary {
  bridge::Value& value;

  void operator()(std::monostate) const { value.null = true; }
  void operator()(bool flag) const { value.integer = flag ? 1 : 0; }
  void operator()(std::int64_t number) const { value.integer = number; }
  void operator()(double number) const { value.real = number; }
  void operator()(const std::string& text) const { value.bytes = text; }
  void operator()(const Bytes& bytes) const {
    value.bytes = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  void operator()(const Json&) const { throw_error("XX000", "a row of a batch holds JSON that is not text"); }
  void operator()(Timestamp time) const { value.integer = (time - kEpochOfPostgres).count(); }
};

void append_value(std::string& out, const ColumnShape& column, const Value& value) {
  bridge::Value plain;
  std::visit(ToBinary{plain}, value.held());
  bridge::append_binary(out, pg_type(column.type), plain);
}

// A key as bytes that differ for different keys.
std::string key_bytes(const TableShape& shape, const std::vector<std::size_t>& keys, const std::vector<Value>& row) {
  std::string bytes;
  for (const std::size_t place : keys) {
    append_value(bytes, shape.columns[place], row[place]);
  }
  return bytes;
}

// Two rows of a batch with one key: the later lacks a kept value that the earlier has.
void keep_earlier(const TableShape& shape, const std::vector<Value>& earlier, std::vector<Value>& later) {
  for (std::size_t place = 0; place < later.size(); ++place) {
    const bool lacks = std::holds_alternative<std::monostate>(later[place].held());
    if (lacks && shape.columns[place].role == ColumnRole::kKept) later[place] = earlier[place];
  }
}

}  // namespace

TableBatch::TableBatch(const TableStatements& statements, std::size_t rows,
                       const std::function<std::vector<Value>(std::size_t)>& row)
    : shape_(statements.shape()), columns_(statements.stage_columns()), values_(rows) {
  const std::vector<std::size_t> keys = shape_.keys();
  const auto time = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  std::vector<std::string> key_of(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    try {
      values_[i] = statements.batch_row(row(i), time);
    } catch (const Error& error) {
      throw_error(error.sqlstate(), "object " + std::to_string(i) + " of the batch: " + error.what(),
                  error.diagnostics());
    }
    key_of[i] = key_bytes(shape_, keys, values_[i]);
  }
  std::vector<std::size_t> order(rows);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return key_of[a] < key_of[b]; });
  for (std::size_t i = 0; i < rows; ++i) {
    std::vector<Value>& current = values_[order[i]];
    if (i > 0 && key_of[order[i]] == key_of[order[i - 1]]) {
      keep_earlier(shape_, values_[order[i - 1]], current);
      distinct_.back() = order[i];
    } else {
      distinct_.push_back(order[i]);
    }
  }
  pending_.bytes = bridge::kCopyHeader;
}

std::size_t TableBatch::fill(std::span<char> buffer) {
  while (!pending_.holds(buffer.size()) && next_ <= size()) encode_next();
  return pending_.move_to(buffer);
}

void TableBatch::encode_next() {
  if (next_ == size()) {
    pending_.bytes += bridge::kCopyTrailer;
  } else {
    pending_.bytes += {static_cast<char>(columns_.size() >> 8), static_cast<char>(columns_.size() & 255)};
    for (const std::size_t place : columns_) append_value(pending_.bytes, shape_.columns[place], row(next_)[place]);
  }
  ++next_;
}

}  // namespace rowhouse::detail
