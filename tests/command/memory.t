#!/bin/bash
# Memory does not grow with the file: plan, migrate and verify of 200 MB of wide rows stay below 256 MiB. It grows little
# with the number of files: what equal tables have alike is kept once.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
new_database "$topic"
sqlite large_freshdesk_data.db "
  PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
  CREATE TABLE wide (id TEXT PRIMARY KEY, body TEXT, doc JSON, bytes BLOB$(printf ', c%d INTEGER' {1..60}));
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 42000)
  INSERT INTO wide (id, body, doc, bytes, c1, c60)
    SELECT printf('%016d', i * 7919 % 42013), hex(randomblob(1200)), json_object('k', hex(randomblob(600))), randomblob(1200), i, -i FROM n" >/dev/null
ok 'the file is large' test "$(stat -c %s "$data/large_freshdesk_data.db")" -gt 200000000

# peak ARGUMENT...: runs the command, $peak its largest resident size in MiB as last seen.
peak() {
  local high
  peak=0 status=0
  "$binary" "$@" --quiet >"$work/out" 2>"$work/err" </dev/null &
  while kill -0 $! 2>/dev/null; do
    high=$(awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/$!/status" 2>/dev/null || true)
    [[ ${high:-0} -le $peak ]] || peak=$high
    sleep 0.05
  done
  wait $! || status=$?
}
for command in plan migrate verify; do
  target=(--to "$url")
  [[ $command != plan ]] || target=()
  peak "$command" "$data" "${target[@]}"
  is "$status" 0 "$command ends well"
  ok "$command stays below 256 MiB: $peak" test "$peak" -lt 256 -a "$peak" -gt 5
done
is "$(sql 'SELECT count(*), count(DISTINCT id) FROM wide')" '42000|42000' 'every row is there'

columns=$(printf ', column_%d VARCHAR(100) NOT NULL DEFAULT "a default that takes more than a few bytes"' {1..100})
sqlite t0_freshdesk_data.db "CREATE TABLE wider (id INTEGER PRIMARY KEY AUTOINCREMENT$columns)"
mkdir "$work/fleet"
for i in {1..1500}; do cp "$data/t0_freshdesk_data.db" "$work/fleet/t${i}_freshdesk_data.db"; done
peak plan "$work/fleet"
is "$status" 0 'plan of a fleet ends well'
ok "a fleet of 1,500 files with 100 equal columns stays below 64 MiB: $peak" test "$peak" -lt 64 -a "$peak" -gt 5
done_testing
