#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "connection.hpp"

namespace rowhouse::detail {

// Where leases come from and go to.
class Pool {
 public:
  virtual ~Pool() = default;
  virtual void give_back(std::unique_ptr<Connection> connection, bool touched) noexcept = 0;
  virtual const DatabaseOptions& options() const noexcept = 0;
};

// A connection on loan, shared by a session, its transactions and repositories. Ends with the last of them.
class Lease {
 public:
  Lease(std::shared_ptr<Pool> pool, std::unique_ptr<Connection> connection, std::optional<std::string> tenant) noexcept
      : pool_(std::move(pool)), connection_(std::move(connection)), tenant_(std::move(tenant)) {}
  ~Lease() { pool_->give_back(std::move(connection_), touched_); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  Connection& connection() noexcept { return *connection_; }
  const DatabaseOptions& options() const noexcept { return pool_->options(); }
  // The tenant of the open transaction, else of the session.
  const std::optional<std::string>& tenant() const noexcept { return in_transaction_ ? transaction_tenant_ : tenant_; }
  // Tells the open transaction from all others of this lease; 0 when none is open.
  std::uint64_t open_transaction() const noexcept { return in_transaction_ ? transactions_ : 0; }

  void begin(const TransactionOptions& options);
  void commit();
  void rollback();
  // A statement of this library: leaves no state in the session.
  Result execute(std::string_view sql, std::span<const Value> parameters);
  // A statement of the caller's: may leave anything.
  Result execute_foreign(std::string_view sql, std::span<const Value> parameters) {
    touched_ = true;
    return execute(sql, parameters);
  }

 private:
  std::shared_ptr<Pool> pool_;
  std::unique_ptr<Connection> connection_;
  std::optional<std::string> tenant_;
  std::optional<std::string> transaction_tenant_;
  std::uint64_t transactions_ = 0;
  bool in_transaction_ = false;
  bool touched_ = false;
};

struct LeaseAccess {
  static const std::shared_ptr<Lease>& of(const Session& session) noexcept { return session.lease_; }
  static const std::shared_ptr<Lease>& of(const Transaction& transaction) noexcept { return transaction.lease_; }
};

}  // namespace rowhouse::detail
