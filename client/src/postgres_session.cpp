#include <utility>

#include "connection.hpp"
#include "postgres_call.hpp"
#include "postgres_connection.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse::detail {
namespace {

class PostgresSession final : public Connection {
 public:
  PostgresSession(PostgresConnection connection, const DatabaseOptions& options)
      : connection_(std::move(connection)), session_timeout_(detail::session_timeout(options)) {}

  Database database() const noexcept override { return Database::kPostgresql; }

  Result execute(const Call& call) override {
    if (is_server_copy(call)) return to_result(connection_.execute(call.sql, {}));
    PostgresCall outgoing;
    outgoing.statement(call, connection_.in_transaction());
    return run(outgoing, !connection_.in_transaction());
  }

  Result execute_alone(const Identity& identity, const Call& call) override {
    PostgresCall outgoing;
    outgoing.alone(call, identity, session_timeout_);
    try {
      return run(outgoing, !identity.read_only);
    } catch (...) {
      connection_.rollback();
      throw;
    }
  }

  std::shared_ptr<AskedRows> ask(const Call& call) override { return connection_.ask(call); }
  Result answer(AskedRows& asked) override { return connection_.answer(static_cast<RowStream&>(asked)); }

  std::size_t copy_in(std::string_view sql, const std::function<std::size_t(std::span<char>)>& fill) override {
    return connection_.copy_in(sql, fill);
  }
  std::size_t copy_out(std::string_view sql, const std::function<void(std::string_view)>& take) override {
    return connection_.copy_out(sql, take);
  }

  void begin(const TransactionOptions& options, const Identity& identity) override {
    PostgresCall outgoing;
    outgoing.begin(options, identity, session_timeout_);
    read_only_ = options.read_only;
    try {
      run(outgoing, false);
    } catch (...) {
      connection_.rollback();
      throw;
    }
  }

  void commit() override {
    read_only_ = false;
    connection_.commit();
  }
  void rollback() override {
    read_only_ = false;
    connection_.rollback();
  }
  void savepoint(const std::string& name) override { connection_.savepoint(name); }
  void rollback_to(const std::string& name) override { connection_.rollback_to(name); }
  void release(const std::string& name) override { connection_.release(name); }
  void set_limits(const CallLimits& limits) override { connection_.set_limits(limits); }
  bool usable() noexcept override { return !demoted_ && connection_.usable(); }
  void ping() override { connection_.execute("SELECT 1", {}); }
  void reset() override { connection_.reset(); }
  void cancel() noexcept override { connection_.cancel(); }

 private:
  Result run(const PostgresCall& outgoing, bool may_commit) {
    try {
      return to_result(
          std::move(connection_.execute_pipeline(outgoing.statements(), may_commit).at(outgoing.wanted())));
    } catch (const Error& error) {
      if (tells_of_demotion(error, read_only_)) demoted_ = true;
      throw;
    }
  }

  PostgresConnection connection_;
  const std::chrono::milliseconds session_timeout_;
  bool read_only_ = false;
  bool demoted_ = false;
};

}  // namespace

std::unique_ptr<Connection> connect_postgres(const Url& url, const DatabaseOptions& options) {
  return std::make_unique<PostgresSession>(PostgresConnection::connect(url, postgres_options(options)), options);
}

}  // namespace rowhouse::detail
