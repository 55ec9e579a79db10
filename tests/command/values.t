#!/bin/bash
# Text that PostgreSQL can't hold: set aside, or changed as the user says, counted, and verified by the same rule.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
new_database "$topic"
sqlite acme_freshdesk_data.db "
  CREATE TABLE word (id INTEGER PRIMARY KEY, t TEXT, code TEXT UNIQUE);
  INSERT INTO word VALUES (1, 'good', 'a'), (2, CAST(x'610062' AS TEXT), 'b'), (3, CAST(x'ff41' AS TEXT), 'c'),
    (4, CAST(x'00ff' AS TEXT), CAST(x'6400' AS TEXT));
  CREATE TABLE named (k TEXT PRIMARY KEY, v INTEGER) WITHOUT ROWID;
  INSERT INTO named VALUES (CAST(x'6b00' AS TEXT), 1), ('l', 2);
  CREATE TABLE integrated_objects (id INTEGER PRIMARY KEY, original_id TEXT, company_id TEXT, object_type TEXT,
    original_data TEXT, metadata TEXT, created_at TEXT, updated_at TEXT);
  INSERT INTO integrated_objects VALUES
    (1, '1', 'acme', 'ticket', '{\"s\": \"a\\u0000b \\\\u0000\"}', '{\"h\": \"\\ud83d!\"}', '2024-01-01', '2024-01-01'),
    (2, CAST(x'3200' AS TEXT), 'acme', 'ticket', '{}', NULL, '2024-01-01', '2024-01-01')"

# by_policy NAME COPIED REJECTED REPAIRED OPTION...: migrates into a new database and verifies.
by_policy() {
  new_database "$topic-${1// /-}"
  succeeds "$1: migrate" migrate "$data" --to "$url" --json "${@:5}"
  is "$(json '[.tables[] | .rows] | add') $(json '[.tables[] | .rejected] | add') $(json '[.tables[] | .repaired] | add')" \
    "$2 $3 $4" "$1: rows copied, rejected, values changed"
  succeeds "$1: verify by the same policy" verify "$data" --to "$url" "${@:5}"
}

by_policy reject 2 6 0
by_policy strip 3 5 1 --on-nul strip
is "$(sql 'SELECT id, t FROM word ORDER BY id')" '1|good
2|ab' 'strip: the NUL is left out'
is "$(sql "SELECT key, encode(value, 'hex'), sqlstate FROM rowhouse.import_reject WHERE source_table = 'word' ORDER BY key")" \
'3|ff41|22021
4|00ff|22021' 'strip: what it does not name is set aside as it was found'
rowhouse verify "$data" --to "$url"
is "$status" 6 'strip: verify without the policy sees what was changed'
by_policy all 6 2 6 --on-nul replace --on-invalid-utf8 replace
is "$(sql 'SELECT id, t, code FROM word ORDER BY id')" '1|good|a
2|a␀b|b
3|�A|c
4|␀�|d␀' 'replace: by U+2400 and U+FFFD'
is "$(sql 'SELECT original_data, metadata FROM integrated_objects')" '{"s": "a␀b \\u0000"}|{"h": "�!"}' 'and the escapes of JSON'
is "$(sql 'SELECT source_table, key, sqlstate FROM rowhouse.import_reject ORDER BY 1')" 'integrated_objects|2|22021
named|["k\u0000"]|22021' 'never in a key'
rowhouse migrate "$data" --to "$url" --on-nul replace --on-invalid-utf8 replace
like "$out" '0 rows copied' 'a second run has nothing to do'
by_policy bytea 4 4 0 --on-invalid-utf8 bytea
is "$(sql 'SELECT id, t FROM word ORDER BY id')" '1|\x676f6f64
2|\x610062
3|\xff41' 'bytea keeps every byte'

# A policy that comes after the fact.
new_database "$topic-later"
succeeds 'migrate without one' migrate "$data" --to "$url" --json
succeeds 'migrate with one' migrate "$data" --to "$url" --on-nul strip --json
is "$(json '.tables[] | select(.table == "word") | [.rows, .present, .rejected] | join(" ")')" '1 1 2' \
  'rows that were set aside come in'
for arguments in '--on-nul drop' '--on-invalid-utf8 strip' '--on-nul'; do
  # shellcheck disable=SC2086  # words
  rowhouse migrate "$data" --to "$url" $arguments
  is "$status" 1 "wrong usage: $arguments"
done
done_testing
