#!/bin/bash
# One tenant back into a SQLite file: what was migrated comes out with its names, types and keys, and migrates again
# without a difference.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
exports=$work/exports
mkdir "$exports"

# Everything in a file that has an order of its own: schema, then rows with their storage classes.
dump_file() { sqlite3 -readonly "$1" .dump; }

# round_trip NAME TENANT FILE: of what was migrated to $url, exported, migrated into an empty database, verified.
round_trip() {
  local name=$1 tenant=$2 file=$3 first=$url first_database=$database again
  succeeds "$name: export" export --from "$url" --tenant "$tenant" "$exports/$name.db" --quiet
  is "$(sqlite3 -readonly "$exports/$name.db" 'PRAGMA integrity_check')" ok "$name: the file is sound"
  is "$(sqlite3 -readonly "$exports/$name.db" "SELECT type, name, sql FROM sqlite_schema WHERE type <> 'view' AND type <> 'trigger' ORDER BY name")" \
    "$(sqlite3 -readonly "$file" "SELECT type, name, sql FROM sqlite_schema WHERE type <> 'view' AND type <> 'trigger' ORDER BY name")" "$name: its schema is that of the source"
  new_database "$topic-$name-again"
  again=$url
  succeeds "$name: what was exported migrates" migrate "$exports/$name.db" --tenant "$tenant" --to "$again" --json
  is "$(json '[.tables[].rejected] | add')" 0 "$name: without a reject"
  succeeds "$name: and is equal" verify "$exports/$name.db" --tenant "$tenant" --to "$again" --quiet
  url=$first database=$first_database
}

"${ROWHOUSE%/client/cli/rowhouse}/tests/data/make_helpdesk_files" "$data" >/dev/null
new_database "$topic"
succeeds 'migrate the helpdesk files' migrate "$data" --to "$url" --pattern '{tenant}_freshdesk_data.db' --pattern '{tenant}_data.db' --quiet
for file in "$data"/*.db; do
  tenant=$(basename "$file" .db) tenant=${tenant%_data} tenant=${tenant%_freshdesk}
  round_trip "$tenant" "$tenant" "$file"
  succeeds "$tenant: the old file is compared with the new database" export --from "$url" --tenant "$tenant" "$exports/$tenant.db" --overwrite --json
  is "$(json '[.tables[].rejected] | add')" "$(sql "SELECT count(*) FROM rowhouse.import_reject WHERE tenant = '$tenant'")" \
    "$tenant: what was set aside is counted"
done

# Odd types, keys and names: the dump of the export is the dump of the source.
sqlite odd_freshdesk_data.db "
  CREATE TABLE plain (a INTEGER, b REAL, c TEXT, d BLOB, e NUMERIC, f BOOLEAN, g DATE, h TIMESTAMP, i);
  INSERT INTO plain (rowid, a, b, c, d, e, f, g, h, i) VALUES
    (7, -9223372036854775808, 1e300, 'a' || char(10) || 'b' || char(9) || '\\N', x'00ff', 0.1, 1, '2024-02-29', '2024-01-01 10:00:00.5', 'x'),
    (9, 9223372036854775807, 5e-324, '', x'', 12345678901234, 0, '0001-01-01', '9999-12-31 23:59:59', '007'),
    (90000000000, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (90000000001, 0, -0.5, '\"', x'61', -1, 1, '2024-01-01', '2024-01-01 00:00:00', '5');
  CREATE TABLE mixed (id INTEGER PRIMARY KEY, n INTEGER, t TEXT, b NUMERIC);
  INSERT INTO mixed VALUES (1, 1, 'one', x'616263'), (2, 'two', '2', x'ff'), (3, 1.5, 'x', x'39');
  CREATE TABLE \"key\" (b TEXT, a INTEGER, v ANY, PRIMARY KEY (b COLLATE NOCASE, a)) WITHOUT ROWID;
  INSERT INTO \"key\" VALUES ('b', 1, 'x'), ('a', 2, 'y');
  CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, parent INTEGER REFERENCES counted (id), t TEXT UNIQUE, CHECK (t <> 'z'));
  INSERT INTO counted VALUES (1, NULL, 'a'), (2, 1, 'b'), (50, 1, 'c'); DELETE FROM counted WHERE id = 50;
  CREATE TABLE emptied (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO emptied VALUES (9); DELETE FROM emptied;
  CREATE TABLE \"We\"\"ird na'me; -- x\" (\"select\" TEXT, \"a b\" INT, \"ROWID\" TEXT);
  INSERT INTO \"We\"\"ird na'me; -- x\" (_rowid_, \"select\", \"a b\", \"ROWID\") VALUES (3, 's', 1, 'r');
  CREATE TABLE made (id INTEGER PRIMARY KEY, w INT, twice INT AS (w * 2) STORED, thrice INT AS (w * 3));
  INSERT INTO made (id, w) VALUES (1, 4);
  CREATE TABLE strict (id INTEGER PRIMARY KEY, r REAL, x ANY) STRICT;
  INSERT INTO strict VALUES (1, 1.0, 'text');
  CREATE TABLE owned (company_id TEXT NOT NULL, id INTEGER, PRIMARY KEY (company_id, id)); INSERT INTO owned VALUES ('odd', 1);
  CREATE INDEX by_n ON mixed (n DESC, lower(t)) WHERE n > 0; CREATE UNIQUE INDEX once ON mixed (t COLLATE NOCASE)"
new_database "$topic-odd"
succeeds 'migrate odd types' migrate "$data/odd_freshdesk_data.db" --to "$url" --quiet
round_trip odd odd "$data/odd_freshdesk_data.db"
is "$(dump_file "$exports/odd.db" | sort)" "$(dump_file "$data/odd_freshdesk_data.db" | sort)" 'odd types: value for value what the source holds'

# Rows changed and made in PostgreSQL.
sql "CREATE TABLE public.note (company_id text, id bigint, at timestamptz, tags text[], price numeric, who uuid, ok boolean, doc jsonb, PRIMARY KEY (company_id, id));
  CREATE TABLE public.hollow (company_id text); SELECT rowhouse.protect('note'), rowhouse.protect('hollow');
  INSERT INTO note VALUES ('odd', 1, '2024-01-01 10:00+02', '{a,b}', 1234567890.12345678901234567890, '6e2cdb6e-0c9f-4a76-a2ac-6b7bd7a9b5a1', true, '{\"a\": 1}');
  SELECT rowhouse.create_tenant('other'); INSERT INTO note VALUES ('other', 1);
  ALTER TABLE mixed ADD COLUMN extra int; UPDATE mixed SET extra = 5 WHERE id = 2;
  UPDATE plain SET e = 0.12345678901234567890 WHERE source_rowid = 7" >/dev/null
succeeds 'export what PostgreSQL has besides' export --from "$url" --tenant odd "$exports/more.db" --json
is "$(json '.tables[] | select(.imported | not) | [.table, .rows] | join(" ")')" 'note 1' 'a table that came from no file comes along where it has rows'
is "$(sqlite3 "$exports/more.db" "SELECT * FROM note; SELECT sql FROM sqlite_schema WHERE name = 'note'")" \
  'odd|1|2024-01-01 08:00:00+00:00|{a,b}|1234567890.12346|6e2cdb6e-0c9f-4a76-a2ac-6b7bd7a9b5a1|1|{"a": 1}
CREATE TABLE "note" ("company_id" TEXT, "id" INTEGER PRIMARY KEY, "at" TIMESTAMP, "tags" TEXT, "price" NUMERIC, "who" TEXT, "ok" BOOLEAN, "doc" JSON)' \
  'with types that fit'
is "$(sqlite3 "$exports/more.db" 'SELECT group_concat(extra) FROM mixed')" 5 'a column that was added has its values'
is "$(json '.notes | length')" 3 'nothing is told of that is no news'
is "$(json '.notes | map(select(test("1 values of column \"(e|price)\""))) | length')" 2 'numbers that SQLite cannot hold are told of'
succeeds 'imported only' export --from "$url" --tenant odd "$exports/imported.db" --imported-only --quiet
is "$(sqlite3 "$exports/imported.db" "SELECT count(*) FROM sqlite_schema WHERE name = 'note'")" 0 'leaves the others out'

# Several files of one tenant.
sqlite one.db 'CREATE TABLE thing (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO thing VALUES (1, 1)'
sqlite two.db 'CREATE TABLE thing (id INTEGER PRIMARY KEY, b TEXT); INSERT INTO thing VALUES (2, 2)'
new_database "$topic-several"
succeeds 'migrate two files of one tenant' migrate "$data/one.db" "$data/two.db" --tenant both --to "$url" --quiet
rowhouse verify "$data/one.db" --tenant both --to "$url" --json
is "$status $(json '.tables[] | [.rows, .unexpected, .elsewhere] | join(" ")')" '0 1 0 1' 'verify of one: rows of the other are no difference'
sql "INSERT INTO thing VALUES ('both', 3, 'x')" >/dev/null
rowhouse verify "$data/one.db" --tenant both --to "$url" --json
is "$status $(json '.tables[] | [.rows, .unexpected, .elsewhere] | join(" ")')" '6 1 1 1' 'a row that nobody brought is one'
sql 'DELETE FROM thing WHERE id = 2' >/dev/null
rowhouse verify "$data/one.db" --tenant both --to "$url" --json
is "$status $(json '.tables[] | [.rows, .unexpected, .elsewhere] | join(" ")')" '6 1 1 0' 'a row of the other that is gone accounts for none'
sql "DELETE FROM thing WHERE id = 3; INSERT INTO thing VALUES ('both', 2, NULL, '2')" >/dev/null
succeeds 'both at a time' verify "$data/one.db" "$data/two.db" --tenant both --to "$url" --jobs 2 --quiet
refuses 'files that do not agree' 2 22023 'several files.*one.db, two.db' export --from "$url" --tenant both "$exports/both.db"
refuses 'a file that was not' 2 22023 'no file "three.db"' export --from "$url" --tenant both --source three.db "$exports/both.db"
succeeds 'one of them' export --from "$url" --tenant both --source two.db "$exports/both.db" --quiet
is "$(sqlite3 "$exports/both.db" 'SELECT * FROM thing ORDER BY id')" '1||1
2|2|' 'with the rows of both'

# Where it may not go, and to whom.
ls "$exports" >"$work/before"
is "$(stat -c %a "$exports/both.db")" 600 'only its owner reads the file'
refuses 'a file that is there' 4 58P02 'there already' export --from "$url" --tenant both --source one.db "$exports/both.db"
refuses 'a folder' 4 42809 'is no file' export --from "$url" --tenant both --source one.db "$exports" --overwrite
refuses 'a folder that is not there' 4 58P01 'No such file' export --from "$url" --tenant both --source one.db "$exports/none/x.db"
touch "$exports/used.db-wal"
refuses 'a journal in the way' 4 55006 'used.db-wal' export --from "$url" --tenant both --source one.db "$exports/used.db" --overwrite
rm "$exports/used.db-wal"
refuses 'an unknown tenant' 5 42704 'tenant "nobody" is unknown' export --from "$url" --tenant nobody "$exports/x.db"
sql "SELECT rowhouse.create_tenant('idle')" >/dev/null
refuses 'a tenant without tables' 3 55000 'has no table in schema "public"' export --from "$url" --tenant idle "$exports/x.db"
refuses 'no server' 5 08001 '' export --from postgresql://127.0.0.1:1/x --tenant both "$exports/x.db"
sql "UPDATE rowhouse.import_table SET source_sql = 'ATTACH ''$exports/evil.db'' AS e;'" >/dev/null
succeeds 'a schema that does something else' export --from "$url" --tenant both --source one.db "$exports/evil-schema.db" --json
like "$(json '.notes[0]')" 'not authorized|too many attached' 'is not run'
is "$(sqlite3 "$exports/evil-schema.db" 'SELECT * FROM thing ORDER BY id')" '1|1|
2||2' 'and the rows are there all the same'
sql "SELECT rowhouse.suspend_tenant('both')" >/dev/null
succeeds 'a suspended tenant, by an exempt role' export --from "$url" --tenant both --source one.db "$exports/suspended.db" --quiet
sql 'ALTER TABLE thing ADD CHECK (id > 0); UPDATE thing SET id = 5 WHERE id = 1' >/dev/null
sql "UPDATE rowhouse.import_table SET source_sql = 'CREATE TABLE thing (id INTEGER PRIMARY KEY, a TEXT NOT NULL);' WHERE source = 'one.db'" >/dev/null
refuses 'a row that the file cannot hold' 4 23502 'NOT NULL constraint failed: thing.a' export --from "$url" --tenant both --source one.db "$exports/x.db"
rm "$exports"/{evil-schema,suspended}.db
is "$(ls "$exports")" "$(cat "$work/before")" 'nothing is left of what failed'

# A role that the policies bind exports what it may read.
sql "CREATE ROLE ${topic}_bound LOGIN; SELECT rowhouse.resume_tenant('both'); GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${topic}_bound" >/dev/null
bound=${url/user=*/user=${topic}_bound}
refuses 'a role that may not read the ledger' 5 42501 'import_table' export --from "$bound" --tenant both --source two.db "$exports/x.db"
sql "GRANT SELECT ON rowhouse.import_table, rowhouse.import_reject TO ${topic}_bound" >/dev/null
succeeds 'a bound role' export --from "$bound" --tenant both --source two.db "$exports/bound.db" --quiet
is "$(sqlite3 "$exports/bound.db" 'SELECT count(*) FROM thing')" 2 'sees the tenant that it set'
done_testing
