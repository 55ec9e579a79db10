#include "bridge/status.hpp"

#include <sqlite3.h>

namespace rowhouse::bridge {

const char* sqlstate_of(int sqlite_code) {
  switch (sqlite_code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
      return "23505";
    case SQLITE_CONSTRAINT_NOTNULL:
      return "23502";
    case SQLITE_CONSTRAINT_FOREIGNKEY:
      return "23503";
    case SQLITE_CONSTRAINT_CHECK:
      return "23514";
    default:
      break;
  }
  switch (sqlite_code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
      return "00000";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "55P03";
    case SQLITE_INTERRUPT:
      return "57014";
    case SQLITE_NOMEM:
      return "53200";
    case SQLITE_FULL:
      return "53100";
    case SQLITE_IOERR:
      return "58030";
    case SQLITE_CANTOPEN:
      return "58P01";
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return "42501";
    case SQLITE_READONLY:
      return "25006";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
      return "22P04";
    case SQLITE_TOOBIG:
      return "54000";
    case SQLITE_CONSTRAINT:
      return "23000";
    case SQLITE_MISMATCH:
      return "42804";
    case SQLITE_SCHEMA:
      return "55000";
    default:
      return "XX000";
  }
}

}  // namespace rowhouse::bridge
