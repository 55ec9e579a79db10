#include "postgres_call.hpp"

#include <array>
#include <charconv>
#include <utility>

#include "rowhouse/error.hpp"
#include "sql_text.hpp"

namespace rowhouse::detail {
namespace {

constexpr std::string_view kLogin = "SELECT rowhouse.login($1)";
// For one statement of a transaction: what held before is kept beside it, and comes back after it.
constexpr std::string_view kSetTimeout =
    "SELECT pg_catalog.set_config('rowhouse_client.timeout', pg_catalog.current_setting('statement_timeout'), true),"
    " pg_catalog.set_config('statement_timeout', $1, true)";
constexpr std::string_view kRestoreTimeout =
    "SELECT pg_catalog.set_config('statement_timeout', pg_catalog.current_setting('rowhouse_client.timeout'), true)";

class PostgresData final : public ResultData {
 public:
  explicit PostgresData(PostgresResult result) : result_(std::move(result)) {}
  std::size_t rows() const noexcept override { return result_.rows(); }
  std::size_t columns() const noexcept override { return result_.columns(); }
  std::string_view column_name(std::size_t column) const override { return result_.column_name(column); }
  std::size_t affected_rows() const noexcept override { return result_.affected_rows(); }
  Cell cell(std::size_t row, std::size_t column) const override {
    const auto value = result_.value(row, column);
    if (!value) return {};
    return Cell{.kind = Cell::Kind::kText, .bytes = *value};
  }

 private:
  PostgresResult result_;
};

// Each kind of value in the text form that PostgreSQL's input functions read.
struct ToText {
  std::string operator()(std::monostate) const { return {}; }
  std::string operator()(bool flag) const { return flag ? "t" : "f"; }
  std::string operator()(std::int64_t number) const { return std::to_string(number); }
  std::string operator()(double number) const {
    std::array<char, 32> buffer;
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
    return std::string(buffer.data(), end);
  }
  std::string operator()(const std::string& text) const { return text; }
  std::string operator()(const Bytes& bytes) const {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text = "\\x";
    text.reserve(2 + 2 * bytes.size());
    for (const std::byte byte : bytes) {
      text += kDigits[static_cast<unsigned char>(byte) >> 4];
      text += kDigits[static_cast<unsigned char>(byte) & 15];
    }
    return text;
  }
  std::string operator()(const Json& json) const { return json_text(json); }
  std::string operator()(Timestamp time) const { return timestamp_text(time) + "+00"; }
};

std::string begin_statement(const TransactionOptions& options) {
  std::string sql = "BEGIN ISOLATION LEVEL ";
  switch (options.isolation) {
    case Isolation::kReadCommitted:
      sql += "READ COMMITTED";
      break;
    case Isolation::kRepeatableRead:
      sql += "REPEATABLE READ";
      break;
    case Isolation::kSerializable:
      sql += "SERIALIZABLE";
      break;
  }
  return sql + (options.read_only ? " READ ONLY" : " READ WRITE");
}

}  // namespace

void PostgresCall::add(std::string_view sql, std::string parameter) {
  auto& values = parameters_.emplace_back();
  values.emplace_back(texts_.emplace_back(std::move(parameter)));
  statements_.push_back({sql, values});
}

std::span<const PostgresParameter> PostgresCall::keep(std::span<const Value> values) {
  auto& views = parameters_.emplace_back();
  views.reserve(values.size());
  for (const Value& value : values) {
    if (const auto* text = std::get_if<std::string>(&value.held()))
      views.emplace_back(*text);  // the caller's own, which lives as long as the call
    else if (std::holds_alternative<std::monostate>(value.held()))
      views.emplace_back(std::nullopt);
    else
      views.emplace_back(texts_.emplace_back(value_text(value)));
  }
  return views;
}

void PostgresCall::add(const Identity& identity) {
  if (identity.login)
    add(kLogin, identity.login->revealed());
  else if (identity.tenant)
    add(kSetTenant, *identity.tenant);
}

void PostgresCall::begin(const TransactionOptions& options, const Identity& identity,
                         std::chrono::milliseconds session_timeout) {
  add(texts_.emplace_back(begin_statement(options)));
  add(identity);
  const auto timeout = options.statement_timeout.count() > 0 ? options.statement_timeout : session_timeout;
  if (timeout.count() > 0)
    add(texts_.emplace_back("SET LOCAL statement_timeout TO " + std::to_string(timeout.count())));
}

void PostgresCall::statement(const Call& call, bool in_transaction) {
  const bool limited = call.statement_timeout.count() > 0;
  if (limited) add(kSetTimeout, std::to_string(call.statement_timeout.count()));
  wanted_ = statements_.size();
  statements_.push_back({call.sql, keep(call.parameters)});
  if (call.sink != nullptr) {
    statements_.back().sink = &sinks_.emplace_back([take = call.sink](PostgresResult rows) {
      const PostgresData data(std::move(rows));
      for (std::size_t row = 0; row < data.rows(); ++row) (*take)(Row(data, row));
    });
  }
  if (limited && in_transaction) add(kRestoreTimeout);
}

// What goes in one round trip is one transaction even without BEGIN and COMMIT, which cost the server a tenth of a short
// call. A caller's text could leave a transaction open there, and SET LOCAL wants a block.
void PostgresCall::alone(const Call& call, const Identity& identity, std::chrono::milliseconds session_timeout) {
  if (call.ours && !identity.read_only && session_timeout.count() == 0) {
    add(identity);
    statement(call, false);
    return;
  }
  begin({.read_only = identity.read_only}, identity, session_timeout);
  statement(call, false);
  add("COMMIT");
}

PostgresOptions postgres_options(const DatabaseOptions& options) {
  PostgresOptions postgres;
  postgres.connect_timeout = options.connect_timeout;
  postgres.application_name = options.application_name;
  if (!options.transaction_pooler) {
    postgres.statement_cache = options.statement_cache;
    postgres.statement_timeout = options.statement_timeout;
  }
  return postgres;
}

std::chrono::milliseconds session_timeout(const DatabaseOptions& options) {
  return options.transaction_pooler ? options.statement_timeout : std::chrono::milliseconds(0);
}

bool is_server_copy(const Call& call) {
  return call.parameters.empty() && call.sink == nullptr && first_keyword(call.sql) == "COPY";
}

void check_committed(const PostgresResult& answer) {
  if (answer.command_tag() != "ROLLBACK") return;
  throw_error("25P02", "the transaction was rolled back, because a statement in it had failed",
              {.hint = "Let the statement's own error end the transaction, or use a savepoint."});
}

bool tells_of_demotion(const Error& error, bool read_only) { return error.sqlstate() == "25006" && !read_only; }

std::string value_text(const Value& value) { return std::visit(ToText{}, value.held()); }

Result to_result(PostgresResult rows) { return Result(std::make_shared<PostgresData>(std::move(rows))); }

}  // namespace rowhouse::detail
