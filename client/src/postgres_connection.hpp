#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rowhouse/error.hpp"
#include "rowhouse/url.hpp"

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
  std::size_t affected_rows() const;     // of INSERT, UPDATE, DELETE, MERGE, COPY; rows of SELECT
  std::string_view command_tag() const;  // for example "INSERT 0 1"

 private:
  std::shared_ptr<void> result_;
};

// A parameter: text in the form the type's input function reads, or NULL. Must not contain NUL bytes.
using PostgresParameter = std::optional<std::string_view>;

// Makes $1 the tenant of the transaction.
inline constexpr std::string_view kSetTenant = "SELECT rowhouse.set_tenant($1)";

struct PostgresStatement {
  std::string_view sql;
  std::span<const PostgresParameter> parameters;
};

struct PostgresOptions {
  std::chrono::milliseconds connect_timeout{10'000};  // all hosts of the URL together; 0: no limit
  std::string application_name = "rowhouse";          // a URL's own wins
};

struct PostgresNotice {
  std::string_view severity;  // not localized: NOTICE, WARNING, ...
  std::string_view sqlstate;
  std::string_view message;
};

// One connection of libpq, blocking. Every failure is a rowhouse::Error. Not thread-safe but for cancel().
class PostgresConnection {
 public:
  // Fills the buffer and returns how many bytes it wrote; 0 ends the COPY. An exception aborts the COPY and is
  // rethrown.
  using Fill = std::function<std::size_t(std::span<char> buffer)>;
  // Takes one COPY data message. An exception cancels the COPY and is rethrown.
  using Take = std::function<void(std::string_view message)>;
  using NoticeHandler = std::function<void(const PostgresNotice&)>;

  static PostgresConnection connect(const Url& url, const PostgresOptions& options = {});
  static PostgresConnection connect(std::string_view url, const PostgresOptions& options = {});
  PostgresConnection(PostgresConnection&&) noexcept;
  PostgresConnection& operator=(PostgresConnection&&) noexcept;
  ~PostgresConnection();

  // One statement; $1, $2 ... are the parameters.
  PostgresResult execute(std::string_view sql, std::span<const PostgresParameter> parameters = {});
  PostgresResult execute(std::string_view sql, std::initializer_list<PostgresParameter> parameters);
  // Several statements in one string, without parameters or results. Outside a transaction block they are one
  // transaction.
  void execute_script(std::string_view sql);
  // Several statements in one round trip. The first error is thrown; the statements after it did not run.
  std::vector<PostgresResult> execute_pipeline(std::span<const PostgresStatement> statements);

  std::size_t copy_in(std::string_view sql, const Fill& fill);   // rows copied
  std::size_t copy_out(std::string_view sql, const Take& take);  // rows copied

  // BEGIN, rowhouse.set_tenant and `then` (one more statement) travel in one round trip; if any fails, nothing is open.
  void begin(std::string_view begin_sql = "BEGIN", std::optional<std::string_view> tenant = std::nullopt,
             std::string_view then = {});
  // Throws in_doubt() when the connection is lost before the answer. A failed transaction is rolled back and an error.
  void commit();
  void rollback();  // nothing to do when no transaction is open or the connection is lost
  void savepoint(std::string_view name);
  void rollback_to(std::string_view name);
  void release(std::string_view name);

  // DISCARD ALL: session state as after connecting. Not within a transaction.
  void reset();

  // Thread-safe: asks the server to stop the statement in progress, which then throws 57014.
  void cancel() noexcept;

  bool in_transaction() const noexcept;
  // False when the connection is known to be lost. Looks at the socket, sends nothing.
  bool usable() noexcept;
  int server_version() const noexcept;  // for example 150020
  int backend_pid() const noexcept;
  const std::string& database() const noexcept;
  std::string quote_identifier(std::string_view name) const;
  void on_notice(NoticeHandler handler);  // called within execute and friends; must not use the connection

 private:
  struct Impl;
  void require_iso_dates();
  explicit PostgresConnection(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rowhouse::detail
