#pragma once

#include <atomic>
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
  virtual const ObservedDatabase& observed() const noexcept = 0;
};

// What a unit of work has written, and where in the log that is.
struct Writes {
  std::atomic<std::uint64_t> done{0};  // statements and commits that may have written
  std::uint64_t placed = 0;            // how many of them `position` is behind
  std::int64_t position = 0;
};

// A connection on loan, shared by a session, its transactions and repositories. Ends with the last of them.
class Lease {
 public:
  Lease(std::shared_ptr<Pool> pool, std::unique_ptr<Connection> connection, Identity identity = {},
        std::shared_ptr<Writes> writes = nullptr) noexcept
      : pool_(std::move(pool)),
        connection_(std::move(connection)),
        identity_(std::move(identity)),
        writes_(std::move(writes)) {}
  ~Lease() { pool_->give_back(std::move(connection_), touched_); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  Connection& connection() noexcept { return *connection_; }
  const DatabaseOptions& options() const noexcept { return pool_->options(); }
  // The tenant of the open transaction, else of the session.
  const std::optional<std::string>& tenant() const noexcept {
    return in_transaction_ ? transaction_tenant_ : identity_.tenant;
  }
  // Tells the open transaction from all others of this lease; 0 when none is open.
  std::uint64_t open_transaction() const noexcept { return in_transaction_ ? transactions_ : 0; }

  void begin(const TransactionOptions& options);
  void commit();
  void rollback();
  // A statement of this library: leaves no state in the session.
  Result execute(std::string_view sql, std::span<const Value> parameters, const CallOptions& options = {}) {
    return run({sql, parameters}, options);
  }
  std::size_t for_each(std::string_view sql, std::span<const Value> parameters, const RowSink& take,
                       const CallOptions& options = {});
  // COPY of this library, within a transaction.
  std::size_t copy_in(std::string_view sql, const std::function<std::size_t(std::span<char>)>& fill) {
    return connection_->copy_in(sql, fill);
  }
  std::size_t copy_out(std::string_view sql, const std::function<void(std::string_view)>& take) {
    touched_ = true;
    return connection_->copy_out(sql, take);
  }
  // A statement of the caller's: may leave anything.
  Result execute_foreign(std::string_view sql, std::span<const Value> parameters, const CallOptions& options) {
    touched_ = true;
    return execute(sql, parameters, options);
  }
  std::size_t for_each_foreign(std::string_view sql, std::span<const Value> parameters, const RowSink& take,
                               const CallOptions& options) {
    touched_ = true;
    return for_each(sql, parameters, take, options);
  }

 private:
  Result run(Call call, const CallOptions& options);
  CallLimits limits(const CallOptions& options) const;
  void note_write() noexcept {
    if (writes_) ++writes_->done;
  }

  std::shared_ptr<Pool> pool_;
  std::unique_ptr<Connection> connection_;
  Identity identity_;
  std::shared_ptr<Writes> writes_;  // null: nobody asks
  std::optional<std::string> transaction_tenant_;
  CallLimits transaction_limits_;
  std::uint64_t transactions_ = 0;
  bool in_transaction_ = false;
  bool read_only_ = false;  // the transaction
  bool touched_ = false;
};

struct LeaseAccess {
  static const std::shared_ptr<Lease>& of(const Session& session) noexcept { return session.lease_; }
  static const std::shared_ptr<Lease>& of(const Transaction& transaction) noexcept { return transaction.lease_; }
};

}  // namespace rowhouse::detail
