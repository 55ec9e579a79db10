#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace rowhouse::detail {

// Rows of one statement, in text format. Views live as long as the result.
class PostgresResult {
 public:
  explicit PostgresResult(void* pg_result) noexcept;  // owns a PGresult
  std::size_t rows() const noexcept;
  std::size_t columns() const noexcept;
  std::string_view column_name(std::size_t column) const;
  unsigned column_type(std::size_t column) const;                                    // the type's OID
  std::optional<std::string_view> value(std::size_t row, std::size_t column) const;  // nullopt: NULL
  std::string text(std::size_t row, std::size_t column) const;                       // NULL as the empty text
  std::size_t affected_rows() const;     // of INSERT, UPDATE, DELETE, MERGE, COPY; rows of SELECT
  std::string_view command_tag() const;  // for example "INSERT 0 1"

 private:
  std::shared_ptr<void> result_;
};

// A parameter: text in the form the type's input function reads, or NULL. Must not contain NUL bytes.
using PostgresParameter = std::optional<std::string_view>;

// Takes some rows of a statement while it still runs. An exception cancels the statement and is rethrown.
using PostgresSink = std::function<void(PostgresResult rows)>;

struct PostgresStatement {
  std::string_view sql;
  std::span<const PostgresParameter> parameters;
  const PostgresSink* sink = nullptr;  // null: all rows come as one result
};

// Makes $1 the tenant of the transaction.
inline constexpr std::string_view kSetTenant = "SELECT rowhouse.set_tenant($1)";

}  // namespace rowhouse::detail
