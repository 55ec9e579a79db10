#pragma once

#include <string>
#include <vector>

#include "bridge/ddl.hpp"
#include "postgres_connection.hpp"
#include "rowhouse/migration.hpp"

namespace rowhouse::detail {

// Checks and foreign keys that rowhouse makes of those in the files. Foreign keys are away while rows are sent, for
// these come by table and chunk: a row may arrive before the one that it refers to.
class Constraints {
 public:
  Constraints(PostgresConnection& connection, const bridge::Plan& plan, const MigrationOptions& options)
      : connection_(connection), plan_(plan), options_(options) {}

  // Takes away the foreign keys that an earlier run made on tables of the plan. To be called before the first row is
  // sent, outside of a transaction; a run that sends nothing need not.
  void suspend();
  // Makes checks and foreign keys after the load and the indexes; says what could not be made.
  std::vector<std::string> finish();

 private:
  std::string lock(const char* function) const;
  bool exists(const std::string& table, const std::string& name) const;
  bool try_run(const std::string& sql, std::string& why);
  void add_check(const bridge::ConstraintSql& check, std::vector<std::string>& notes);
  void add_foreign_key(const bridge::ConstraintSql& key, std::vector<std::string>& notes);

  PostgresConnection& connection_;
  const bridge::Plan& plan_;
  const MigrationOptions& options_;
  std::vector<bridge::ConstraintSql> suspended_;
  bool sending_ = false;
};

// Within a load's transaction: rows to come get no number that a copied row has, nor one that the file has used up.
void move_identity(PostgresConnection& connection, const bridge::TablePlan& table, const std::string& schema,
                   const std::string& tenant);

}  // namespace rowhouse::detail
