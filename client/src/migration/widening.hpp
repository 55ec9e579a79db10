#pragma once

#include "bridge/ddl.hpp"
#include "migration/target_tables.hpp"

namespace rowhouse::detail {

// A column that is to have another type.
struct Alteration {
  std::string table;  // qualified and quoted
  std::string column;
  bridge::PgType from, to;
  bool chosen = false;
};

// What comes behind ALTER TABLE.
std::string alter_sql(const Alteration& alteration);
// Why a column with `wider` set is not widened, as far as the plan tells; empty where it is.
std::string why_not_widened(const bridge::TablePlan& table, const bridge::ColumnPlan& column);
// Throws 42804 with the statement to run, if nothing else is to be done.
[[noreturn]] void refuse_to_alter(const Alteration& alteration, const std::string& why, const std::string& hint = "");

// Gives the columns whose plan says `wider` that type, together with those that refer to them, and notes what was done.
// Rows that were as the ledger says stay so, although the server writes them anew, and are known by keys of the new
// types; those that were changed in PostgreSQL stay changed. Where a conversion does not give values the form that a
// copy would, the ledger forgets what the files had in these rows, so that they are sent again. In make_tables()'
// transaction. Throws 42804, with the statement to run, where it is not for rowhouse to do: in a table that others
// made, in a key whose values would have another form than a copy's, in a column that a view or foreign key of others
// needs as it is, or for a type that does not hold what may be there.
void widen_columns(PostgresConnection& connection, bridge::Plan& plan, const bridge::DdlOptions& ddl,
                   TableChanges& changes);

}  // namespace rowhouse::detail
