#!/bin/bash
# What migrate does after copying: it verifies what it has sent and audits the tables it has filled.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
new_database "$topic"
shop acme_freshdesk_data.db Acme 300
shop bolt_freshdesk_data.db Bolt 30
acme=$data/acme_freshdesk_data.db
app="after_app_$$"
checked() { json '[.verified.equal, (.verified.tables | length? // 0), .audited.errors, .audited.elsewhere] | map(tostring) | join(" ")'; }

succeeds 'migrate' migrate "$data" --to "$url" --json
is "$(checked)" 'true 4 0 0' 'every table is verified, the audit finds nothing'
is "$(json '[.verified.tables[].rows] | add')" 660 'every row'
succeeds 'nothing changed' migrate "$data" --to "$url" --json
is "$(json '[.verified, .audited] | map(type) | join(" ")')" 'null null' 'nothing is verified or audited'
sqlite bolt_freshdesk_data.db "INSERT INTO orders VALUES (500, 1, 5, 'new')"
succeeds 'as text' migrate "$data" --to "$url"
like "$out" $'\nverified: 61 rows equal in every cell, 0 differences\naudited: 0 errors, 0 warnings' 'what was sent is verified, file by file'
sqlite bolt_freshdesk_data.db "INSERT INTO orders VALUES (501, 1, 5, 'new')"
succeeds 'unless told not to' migrate "$data" --to "$url" --no-verify --no-audit
unlike "$out" 'verified|audited' 'neither'

# Something in PostgreSQL changes rows as they come.
sql "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.note := upper(NEW.note); RETURN NEW; END';
  CREATE TRIGGER meddle BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION meddle()" >/dev/null
sqlite bolt_freshdesk_data.db "INSERT INTO orders VALUES (502, 1, 5, 'shout')"
rowhouse migrate "$data" --to "$url"
is "$status" 6 'a row that is not what was copied: 6'
like "$out" 'key 502 differs in column "note"' 'by key and column'
sql 'DROP TRIGGER meddle ON orders' >/dev/null
sql "UPDATE orders SET note = 'shout' WHERE company_id = 'bolt' AND id = 502" >/dev/null

# Rows that PostgreSQL has changed since are no news.
sql "UPDATE orders SET note = 'ours' WHERE company_id = 'acme' AND id IN (3, 4)" >/dev/null
sqlite acme_freshdesk_data.db "UPDATE orders SET note = 'theirs' WHERE id = 4; INSERT INTO orders VALUES (500, 1, 5, 'new')"
rowhouse migrate "$data" --to "$url" --json
is "$status $(json '[.verified.equal, ([.verified.tables[].different] | add), ([.verified.tables[].changed] | add)] | map(tostring) | join(" ")')" \
  '0 true 2 2' 'rows that were changed in PostgreSQL since are told apart'
rowhouse verify "$acme" --to "$url" --json
is "$status $(json '[.equal, ([.tables[].changed] | add)] | map(tostring) | join(" ")')" '6 false 2' 'verify itself counts them'

# Findings: about the tables of this run, and elsewhere.
sql "CREATE ROLE $app LOGIN; CREATE SCHEMA other; CREATE TABLE other.ticket (company_id text, id int, PRIMARY KEY (company_id, id));
  GRANT USAGE ON SCHEMA other TO $app; GRANT SELECT ON other.ticket TO $app" >/dev/null
rowhouse audit --to "$url"
is "$status" 10 'a table that was there before leaks'
sqlite acme_freshdesk_data.db "INSERT INTO orders VALUES (501, 1, 5, 'new')"
rowhouse migrate "$data" --to "$url" --json
is "$status $(json '[.audited.errors, (.audited.elsewhere > 0)] | map(tostring) | join(" ")')" '0 0 true' 'which has nothing to do with the migration'
like "$(json '.notes[]')" 'the audit finds [0-9]+ errors or warnings elsewhere: see rowhouse audit' 'and is a note'
sql "GRANT TRUNCATE ON orders TO $app" >/dev/null
sqlite acme_freshdesk_data.db "INSERT INTO orders VALUES (502, 1, 5, 'new')"
rowhouse migrate "$data" --to "$url"
is "$status" 10 'an error about a table that was filled: 10'
like "$out" 'error  unbound-privileges  table:public.orders' 'by name'
sqlite acme_freshdesk_data.db "INSERT INTO orders VALUES (503, 1, 5, 'new')"
succeeds 'unless told not to' migrate "$data" --to "$url" --no-audit
sql "REVOKE ALL ON orders FROM $app; DROP SCHEMA other CASCADE; DROP ROLE $app" >/dev/null

# A file that is written to meanwhile proves nothing.
sqlite acme_freshdesk_data.db "PRAGMA journal_mode = WAL; INSERT INTO orders VALUES (504, 1, 5, 'new')" >/dev/null
mkfifo "$work/holder"
timeout 60 "$PG_PREFIX_BIN/psql" -XqAt -d "$database" <"$work/holder" >/dev/null 2>&1 &
holder=$!
exec {to_holder}>"$work/holder"
printf 'BEGIN; LOCK TABLE orders IN SHARE MODE;\n' >&"$to_holder"
waiting() { [[ $(sql "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'orders'::regclass AND $1") == t ]]; }
until waiting "mode = 'ShareLock' AND granted"; do sleep 0.05; done
timeout 60 "$binary" migrate "$acme" --to "$url" --json >"$work/out" 2>"$work/err" </dev/null &
command=$!
tries=600
until waiting 'NOT granted'; do
  [[ $((tries -= 1)) -gt 0 ]] || { echo 'Bail out! the copy never began'; exit 1; }
  sleep 0.05
done
sqlite acme_freshdesk_data.db "INSERT INTO orders VALUES (505, 1, 5, 'while it is copied')"
printf 'ROLLBACK;\n\\q\n' >&"$to_holder"
exec {to_holder}>&-
wait "$holder" || true
status=0
wait "$command" || status=$?
is "$status $(json '[.verified.equal, (.verified.moved | length)] | map(tostring) | join(" ")')" '0 true 1' 'a file that was written to since it was copied is no difference'
like "$(json '.notes[]')" 'acme_freshdesk_data.db" was written to since it was copied: run again' 'but a note'
done_testing
