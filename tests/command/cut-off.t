#!/bin/bash
# Migrations that are cut off anywhere: nothing half-done is there, and run again they go on to the same end.
# SEED chooses the random moments.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
on_own_server
RANDOM=${SEED:=$((RANDOM * 32768 + RANDOM))}
echo "# SEED=$SEED"
server_user=$(stat -c %U "$(dirname "$PGHOST")/data")
in_server() {
  local as=()
  [[ $EUID -ne 0 ]] || as=(setpriv "--reuid=$server_user" --regid="$(id -g "$server_user")" --init-groups --)
  (cd / && timeout 60 "${as[@]}" "$PG_PREFIX_BIN/pg_ctl" "$@" -D "$(dirname "$PGHOST")/data" -l "$(dirname "$PGHOST")/log" --silent \
    </dev/null >/dev/null)
}

for tenant in acme bolt cobra; do
  shop "${tenant}_freshdesk_data.db" "$tenant" 15000
done
shop small.db Small 1
total=90000

# start: a migration in the background, $command its process.
start() {
  "$binary" migrate "$data" --to "$url" --quiet >"$work/out" 2>"$work/err" </dev/null &
  command=$!
}
end() {
  status=0
  wait "$command" 2>/dev/null || status=$?
  err=$(<"$work/err")
}
# The ledger agrees with the rows: a chunk is there with its entry or not at all.
whole() {
  sql "SELECT coalesce(string_agg(tenant || ' ' || kept, ', ' ORDER BY tenant), 'whole') FROM (
      SELECT tenant, sum(rows) AS ledger,
          (SELECT count(*) FROM orders WHERE company_id = tenant) + (SELECT count(*) FROM customer WHERE company_id = tenant) AS kept
        FROM (SELECT tenant, rows FROM rowhouse.import_chunk UNION ALL SELECT unnest('{acme,bolt,cobra}'::text[]), 0) c
        WHERE tenant <> 'small' GROUP BY tenant) t
    WHERE kept <> ledger"
}
# goes_on NAME: run again, the migration ends as if nothing had been.
goes_on() {
  is "$(whole)" whole "$1: every chunk is whole or not there"
  succeeds "$1: run again" migrate "$data" --to "$url" --quiet
  is "$(sql "SELECT count(*), count(DISTINCT (company_id, id)) FROM orders WHERE company_id <> 'small'")" "$((total / 2))|$((total / 2))" \
    "$1: every row is there once"
  succeeds "$1: every cell is equal" verify "$data" --to "$url" --quiet
}
# Tables are there, so that one of them can be locked: the copy of the second table of the first file then waits.
fresh() {
  new_database "$topic-$1"
  rowhouse migrate "$data/small.db" --tenant small --to "$url" --quiet
}
# hold: locks a table until release; the copy has begun when this returns.
hold_copy() {
  mkfifo "$work/holder"
  timeout 60 "$PG_PREFIX_BIN/psql" -XqAt -d "$database" <"$work/holder" >/dev/null 2>&1 &
  holder=$!
  exec {to_holder}>"$work/holder"
  printf 'BEGIN; LOCK TABLE orders IN SHARE MODE;\n' >&"$to_holder"
  wait_until "SELECT count(*) FROM pg_locks WHERE relation = 'orders'::regclass AND mode = 'ShareLock' AND granted" 1
  start
  wait_until "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'orders'::regclass AND NOT granted" t
}
release_copy() {
  exec {to_holder}>&-
  wait "$holder" || true
  rm "$work/holder"
}
wait_until() {
  local tries=400
  until [[ $(sql "$1") == "$2" ]]; do
    [[ $((tries -= 1)) -gt 0 ]] || { echo "Bail out! never true: $1"; exit 1; }
    sleep 0.05
  done
}
fresh terminated
hold_copy
is "$(sql "SELECT bool_and(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE '%rowhouse%' AND datname = '$database' AND wait_event_type = 'Lock'")" \
  t 'end the session in the middle of the copy'
release_copy
end
is "$status" 0 'the command makes another and goes on'
goes_on 'session ended'

fresh stopped
hold_copy
in_server stop --mode=immediate
end
is "$status" 5 'the server stops and stays away: the command ends with 5'
like "$err" '^rowhouse: .*connect.*\[08[0-9A-Z]{3}\]' 'and says so'
release_copy
in_server start --wait
goes_on 'server stopped'

fresh restarted
hold_copy
in_server restart --mode=immediate
release_copy
end
is "$status" 0 'the server comes back: the command goes on'
goes_on 'server restarted'

fresh killed
hold_copy
kill -KILL "$command"
end
release_copy
is "$status" 137 'kill -9 while the copy waits'
wait_until "SELECT count(*) FROM pg_stat_activity WHERE datname = '$database' AND application_name LIKE '%rowhouse%'" 0
goes_on 'killed'

# At random moments. How long a run takes here says how late one may be.
fresh timed
began=$(date +%s%N)
rowhouse migrate "$data" --to "$url" --quiet
took=$((($(date +%s%N) - began) / 1000000))
for signal in KILL KILL KILL KILL TERM INT; do
  fresh "random-$((round = ${round:-0} + 1))"
  moment=$((RANDOM % took))
  start
  sleep "$((moment / 1000)).$(printf %03d $((moment % 1000)))"
  kill -"$signal" "$command" 2>/dev/null || true
  end
  wait_until "SELECT count(*) FROM pg_stat_activity WHERE datname = '$database' AND application_name LIKE '%rowhouse%'" 0
  goes_on "$signal after $moment of $took ms"
done

# Ctrl-C in the middle of a copy that takes long.
fresh interrupted
sql "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.0005); RETURN NEW; END';
  CREATE TRIGGER slow BEFORE INSERT ON customer FOR EACH ROW EXECUTE FUNCTION slow()" >/dev/null
start
wait_until "SELECT count(*) > 0 FROM pg_stat_progress_copy WHERE tuples_processed > 10" t
kill -INT "$command"
end
is "$status" 130 'Ctrl-C: the command ends with 130'
like "$err" 'interrupted.*\[57014\]' 'and says so'
sql 'DROP TRIGGER slow ON customer' >/dev/null
goes_on 'interrupted'

# Two at once.
fresh together
start
first=$command
"$binary" migrate "$data" --to "$url" --quiet >/dev/null 2>"$work/err-of-second" </dev/null || true
is "$(<"$work/err-of-second")" '' 'a second migration at the same time ends well'
command=$first
end
is "$status" 0 'so does the first'
goes_on 'two at once'
done_testing
