#!/bin/bash
# Views that mean the same are made, ask as their caller and show a tenant its own rows; the others are named with the reason.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
new_database "$topic"
schema="CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT, city TEXT COLLATE NOCASE);
  CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, price REAL, note TEXT);
  CREATE VIEW dear AS SELECT o.id AS order_id, c.name, o.price * 2 AS twice, upper(c.name) AS loud
    FROM orders AS o JOIN customer c ON c.id = o.customer_id WHERE o.price >= 2.5 AND c.city = 'ROME';
  CREATE VIEW per_city AS SELECT city, count(*) AS n FROM customer GROUP BY city;
  CREATE VIEW over_view AS SELECT * FROM dear;"
rows="INSERT INTO customer VALUES (1, 'Ann', 'Rome'), (2, 'Bob', 'Oslo');
  INSERT INTO orders VALUES (1, 1, 2.5, 'x'), (2, 1, 1.0, 'y'), (3, 2, 9.5, NULL), (4, 1, 7, 'z');"
sqlite acme_freshdesk_data.db "$schema $rows"
sqlite bolt_freshdesk_data.db "$schema $rows UPDATE customer SET name = 'Eve' WHERE id = 1"

succeeds 'plan' plan "$data" --json
is "$(json '.views[] | .name')" dear 'the view that can be had'
is "$(json '.notes[]')" 'view "over_view" is passed over: it reads something else than a table that is made
view "per_city" is passed over: it groups, orders, limits or combines rows' 'and why the others can not'
like "$(json '.ddl_after[]')" 'CREATE VIEW "public"."dear" WITH \(security_invoker = true\) AS SELECT' 'the SQL has it'
succeeds 'migrate' migrate "$data" --to "$url" --json
if [[ $(sql 'SHOW server_version_num') -ge 150000 ]]; then
  in_sqlite=$(sqlite3 "$data/acme_freshdesk_data.db" 'SELECT order_id, name, CAST(twice AS INTEGER), loud FROM dear ORDER BY 1')
  is "$(sql "SELECT order_id, name, twice::bigint, loud FROM dear WHERE company_id = 'acme' ORDER BY 1")" "$in_sqlite" \
    'its rows are those of SQLite'
  role=app_views
  sql "CREATE ROLE $role; SELECT rowhouse.grant_access('$role', 'app'); GRANT SELECT ON customer, orders, dear TO $role" >/dev/null
  is "$(sql_as $role '' 'SELECT count(*) FROM dear')" 0 'nobody sees nothing'
  is "$(sql_as $role bolt 'SELECT DISTINCT company_id, name FROM dear')" 'bolt|Eve' 'a tenant sees its own rows alone'
  is "$(sql_as $role bolt "SELECT count(*) FROM dear WHERE company_id = 'acme'")" 0 'whatever it asks for'
  rowhouse audit --to "$url" --json
  is "$(json '[.findings[] | select(.severity != "info") | select(.object | contains("dear"))] | length')" 0 'audit has nothing to say of it'
  succeeds 'migrate again' migrate "$data" --to "$url" --json
  succeeds 'and verify' verify "$data" --to "$url"
  is "$(sql "SELECT has_table_privilege('$role', 'dear', 'SELECT')")" t 'the view is left as it is'
  sql 'DROP VIEW dear' >/dev/null
  sqlite acme_freshdesk_data.db "INSERT INTO orders VALUES (9, 1, 3, 'new')"
  succeeds 'migrate without it' migrate "$data" --to "$url" --json
  is "$(sql "SELECT count(*) FROM dear WHERE company_id = 'acme'")" 3 'it is made again'
  sqlite cobra_freshdesk_data.db "$schema INSERT INTO orders VALUES (1, 1, 'free', NULL)"
  succeeds 'migrate a file that widens a column of it' migrate "$data" --to "$url" --json
  like "$(json '.notes[]')" 'view "dear" had to go for it' 'says what became of the view'
  like "$(json '.notes[]')" 'view "dear" is passed over: PostgreSQL may' 'which has no meaning over texts'
else
  like "$(json '.notes[]')" 'view "dear" is passed over: before PostgreSQL 15' 'is not made before PostgreSQL 15'
fi
done_testing
