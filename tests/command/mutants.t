#!/bin/bash
# Damaged files as a fleet, the same for the same seed: whatever can be read is in PostgreSQL, cell by cell; of what is
# refused nothing is; nobody crashes or hangs.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
new_database "$topic"
seed=${SEED:-1} mutants=${MUTANTS:-1000}
"${ROWHOUSE%/client/cli/rowhouse}/tests/fuzz/replay_images" --write-mutants "$data" "$mutants" "$seed"
printf '# seed %s\n' "$seed"
from=("$data" --pattern '{tenant}.db')

rowhouse migrate "${from[@]}" --to "$url" --json
is "$status" 4 'migrate tells that files are refused'
refused=$(json '.failures[] | .tenant' | sort -u)
ok 'some are refused' test -n "$refused"
is "$(json '.failures[] | select((.sqlstate | length) != 5 or .message == "")')" '' 'each by name, with its reason'
is "$(json '.failures[] | select(.sqlstate != "22P04")')" '' 'each is said to be damaged'
ok 'some are read' test "$(json '[.tables[].tenant] | unique | length')" -gt $((mutants / 10))
left=$(sql "SELECT DISTINCT tenant FROM (SELECT tenant FROM rowhouse.import_chunk UNION ALL SELECT tenant FROM rowhouse.import_reject) AS t" | sort -u)
is "$(comm -12 <(printf '%s\n' "$refused") <(printf '%s\n' "$left"))" '' 'of a refused file no row, reject or ledger entry is left'

rowhouse verify "${from[@]}" --to "$url" --json
is "$(json '.tables[] | select(.different + .missing + .unexpected > 0) | .tenant + "." + .table')" '' 'what was read is as in the files'
rowhouse migrate "${from[@]}" --to "$url" --json
is "$(json '[.tables[] | .rows + .updated + .deleted] | add')" 0 'run again, nothing is sent'
done_testing
