#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "lease_state.hpp"
#include "rowhouse/table_statements.hpp"
#include "writes.hpp"

namespace rowhouse::detail {

// Where leases come from and go to.
class Pool {
 public:
  virtual ~Pool() = default;
  virtual void give_back(std::unique_ptr<Connection> connection, bool touched) noexcept = 0;
  virtual const DatabaseOptions& options() const noexcept = 0;
  virtual const ObservedDatabase& observed() const noexcept = 0;
};

// A connection on loan, shared by a session, its transactions and repositories. Ends with the last of them.
class Lease {
 public:
  Lease(std::shared_ptr<Pool> pool, std::unique_ptr<Connection> connection, Identity identity = {},
        std::shared_ptr<Writes> writes = nullptr)
      : pool_(std::move(pool)),
        connection_(std::move(connection)),
        state_(pool_->options(), std::move(identity)),
        writes_(std::move(writes)) {}
  ~Lease() { pool_->give_back(std::move(connection_), state_.touched); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  Connection& connection() noexcept { return *connection_; }
  Database database() const noexcept { return connection_->database(); }
  const DatabaseOptions& options() const noexcept { return pool_->options(); }
  const std::optional<std::string>& tenant() const noexcept { return state_.tenant(); }
  std::uint64_t open_transaction() const noexcept { return state_.open_transaction(); }

  void begin(const TransactionOptions& options);
  void commit();
  void rollback();
  // A statement of this library: leaves no state in the session.
  Result execute(std::string_view sql, std::span<const Value> parameters, const CallOptions& options = {}) {
    return run({.sql = sql, .parameters = parameters, .ours = true}, options);
  }
  std::size_t for_each(std::string_view sql, std::span<const Value> parameters, const RowSink& take,
                       const CallOptions& options = {});
  // A statement of this library within a transaction, whose rows are taken as they come: see Connection.
  void ask(Asked& asked, const Statement& statement);
  Result answer(Asked& asked);
  // COPY of this library, within a transaction.
  std::size_t copy_in(std::string_view sql, const std::function<std::size_t(std::span<char>)>& fill) {
    connection_->set_limits(state_.limits({}));
    return connection_->copy_in(sql, fill);
  }
  std::size_t copy_out(std::string_view sql, const std::function<void(std::string_view)>& take) {
    state_.touched = true;
    connection_->set_limits(state_.limits({}));
    return connection_->copy_out(sql, take);
  }
  // A statement of the caller's: may leave anything.
  Result execute_foreign(std::string_view sql, std::span<const Value> parameters, const CallOptions& options) {
    state_.touched = true;
    return run({.sql = sql, .parameters = parameters}, options);
  }
  std::size_t for_each_foreign(std::string_view sql, std::span<const Value> parameters, const RowSink& take,
                               const CallOptions& options) {
    state_.touched = true;
    return for_each(sql, parameters, take, options);
  }

 private:
  Result run(Call call, const CallOptions& options);
  void note_write() noexcept {
    if (writes_) writes_->note();
  }

  std::shared_ptr<Pool> pool_;
  std::unique_ptr<Connection> connection_;
  LeaseState state_;
  std::shared_ptr<Writes> writes_;  // null: nobody asks
};

struct LeaseAccess {
  static const std::shared_ptr<Lease>& of(const Session& session) noexcept { return session.lease_; }
  static const std::shared_ptr<Lease>& of(const Transaction& transaction) noexcept { return transaction.lease_; }
};

}  // namespace rowhouse::detail
