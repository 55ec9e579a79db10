#!/bin/bash
# The helpdesk's own table in both generations of its files, with the hazards that such files have.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
new_database "$topic"

# helpdesk FILE TENANT_COLUMN TENANT: both generations but for the name of the tenant's column.
helpdesk() {
  sqlite "$1" <<SQL
CREATE TABLE integrated_objects (
  id INTEGER PRIMARY KEY AUTOINCREMENT, original_id TEXT NOT NULL, $2 TEXT NOT NULL, platform TEXT, object_type TEXT NOT NULL,
  original_data TEXT NOT NULL, integrated_content TEXT, summary TEXT, metadata TEXT,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP, updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
  UNIQUE ($2, platform, object_type, original_id));
INSERT INTO integrated_objects (id, original_id, $2, platform, object_type, original_data, summary, metadata, created_at, updated_at) VALUES
  (1, '100', '$3', 'freshdesk', 'ticket', '{"subject": "plain", "n": 1.50, "big": 12345678901234567890}', NULL, '{}', '2024-01-01 10:00:00', '2024-01-02T10:00:00Z'),
  (2, '101', '$3', 'freshdesk', 'ticket', '{"nul": "a\u0000b"}', 's', NULL, '2024-01-01 10:00:00', '2024-01-01 10:00:00.123456'),
  (3, '102', '$3', 'freshdesk', 'ticket', '{"lone": "\ud83d"}', 's', NULL, '2024-01-01 10:00:00', '2024-01-01 10:00:00'),
  (4, '103', '$3', 'freshdesk', 'ticket', '{}', 's', '{"n": NaN}', '2024-01-01 10:00:00', '2024-01-01 10:00:00'),
  (5, '104', '$3', NULL, 'ticket', '{"old": true}', 'old', NULL, '2024-01-01 10:00:00', '2024-01-01 10:00:00'),
  (6, '104', '$3', NULL, 'ticket', '{"new": true}', 'new', NULL, '2024-01-01 10:00:00', '2024-03-01 10:00:00'),
  (7, '104', '$3', NULL, 'ticket', '{"older": true}', 'older', NULL, '2024-01-01 10:00:00', '2024-02-01 10:00:00'),
  (8, '105', '$3', 'freshdesk', 'article', '[]', NULL, NULL, '2024-01-01T10:00:00+09:00', 'yesterday'),
  (9, '106', '$3', 'zendesk', 'article', '"\u00e9\ud83d\ude00"', NULL, '{"a":{"b":[1,2,{"c":null}]}}', '2024-06-01', '2024-06-01T00:00:00.5Z'),
  (10, '107', 'other', 'freshdesk', 'ticket', '{}', NULL, NULL, NULL, NULL),
  (11, '108', '$3', 'freshdesk', 'ticket', '{}', char(97, 0, 98), NULL, NULL, NULL),
  (12, '109', '$3', 'freshdesk', 'ticket', '{}', NULL, NULL, '2024-01-01 10:00:00', NULL);
-- A row collected again has a new id.
INSERT OR REPLACE INTO integrated_objects (original_id, $2, platform, object_type, original_data, summary, created_at, updated_at)
  VALUES ('100', '$3', 'freshdesk', 'ticket', '{"subject": "again"}', 'again', '2024-01-01 10:00:00', '2024-05-01 00:00:00');
SQL
}

wanted='13|100|freshdesk|ticket|{"subject": "again"}|again|2024-01-01 10:00:00+00|2024-05-01 00:00:00+00
6|104|freshdesk|ticket|{"new": true}|new|2024-01-01 10:00:00+00|2024-03-01 10:00:00+00
9|106|zendesk|article|"é😀"||2024-06-01 00:00:00+00|2024-06-01 00:00:00.5+00'
wanted_rejects='2|original_data|text|22P05|the JSON holds an escaped NUL (\u0000), which jsonb can'\''t
3|original_data|text|22P02|the JSON holds half of a surrogate pair (\ud800 to \udfff), which jsonb can'\''t
4|metadata|text|22P02|the text is not valid JSON
5|||23505|superseded: a later update of the same object is kept instead
7|||23505|superseded: a later update of the same object is kept instead
8|updated_at|text|22007|the value is not a date or time in ISO form
10|TENANT_COLUMN|text|42501|the row names another tenant than the file belongs to
11|summary|text|22021|the text holds a NUL character, which PostgreSQL'\''s text can'\''t
12|updated_at||23502|null value in column "updated_at" of relation "integrated_objects" violates not-null constraint'

helpdesk acme_freshdesk_data.db company_id acme
helpdesk bolt_data.db tenant_id bolt
patterns=(--pattern '{tenant}_freshdesk_data.db' --pattern '{tenant}_data.db')

succeeds 'plan' plan "$data" "${patterns[@]}" --json
is "$(json '[.tables[].ddl[]] | join(" ")')" "SELECT rowhouse.create_integrated_objects('public')" 'the core makes the table'
like "$(json '.tables[].notes[]')" 'have no platform: it becomes "freshdesk"' 'rows without a platform are named'
like "$(json '.tables[].notes[]')" '4 rows are superseded' 'superseded rows are named'
succeeds 'migrate both generations' migrate "$data" "${patterns[@]}" --to "$url" --json
is "$(json '[.tables[] | [.tenant, .rows, .rejected] | join(" ")] | join("; ")')" 'acme 3 9; bolt 3 9' \
  'the good rows arrive, the others are set aside'
for tenant in acme bolt; do
  column=company_id
  [[ $tenant == acme ]] || column=tenant_id
  is "$(sql "SET TimeZone = 'UTC'; SELECT id, original_id, platform, object_type, original_data, summary, created_at, updated_at
    FROM integrated_objects WHERE company_id = '$tenant' ORDER BY original_id")" "$wanted" "$tenant: rows"
  is "$(sql "SELECT key, column_name, storage_class, sqlstate, reason FROM rowhouse.import_reject
    WHERE tenant = '$tenant' ORDER BY key::int")" "${wanted_rejects/TENANT_COLUMN/$column}" "$tenant: rejects, by key and column, and why"
done
is "$(sql "SELECT convert_from(value, 'UTF8') FROM rowhouse.import_reject WHERE tenant = 'acme' AND key = '2'")" \
  '{"nul": "a\u0000b"}' 'the value is kept as found'
succeeds 'verify both' verify "$data" "${patterns[@]}" --to "$url" --json
is "$(json '[.tables[] | [.rows, .rejected, .different, .missing, .unexpected] | join(" ")] | unique | join(";")')" '3 9 0 0 0' \
  'verify counts rejects apart'
succeeds 'status' status --to "$url" --json
is "$(json '.rejects | length')" 18 'status lists the rejects'
is "$(json '.rejects[] | select(.tenant == "acme" and .key == "2") | [.tenant, .source, .source_table, .key, .column, .sqlstate] | join(" ")')" \
  'acme acme_freshdesk_data.db integrated_objects 2 original_data 22P05' 'by file, table, key, column and SQLSTATE'

is "$(sql "INSERT INTO integrated_objects (company_id, original_id) VALUES ('acme', 'made here') RETURNING id > 13")" t \
  'a row made later gets an id of its own'
sql "DELETE FROM integrated_objects WHERE original_id = 'made here'"

sqlite bolt_data.db "UPDATE integrated_objects SET original_data = '{\"mended\": true}' WHERE id = 2"
succeeds 'migrate after a row was mended' migrate "$data" "${patterns[@]}" --to "$url" --json
is "$(json '.tables[] | select(.tenant == "bolt") | [.rows, .present, .rejected] | join(" ")')" '1 0 8' \
  'the mended row arrives, its reject goes'
is "$(json '.tables[] | select(.tenant == "acme") | .unchanged')" true 'the other tenant is left alone'
succeeds 'verify after that' verify "$data" "${patterns[@]}" --to "$url"

# Documents that are hard on a parser.
sqlite cobra_data.db <<'SQL'
CREATE TABLE integrated_objects (id INTEGER PRIMARY KEY, original_id TEXT, tenant_id TEXT, object_type TEXT, original_data TEXT);
INSERT INTO integrated_objects VALUES
  (1, '1', 'cobra', 'ticket', printf('%.*c', 50000, '[') || printf('%.*c', 50000, ']')),
  (2, '2', 'cobra', 'ticket', '{"beyond a double": 1e400}'),
  (3, '3', 'cobra', 'ticket', '{"a": 1, "a": 2}'),
  (4, '4', 'cobra', 'ticket', ''),
  (5, '5', 'cobra', 'ticket', ' [1.0, 1e2, -0] '),
  (6, '6', 'cobra', 'ticket', NULL),
  (7, '7', 'cobra', 'ticket', 42),
  (8, '8', 'cobra', 'ticket', x'7b7d'),
  (9, 'None', 'cobra', 'ticket', '{"digits": 0.1234567890123456789012345678901234567890}'),
  (10, NULL, 'cobra', 'ticket', '{}');
SQL
succeeds 'migrate odd documents' migrate "$data/cobra_data.db" "${patterns[@]}" --to "$url" --json
is "$(sql "SELECT key, column_name, sqlstate FROM rowhouse.import_reject WHERE tenant = 'cobra' ORDER BY key::int")" \
'1|original_data|54001
4|original_data|22P02
8|original_data|22P02
10|original_id|23502' 'a document too deep, an empty one, a blob, an object without an id'
is "$(sql "SELECT id, left(original_data::text, 60) FROM integrated_objects WHERE company_id = 'cobra' AND id <> 2 ORDER BY id")" \
'3|{"a": 2}
5|[1.0, 100, 0]
6|
7|42
9|{"digits": 0.1234567890123456789012345678901234567890}' 'the others arrive'
succeeds 'verify odd documents' verify "$data/cobra_data.db" "${patterns[@]}" --to "$url"
sql "UPDATE integrated_objects SET original_data = jsonb_set(original_data, '{digits}', '0.1234567890123456789012345678901234567891') WHERE company_id = 'cobra' AND id = 9"
rowhouse verify "$data/cobra_data.db" "${patterns[@]}" --to "$url"
is "$status" 6 'verify sees a digit that a double would not hold'
done_testing
