#!/bin/bash
# Who migrates, and what the server has: a superuser or the database's owner, who is bound by the policies; a server with
# the extension's files, pg_tle, or neither. The result is the same by all six ways.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
. "$here/../pgtle/files.sh"
on_own_server

shop acme_freshdesk_data.db Acme 3000
shop bolt_freshdesk_data.db Bolt 10
sqlite acme_freshdesk_data.db "
  INSERT INTO orders VALUES (5000, 1, 'much', 'a text among numbers'), (5001, 1, 1, CAST(x'ff' AS TEXT));
  CREATE TABLE integrated_objects (id INTEGER PRIMARY KEY, company_id TEXT, original_id TEXT, object_type TEXT, original_data TEXT,
    created_at TEXT DEFAULT '2024-01-01', updated_at TEXT DEFAULT '2024-01-01');
  INSERT INTO integrated_objects (company_id, original_id, object_type, original_data)
    VALUES ('acme', '1', 't', '{}'), ('acme', '2', 't', '{\"x\": \"\\u0000\"}'), ('acme', '3', 't', '[3]'), ('acme', '4', 't', 'none')"
sql_owner='CREATE ROLE migrator LOGIN NOSUPERUSER NOBYPASSRLS'
"$PG_PREFIX_BIN/psql" -Xq -c "$sql_owner"
control=$("$PG_PREFIX_BIN/pg_config" --sharedir)/extension/rowhouse.control

# All that a migration leaves, in an order of its own.
result() {
  sql 'SELECT * FROM customer ORDER BY company_id, id'
  sql 'SELECT * FROM orders ORDER BY company_id, id'
  sql 'SELECT * FROM integrated_objects ORDER BY company_id, id'
  sql 'SELECT tenant, source, source_table, key, column_name, storage_class, value, sqlstate FROM rowhouse.import_reject ORDER BY tenant, source_table, key'
  sql 'SELECT tenant, source, source_table, target_schema, target_table, rows, rejected, digest FROM rowhouse.import_chunk ORDER BY 1, 3'
  sql 'SELECT table_name, tenant_column, kind FROM rowhouse.protected_tables ORDER BY table_name::text'
  sql "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
}

for way in extension script pgtle; do
  case $way in
    script) mv "$control" "$control.away" ;;
    pgtle)
      mv "$control.away" "$control"
      hide_extension_files ;;
  esac
  for role in "$PGUSER" migrator; do
    new_database "$topic-$way-$role" "$role"
    if [[ $way == pgtle ]]; then
      forget_extension_files
      create_pg_tle "$database" "$role"
    fi
    name="$role, $way"
    succeeds "$name: migrate" migrate "$data" --to "$url" --json
    is "$(json '[([.tables[].rows] | add), ([.tables[].rejected] | add)] | join(" ")')" '6023 3' "$name: rows and rejects"
    rowhouse status --to "$url" --json
    like "$(json .core)" "^${way/pgtle/extension} [0-9]+\.[0-9]+\.[0-9]+$" "$name: status says how the core is installed"
    result >"$work/$way-$role"
    ok "$name: the result is the same" diff "$work/extension-$PGUSER" "$work/$way-$role"
    is "$(sql "SELECT DISTINCT relowner::regrole FROM pg_class WHERE relname IN ('orders', 'tenant')")" "$role" "$name: all is the role's own"
    succeeds "$name: verify" verify "$data" --to "$url" --quiet
    before=$(contents)
    succeeds "$name: migrate again" migrate "$data" --to "$url" --json
    is "$(json '[.tables[].unchanged] | all')" true "$name: nothing is sent"
    is "$(contents)" "$before" "$name: nothing has changed"
    sql 'DELETE FROM rowhouse.import_chunk' >/dev/null
    succeeds "$name: migrate without the ledger" migrate "$data" --to "$url" --json
    is "$(json '[([.tables[].rows] | add), ([.tables[].present] | add)] | join(" ")')" '0 6023' "$name: every row is found again"
    succeeds "$name: verify again" verify "$data" --to "$url" --quiet
  done
done
show_extension_files

# The owner reads, as anybody, only the tenant that is set.
is "$("$PG_PREFIX_BIN/psql" -XqAt -U migrator -d "$database" -c 'SELECT count(*) FROM orders')" 0 'the owner without a tenant sees nothing'
is "$(sql_as migrator bolt 'SELECT count(*) FROM orders')" 10 'with one, its rows'
done_testing
