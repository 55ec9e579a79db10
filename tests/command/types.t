#!/bin/bash
# What SQLite stores arrives as it was: every storage class, mixed columns, the ends of every range, odd names and keys.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
new_database "$topic"
sqlite acme_freshdesk_data.db <<'SQL'
CREATE TABLE class (id INTEGER PRIMARY KEY, i INTEGER, r REAL, t TEXT, b BLOB, flag BOOLEAN, d DATE, at DATETIME, doc JSON, n NUMERIC);
INSERT INTO class VALUES
  (1, 9223372036854775807, 1e308, 'ünïcode 🐘', x'00ff10', 1, '2024-02-29', '2024-02-29 23:59:59.123456', '{"a": [1, null]}', 12),
  (2, -9223372036854775808, -0.0, '', x'', 0, '0001-01-01', '1999-12-31T00:00:00', '"text"', 0.1),
  (3, 0, 5e-324, char(9, 10, 13, 92, 8), x'5c', NULL, '9999-12-31', '2024-01-01 00:00', '3', -1e15),
  (4, NULL, 9e999, '\N', NULL, 1, NULL, NULL, NULL, NULL),
  (5, -1, -9e999, '\.', zeroblob(3), 0, '1970-01-01', '1970-01-01 00:00:00', '[]', 9007199254740993);
CREATE TABLE mixed (id INTEGER PRIMARY KEY, number, huge, word, "any", flag BOOLEAN, d DATE, doc JSON);
INSERT INTO mixed VALUES
  (-5, 1, 9007199254740993, 1, 1, 1, '2024-01-01', '{"a":1}'),
  (0, 2.5, 0.5, 'two', 'two', 'true', 'soon', 'no json'),
  (9007199254740993, NULL, 9e999, 3.0, x'03', 0, NULL, NULL),
  (3, 1e300, NULL, NULL, NULL, NULL, 20240101, '{}');
CREATE TABLE no_key (word TEXT, n INTEGER);
INSERT INTO no_key VALUES ('same', 1), ('same', 1), ('same', 1);
CREATE TABLE by_words (a TEXT, b TEXT, v INTEGER, PRIMARY KEY (b, a)) WITHOUT ROWID;
INSERT INTO by_words VALUES ('x', 'é', 1), ('y', 'é', 2), ('Z', 'z', 3);
CREATE TABLE null_key (k TEXT PRIMARY KEY, v INTEGER);
INSERT INTO null_key VALUES (NULL, 1), (NULL, 2), ('a', 3);
CREATE TABLE "select ""all"" from" ("a b" INTEGER PRIMARY KEY, "ctid" TEXT, "ÄÖ" TEXT, company_id TEXT);
INSERT INTO "select ""all"" from" VALUES (1, 'c', 'ä', 'acme'), (2, 'd', 'ö', 'acme');
CREATE TABLE contact (id INTEGER PRIMARY KEY, company_id TEXT);
INSERT INTO contact VALUES (1, 'a customer''s customer'), (2, NULL);
CREATE TABLE "nothing" (id INTEGER PRIMARY KEY, t TEXT);
CREATE TABLE bad_text (id INTEGER PRIMARY KEY, t TEXT);
INSERT INTO bad_text VALUES (1, 'good'), (2, CAST(x'ff41' AS TEXT)), (3, CAST(x'610062' AS TEXT)), (4, 'good too');
CREATE TABLE computed (a INTEGER, twice INTEGER GENERATED ALWAYS AS (a * 2) STORED);
INSERT INTO computed VALUES (4);
CREATE TABLE settings (company_id TEXT PRIMARY KEY, theme TEXT) WITHOUT ROWID;
INSERT INTO settings VALUES ('acme', 'dark');
CREATE VIEW seen AS SELECT count(*) AS n FROM class;
CREATE TRIGGER fired AFTER INSERT ON class BEGIN SELECT 1; END;
SQL

succeeds 'plan' plan "$data" --json
is "$(json '.tables[] | select(.name == "mixed") | [.columns[] | .name + " " + .type] | join(", ")')" \
  'company_id text, id bigint, number double precision, huge numeric, word text, any bytea, flag boolean, d text, doc text' \
  'what is stored decides'
like "$(json '.notes[]')" 'view "seen" is passed over: PostgreSQL may compute' 'a view that is not translated is named'
like "$(json '.notes[]')" 'trigger "fired" is passed over' 'a trigger is named'
succeeds 'migrate' migrate "$data" --to "$url" --json
is "$(json '[.tables[] | [.source_table, .rows, .rejected] | join(" ")] | sort | join("; ")')" \
  'bad_text 2 2; by_words 3 0; class 5 0; computed 1 0; contact 2 0; mixed 4 0; no_key 3 0; nothing 0 0; null_key 3 0; select "all" from 2 0; settings 1 0' \
  'every row is copied or set aside'
succeeds 'verify' verify "$data" --to "$url"

is "$(sql 'SELECT id, i, r, b, flag, d, at, doc, n FROM class ORDER BY id')" \
'1|9223372036854775807|1e+308|\x00ff10|t|2024-02-29|2024-02-29 23:59:59.123456|{"a": [1, null]}|12
2|-9223372036854775808|0|\x|f|0001-01-01|1999-12-31 00:00:00|"text"|0.1
3|0|5e-324|\x5c||9999-12-31|2024-01-01 00:00:00|3|-1000000000000000
4||Infinity||t||||
5|-1|-Infinity|\x000000|f|1970-01-01|1970-01-01 00:00:00|[]|9007199254740993' 'each class by its type'
is "$(sql "SELECT string_agg(encode(t::bytea, 'hex'), ' ' ORDER BY id) FROM (SELECT id, replace(t, '\\', '\\\\') AS t FROM class) c")" \
  "$(sqlite3 "$data/acme_freshdesk_data.db" "SELECT group_concat(h, ' ') FROM (SELECT lower(hex(t)) AS h FROM class ORDER BY id)")" \
  'text byte by byte'
is "$(sql 'SELECT id, number, huge, word, "any", flag, d, doc FROM mixed ORDER BY id')" \
'-5|1|9007199254740993|1|\x31|t|2024-01-01|{"a":1}
0|2.5|0.5|two|\x74776f|t|soon|no json
3|1e+300|||||20240101|{}
9007199254740993||Infinity|3.0|\x03|f||' 'mixed columns keep every value'
is "$(sql 'SELECT source_rowid, word FROM no_key ORDER BY 1')" '1|same
2|same
3|same' 'equal rows are as many as there were'
is "$(sql 'SELECT "a b", "ctid_", "ÄÖ" FROM "select ""all"" from" ORDER BY 1')" '1|c|ä
2|d|ö' 'odd names'
is "$(sql 'SELECT id, company_id, source_company_id FROM contact ORDER BY id')" "1|acme|a customer's customer
2|acme|" 'a column that is called like the tenant'\''s is kept beside it'
is "$(sql 'SELECT source_rowid, k, v FROM null_key ORDER BY 1')" '1||1
2||2
3|a|3' 'NULL in a primary key'
is "$(sql 'SELECT a, twice FROM computed')" '4|8' 'a generated column is kept as a value'
is "$(sql 'SELECT source_table, key, column_name, storage_class, value, sqlstate, reason FROM rowhouse.import_reject ORDER BY id')" \
'bad_text|2|t|text|\xff41|22021|the text is not valid UTF-8
bad_text|3|t|text|\x610062|22021|the text holds a NUL character, which PostgreSQL'\''s text can'\''t' \
  'what text cannot hold is set aside, with its bytes and why'

is "$(sql "INSERT INTO settings VALUES ('acme', 'light')")" 'ERROR:  duplicate key value violates unique constraint "settings_pkey"
DETAIL:  Key (company_id)=(acme) already exists.' 'a key of the tenant alone stays a key'

# Keys that are two in SQLite and one in PostgreSQL; the second is set aside, and stays so when the file changes.
sqlite bolt_freshdesk_data.db "CREATE TABLE loose (k PRIMARY KEY, v TEXT); INSERT INTO loose VALUES (1, 'integer'), ('1', 'text'), (2, 'two')"
succeeds 'migrate keys that collide' migrate "$data/bolt_freshdesk_data.db" --to "$url" --json
is "$(json '.tables[0] | [.rows, .rejected] | join(" ")')" '2 1' 'the second of two equal keys is set aside'
sqlite bolt_freshdesk_data.db "INSERT INTO loose VALUES (3, 'three')"
succeeds 'migrate them again with a new row' migrate "$data/bolt_freshdesk_data.db" --to "$url" --json
is "$(json '.tables[0] | [.rows, .present, .rejected] | join(" ")')" '1 0 1' 'the new row is added, the reject stays'
is "$(sql "SELECT key, sqlstate FROM rowhouse.import_reject WHERE tenant = 'bolt'")" '2|23505' 'and is in the table of rejects'
succeeds 'verify them' verify "$data/bolt_freshdesk_data.db" --to "$url"
done_testing
