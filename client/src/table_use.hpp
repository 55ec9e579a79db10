#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rowhouse/error.hpp"
#include "rowhouse/table_statements.hpp"

namespace rowhouse::detail {

inline constexpr std::size_t kStreamRows = 1000;  // read at a time

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

  // The pages of a stream: the first one, and the one that follows these rows.
  Statement first_page(const std::vector<Condition>& conditions) const {
    return statements.select(conditions, RowOrder::kKey, kStreamRows, std::nullopt);
  }
  Statement page_after(const Result& rows, const std::vector<Condition>& conditions) const {
    const PageKey last = statements.page_key(rows[rows.size() - 1], RowOrder::kKey);
    return statements.select(conditions, RowOrder::kKey, kStreamRows, last);
  }

  std::shared_ptr<Lease> lease;
  std::uint64_t transaction;
  TableStatements statements;
};

}  // namespace rowhouse::detail
