#include "bridge/orphans.hpp"

#include "bridge/statement.hpp"

namespace rowhouse::bridge {

Status find_orphans(const Source& source, TableProfile& profile) {
  if (profile.table->foreign_keys.empty()) return {};
  Statement owned;
  int code = prepare(source.connection(),
                     "SELECT fkid, count(*), min(rowid) FROM pragma_foreign_key_check(?1) GROUP BY fkid", owned);
  sqlite3_stmt* const statement = owned.get();
  if (code == SQLITE_OK)
    code = sqlite3_bind_text(statement, 1, profile.table->name.c_str(), -1, SQLITE_TRANSIENT);
  while (code == SQLITE_OK || code == SQLITE_ROW) {
    if ((code = sqlite3_step(statement)) != SQLITE_ROW) break;
    Orphans orphans;
    orphans.foreign_key = static_cast<std::size_t>(sqlite3_column_int64(statement, 0));
    orphans.rows = sqlite3_column_int64(statement, 1);
    if (sqlite3_column_type(statement, 2) != SQLITE_NULL && !profile.table->rowid_hidden)
      orphans.key = std::to_string(sqlite3_column_int64(statement, 2));
    if (orphans.foreign_key < profile.table->foreign_keys.size()) profile.orphans.push_back(std::move(orphans));
  }
  Status status;
  if (code == SQLITE_ERROR) {  // "foreign key mismatch"
    profile.orphans.clear();
  } else if (code != SQLITE_DONE) {
    status = source.failure(code, "check the foreign keys of table \"" + profile.table->name + "\"");
  }
  return status;
}

}  // namespace rowhouse::bridge
