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

#include "call_limits.hpp"
#include "postgres_result.hpp"
#include "postgres_wire.hpp"
#include "row_stream.hpp"
#include "rowhouse/error.hpp"
#include "rowhouse/url.hpp"

namespace rowhouse::detail {

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
  // The same; `may_commit` false when a loss of the connection is known to leave nothing behind.
  std::vector<PostgresResult> execute_pipeline(std::span<const PostgresStatement> statements, bool may_commit);

  // A statement that reads within a transaction, whose rows are taken as they come; see Connection.
  std::shared_ptr<RowStream> ask(const Call& call);
  Result answer(RowStream& asked);

  std::size_t copy_in(std::string_view sql, const Fill& fill);   // rows copied
  std::size_t copy_out(std::string_view sql, const Take& take);  // rows copied

  // BEGIN, rowhouse.set_tenant and `then` (one more statement) travel in one round trip; if any fails, nothing is open.
  void begin(std::string_view begin_sql = "BEGIN", std::optional<std::string_view> tenant = std::nullopt,
             std::string_view then = {});
  // In one round trip with the transaction's last statements, of which the first error is thrown as such. Throws
  // in_doubt() when the connection is lost before the answer. A failed transaction is rolled back and an error.
  void commit(std::span<const PostgresStatement> last = {});
  void rollback();  // nothing to do when no transaction is open or the connection is lost
  void savepoint(std::string_view name);
  void rollback_to(std::string_view name);
  void release(std::string_view name);

  // Of the calls from now on; scripts are limited by the server alone.
  void set_limits(CallLimits limits);

  // Session state as after connecting, prepared statements of this class aside. Not within a transaction.
  void reset();

  // Thread-safe: asks the server to stop the statement in progress, which then throws 57014.
  void cancel() noexcept;

  // For those who end what the connection waits for.
  PostgresLine line();

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
  PostgresResult copy_on_server(std::string_view sql);
  explicit PostgresConnection(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rowhouse::detail
