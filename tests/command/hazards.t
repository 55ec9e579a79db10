#!/bin/bash
# plan names what will not arrive as one might think, with true counts, where the first is, and what becomes of it; what it
# says will be set aside is what migrate sets aside.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
new_database "$topic"
sqlite acme_freshdesk_data.db <<'SQL'
CREATE TABLE ticket (id INTEGER PRIMARY KEY, subject TEXT, body TEXT, price INTEGER, at DATETIME, open BOOLEAN, doc JSON);
INSERT INTO ticket VALUES
  (1, 'fine', 'fine', 1, '2024-01-01 00:00:00', 1, '{}'),
  (2, CAST(x'610062' AS TEXT), 'secret value', 2.5, '2024-01-01T00:00:00Z', 0, '{'),
  (3, CAST(x'ff' AS TEXT), CAST(x'6100' AS TEXT), 9223372036854775807, '2024-01-01', 2, NULL);
CREATE TABLE reply (id INTEGER PRIMARY KEY, ticket_id INTEGER REFERENCES ticket (id));
INSERT INTO reply VALUES (1, 1), (2, 77), (3, 78), (4, NULL);
SQL
sqlite bolt_freshdesk_data.db "CREATE TABLE ticket (id INTEGER PRIMARY KEY, subject INTEGER); INSERT INTO ticket VALUES (1, 5)"

hazards() { json '.hazards[] | [.kind, .table + "." + .column, .count, .sample] | join(" ")'; }
acme='of acme_freshdesk_data.db'
succeeds 'plan' plan "$data" --json
is "$(hazards)" "drift_table reply. 1 
orphan reply.ticket_id 2 key 2 $acme
nul_in_text ticket.subject 1 key 2 $acme
invalid_utf8 ticket.subject 1 key 3 $acme
mixed_classes ticket.subject 1 key 1 of bolt_freshdesk_data.db
drift_type ticket.subject 1 bolt_freshdesk_data.db: bigint
nul_in_text ticket.body 1 key 3 $acme
drift_column ticket.body 1 bolt_freshdesk_data.db
beyond_double ticket.price 1 key 3 $acme
mixed_classes ticket.price 1 key 2 $acme
drift_column ticket.price 1 bolt_freshdesk_data.db
mixed_times ticket.at 2 key 1 $acme
drift_column ticket.at 1 bolt_freshdesk_data.db
not_as_declared ticket.open 1 key 3 $acme
drift_column ticket.open 1 bolt_freshdesk_data.db
not_as_declared ticket.doc 1 key 2 $acme
drift_column ticket.doc 1 bolt_freshdesk_data.db" 'each hazard with its count and its first row'
unlike "$(json '.hazards[] | [.sample, .becomes] | join(" ")')" 'secret' 'no value of a customer is among them'

becomes() { json ".hazards[] | select(.kind == \"$1\" and .column == \"$2\") | .becomes"; }
is "$(becomes nul_in_text subject)" 'the row is set aside in rowhouse.import_reject (22021)' 'NUL by default'
for policy in 'reject reject 2' 'strip reject 1' 'strip replace 0' 'reject bytea 1'; do
  read -r nul utf8 rejected <<<"$policy"
  new_database "$topic-$nul-$utf8"
  succeeds "plan with $policy" plan "$data" --json --on-nul "$nul" --on-invalid-utf8 "$utf8"
  aside=$(json '[.hazards[] | select(.becomes | contains("22021")) | .sample] | unique | length')
  succeeds "migrate with $policy" migrate "$data" --json --to "$url" --on-nul "$nul" --on-invalid-utf8 "$utf8"
  is "$(json '[.tables[].rejected] | add') $aside" "$rejected $rejected" 'as many rows are set aside as the plan says'
done

# Keys that become one: as many rows are set aside.
sqlite twin_freshdesk_data.db "CREATE TABLE loose (k PRIMARY KEY, at DATETIME UNIQUE);
  INSERT INTO loose VALUES (1, '2024-01-01 10:00'), ('1', NULL), (2, '2024-01-01T10:00:00'), ('x', '2024-01-02')"
new_database "$topic-twin"
succeeds 'plan keys that become one' plan "$data/twin_freshdesk_data.db" --json
is "$(json '.hazards[] | select(.kind == "duplicate_key") | [.column, .count, .sample] | join(" ")')" 'k 1 key 2
at 1 key 3' 'they are counted by key'
succeeds 'migrate them' migrate "$data/twin_freshdesk_data.db" --to "$url" --json
is "$(json '[.tables[].rejected] | add')" 2 'as many rows are set aside'
rm "$data/twin_freshdesk_data.db"

succeeds 'plan for people' plan "$data/acme_freshdesk_data.db"
like "$out" $'hazard +where +count +first +becomes\n' 'a table of hazards'
like "$out" $'\norphan +reply.ticket_id +2 +key 2 +kept; the foreign key to "ticket" is NOT VALID: it binds new rows\n' 'with its lines'
succeeds 'plan of a file without' plan "$data/bolt_freshdesk_data.db"
unlike "$out" 'hazard' 'says nothing of hazards'
rowhouse plan "$data" --json --report "$work/page.html"
like "$(cat "$work/page.html")" '<h2>Hazards' 'the page has them'
like "$(cat "$work/page.html")" '<td>orphan</td><td>reply</td><td>ticket_id</td><td class="n" data-v="2">2</td>' 'with their counts'
done_testing
