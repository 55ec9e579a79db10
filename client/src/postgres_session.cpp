#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include "connection.hpp"
#include "postgres_connection.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse::detail {
namespace {

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

class TextParameters {
 public:
  explicit TextParameters(std::span<const Value> values) {
    texts_.reserve(values.size());
    for (const Value& value : values) {
      const bool null = std::holds_alternative<std::monostate>(value.held());
      texts_.push_back(std::visit(ToText{}, value.held()));
      views_.push_back(null ? PostgresParameter() : PostgresParameter(texts_.back()));
    }
  }
  operator std::span<const PostgresParameter>() const { return views_; }

 private:
  std::vector<std::string> texts_;
  std::vector<PostgresParameter> views_;
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

class PostgresSession final : public Connection {
 public:
  explicit PostgresSession(PostgresConnection connection) : connection_(std::move(connection)) {}

  Database database() const noexcept override { return Database::kPostgresql; }

  Result execute(std::string_view sql, std::span<const Value> parameters) override {
    return result(connection_.execute(sql, TextParameters(parameters)));
  }

  Result execute_alone(const std::string& tenant, std::string_view sql, std::span<const Value> parameters) override {
    const TextParameters texts(parameters);
    const std::array<PostgresParameter, 1> tenant_parameter{tenant};
    const std::array statements{PostgresStatement{"BEGIN", {}}, PostgresStatement{kSetTenant, tenant_parameter},
                                PostgresStatement{sql, texts}, PostgresStatement{"COMMIT", {}}};
    try {
      return result(connection_.execute_pipeline(statements).at(2));
    } catch (...) {
      connection_.rollback();
      throw;
    }
  }

  void begin(const TransactionOptions& options, const std::optional<std::string>& tenant) override {
    std::string timeout;
    if (options.statement_timeout.count() > 0) {
      timeout = "SET LOCAL statement_timeout TO " + std::to_string(options.statement_timeout.count());
    }
    connection_.begin(begin_statement(options), tenant, timeout);
  }

  void commit() override { connection_.commit(); }
  void rollback() override { connection_.rollback(); }
  void savepoint(const std::string& name) override { connection_.savepoint(name); }
  void rollback_to(const std::string& name) override { connection_.rollback_to(name); }
  void release(const std::string& name) override { connection_.release(name); }
  bool usable() noexcept override { return connection_.usable(); }
  void reset() override { connection_.reset(); }
  void cancel() noexcept override { connection_.cancel(); }

 private:
  static Result result(PostgresResult rows) { return Result(std::make_shared<PostgresData>(std::move(rows))); }

  PostgresConnection connection_;
};

}  // namespace

std::unique_ptr<Connection> connect_postgres(const Url& url, const DatabaseOptions& options) {
  PostgresOptions postgres;
  postgres.connect_timeout = options.connect_timeout;
  postgres.application_name = options.application_name;
  return std::make_unique<PostgresSession>(PostgresConnection::connect(url, postgres));
}

}  // namespace rowhouse::detail
