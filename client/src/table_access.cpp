#include <algorithm>
#include <cstring>
#include <numeric>

#include "bridge/copy_encoder.hpp"
#include "lease.hpp"
#include "rowhouse/error.hpp"
#include "rowhouse/table_repository.hpp"

namespace rowhouse::detail {
namespace {

constexpr std::size_t kStreamRows = 1000;  // read at a time
constexpr auto kEpochOfPostgres = std::chrono::sys_days(std::chrono::year(2000) / 1 / 1);

// A transaction of the lease's own, or nothing where one is open already. Rolled back unless committed.
class OwnTransaction {
 public:
  OwnTransaction(Lease& lease, const TransactionOptions& options) : lease_(lease), own_(lease.open_transaction() == 0) {
    if (own_) lease_.begin(options);
  }
  ~OwnTransaction() {
    if (!own_) return;
    try {
      lease_.rollback();
    } catch (...) {
      // The connection is broken; its pool finds out when it comes back.
    }
  }
  OwnTransaction(const OwnTransaction&) = delete;
  OwnTransaction& operator=(const OwnTransaction&) = delete;
  void commit() {
    if (std::exchange(own_, false)) lease_.commit();
  }

 private:
  Lease& lease_;
  bool own_;
};

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

// The rows of a batch as COPY's binary format, made as they are sent.
class BatchEncoder {
 public:
  BatchEncoder(const TableStatements& statements, const std::vector<const std::vector<Value>*>& rows)
      : columns_(statements.stage_columns()), shape_(statements.shape()), rows_(rows) {
    static constexpr char kHeader[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";  // signature, flags, length of extensions
    pending_.assign(kHeader, sizeof kHeader);
  }

  std::size_t fill(std::span<char> buffer) {
    while (pending_.size() - sent_ < buffer.size() && next_ <= rows_.size()) encode_next();
    const std::size_t size = std::min(buffer.size(), pending_.size() - sent_);
    std::memcpy(buffer.data(), pending_.data() + sent_, size);
    sent_ += size;
    if (sent_ == pending_.size()) pending_.clear(), sent_ = 0;
    return size;
  }

 private:
  void append_count(std::uint16_t count) {
    pending_ += static_cast<char>(count >> 8);
    pending_ += static_cast<char>(count & 255);
  }
  void encode_next() {
    if (next_ == rows_.size()) {
      append_count(0xFFFF);  // the end
    } else {
      const std::vector<Value>& values = *rows_[next_];
      append_count(static_cast<std::uint16_t>(columns_.size()));
      for (const std::size_t place : columns_) {
        append_value(pending_, shape_.columns[place], values[place]);
      }
    }
    ++next_;
  }

  const std::vector<std::size_t> columns_;
  const TableShape& shape_;
  const std::vector<const std::vector<Value>*>& rows_;
  std::size_t next_ = 0;  // the row to encode; their number is the end
  std::string pending_;
  std::size_t sent_ = 0;  // of pending_
};

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

struct TableAccess::Impl {
  // `the_transaction`: the only one to work in; 0 for whatever the session does.
  Impl(std::shared_ptr<Lease> the_lease, std::uint64_t the_transaction, const TableShape& shape)
      : lease(std::move(the_lease)),
        transaction(the_transaction),
        statements(lease->connection().database(), lease->options().schema, shape, tenant_of(*lease)) {}

  static const std::string& tenant_of(const Lease& lease) {
    if (lease.tenant()) return *lease.tenant();
    throw_error("55000", "a repository needs a tenant, and the session has none",
                {.hint = "Open the session with manager.session(tenant)."});
  }

  void check_open() const {
    const bool over = transaction != 0 && lease->open_transaction() != transaction;
    if (over || lease->tenant() != statements.tenant()) {
      throw_error("25P01", "the transaction of this repository is over");
    }
  }

  std::shared_ptr<Lease> lease;
  std::uint64_t transaction;
  TableStatements statements;
};

TableAccess::TableAccess(Session& session, const TableShape& shape)
    : impl_(std::make_shared<const Impl>(LeaseAccess::of(session), 0, shape)) {}
TableAccess::TableAccess(Transaction& transaction, const TableShape& shape)
    : impl_(std::make_shared<const Impl>(LeaseAccess::of(transaction), LeaseAccess::of(transaction)->open_transaction(),
                                         shape)) {}

const TableStatements& TableAccess::statements() const noexcept { return impl_->statements; }

Result TableAccess::run(Statement statement) const {
  impl_->check_open();
  return impl_->lease->execute(statement.sql, statement.parameters);
}

std::size_t TableAccess::upsert_many(std::size_t rows,
                                     const std::function<std::vector<Value>(std::size_t)>& row) const {
  impl_->check_open();
  const TableStatements& statements = impl_->statements;
  const TableShape& shape = statements.shape();
  const std::vector<std::size_t> keys = shape.keys();
  const auto time = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  std::vector<std::vector<Value>> values(rows);
  std::vector<std::string> key_of(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    try {
      values[i] = statements.batch_row(row(i), time);
    } catch (const Error& error) {
      throw_error(error.sqlstate(), "object " + std::to_string(i) + " of the batch: " + error.what(),
                  error.diagnostics());
    }
    key_of[i] = key_bytes(shape, keys, values[i]);
  }
  std::vector<std::size_t> order(rows);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return key_of[a] < key_of[b]; });
  std::vector<const std::vector<Value>*> batch;
  for (std::size_t i = 0; i < rows; ++i) {
    std::vector<Value>& current = values[order[i]];
    if (i > 0 && key_of[order[i]] == key_of[order[i - 1]]) {
      keep_earlier(shape, values[order[i - 1]], current);
      batch.back() = &current;
    } else {
      batch.push_back(&current);
    }
  }
  const std::size_t distinct = batch.size();
  if (distinct == 0) return 0;

  OwnTransaction transaction(*impl_->lease, {});
  if (impl_->lease->connection().database() == Database::kSqlite) {
    for (std::size_t n = 0; n < distinct; ++n) run(statements.upsert_quietly(*batch[n]));
  } else {
    run({statements.make_stage(), {}});
    BatchEncoder encoder(statements, batch);
    impl_->lease->copy_in(statements.copy_stage(), [&](std::span<char> buffer) { return encoder.fill(buffer); });
    run(statements.merge_stage());
    run({statements.drop_stage(), {}});
  }
  transaction.commit();
  return distinct;
}

void TableAccess::stream(const std::vector<Condition>& conditions,
                         const std::function<bool(const Result&)>& take) const {
  impl_->check_open();
  OwnTransaction transaction(*impl_->lease, {.isolation = Isolation::kRepeatableRead, .read_only = true});
  std::optional<PageKey> after;
  for (;;) {
    const Result rows = run(statements().select(conditions, RowOrder::kKey, kStreamRows, after));
    const bool last = rows.size() < kStreamRows;
    if (!rows.empty() && !take(rows)) break;
    if (last) break;
    after = statements().page_key(rows[rows.size() - 1], RowOrder::kKey);
  }
  transaction.commit();
}

}  // namespace rowhouse::detail
