#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "rowhouse/error.hpp"
#include "rowhouse/table_statements.hpp"

namespace rowhouse::detail {

// A repository's part in a connection on loan, blocking or not.
template <class Lease>
struct TableUse {
  // `the_transaction`: the only one to work in; 0 for whatever the session does.
  TableUse(std::shared_ptr<Lease> the_lease, std::uint64_t the_transaction, const TableShape& shape)
      : lease(std::move(the_lease)),
        transaction(the_transaction),
        statements(lease->database(), lease->options().schema, shape, tenant_of(*lease)) {}

  static const std::string& tenant_of(const Lease& lease) {
    if (lease.tenant()) return *lease.tenant();
    throw_error("55000", "a repository needs a tenant, and the session has none",
                {.hint = "Open the session with manager.session(tenant)."});
  }

  void check_open() const {
    const bool over = transaction != 0 && lease->open_transaction() != transaction;
    if (over || lease->tenant() != statements.tenant()) {
      throw_error("25P01", "the transaction of this repository is over");
    }
  }

  std::shared_ptr<Lease> lease;
  std::uint64_t transaction;
  TableStatements statements;
};

inline constexpr std::size_t kStreamRows = 1000;  // read at a time

}  // namespace rowhouse::detail
