#include "migration/constraints.hpp"

#include <algorithm>

#include "migration/source_files.hpp"

namespace rowhouse::detail {
namespace {

std::string mark_sql(const std::string& schema, const bridge::ConstraintSql& constraint) {
  return "COMMENT ON CONSTRAINT " + bridge::quote_identifier(constraint.name) + " ON " +
         bridge::quote_qualified(schema, constraint.table) + " IS " + bridge::quote_literal(kMadeFromSqlite);
}

}  // namespace

// One lock for a schema: shared by the runs that send rows, whole for the one that makes foreign keys.
std::string Constraints::lock(const char* function) const {
  const PostgresResult result = connection_.execute(
      "SELECT pg_catalog." + std::string(function) + "(pg_catalog.hashtextextended('rowhouse.constraints.' || $1, 0))",
      {options_.schema});
  return result.text(0, 0);
}

void Constraints::begin_sending() {
  if (!sending_) lock("pg_advisory_lock_shared");
  sending_ = true;
}

namespace {

// Foreign keys of rowhouse's: schema, table, name, definition.
std::string keys_sql(const std::string& condition) {
  return "SELECT n.nspname, c.relname, k.conname, pg_catalog.pg_get_constraintdef(k.oid) "
         "FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid "
         "JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE k.contype = 'f' "
         "AND pg_catalog.obj_description(k.oid, 'pg_constraint') = '" +
         std::string(kMadeFromSqlite) + "' AND " + condition + " ORDER BY k.conname";
}

}  // namespace

bool Constraints::suspend(const std::string& table, const std::string& name) {
  const PostgresResult keys = connection_.execute(
      keys_sql("k.conrelid = pg_catalog.to_regclass($1) AND k.conname = $2"), {table, name});
  take_away(keys);
  return keys.rows() > 0 || std::any_of(suspended_.begin(), suspended_.end(), [&](const bridge::ConstraintSql& key) {
           return key.name == name && bridge::quote_qualified(options_.schema, key.table) == table;
         });
}

void Constraints::suspend_actions_on(const std::vector<std::string>& tables) {
  for (const std::string& table : tables)
    take_away(connection_.execute(
        keys_sql("k.confrelid = pg_catalog.to_regclass($1) AND k.confdeltype IN ('c', 'n', 'd')"), {table}));
}

void Constraints::take_away(const PostgresResult& keys) {
  for (std::size_t i = 0; i < keys.rows(); ++i) {
    const std::string table(keys.value(i, 1).value_or("")), name(keys.value(i, 2).value_or(""));
    std::string definition(keys.value(i, 3).value_or(""));
    if (!definition.ends_with(" NOT VALID")) definition += " NOT VALID";
    const std::string alter =
        "ALTER TABLE " + bridge::quote_qualified(keys.text(i, 0), table);
    const std::string quoted = bridge::quote_identifier(name);
    connection_.begin();
    try {
      // Files that know of the key: should this run be cut off, the next one makes it again.
      connection_.execute("UPDATE rowhouse.import_table SET unfinished = $1 WHERE target_schema = $2 AND target_table = $3",
                          {run_, keys.value(i, 0), table});
      connection_.execute(alter + " DROP CONSTRAINT IF EXISTS " + quoted);
      connection_.commit();
    } catch (...) {
      connection_.rollback();
      throw;
    }
    suspended_.push_back({name, table, alter + " ADD CONSTRAINT " + quoted + " " + definition,
                          alter + " VALIDATE CONSTRAINT " + quoted});
  }
}

Constraints::Presence Constraints::presence(const std::string& table, const std::string& name) const {
  const PostgresResult found = connection_.execute(
      "SELECT convalidated FROM pg_catalog.pg_constraint "
      "WHERE conrelid = pg_catalog.to_regclass($1) AND conname = $2",
      {bridge::quote_qualified(options_.schema, table), name});
  if (found.rows() == 0) return Presence::kAbsent;
  return found.value(0, 0) == "t" ? Presence::kValid : Presence::kNotValid;
}

bool Constraints::try_run(const std::string& sql, std::string& why) {
  check_interrupted(options_);
  try {
    connection_.execute(sql);
    return true;
  } catch (const Error& error) {
    if (ends_the_run(error)) throw;
    why = error.what();
    return false;
  }
}

// Never there without its mark.
bool Constraints::add(const bridge::ConstraintSql& constraint, std::string& why) {
  connection_.begin();
  std::string ignored;
  if (try_run(constraint.add, why) && try_run(mark_sql(options_.schema, constraint), why)) {
    connection_.commit();
    return true;
  }
  connection_.rollback();
  return false;
}

// A check that not every row passes would refuse rows of a file that SQLite has kept: it is left out.
void Constraints::make_check(const bridge::ConstraintSql& check, std::vector<std::string>& notes) {
  std::string why, ignored;
  const Presence there = presence(check.table, check.name);
  if (there == Presence::kValid) return;
  if (there == Presence::kAbsent && !add(check, why)) {
    notes.push_back("table \"" + check.table + "\": a check could not be made: " + why);
    return;
  }
  if (try_run(check.validate, why)) return;
  try_run("ALTER TABLE " + bridge::quote_qualified(options_.schema, check.table) + " DROP CONSTRAINT " +
              bridge::quote_identifier(check.name),
          ignored);
  notes.push_back("table \"" + check.table + "\": a check is left out, not every row passes it: " + why);
}

void Constraints::make_foreign_key(const bridge::ConstraintSql& key, std::vector<std::string>& notes) {
  std::string why;
  if (presence(key.table, key.name) == Presence::kAbsent && !add(key, why)) {
    notes.push_back("table \"" + key.table + "\": a foreign key could not be made: " + why);
    return;
  }
  if (!try_run(key.validate, why))
    notes.push_back("table \"" + key.table + "\": foreign key \"" + key.name +
                    "\" binds new rows only (NOT VALID), some rows refer to rows that are not there");
}

bool Constraints::finish(std::vector<std::string>& notes) {
  bridge::DdlOptions ddl;
  ddl.schema = options_.schema;
  ddl.columns_set_null = connection_.server_version() >= 150000;
  std::vector<bridge::ConstraintSql> keys;
  for (const bridge::TablePlan& table : plan_.tables) {
    for (const bridge::ConstraintSql& check : bridge::check_sql(table, ddl)) make_check(check, notes);
    for (bridge::ConstraintSql& key : bridge::foreign_key_sql(table, ddl)) keys.push_back(std::move(key));
  }
  keys.insert(keys.end(), suspended_.begin(), suspended_.end());
  suspended_.clear();
  // One that some rows do not pass stays NOT VALID: to try that anew each time would cost a read of its table.
  const auto is_there = [&](const bridge::ConstraintSql& key) {
    const Presence there = presence(key.table, key.name);
    return there == Presence::kValid || (there == Presence::kNotValid && !resumes_);
  };
  keys.erase(std::remove_if(keys.begin(), keys.end(), is_there), keys.end());
  if (sending_) lock("pg_advisory_unlock_shared");
  sending_ = false;
  if (keys.empty()) return true;
  if (lock("pg_try_advisory_lock") != "t") {
    notes.push_back("another run is sending rows: foreign keys are made by the next run");
    return false;
  }
  for (const bridge::ConstraintSql& key : keys) {
    if (!is_there(key)) make_foreign_key(key, notes);
  }
  lock("pg_advisory_unlock");
  return true;
}

// Another one may move the same sequence, and would see it where it was: one after the other.
void move_identity(RoundTrip& trip, const bridge::TablePlan& table, const std::string& schema,
                   const std::string& tenant) {
  const bridge::ColumnPlan* identity = table.identity();
  if (!identity && !table.integrated_objects) return;
  if (identity && identity->type != bridge::PgType::bigint) return;
  const std::string column = identity ? identity->name : "id";
  const std::string target = bridge::quote_qualified(schema, table.name);
  const std::string set =
      "SELECT pg_catalog.setval(s.name::regclass, greatest(copied.id, pg_catalog.pg_sequence_last_value(s.name), "
      "$3::bigint, 1)) FROM (SELECT pg_catalog.pg_get_serial_sequence($1, $2) AS name) AS s, (SELECT max(" +
      bridge::quote_identifier(column) + ") AS id FROM " + target + " WHERE " +
      bridge::quote_identifier(table.tenant_column) + " = $4) AS copied WHERE s.name IS NOT NULL";
  trip.add("SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('rowhouse.identity.' || $1, 0))",
           {target});
  trip.add(set, {target, column, std::to_string(table.identity_floor), tenant});
}

}  // namespace rowhouse::detail
