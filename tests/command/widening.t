#!/bin/bash
# A file that brings what an earlier file's types do not hold: the columns are widened, no row is lost or set aside, and what
# was changed in PostgreSQL is still known to be.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
new_database "$topic"
table='CREATE TABLE item (id INTEGER PRIMARY KEY, n INTEGER, r REAL, flag BOOLEAN, at DATETIME, doc JSON, word TEXT, code INTEGER UNIQUE);
       CREATE INDEX by_n ON item (n); CREATE TABLE part (id INTEGER PRIMARY KEY, code INTEGER REFERENCES item (code));'
sqlite acme_freshdesk_data.db "$table
  INSERT INTO item VALUES (1, 5, 1.0, 1, '2024-01-01T10:00:00', '{\"b\":1,\"a\":2}', 'x', 7), (2, -9223372036854775808, 2.5, 'true', '2024-01-02', '[1]', 'y', 8),
    (3, 3, 3, 0, NULL, NULL, 'z', 9);
  INSERT INTO part VALUES (1, 7)"
succeeds 'migrate the first file' migrate "$data" --to "$url" --json
is "$(sql "SELECT string_agg(format_type(atttypid, NULL), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'item'::regclass AND attnum > 2")" \
  'bigint, double precision, boolean, timestamp without time zone, jsonb, text, bigint' 'narrow types'
sql "UPDATE item SET word = 'changed here' WHERE id = 3" >/dev/null

sqlite bolt_freshdesk_data.db "$table
  INSERT INTO item VALUES (1, 2.5, 'free', 2, 'soon', '{', x'00ff', 'A-1')"
before=$(contents)
succeeds 'plan of it beside the database' plan "$data" --to "$url" --json
is "$(json '.tables[] | [.name, .exists, (.widened | join("+")), (.added | join("+"))] | join(" ")')" \
  'item true n+r+flag+at+doc+word+code 
part true code ' 'what would become wider, and what refers to it'
like "$(json '.tables[].ddl[]')" 'ALTER TABLE "public"."item" ALTER COLUMN "n" TYPE numeric USING "n"::numeric' 'and how'
DATABASE_URL=postgresql://127.0.0.1:1/none succeeds 'plan of it without' plan "$data" --json
is "$(json '.tables[].exists') $([[ $(contents) == "$before" ]] && echo same)" 'false
false same' 'looks at no database, and has changed none'
succeeds 'migrate a second file' migrate "$data" --to "$url" --json
is "$(json '[.tables[] | select(.table == "item") | [.tenant, .rows, .updated, .conflicts, .rejected] | join(" ")] | join("; ")')" \
  'acme 0 2 1 1; bolt 1 0 0 0' 'every row of it is copied, and the first file is sent again, but for the row that was changed here'
is "$(sql "SELECT string_agg(format_type(atttypid, NULL), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'item'::regclass AND attnum > 2")" \
  'numeric, text, text, text, text, bytea, text' 'the columns are wider now'
like "$(json '.notes[]')" 'table "item": column "n" was bigint and is numeric now' 'which is said'
is "$(sql "SELECT company_id, id, n, r, flag, at, doc, code FROM item ORDER BY 1, 2")" \
'acme|1|5|1.0|1|2024-01-01T10:00:00|{"b":1,"a":2}|7
acme|2|-9223372036854775808|2.5|true|2024-01-02|[1]|8
acme|3|3|3|false|||9
bolt|1|2.5|free|2|soon|{|A-1' 'values are as the files have them, but for a row that was changed here'
succeeds 'verify the second file' verify "$data/bolt_freshdesk_data.db" --to "$url"
rowhouse verify "$data/acme_freshdesk_data.db" --to "$url" --json
is "$status $(json '[.tables[] | select(.table == "item") | .rows, .different, .missing, .unexpected] | join(" ")')" '6 2 1 0 0' \
  'of the first only the row that was changed here differs'
sqlite acme_freshdesk_data.db "UPDATE item SET word = 'changed there', n = n + 1"
succeeds 'migrate changes of the first file' migrate "$data" --to "$url" --json
is "$(json '[.tables[] | select(.tenant == "acme" and .table == "item") | .updated, .conflicts] | join(" ")')" '2 1' \
  'rows of an import are overwritten, the one that was changed here is a conflict'
is "$(sql "SELECT word FROM item WHERE company_id = 'acme' AND id = 3")" "$(sql "SELECT convert_to('changed here', 'UTF8')")" 'and stays'
succeeds 'migrate once more' migrate "$data/bolt_freshdesk_data.db" --to "$url" --json
is "$(json '[.tables[].unchanged] | all')" true 'nothing is sent any more'

# Exact conversions send no file again.
new_database "$topic-exact"
rm "$data"/*
sqlite acme_freshdesk_data.db "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, d DATE); INSERT INTO t VALUES (1, 5, '2024-01-01')"
sqlite bolt_freshdesk_data.db "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, d DATE); INSERT INTO t VALUES (1, 0.1, '2024-01-01 10:00Z')"
succeeds 'migrate an integer' migrate "$data/acme_freshdesk_data.db" --to "$url"
succeeds 'then a fraction' migrate "$data" --to "$url" --json
is "$(json '[.tables[] | [.tenant, .rows, .updated, .unchanged] | join(" ")] | join("; ")')" 'acme 0 0 true; bolt 1 0 false' 'the first file has nothing to bring'
is "$(sql 'SELECT company_id, n, d AT TIME ZONE $$UTC$$ FROM t ORDER BY 1')" 'acme|5|2024-01-01 00:00:00
bolt|0.1|2024-01-01 10:00:00' 'both are exact'
succeeds 'verify both' verify "$data" --to "$url"
sqlite acme_freshdesk_data.db "UPDATE t SET n = 6"
succeeds 'a change of the first' migrate "$data" --to "$url" --json
is "$(json '[.tables[] | .updated, .conflicts] | add')" 1 'is taken over'

# Where it is not for rowhouse to do, an error says the statement, and nothing is written.
sqlite cobra_freshdesk_data.db "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, d DATE); INSERT INTO t VALUES (1, 'many', NULL)"
sql 'CREATE VIEW seen AS SELECT n FROM t' >/dev/null
refuses 'a column that a view needs' 5 42804 'column "n" of table "public"."t" is numeric, and has to be text.*used by a view.*ALTER TABLE "public"."t" ALTER COLUMN "n" TYPE text' \
  migrate "$data/cobra_freshdesk_data.db" --to "$url"
sql 'DROP VIEW seen' >/dev/null
sql 'COMMENT ON TABLE t IS NULL' >/dev/null
refuses 'a table of others' 5 42804 'rowhouse did not make the table' migrate "$data/cobra_freshdesk_data.db" --to "$url"
sql "COMMENT ON TABLE t IS 'from SQLite table t'" >/dev/null
printf '{"t": {"n": "bigint"}}' >"$work/types.json"
refuses 'a chosen type that is narrower' 5 42804 'is numeric, and has to be bigint as --types says.*not every numeric is one' \
  migrate "$data/bolt_freshdesk_data.db" --to "$url" --types "$work/types.json"
printf '{"t": {"n": "text"}}' >"$work/types.json"
succeeds 'a chosen type that is wider, of files that have not changed' migrate "$data/bolt_freshdesk_data.db" --to "$url" --json --types "$work/types.json"
is "$(sql "SELECT company_id, n FROM t ORDER BY 1")" 'acme|6
bolt|0.1' 'is taken'
succeeds 'verify it' verify "$data/acme_freshdesk_data.db" "$data/bolt_freshdesk_data.db" --to "$url"

# Keys: whatever refers to them becomes as wide, in tables of which the later file knows nothing, too.
new_database "$topic-keys"
rm "$data"/*
sqlite acme_freshdesk_data.db "CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT);
  CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer (id), parent INTEGER REFERENCES orders (id));
  CREATE TABLE line (order_id INTEGER REFERENCES orders (id), n INTEGER, what TEXT, PRIMARY KEY (order_id, n));
  CREATE TABLE rate (k REAL PRIMARY KEY);
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) INSERT INTO customer SELECT i, 'c' || i FROM n;
  INSERT INTO orders SELECT id, id % 5 + 1, NULLIF(id - 1, 0) FROM customer;
  INSERT INTO line SELECT id, 1, 'one' FROM orders; INSERT INTO rate VALUES (1.5)"
succeeds 'migrate integers' migrate "$data" --to "$url"
types() { sql "SELECT string_agg(attrelid::regclass || '.' || attname || ' ' || format_type(atttypid, NULL), ', ' ORDER BY attrelid::regclass::text, attnum) FROM pg_attribute
  WHERE attrelid IN ('customer'::regclass, 'orders'::regclass, 'line'::regclass) AND attname IN ('id', 'customer_id', 'parent', 'order_id')"; }
keys() { sql "SELECT count(*), bool_and(convalidated AND obj_description(oid, 'pg_constraint') = 'from SQLite') FROM pg_constraint WHERE contype = 'f'"; }
sql "UPDATE customer SET name = 'changed here' WHERE id = 7; DELETE FROM customer WHERE id = 8;
  CREATE TABLE visit (company_id text, customer bigint, CONSTRAINT visited FOREIGN KEY (company_id, customer) REFERENCES customer (company_id, id))" >/dev/null
sqlite bolt_freshdesk_data.db "CREATE TABLE customer (id TEXT PRIMARY KEY, name TEXT); INSERT INTO customer VALUES ('c-1', 'x'), ('2', 'y')"
refuses 'a foreign key of others' 5 42804 'customer" is bigint, and has to be text.*"visited".*ALTER TABLE visit DROP CONSTRAINT visited; Then the same command' \
  migrate "$data/bolt_freshdesk_data.db" --to "$url"
sql 'DROP TABLE visit' >/dev/null
before=$(contents)
succeeds 'plan' plan "$data/bolt_freshdesk_data.db" --to "$url" --json
is "$(json '.tables[0].widened[]') $([[ $(contents) == "$before" ]] && echo same)" 'id same' 'says so'
like "$(json '.notes[]')" 'table "orders" is not in these files.*ALTER COLUMN "customer_id" TYPE text' 'and what refers to it'
succeeds 'migrate texts' migrate "$data/bolt_freshdesk_data.db" --to "$url" --json
is "$(types)" 'customer.id text, line.order_id bigint, orders.id bigint, orders.customer_id text, orders.parent bigint' 'the key and what refers to it are text'
is "$(keys)" '3|t' 'the foreign keys are there'
like "$(json '.notes[]')" 'column "id" numbers new rows no more' 'text numbers no rows, which is said'
like "$(sql "INSERT INTO orders (company_id, id, customer_id) VALUES ('acme', 99, 'nobody')")" 'violates foreign key' 'and bind'
succeeds 'verify texts' verify "$data/bolt_freshdesk_data.db" --to "$url"
succeeds 'the first file has not changed' migrate "$data/acme_freshdesk_data.db" --to "$url" --json
is "$(json '[.tables[] | .unchanged] | all') $(json '.tables[] | select(.table == "customer") | .kept_deleted')" 'true 1' 'and nothing is sent'
sqlite acme_freshdesk_data.db "UPDATE customer SET name = 'changed there' WHERE id IN (7, 9); DELETE FROM customer WHERE id = 20; INSERT INTO customer VALUES (21, 'new')"
succeeds 'changes of it' migrate "$data/acme_freshdesk_data.db" --to "$url" --json
is "$(json '.tables[] | select(.table == "customer") | [.rows, .updated, .deleted, .conflicts, .kept_deleted, .rejected] | join(" ")') $(json .verified.equal)" \
  '1 1 1 1 1 1 true' 'find their rows by the new keys, and those that were changed here'
sqlite cobra_freshdesk_data.db "CREATE TABLE orders (id TEXT PRIMARY KEY, customer_id INTEGER, parent TEXT); INSERT INTO orders VALUES ('o-1', NULL, NULL)"
succeeds 'a key within keys' migrate "$data/cobra_freshdesk_data.db" --to "$url"
is "$(types) $(keys)" 'customer.id text, line.order_id text, orders.id text, orders.customer_id text, orders.parent text 3|t' 'all of them'
sqlite acme_freshdesk_data.db "UPDATE line SET what = 'two' WHERE order_id = 5; DELETE FROM line WHERE order_id = 6"
succeeds 'changes by it' migrate "$data/acme_freshdesk_data.db" --to "$url" --json
is "$(json '.tables[] | select(.table == "line") | [.rows, .updated, .deleted, .conflicts] | join(" ")')" '0 1 1 0' 'find their rows'
sqlite dingo_freshdesk_data.db "CREATE TABLE rate (k TEXT PRIMARY KEY); INSERT INTO rate VALUES ('x')"
succeeds 'plan a key that would' plan "$data/dingo_freshdesk_data.db" --to "$url" --json
like "$(json '.tables[].notes[]')" 'migrate ends at column "k", which is double precision and has to be text: it is part of the primary key' 'says so before'
refuses 'a key that would be written otherwise' 5 42804 'column "k" of table "public"."rate" is double precision.*part of the primary key' \
  migrate "$data/dingo_freshdesk_data.db" --to "$url"
done_testing
