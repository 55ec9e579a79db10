#!/bin/bash
# docs/honest-exit.md, line by line: the exit status, the message, and every row accounted for.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
new_database "$topic"
from=("$data" --pattern '{tenant}.db')
sqlite large.db "CREATE TABLE large (a); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
  INSERT INTO large SELECT printf('%0200d', i) FROM n"

# file NAME STATUS PATTERN: what is in bad.db now is refused, nothing of it is kept.
file() {
  rowhouse migrate "$data/bad.db" --tenant bad --to "$url"
  is "$status" "$2" "$1: exit status"
  like "$err" "$3" "$1: says why"
  is "$(sql "SELECT count(*) FROM pg_class WHERE relname IN ('bad', 'large')")" 0 "$1: nothing is made"
  rm -f "$data/bad.db"
}
head -c 5000 /dev/urandom >"$data/bad.db"
file 'not a database' 4 'bad.db. is not a SQLite database, or it is encrypted \[22P04\]'
head -c 100000 "$data/large.db" >"$data/bad.db"
file 'cut short' 4 '(is damaged|malformed).*\[22P04\]'
sqlite bad.db "CREATE TABLE bad (a); INSERT INTO bad VALUES (1); PRAGMA writable_schema = ON" \
  && sqlite3 "$data/bad.db" '.dbconfig defensive off' 'PRAGMA writable_schema = ON' "UPDATE sqlite_schema SET sql = 'CREATE TABLE bad (a'" >/dev/null
file 'a bad schema' 4 'malformed database schema.*\[22P04\]'
cp "$data/large.db" "$data/bad.db"
dd if=/dev/urandom of="$data/bad.db" bs=4096 seek=50 count=1 conv=notrunc status=none
file 'one bad page' 4 '(is damaged|malformed).*\[22P04\]'
: >"$data/bad.db"
file 'no bytes' 4 'is empty.*\[22P04\]'
sqlite bad.db "CREATE TABLE bad (a$(printf ', c%d' {1..1700}))"
file 'too many columns' 4 'has too many columns.*\[54011\]'
rm "$data/large.db"

# value NAME DECLARED VALUES WANTED [REJECTS]: rows that are kept, as PostgreSQL shows them, and how many are set aside.
value() {
  local table=v$((values = ${values:-0} + 1))
  sqlite "$table.db" "CREATE TABLE $table (id INTEGER PRIMARY KEY, v $2); INSERT INTO $table (v) VALUES $3"
  rowhouse migrate "$data/$table.db" --tenant "$table" --to "$url" --json
  is "$status $(json '.tables[0] | "\(.rejected)"') $(sql "SELECT string_agg(v::text, ' ' ORDER BY id) FROM $table")" "0 ${5:-0} $4" "$1"
}
value 'not UTF-8' TEXT "('good'), (CAST(x'63e9' AS TEXT)), ('end')" 'good end' 1
value 'NUL in text' TEXT "('a' || char(0) || 'b'), ('c')" 'c' 1
value 'text among integers' INTEGER "(1), ('n/a'), (3)" '1 n/a 3'
value 'half among integers' INTEGER '(1), (1.5)' '1 1.5'
value 'the largest integer' INTEGER '(9223372036854775807), (-9223372036854775808)' '9223372036854775807 -9223372036854775808'
value 'all digits of a real' REAL '(0.802265061168184)' 0.802265061168184
value 'infinity' REAL '(9e999), (-9e999)' 'Infinity -Infinity'
value 'text among blobs' BLOB "('text'), (x'00')" '\x74657874 \x00'
value 'two as a boolean' BOOLEAN '(1), (2)' '1 2'
value 'a word as a boolean' BOOLEAN "(1), ('maybe')" '1 maybe'
value 'dates that are none' DATE "('2024-01-01'), (''), ('0000-00-00'), (1704164645)" '2024-01-01  0000-00-00 1704164645'
value 'JSON that jsonb refuses' JSON "('{}'), ('{no'), ('\"\\u0000\"')" '{} {no "\u0000"'
for type in '"VARCHAR(MAX)"' ANY INT2 INTEGE POINT '"x) SERVER s --"' ''; do value "declared as $type" "$type" "(1), ('x')" '1 x'; done

sqlite schema.db "CREATE TABLE \"it's \"\"quoted\"\"\" (a INT, b AS (a * 2)); CREATE INDEX i ON \"it's \"\"quoted\"\"\" (abs(a) + 1);
  INSERT INTO \"it's \"\"quoted\"\"\" VALUES (1), (2); CREATE VIRTUAL TABLE words USING fts5 (body); INSERT INTO words VALUES ('one'), ('two')"
succeeds 'names with quotes, expressions, generated columns, full text' migrate "$data/schema.db" --tenant schema --to "$url" --json
is "$(json '[.tables[] | "\(.source_table) \(.rows)"] | join(", ")')" "it's \"quoted\" 2, words 2" 'the rows that there are, and no shadow'
is "$(sql "SELECT string_agg(b::text, ' ' ORDER BY a) FROM \"it's \"\"quoted\"\"\"")" '2 4' 'with what was computed'

sqlite taken.db 'CREATE TABLE taken (a); INSERT INTO taken VALUES (1)'
sql 'CREATE VIEW taken AS SELECT 1 AS a' >/dev/null
rowhouse migrate "$data/taken.db" --tenant taken --to "$url" --json
is "$status $(sql 'SELECT count(*) FROM taken')" '0 1' 'a view under the name: exit status, and it is left alone'
done_testing
