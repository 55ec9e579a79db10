#!/bin/bash
# The cut-over: a last pass while nobody can write, and a tenant whose files are refused from then on.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
new_database "$topic"
shop acme_freshdesk_data.db Acme 200
shop bolt_freshdesk_data.db Bolt 20
acme=$data/acme_freshdesk_data.db

# What a program that has the file open sees of it, and whether it can write.
read_it() { sqlite3 "$acme" 'SELECT count(*) FROM customer' 2>&1 || true; }
write_it() { sqlite3 "$acme" "INSERT INTO customer VALUES (NULL, 'late', 0, '2024-01-01')" 2>&1 || true; }
# hold STATEMENT: a session that has run it and stays until let_go.
hold() {
  mkfifo "$work/holder"
  timeout 120 "$PG_PREFIX_BIN/psql" -XqAt -d "$database" <"$work/holder" >/dev/null 2>&1 &
  holder=$!
  exec {to_holder}>"$work/holder"
  printf 'BEGIN; %s;\n' "$1" >&"$to_holder"
}
let_go() {
  printf 'ROLLBACK;\n\\q\n' >&"$to_holder"
  exec {to_holder}>&-
  wait "$holder" || true
  rm "$work/holder"
}
wait_until() {
  local tries=600
  until [[ $(sql "$1") == t ]]; do
    [[ $((tries -= 1)) -gt 0 ]] || { echo "Bail out! never true: $1"; exit 1; }
    sleep 0.05
  done
}
# While the last pass is held up: $1 is what is tried meanwhile.
during_cut_over() {
  hold 'LOCK TABLE orders IN SHARE MODE'
  wait_until "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'orders'::regclass AND mode = 'ShareLock' AND granted"
  timeout 60 "$binary" migrate "$data" --cutover acme --to "$url" --json >"$work/out" 2>"$work/err" </dev/null &
  command=$!
  wait_until "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'orders'::regclass AND NOT granted"
  during=$("$1")
  let_go
  status=0
  wait "$command" || status=$?
  err=$(<"$work/err")
}
reopen() { "$binary" tenant reopen acme --to "$url" --quiet; }
files() { (cd "$data" && find . \( -name "*.db" -o -name "*-wal" -o -name "*-journal" \) -print0 | LC_ALL=C sort -z | xargs -0 sha256sum); }

succeeds 'migrate both' migrate "$data" --to "$url" --quiet
sqlite acme_freshdesk_data.db "INSERT INTO orders VALUES (900, 1, 1, 'the last one')"
before=$(files)
during_cut_over write_it
is "$status" 0 'cut over'
like "$during" 'database is locked' 'nobody can write while it is'
is "$(json '[.tables[] | .rows] | add')" 1 'what was new has come along'
is "$(json '[.tables[].tenant] | unique | join(" ")')" acme 'of this tenant alone'
is "$(json '[.verified.equal, (.cut_over | test("^20.*Z$"))] | map(tostring) | join(" ")')" 'true true' 'verified, and marked'
is "$(files)" "$before" 'the files are as they were'
is "$(write_it)" '' 'afterwards the lock is gone'

refuses 'its files are refused from now on' 3 RH003 'tenant "acme" lives in PostgreSQL since 20.*Z: its files are not imported any more' \
  migrate "$data" --to "$url"
like "$err" 'rowhouse tenant reopen' 'with the way back'
refuses 'by retry too' 3 RH003 'lives in PostgreSQL' retry "$data" --to "$url"
refuses 'and by another cut-over' 3 RH003 'lives in PostgreSQL' migrate "$acme" --cutover acme --to "$url"
sqlite bolt_freshdesk_data.db "INSERT INTO orders VALUES (901, 1, 1, 'x')"
rowhouse migrate "$data" --to "$url" --json
is "$status $(json '[.tables[] | .tenant + " " + (.rows | tostring)] | unique | join(", ")')" '3 bolt 0, bolt 1' 'the other files go on'
timeout 5 "$binary" migrate "$data" --to "$url" --follow 0.1 >"$work/out" 2>"$work/err" </dev/null || true
like "$(<"$work/err")" 'tenant "acme" lives in PostgreSQL' 'following says so'
rowhouse tenant list --to "$url" --json
is "$(json '.tenants[] | [.id, (.cut_over_at | type)] | join(" ")')" 'acme string
bolt null' 'tenant list shows it'
rowhouse status --to "$url"
like "$out" 'tenant "acme" lives in PostgreSQL since 20' 'so does status'
"$PG_PREFIX_BIN/pg_dump" -d "$database" >"$work/dump"
first=$database first_url=$url
new_database "$topic-restored"
"$PG_PREFIX_BIN/psql" -Xq -d "$database" -f "$work/dump" >/dev/null 2>&1
is "$(sql 'SELECT id FROM rowhouse.tenant WHERE cut_over_at IS NOT NULL')" acme 'a dump keeps it'
database=$first url=$first_url

# The way back.
succeeds 'reopen' tenant reopen acme --to "$url"
succeeds 'its files are taken again' migrate "$data" --to "$url" --json
is "$(sql "SELECT count(*) FROM customer WHERE name = 'late'")" 1 'with what was written meanwhile'
rowhouse tenant reopen nobody --to "$url"
like "$status $err" '^[1-9].*nobody' 'a tenant that is not there'

# WAL mode: with the log in use readers go on; with nobody there, nothing is left behind.
sqlite acme_freshdesk_data.db "PRAGMA journal_mode = WAL" >/dev/null
before=$(cd "$data" && ls -A && files)
rowhouse migrate "$data" --cutover acme --to "$url" --quiet
is "$status" 0 'cut over a file in WAL mode that nobody has open'
is "$(cd "$data" && ls -A && files)" "$before" 'no file has come beside it, none has changed'
reopen
coproc sqlite3 -batch "$acme" 2>&1
writer=$!
exec {to_writer}>&"${COPROC[1]}" {from_writer}<&"${COPROC[0]}"
printf "INSERT INTO orders VALUES (902, 1, 1, 'in the log');\n.print told\n" >&"$to_writer"
read -r -t 20 _ <&"$from_writer"
before=$(files)
both() { read_it; write_it; }
during_cut_over both
is "$status" 0 'cut over a file in WAL mode that is in use'
like "$during" '^20[0-9]'$'\n.*database is locked' 'meanwhile it is read and not written'
is "$(sql 'SELECT count(*) FROM orders WHERE id = 902')" 1 'what is in the log has come along'
is "$(files)" "$before" 'file and log are as they were'
reopen
printf "BEGIN IMMEDIATE;\n.print told\n" >&"$to_writer"
read -r -t 20 _ <&"$from_writer"
rowhouse migrate "$data" --cutover acme --to "$url" --json
is "$status $(json '.failures[].sqlstate')" '8 55P03' 'a writer that does not end: 8'
is "$(json '.cut_over')" null 'not cut over'
printf '.quit\n' >&"$to_writer"
wait "$writer" || true

# What stands in the way.
refuses 'no file of the tenant' 2 22023 'none of the files is tenant "cobra"' migrate "$data" --cutover cobra --to "$url"
chmod a-w "$data/bolt_freshdesk_data.db"
if [[ $EUID -ne 0 ]]; then
  refuses 'a file that may not be written to' 4 42501 'no permission to lock' migrate "$data" --cutover bolt --to "$url"
fi
chmod u+w "$data/bolt_freshdesk_data.db"
sql "UPDATE orders SET note = 'changed here' WHERE company_id = 'bolt' AND id = 3" >/dev/null
rowhouse migrate "$data" --cutover bolt --to "$url" --json
is "$status $(json '[.verified.equal, (.cut_over | type)] | map(tostring) | join(" ")')" '0 true string' 'rows changed in PostgreSQL are no hindrance'
coproc sqlite3 -batch "$data/bolt_freshdesk_data.db" 2>&1
writer=$!
exec {to_writer}>&"${COPROC[1]}" {from_writer}<&"${COPROC[0]}"
printf 'PRAGMA cache_size = 1;\nBEGIN;\nUPDATE customer SET name = printf("%%.*c", 3000, "x");\n.print told\n' >&"$to_writer"
read -r -t 20 _ <&"$from_writer"
kill -KILL "$writer"
wait "$writer" 2>/dev/null || true
"$binary" tenant reopen bolt --to "$url" --quiet
ok 'a dead writer has left its journal' test -s "$data/bolt_freshdesk_data.db-journal"
before=$(files)
rowhouse migrate "$data" --cutover bolt --to "$url" --json
is "$status $(json '.failures[].sqlstate')" '3 55000' 'a dead writer has left a journal: 3'
like "$(json '.failures[].hint')" 'rolls the journal back' 'with what to do'
is "$(files)" "$before" 'it is not rolled back by this'

# Following ends in it.
sqlite3 "$data/bolt_freshdesk_data.db" 'SELECT count(*) FROM customer' >/dev/null
rowhouse migrate "$data" --cutover bolt --follow 0.2 --to "$url" --json
is "$status" 0 'follow until the cut-over'
is "$(tail -n +2 "$work/out" | jq -rs '.[-1].cut_over | type')" string 'which is the last document'
soiled=()  # the files above were written to and locked by this test itself
done_testing
