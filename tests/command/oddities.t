#!/bin/bash
# Files with what real ones hold, one oddity each (tests/data/make_odd_files), as one fleet: every row is in PostgreSQL or
# set aside with its reason, types and refusals are as expected, and the sqlite3 shell counts the same rows.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
new_database "$topic"
"$here/../data/make_odd_files" "$work/odd"
mv "$work"/odd/* "$data"
from=("$data" --pattern '{tenant}.db')
tab=$'\t'
expected() { grep -E "^($1)$tab" "$work/odd.expected" | LC_ALL=C sort; }
# same NAME KIND: standard input, redirected and not piped, against what is expected of that kind.
same() { is "$(LC_ALL=C sort | diff - <(expected "$2") || true)" '' "$1"; }

rowhouse plan "${from[@]}" --json
is "$status" 4 'plan tells that files are refused'
refusals='.failures[] | ["refused", .tenant, .sqlstate] | @tsv'
same 'plan: each by name and reason' refused < <(json "$refusals")
# Not every type is worth an expectation.
types=$(json '.tables[] | .source_name as $table | .columns[] | ["type", $table, .source_name, .type] | @tsv')
is "$(expected type | grep -vxFf <(printf '%s\n' "$types") || true)" '' 'plan: types that hold what is stored'

rowhouse migrate "${from[@]}" --to "$url" --json
is "$status" 4 'migrate tells that files are refused'
same 'migrate: each by name and reason' refused < <(json "$refusals")
same 'every row is copied or set aside' rows < <(json '.tables[] | ["rows", .tenant, .source_table, .rows, .rejected] | @tsv')
same 'what is set aside, and why' reject \
  < <(sql "SELECT concat_ws(E'\\t', 'reject', tenant, source_table, key, sqlstate) FROM rowhouse.import_reject")
is "$(sql "SELECT string_agg(DISTINCT source_table, ' ') FROM rowhouse.import_reject WHERE reason = ''")" '' 'never without words'

# Counted by SQLite's own shell, from copies: it would clean up what a dead writer left.
cp -r "$data" "$work/copy"
while IFS=$tab read -r _ tenant table rows rejected; do
  [[ $tenant != foreign ]] || continue  # its orders are its application's
  counted=$(sqlite3 "$work/copy/$tenant.db" "SELECT count(*) FROM \"$(printf %b "${table//\"/\"\"}")\"")
  [[ $counted -eq $((rows + rejected)) ]] || miscounted+=" $tenant.$table: $counted"
done < <(expected rows)
is "${miscounted:-}" '' 'sqlite3 counts the same rows'

rowhouse verify "${from[@]}" --to "$url" --json
is "$(json '.tables[] | select(.different + .missing + .unexpected > 0)')" '' 'verify finds no difference'
rowhouse migrate "${from[@]}" --to "$url" --json
is "$(json '[.tables[] | .rows] | add')" 0 'run again, nothing is sent'
is "$(sql "SELECT count(*) FROM rowhouse.tenant WHERE id IN ('pages', 'newer', 'columns2000')")" 0 'nothing of a refused file is made'
done_testing
