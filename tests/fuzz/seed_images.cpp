#include "tests/fuzz/seed_images.hpp"

#include <sqlite3.h>

#include <cstdio>
#include <cstdlib>

namespace rowhouse::fuzz {
namespace {

struct Script {
  const char* name;
  const char* sql;
};

constexpr Script kScripts[] = {
    {"types",
     "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT NOT NULL, b REAL, c BOOLEAN, d BLOB, e DATE, f DATETIME, g JSON,"
     "  h NUMERIC(10,2), i);"
     "CREATE UNIQUE INDEX u ON t(a); CREATE INDEX p ON t(b) WHERE c; CREATE INDEX x ON t(lower(a));"
     "INSERT INTO t VALUES (1, 'one', 1.5, 1, x'00ff', '2024-02-29', '2024-02-29T10:00:00Z', '{\"a\": [1]}', 1.25, 1),"
     "  (2, 'deux é', -1e300, 'true', x'', '2000-01-01', '1999-12-31 23:59:59.5', 'null', 9007199254740993, 'x'),"
     "  (-3, '', 9e999, NULL, NULL, NULL, NULL, NULL, NULL, x'01')"},
    {"keys",
     "CREATE TABLE w(a TEXT, b INTEGER, c, PRIMARY KEY(b, a)) WITHOUT ROWID; INSERT INTO w VALUES ('x', 1, 2), ('y', "
     "0, 3);"
     "CREATE TABLE n(a PRIMARY KEY); INSERT INTO n VALUES (NULL), (NULL), ('z');"
     "CREATE TABLE h(rowid, oid, _rowid_); INSERT INTO h VALUES (1, 2, 3);"
     "CREATE TABLE g(a, b AS (a * 2), c TEXT AS (a || 'x') STORED); INSERT INTO g VALUES (1), (2);"
     "CREATE TABLE s(a INT, b ANY) STRICT; INSERT INTO s VALUES (1, 'x')"},
    {"objects",
     "CREATE TABLE integrated_objects(id INTEGER PRIMARY KEY AUTOINCREMENT, original_id TEXT, company_id TEXT,"
     "  platform TEXT, object_type TEXT, original_data TEXT, metadata TEXT, updated_at TEXT,"
     "  UNIQUE(company_id, platform, object_type, original_id));"
     "INSERT INTO integrated_objects VALUES (1, '1', 'acme', NULL, 't', '{}', '{}', '2024-01-01 10:00:00'),"
     "  (2, '1', 'acme', NULL, 't', '{\"a\": \"\\u0000\"}', NULL, '2024-01-01T11:00:00Z'),"
     "  (3, '2', 'globex', 'x', 't', 'no', NULL, 'soon')"},
    {"overflow",
     "PRAGMA page_size=512; CREATE TABLE t(a, b); CREATE INDEX i ON t(a);"
     "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 40)"
     "INSERT INTO t SELECT printf('%0*d', i * 37, i), zeroblob(i * 20) FROM n; DELETE FROM t WHERE rowid % 7 = 0"},
    {"virtual",
     "PRAGMA page_size=512; CREATE VIRTUAL TABLE f USING fts5(a, b); INSERT INTO f VALUES ('one two', 'three');"
     "CREATE VIRTUAL TABLE o USING fts4(x); INSERT INTO o VALUES ('old'); CREATE VIRTUAL TABLE r USING rtree(id, a, b);"
     "INSERT INTO r VALUES (1, 2, 3); CREATE VIEW v AS SELECT * FROM f; CREATE TABLE t(a);"
     "CREATE TRIGGER z AFTER INSERT ON t BEGIN DELETE FROM t; END"},
    {"utf16",
     "PRAGMA encoding='UTF-16le'; CREATE TABLE \"tâble\"(\"é\" TEXT, d DATETIME); "
     "INSERT INTO \"tâble\" VALUES ('\U0001F600', '2024-01-01')"},
    {"wal",
     "PRAGMA journal_mode=WAL; CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'y')"},
};

}  // namespace

std::string image_of(const std::string& sql) {
  sqlite3* connection = nullptr;
  char path[] = "/tmp/rowhouse-seed-XXXXXX";
  const int descriptor = ::mkstemp(path);
  if (descriptor < 0 || sqlite3_open(path, &connection) != SQLITE_OK ||
      sqlite3_exec(connection, ("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;" + sql).c_str(), nullptr,
                   nullptr, nullptr) != SQLITE_OK) {
    std::fprintf(stderr, "seed: %s\n", sqlite3_errmsg(connection));
    std::abort();
  }
  sqlite3_close(connection);
  std::string bytes;
  std::FILE* file = ::fdopen(descriptor, "rb");
  char block[4096];
  while (const std::size_t n = std::fread(block, 1, sizeof block, file)) bytes.append(block, n);
  std::fclose(file);
  std::remove(path);
  return bytes;
}

std::vector<SeedImage> seed_images() {
  std::vector<SeedImage> images;
  for (const Script& script : kScripts) images.push_back({script.name, image_of(script.sql)});
  return images;
}

}  // namespace rowhouse::fuzz
