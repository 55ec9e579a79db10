#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "rowhouse/database_manager.hpp"
#include "rowhouse/session.hpp"

namespace rowhouse::detail {

// One field as a database hands it over.
struct Cell {
  enum class Kind { kNull, kInteger, kReal, kText, kBlob };
  Kind kind = Kind::kNull;
  std::int64_t integer = 0;
  double real = 0;
  std::string_view bytes{};  // text, or blob; lives as long as the result
};

class ResultData {
 public:
  virtual ~ResultData() = default;
  virtual std::size_t rows() const noexcept = 0;
  virtual std::size_t columns() const noexcept = 0;
  virtual std::string_view column_name(std::size_t column) const = 0;
  virtual Cell cell(std::size_t row, std::size_t column) const = 0;
  virtual std::size_t affected_rows() const noexcept = 0;
};

// What Session and Transaction need of a database.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual Database database() const noexcept = 0;
  virtual Result execute(std::string_view sql, std::span<const Value> parameters) = 0;
  // One statement in a transaction of its own for this tenant.
  virtual Result execute_alone(const std::string& tenant, std::string_view sql, std::span<const Value> parameters) = 0;
  virtual void begin(const TransactionOptions& options, const std::optional<std::string>& tenant) = 0;
  virtual void commit() = 0;
  virtual void rollback() = 0;  // nothing to do when no transaction is open
  virtual void savepoint(const std::string& name) = 0;
  virtual void rollback_to(const std::string& name) = 0;
  virtual void release(const std::string& name) = 0;
  virtual bool usable() noexcept = 0;
  virtual void reset() = 0;  // session state as after connecting
  virtual void cancel() noexcept = 0;
};

std::unique_ptr<Connection> connect_postgres(const Url& url, const DatabaseOptions& options);
std::unique_ptr<Connection> connect_sqlite(const Url& url, const DatabaseOptions& options);

// Throws 22023 with what is wrong with the id.
void check_tenant(std::string_view tenant);

// YYYY-MM-DD HH:MM:SS.ffffff in UTC: what PostgreSQL reads and SQLAlchemy writes into SQLite.
std::string timestamp_text(Timestamp time);

// JSON as text; 22021 when a string in it is not UTF-8.
std::string json_text(const Json& json);

}  // namespace rowhouse::detail
