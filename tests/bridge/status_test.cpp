#include "bridge/status.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>

namespace rowhouse::bridge {
namespace {

TEST(Status, MapsEverySqliteCodeToASqlstate) {
  struct Row {
    int code;
    const char* sqlstate;
  };
  const Row kRows[] = {{SQLITE_OK, "00000"},
                       {SQLITE_DONE, "00000"},
                       {SQLITE_BUSY, "55P03"},
                       {SQLITE_BUSY_SNAPSHOT, "55P03"},
                       {SQLITE_LOCKED, "55P03"},
                       {SQLITE_INTERRUPT, "57014"},
                       {SQLITE_NOMEM, "53200"},
                       {SQLITE_FULL, "53100"},
                       {SQLITE_IOERR_READ, "58030"},
                       {SQLITE_CANTOPEN_ISDIR, "58P01"},
                       {SQLITE_READONLY_ROLLBACK, "25006"},
                       {SQLITE_CORRUPT, "22P04"},
                       {SQLITE_CORRUPT_INDEX, "22P04"},
                       {SQLITE_NOTADB, "22P04"},
                       {SQLITE_TOOBIG, "54000"},
                       {SQLITE_CONSTRAINT_UNIQUE, "23505"},
                       {SQLITE_CONSTRAINT_NOTNULL, "23502"},
                       {SQLITE_CONSTRAINT_FOREIGNKEY, "23503"},
                       {SQLITE_CONSTRAINT_CHECK, "23514"},
                       {SQLITE_CONSTRAINT_TRIGGER, "23000"},
                       {SQLITE_ERROR, "XX000"},
                       {12345678, "XX000"}};
  for (const Row& row : kRows) EXPECT_STREQ(sqlstate_of(row.code), row.sqlstate) << row.code;
}

TEST(Status, IsOkForSuccessAlone) {
  EXPECT_TRUE(Status{}.ok());
  EXPECT_FALSE((Status{"22P04", "x"}.ok()));
  Result<int> good(7), bad(Status{"55P03", "busy"});
  EXPECT_EQ(good.value(), 7);
  EXPECT_FALSE(bad.ok());
  EXPECT_EQ(bad.status().message, "busy");
}

}  // namespace
}  // namespace rowhouse::bridge
