#!/bin/bash
# Types that are chosen and tables that are excluded: taken as said, or refused by name before anything is written.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
new_database "$topic"
types=$work/types.json
choose() { printf '%s' "$1" >"$types"; }
sqlite acme_freshdesk_data.db <<'SQL'
CREATE TABLE invoice (id INTEGER PRIMARY KEY, total REAL, paid INTEGER, at TEXT, extra TEXT);
INSERT INTO invoice VALUES (1, 1.5, 1, '2024-01-01 10:00:00', '{"a": 1}'), (2, 2, 0, '2024-01-02 10:00:00', '[]');
CREATE TABLE audit_2023 (id INTEGER PRIMARY KEY, t TEXT);
CREATE TABLE audit_2024 (id INTEGER PRIMARY KEY, t TEXT);
INSERT INTO audit_2024 VALUES (1, 'x');
SQL
shop bolt_freshdesk_data.db Bolt 5

choose '{"Invoice": {"TOTAL": "numeric", "paid": "boolean", "at": "timestamptz", "extra": "jsonb"}}'
columns() { json '.tables[] | select(.name == "invoice") | [.columns[] | .name + " " + .type] | join(", ")'; }
succeeds 'plan with types' plan "$data" --json --types "$types"
is "$(columns)" 'company_id text, id bigint, total numeric, paid boolean, at timestamp with time zone, extra jsonb' 'they are taken'
like "$(json '.tables[] | select(.name == "invoice") | .columns[2].evidence')" '; chosen$' 'the evidence says so'
succeeds 'migrate with types' migrate "$data" --json --to "$url" --types "$types" --exclude-table 'AUDIT_*' --exclude-table customer
is "$(json '[.tables[] | [.table, .rows, .rejected] | join(" ")] | sort | join("; ")')" 'invoice 2 0; orders 5 0' 'without the tables that are excluded'
like "$(json '.notes[]')" 'table "audit_2024" is passed over: it is excluded' 'which are named'
is "$(sql "SELECT id, total, paid, at AT TIME ZONE 'UTC', extra FROM invoice ORDER BY 1")" '1|1.5|t|2024-01-01 10:00:00|{"a": 1}
2|2.0|f|2024-01-02 10:00:00|[]' 'values by the types chosen'
excluded=(--exclude-table 'audit_*' --exclude-table customer)
succeeds 'verify with types' verify "$data" --to "$url" --json --types "$types" "${excluded[@]}"
is "$(json .equal)" true 'finds no difference'
succeeds 'verify without types' verify "$data" --to "$url" --json "${excluded[@]}"
is "$(json .equal)" true 'finds none either: the types are those of the table'
succeeds 'migrate again' migrate "$data" --json --to "$url" --types "$types" "${excluded[@]}"
is "$(json '[.tables[].unchanged] | all')" true 'sends nothing'
sqlite acme_freshdesk_data.db "INSERT INTO invoice VALUES (3, 3.5, 1, '2024-01-03 10:00:00', '{}')"
succeeds 'migrate a new row without types' migrate "$data" --json --to "$url" "${excluded[@]}"
is "$(json '[.tables[] | .rows, .rejected] | join(" ")')" '1 0 0 0' 'it is taken by the types that are there'
is "$(sql "SELECT to_regclass('customer') IS NULL")" t 'and excluded tables are not made'

# A value that does not agree: its file is refused, by name, row and class; the others go on.
choose '{"orders": {"note": "bigint"}}'
new_database "$topic-refused"
rowhouse migrate "$data" --json --to "$url" --types "$types"
is "$status $(json '.failures[] | [.tenant, .sqlstate] | join(" ")')" '4 bolt 42804' 'a value that is not of the type'
is "$(json '.failures[] | .message, .detail')" '"bolt_freshdesk_data.db": a value of column "note" of table "orders" is no bigint
The first is text, in the row with key 1: the value is not an integer.' 'is named'
is "$(sql 'SELECT count(*) FROM invoice')" 3 'the other file is copied'

new_database "$topic-wrong"
while IFS='|' read -r name pattern document; do
  choose "$document"
  refuses "$name" 2 22023 "$pattern" migrate "$data" --to "$url" --types "$types"
done <<'TABLE'
no such table|for table "invoce", which no file has.*Did you mean "invoice"|{"invoce": {"id": "text"}}
no such column|column "totl" of table "invoice", which has no such column.*Did you mean "total"|{"invoice": {"totl": "text"}}
no such type|no type "money" for column "total".*Choose one of boolean, bigint|{"invoice": {"total": "money"}}
two for one|two types are chosen for column "total"|{"invoice": {"total": "text", "TOTAL": "text"}}
no JSON|are no JSON|{"invoice": 
no object|are no JSON object|[]
no columns|of table "invoice" are no JSON object|{"invoice": "text"}
no string|is no string|{"invoice": {"total": 3}}
TABLE
refuses 'no table that is excluded' 2 22023 'no file has a table that --exclude-table "custmer" fits.*Did you mean "customer"' \
  migrate "$data" --to "$url" --exclude-table custmer
refuses 'no file of types' 4 58030 'could not read the types' plan "$data" --types "$work/none.json"
choose '{"invoice": {"id": "date"}}'
rowhouse plan "$data" --json --types "$types"
is "$status $(json '.failures[0] | .sqlstate + " " + .message')" \
  '4 22023 the type of column "id" of table "invoice" can'\''t be chosen: it is part of the primary key, where times and JSON stay text' 'a key of times'
done_testing
