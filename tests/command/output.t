#!/bin/bash
# What the command says: help, documents, progress, and where options come from.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
new_database "$topic"
shop acme_freshdesk_data.db Acme 400
shop bolt_freshdesk_data.db Bolt 400

succeeds 'help' --help
for command in plan migrate verify status tenant; do
  like "$out" "  $command " "help names $command"
  succeeds "help of $command" "$command" --help
  rowhouse --help
done
header=$here/../../client/cli/exit_status.hpp
while read -r number; do
  like "$out" "  $number +[a-zA-Z]" "help explains exit status $number"
done < <(sed -n 's/^ *k[A-Za-z]* = \([0-9]*\),.*/\1/p' "$header")
rowhouse migrate --help
for variable in DATABASE_URL ROWHOUSE_{JSON,QUIET,PATTERN,TENANT,SCHEMA,TENANT_COLUMN,SCRATCH,SKIP_INTEGRITY_CHECK}; do
  like "$out" "Env:$variable" "help names $variable"
done
version=$(jq -r .version "$here/../../META.json")
succeeds 'version' --version
is "$out" "rowhouse $version" 'it is that of META.json'

for arguments in '' 'nonsense' 'migrate' 'migrate --nonsense x' 'tenant' 'tenant create' 'status x' 'plan x --schema'; do
  # shellcheck disable=SC2086  # words
  rowhouse $arguments
  is "$status" 1 "wrong usage: rowhouse $arguments"
  like "$err" . 'is explained on standard error'
  is "$out" '' 'and not on standard output'
done

# Documents: one JSON value on standard output and nothing on standard error, whatever happens.
document() {
  rowhouse "${@:3}" --json
  is "$err" '' "$1: nothing on standard error"
  is "$(json 'keys | join(" ")')" "$2" "$1: the parts of the document"
  is "$(json '[.rowhouse, .command] | join(" ")')" "$version $1" "$1: version and command"
}
document plan 'command ddl_after failures files notes rowhouse tables' plan "$data"
is "$(json '.tables[0] | keys | join(" ")')" 'columns ddl name notes primary_key rows source_name' 'plan: a table'
is "$(json '.tables[0].columns[0] | keys | join(" ")')" 'evidence name source_name type' 'plan: a column'
document migrate 'command failures notes rowhouse seconds tables' migrate "$data" --to "$url"
is "$(json '.tables[0] | keys | join(" ")')" \
  'conflicts deleted present rejected repaired rows source source_table table tenant unchanged updated' 'migrate: a table'
document verify 'command equal failures rowhouse tables' verify "$data" --to "$url"
is "$(json '.tables[0] | keys | join(" ")')" \
  'different examples missing rejected rows source source_table table tenant unexpected' 'verify: a table'
document status 'command core rejects rowhouse tables' status --to "$url"
is "$(json '.tables[0] | keys | join(" ")')" 'imported_at rejected rows source source_table table tenant' 'status: a table'
like "$(json '.tables[0].imported_at')" '^20..-..-..T..:..:..Z$' 'status: times are ISO, in UTC'
document 'tenant list' 'command rowhouse tenants' tenant list --to "$url"
is "$(json '.tenants[] | [.id, .status] | join(" ")')" 'acme active
bolt active' 'tenant list: the tenants'
: >"$data/cobra_freshdesk_data.db"
rowhouse plan "$data" --json
is "$(json '.failures[0] | keys | join(" ")')" 'detail hint message path sqlstate tenant' 'a failure'
rm "$data/cobra_freshdesk_data.db"

succeeds 'plan --ddl' plan "$data" --ddl
new_database "$topic-ddl"
sql 'CREATE EXTENSION rowhouse'
is "$("$PG_PREFIX_BIN/psql" -XqAt -v ON_ERROR_STOP=1 -d "$database" -o /dev/null <<<"$out" 2>&1 && echo runs)" runs 'the SQL runs where rowhouse is'
database=$topic
url="postgresql:///$database?host=$PGHOST&port=$PGPORT&user=$PGUSER"

# Progress goes to standard error: lines, or a bar where it is a terminal.
rowhouse verify "$data" --to "$url"
like "$err" 'Verifying +\[#+\] 2/2 files  1600 rows' 'a line for each phase'
unlike "$err" $'\r|\033' 'without control characters'
like "$out" '1600 rows equal in every cell, 0 differences' 'the report is on standard output'
rowhouse verify "$data" --to "$url" --quiet
is "$err" '' 'quiet is quiet'
terminal=$(script -qec "$(printf '%q ' "$binary" verify "$data" --to "$url")" /dev/null </dev/null)
like "$terminal" $'\r\033\\[K''Verifying +\[#+\] 2/2 files' 'a bar on a terminal'
status=0
"$binary" status --to "$url" >/dev/full 2>"$work/err" || status=$?
is "$status" 12 'a full disk under standard output is no success'

# Every option from the environment; the command line wins.
new_database "$topic-environment"
sql 'CREATE SCHEMA app' >/dev/null
export DATABASE_URL=$url ROWHOUSE_PATTERN='{tenant}_freshdesk_data.db' ROWHOUSE_TENANT=zeta ROWHOUSE_SCHEMA=app \
  ROWHOUSE_TENANT_COLUMN=owner_id ROWHOUSE_SCRATCH=$scratch ROWHOUSE_JSON=1 ROWHOUSE_QUIET=1 ROWHOUSE_SKIP_INTEGRITY_CHECK=1
succeeds 'migrate by the environment' migrate "$data/acme_freshdesk_data.db"
is "$(json '.tables | length')" 2 'it prints a document'
is "$(sql 'SELECT owner_id, count(*) FROM app.orders GROUP BY 1')" 'zeta|400' 'schema, column and tenant are those of the environment'
succeeds 'verify by the environment' verify "$data/acme_freshdesk_data.db"
succeeds 'the command line wins' migrate "$data/bolt_freshdesk_data.db" --tenant eta
is "$(sql 'SELECT string_agg(DISTINCT owner_id, $$ $$) FROM app.orders')" 'eta zeta' 'its tenant is taken'
export DATABASE_URL=postgresql://127.0.0.1:1/x
succeeds 'and its database' tenant list --to "$url"
is "$(json '[.command, (.tenants | length)] | join(" ")')" 'tenant list 2' 'which is read'
done_testing
