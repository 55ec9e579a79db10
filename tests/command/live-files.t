#!/bin/bash
# Files in use: write-ahead logs, journals that a dead writer left, locks. What is committed is read, nothing is written.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
new_database "$topic"

# A shell that stays: tell STATEMENT lets it run one and waits until it is done; hush kills it.
talk() {
  coproc sqlite3 -batch "$1" 2>&1
  writer=$!
  exec {to_writer}>&"${COPROC[1]}" {from_writer}<&"${COPROC[0]}"
}
tell() {
  local line=''
  printf '%s;\n.print told\n' "$1" >&"$to_writer"
  while [[ $line != told ]] && IFS= read -r -t 20 line <&"$from_writer"; do :; done
}
hush() {
  kill -KILL "$writer"
  wait "$writer" 2>/dev/null || true
  exec {to_writer}>&- {from_writer}<&-
}

# A WAL beside the file, its writer gone.
shop wal_freshdesk_data.db Wal 10
talk "$data/wal_freshdesk_data.db"
tell 'PRAGMA journal_mode = WAL'
tell 'PRAGMA wal_autocheckpoint = 0'
tell "INSERT INTO customer VALUES (11, 'in the log', 1, '2024-01-01')"
tell 'BEGIN'
tell "INSERT INTO customer VALUES (12, 'not committed', 1, '2024-01-01')"
succeeds 'migrate a file in WAL mode, its writer at work' migrate "$data/wal_freshdesk_data.db" --to "$url"
is "$(sql 'SELECT count(*), max(id) FROM customer')" '11|11' 'what is in the log is read, what is not committed is not'
hush
ok 'a log is left behind' test -s "$data/wal_freshdesk_data.db-wal"
succeeds 'verify against the log that is left behind' verify "$data/wal_freshdesk_data.db" --to "$url"
rm "$data/wal_freshdesk_data.db-shm"
succeeds 'migrate it again without its index' migrate "$data/wal_freshdesk_data.db" --to "$url" --json
is "$(json '[.tables[].unchanged] | all')" true 'it is unchanged'
chmod a-w "$data" "$data"/*
succeeds 'migrate it from a folder that nobody may write' migrate "$data/wal_freshdesk_data.db" --to "$url"
chmod u+w "$data" "$data"/*

# A journal whose writer died in the middle of a transaction that had reached the file.
shop journal_freshdesk_data.db Journal 4000
talk "$data/journal_freshdesk_data.db"
tell 'PRAGMA cache_size = 5'
tell 'BEGIN'
tell "UPDATE customer SET name = 'never committed'"
tell 'DELETE FROM orders'
hush
ok 'a journal is left behind' test -s "$data/journal_freshdesk_data.db-journal"
succeeds 'migrate a file with a hot journal' migrate "$data/journal_freshdesk_data.db" --to "$url" --json
is "$(json '[.tables[].rows] | add')" 8000 'as it was before the transaction'
is "$(sql "SELECT count(*) FROM customer WHERE name = 'never committed'")" 0 'nothing of it is read'
succeeds 'verify it' verify "$data/journal_freshdesk_data.db" --to "$url"

# A writer that lets nobody in.
shop locked_freshdesk_data.db Locked 10
shop open_freshdesk_data.db Open 10
talk "$data/locked_freshdesk_data.db"
tell 'BEGIN EXCLUSIVE'
rowhouse migrate "$data"/{locked,open}_freshdesk_data.db --to "$url" --json
is "$status $(json '.failures[] | [.tenant, .sqlstate] | join(" ")')" '8 locked 55P03' 'a locked file is refused after a while'
like "$err" 'locked by a writer.*Try again when the writer is done' 'with what to do'
is "$(json '[.tables[] | .tenant] | unique | join(" ")')" open 'the other file goes on'
is "$(sql "SELECT count(*) FROM rowhouse.tenant WHERE id = 'locked'")" 0 'nothing of the locked one is made'
(sleep 2; printf 'ROLLBACK;\n' >&"$to_writer") &
succeeds 'a lock that goes away in time' migrate "$data"/{locked,open}_freshdesk_data.db --to "$url" --json
is "$(json '[.tables[] | select(.tenant == "locked") | .rows] | add')" 20 'the file is copied then'
wait $!

# Readers and writers that hold no lock against readers.
tell 'BEGIN IMMEDIATE'
succeeds 'a writer that has not written yet' verify "$data/locked_freshdesk_data.db" --to "$url"
hush

# Writers that take no locks: a backup is copied over the file while it is read. The folder changes, hence no rowhouse().
shop older_freshdesk_data.db Older 3000
shop newer_freshdesk_data.db Newer 4000
mkdir "$work/backup"
mv "$data"/{older,newer}_freshdesk_data.db "$work/backup"
file=$data/restored_freshdesk_data.db
over() { cat "$work/backup/$1_freshdesk_data.db" >"$file"; }
start() {
  timeout 60 "$binary" migrate "$file" --to "$url" --json >"$work/out" 2>"$work/err" </dev/null &
  command=$!
}
ends() {
  status=0
  wait "$command" || status=$?
  err=$(<"$work/err")
}
copying() {
  local tries=200
  until [[ $(sql "SELECT count(*) FROM pg_locks WHERE relation = 'orders'::regclass AND NOT granted") == 1 ]]; do
    [[ $((tries -= 1)) -gt 0 ]] || { echo 'Bail out! the copy never began'; exit 1; }
    sleep 0.05
  done
}
over older
mkfifo "$work/holder"
timeout 60 "$PG_PREFIX_BIN/psql" -XqAt -d "$database" <"$work/holder" >/dev/null 2>&1 &
exec {to_holder}>"$work/holder"
printf 'BEGIN; LOCK TABLE orders IN SHARE MODE;\n' >&"$to_holder"
start
copying
over newer
printf 'COMMIT;\n' >&"$to_holder"
exec {to_holder}>&-
ends
is "$status" 0 'a file that is replaced while it is copied is read again as a whole'
is "$(sql "SELECT string_agg(n || ' ' || name, ', ') FROM (SELECT count(*) AS n, split_part(name, ' ', 1) AS name
    FROM customer WHERE company_id = 'restored' GROUP BY 2) t")" '4000 Newer' 'one moment of it, the later one'
is "$(sql "SELECT sum(rows) FROM rowhouse.import_chunk WHERE tenant = 'restored'")" 8000 'counted once'

sql "DELETE FROM orders WHERE company_id = 'restored'; DELETE FROM customer WHERE company_id = 'restored';
  DELETE FROM rowhouse.import_chunk WHERE tenant = 'restored';
  CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.0002); RETURN NEW; END';
  CREATE TRIGGER slow BEFORE INSERT ON customer FOR EACH ROW EXECUTE FUNCTION slow()" >/dev/null
over newer
start
while kill -0 "$command" 2>/dev/null; do touch "$file"; sleep 0.02; done
ends
is "$status" 4 'one that is written all the time is refused'
like "$err" 'restored_freshdesk_data.db.* was changed or replaced while it was read \[55006\]' 'by name and reason'
is "$(sql "SELECT count(*) FROM customer WHERE company_id = 'restored'")" 0 'no row of it stays'
done_testing
