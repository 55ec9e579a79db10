#pragma once

#include <deque>
#include <string>
#include <vector>

#include "bridge/plan.hpp"
#include "postgres_connection.hpp"

namespace rowhouse::detail {

// Foreign keys ask for one type on both sides: a column that refers to one that becomes wider becomes as wide. Sets
// `wider` in such columns of the plan, as far as rowhouse's own foreign keys lead; tables that the plan lacks are
// returned, as they are there.
std::deque<bridge::TablePlan> widen_referring(PostgresConnection& connection, bridge::Plan& plan,
                                              const std::string& schema);

// Foreign keys of rowhouse's that are away while columns of theirs get another type.
class ForeignKeysAside {
 public:
  explicit ForeignKeysAside(PostgresConnection& connection) : connection_(connection) {}

  // Those that the column is a part of, on either side.
  void drop(const std::string& table, const std::string& column);
  // Those whose columns have equal types now; the others come back after the load, if ever.
  void make_again();

 private:
  struct Key {
    std::string table, name, definition, from, columns, to, referenced;
  };
  PostgresConnection& connection_;
  std::vector<Key> keys_;
};

// What to do about foreign keys of others that stand in the way; empty where there are none.
std::string remedy_for_foreign_keys(PostgresConnection& connection, const std::string& table,
                                    const std::string& column);

}  // namespace rowhouse::detail
