#!/bin/bash
# The ordinary way: a folder of three tenants is planned, migrated, verified, changed and migrated again.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
new_database "$topic"
shop acme_freshdesk_data.db Acme 20
shop bolt_freshdesk_data.db Bolt 30
shop cobra_freshdesk_data.db Cobra 10

succeeds 'plan reads the folder' plan "$data"
like "$out" 'table orders: 60 rows, key \(company_id, id\)' 'plan tells of rows and keys'
is "$(sql "SELECT count(*) FROM pg_namespace WHERE nspname = 'rowhouse'")" 0 'plan leaves the database alone'

refuses 'verify before migrate' 3 55000 'rowhouse is not installed' verify "$data" --to "$url"
succeeds 'migrate copies the folder' migrate "$data" --to "$url" --json
is "$(json '[.tables[].rows] | add')" 120 'every row is copied'
is "$(json '[(.failures | length), ([.tables[].rejected] | add)] | join(" ")')" '0 0' 'none is refused or set aside'
is "$(sql 'SELECT company_id, count(*), min(name), max(joined) FROM customer GROUP BY 1 ORDER BY 1')" \
  'acme|20|Acme customer 1|2024-01-21
bolt|30|Bolt customer 1|2024-01-31
cobra|10|Cobra customer 1|2024-01-11' 'the rows carry their tenant'
is "$(sql "SELECT string_agg(attname || ' ' || format_type(atttypid, NULL), ', ' ORDER BY attnum) FROM pg_attribute
  WHERE attrelid = 'orders'::regclass AND attnum > 0")" \
  'company_id text, id bigint, customer_id bigint, price double precision, note text' 'columns have their types'
is "$(sql "SELECT count(*) FROM pg_indexes WHERE tablename = 'orders' AND indexdef LIKE '%(company_id, customer_id)'")" \
  1 'an index is carried over, led by the tenant'
is "$(sql 'SELECT string_agg(table_name::text, $$ $$ ORDER BY 1) FROM rowhouse.protected_tables')" 'customer orders' \
  'both tables are protected'
succeeds 'verify finds every cell equal' verify "$data" --to "$url"
like "$out" '120 rows equal in every cell, 0 differences' 'verify counts the rows'

before=$(contents)
succeeds 'migrate again' migrate "$data" --to "$url" --json
is "$(json '[.tables[] | .unchanged] | all')" true 'nothing has changed'
is "$(json '[.tables[] | .rows + .present] | add')" 0 'and nothing is sent'
is "$(contents)" "$before" 'the database is as it was'

# In the file: a new row, a changed one. In PostgreSQL: a changed one, one of the application's own.
sqlite acme_freshdesk_data.db "INSERT INTO customer VALUES (21, 'new', 1, '2025-01-01');
  UPDATE customer SET name = 'changed in the file' WHERE id = 3"
sql "UPDATE customer SET name = 'changed here' WHERE company_id = 'acme' AND id = 4;
  INSERT INTO customer VALUES ('acme', 99, 'made here', false, NULL)"
succeeds 'migrate after changes on both sides' migrate "$data" --to "$url" --json
is "$(json '.tables[] | select(.tenant == "acme" and .table == "customer") | [.rows, .updated, .rejected, .unchanged] | join(" ")')" \
  '1 1 0 false' 'the new row is added, the changed one follows'
is "$(json '[.tables[] | select(.unchanged)] | length')" 5 'the other tables are unchanged'
is "$(sql "SELECT id, name FROM customer WHERE company_id = 'acme' AND id IN (3, 4, 21, 99) ORDER BY id")" \
  '3|changed in the file
4|changed here
21|new
99|made here' 'what was changed here is not overwritten, doubled or taken away'
rowhouse verify "$data" --to "$url" --json
is "$status" 6 'verify says that the sides differ'
is "$(json '.tables[] | select(.tenant == "acme" and .table == "customer") | [.rows, .different, .missing, .unexpected] | join(" ")')" \
  '20 1 0 1' 'and counts how'
like "$(json '.tables[].examples[]')" 'key 4 differs in column "name"' 'an example names key and column'
unlike "$out$err" 'changed here|made here|changed in the file' 'and shows no value'

key="SELECT conname, convalidated, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f'"
is "$(sql "$key")" 'orders_customer_id_fkey|t|FOREIGN KEY (company_id, customer_id) REFERENCES customer(company_id, id)' \
  'a foreign key of the files carries the tenant'
sql 'DROP TABLE customer CASCADE'
succeeds 'migrate after a table was dropped' migrate "$data" --to "$url" --json
is "$(json '[.tables[] | select(.table == "customer") | .rows] | add')" 61 'the table is copied anew'
succeeds 'verify agrees' verify "$data" --to "$url"
is "$(sql "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated")" 1 'with the foreign key to it'
sql 'ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey; TRUNCATE customer'
sqlite bolt_freshdesk_data.db "UPDATE orders SET note = 'changed' WHERE id = 1"
rowhouse migrate "$data" --to "$url"
like "$err" 'foreign key "orders_customer_id_fkey" binds new rows only' 'a foreign key with orphans is made, and named'
is "$(sql "$key")" 'orders_customer_id_fkey|f|FOREIGN KEY (company_id, customer_id) REFERENCES customer(company_id, id) NOT VALID' \
  'for rows to come'
rowhouse verify "$data" --to "$url" --json
is "$status $(json '[.tables[].missing] | add')" '6 61' 'verify misses rows that are gone from a table that is still there'

# The same file by another name: what is there with the same values is not copied again, what differs is set aside.
sqlite dingo_freshdesk_data.db "CREATE TABLE note (id INTEGER PRIMARY KEY, t TEXT);
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO note SELECT i, 'note ' || i FROM n"
succeeds 'migrate one more' migrate "$data/dingo_freshdesk_data.db" --to "$url"
mv "$data/dingo_freshdesk_data.db" "$data/dingo.backup"
sqlite dingo.backup "UPDATE note SET t = 'another' WHERE id = 3; INSERT INTO note VALUES (20001, 'new')"
succeeds 'migrate it by another name' migrate "$data/dingo.backup" --tenant dingo --to "$url" --json
is "$(json '.tables[] | [.rows, .present, .rejected] | join(" ")')" '1 19999 1' 'one row is new, one differs'
is "$(sql "SELECT source, key, sqlstate FROM rowhouse.import_reject WHERE tenant = 'dingo'")" 'dingo.backup|3|23505'   'the one that differs is set aside'
is "$(sql "SELECT count(*), max(t) FILTER (WHERE id = 3) FROM note")" '20001|note 3' 'none is doubled or overwritten'

# An application's role sees its tenant and no other.
sql "CREATE ROLE ${topic}_app; GRANT SELECT, INSERT ON orders TO ${topic}_app"
is "$(sql_as "${topic}_app" acme 'SELECT count(*), min(company_id), max(company_id) FROM orders')" '20|acme|acme' \
  'an application sees the tenant it set'
is "$(sql_as "${topic}_app" bolt 'SELECT count(*) FROM orders')" 30 'another tenant sees its own rows'
is "$(sql_as "${topic}_app" '' 'SELECT count(*) FROM orders')" 0 'no tenant sees nothing'
like "$(sql_as "${topic}_app" nobody 'SELECT count(*) FROM orders')" 'tenant "nobody" is unknown' 'a wrong tenant is an error'
is "$(sql_as "${topic}_app" acme "SELECT count(*) FROM orders WHERE company_id = 'bolt'")" 0 'asking for another tenant gives nothing'
like "$(sql_as "${topic}_app" acme "INSERT INTO orders (company_id, id) VALUES ('bolt', 1000)")" \
  'row-level security' 'writing for another tenant is refused'
done_testing
