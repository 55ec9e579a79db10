#pragma once

#include <string>
#include <vector>

#include "bridge/ddl.hpp"
#include "migration/round_trip.hpp"
#include "rowhouse/migration.hpp"

namespace rowhouse::detail {

// The comment of a constraint that a run made: what others made is left alone.
inline constexpr const char* kMadeFromSqlite = "from SQLite";

// Checks and foreign keys that rowhouse makes of those in the files. A foreign key stays in force while rows are sent,
// unless rows come that it refuses: these come by table and chunk, so that a row may arrive before the one that it refers
// to, and SQLite keeps rows that refer to none. Not thread-safe.
class Constraints {
 public:
  // `run` is the run's name; `resumes`: an earlier one was cut off, perhaps between making a constraint and validating it.
  Constraints(PostgresConnection& connection, const bridge::Plan& plan, const MigrationOptions& options,
              const std::string& run, bool resumes)
      : connection_(connection), plan_(plan), options_(options), run_(run), resumes_(resumes) {}

  // To be called before the first row is sent, outside of a transaction.
  void begin_sending();
  // Takes a foreign key away until finish(); false when it is none of rowhouse's.
  bool suspend(const std::string& table, const std::string& name);
  // Takes away the foreign keys that would change or delete rows on their own when rows of these tables go.
  void suspend_actions_on(const std::vector<std::string>& tables);
  // Makes checks and foreign keys after the load and the indexes; `notes` say what could not be made. False when foreign
  // keys are left to a later run, for another one sends rows.
  bool finish(std::vector<std::string>& notes);

 private:
  std::string lock(const char* function) const;
  void take_away(const PostgresResult& keys);
  enum class Presence { kAbsent, kNotValid, kValid };
  Presence presence(const std::string& table, const std::string& name) const;
  bool try_run(const std::string& sql, std::string& why);
  bool add(const bridge::ConstraintSql& constraint, std::string& why);
  void make_check(const bridge::ConstraintSql& check, std::vector<std::string>& notes);
  void make_foreign_key(const bridge::ConstraintSql& key, std::vector<std::string>& notes);

  PostgresConnection& connection_;
  const bridge::Plan& plan_;
  const MigrationOptions& options_;
  const std::string& run_;
  const bool resumes_;
  std::vector<bridge::ConstraintSql> suspended_;
  bool sending_ = false;
};

// Within a load's transaction: rows to come get no number that a copied row has, nor one that the file has used up.
void move_identity(RoundTrip& trip, const bridge::TablePlan& table, const std::string& schema,
                   const std::string& tenant);

}  // namespace rowhouse::detail
