#!/bin/bash
# What the command says: help, documents, progress, and where options come from.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
new_database "$topic"
shop acme_freshdesk_data.db Acme 400
shop bolt_freshdesk_data.db Bolt 400

succeeds 'help' --help
for command in plan migrate verify export status audit prove tenant; do
  like "$out" "  $command " "help names $command"
  succeeds "help of $command" "$command" --help
  rowhouse --help
done
header=$here/../../client/cli/exit_status.hpp
while read -r number; do
  like "$out" "  $number +[a-zA-Z]" "help explains exit status $number"
done < <(sed -n 's/^ *k[A-Za-z]* = \([0-9]*\),.*/\1/p' "$header")
rowhouse migrate --help
for variable in DATABASE_URL ROWHOUSE_{JSON,QUIET,PATTERN,TENANT,SCHEMA,TENANT_COLUMN,SCRATCH,SKIP_INTEGRITY_CHECK,JOBS}; do
  like "$out" "Env:$variable" "help names $variable"
done
version=$(jq -r .version "$here/../../META.json")
succeeds 'version' --version
is "$out" "rowhouse $version" 'it is that of META.json'

# Manual pages and completion are what the command says of itself.
"$here/../../packaging/man-pages" "$binary" "$work/man"
is "$(cd "$work/man" && LC_ALL=C && echo ./*)" "$(printf './%s.1 ' rowhouse-{audit,export,migrate,plan,prove,retry,status,tenant-create,tenant-drop,tenant-list,tenant-rename,tenant-reopen,tenant-resume,tenant-suspend,tenant,verify} rowhouse | sed 's/ $//')" \
  'a manual page for each command'
complete_as() { PATH=${binary%/*}:$PATH bash -c '. "$0"; COMP_WORDS=(rowhouse "$@"); COMP_CWORD=$#; _rowhouse; echo "${COMPREPLY[*]}"' "$here/../../packaging/completion.bash" "$@"; }
is "$(complete_as exp)|$(complete_as tenant '')|$(complete_as export --over)|$(complete_as verify --jo)" 'export|list create suspend resume reopen rename drop|--overwrite|--jobs' 'completion'
for arguments in '' 'nonsense' 'migrate' 'migrate --nonsense x' 'tenant' 'tenant create' 'status x' 'plan x --schema'; do
  # shellcheck disable=SC2086  # words
  rowhouse $arguments
  is "$status" 1 "wrong usage: rowhouse $arguments"
  like "$err" . 'is explained on standard error'
  is "$out" '' 'and not on standard output'
done

# Documents: one JSON value on standard output and nothing on standard error, whatever happens, with the fields that
# docs/command.md names and no others. `a[]` in a row of its table stands for each element; `b` behind `a[]`: is one of its
# fields, in brackets or up to the next semicolon.
fields() {
  sed -n "s/^| $1 | \(.*\) |\$/\1/p" "$here/../../docs/command.md" | perl -ne '
    for my $part (split /; /) {
      $part =~ s/ \((?!`)[^)]*\)//g;
      my ($outer, $inner) = $part =~ /^(.*`(?:\w+)(?:\[\])?`): (.*)$/ ? ($1, $2) : ($part, "");
      my @outer = $outer =~ /`(\w+(?:\[\])?)`/g;
      print "$_\n" for @outer;
      my $list = $outer[-1];
      while ($inner =~ s/`(\w+)(\[\])?` \(((?:`\w+(?:\[\])?`(?:, )?)+)\)/`$1$2`/) {
        my ($name, $more) = ("$list.$1$2", $3);
        print "$name.$_\n" for $more =~ /`(\w+(?:\[\])?)`/g;
      }
      print "$list.$_\n" for $inner =~ /`(\w+(?:\[\])?)`/g;
    }'
}
# The fields that a document has, lists that are empty with none of their own.
shown() {
  jq -r 'def walk_fields($at): to_entries[] | .key as $key | if (.value | type) == "array"
      then "\($at)\($key)[]", (.value[] | objects | walk_fields("\($at)\($key)[]."))
      elif (.value | type) == "object" then "\($at)\($key)", (.value | walk_fields("\($at)\($key).")) else "\($at)\($key)" end;
    walk_fields("")' "$work/out"
}
failure_fields=$(printf 'failures[].%s\n' path tenant sqlstate message detail hint)
document() {
  rowhouse "${@:2}" --json
  is "$(grep -vE '^(refused: .*cobra| +detail: | +hint: )' <<<"$err")" '' "$1: nothing on standard error but refused files"
  is "$(json '[.rowhouse, .command] | join(" ")')" "$version $1" "$1: version and command"
  local documented lists
  documented=$( (printf 'command\nrowhouse\n'; fields "$1"; [[ $(fields "$1") != *failures* ]] || echo "$failure_fields") | sort -u)
  is "$(shown | sort -u | comm -23 - <(echo "$documented"))" '' "$1: no field that is not documented"
  # Of a list that is empty the fields can't be seen.
  lists=$(jq -r 'paths(type == "array" and length == 0) | map(if type == "number" then "[]" else "." + . end) | join("") | .[1:] | gsub("\\[\\]"; "[]")' "$work/out")
  is "$(comm -13 <(shown | sort -u) <(echo "$documented") | while read -r field; do
    list=${field%.*}; [[ $'\n'$lists$'\n' == *$'\n'"${list%\[\]}"$'\n'* ]] || echo "$field"; done)" '' "$1: every field that is documented"
}
: >"$data/cobra_freshdesk_data.db"
document plan plan "$data"
document migrate migrate "$data" --to "$url"
document verify verify "$data" --to "$url"
rm "$data/cobra_freshdesk_data.db"
document status status --to "$url"
like "$(json '.tables[0].imported_at')" '^20..-..-..T..:..:..Z$' 'status: times are ISO, in UTC'
document export export --from "$url" --tenant acme "$work/out.db"
document audit audit --to "$url"
document prove prove --to "$url"
document 'tenant list' tenant list --to "$url"
is "$(json '.tenants[] | [.id, .status] | join(" ")')" 'acme active
bolt active' 'tenant list: the tenants'

# So is an error that ends the command.
while read -r wanted sqlstate arguments; do
  # shellcheck disable=SC2086  # words
  rowhouse $arguments --json
  is "$status $(json '[.command, .error.sqlstate] | join(" ")') $(json '.error | keys | join(" ")')" \
    "$wanted ${arguments%% -*} $sqlstate detail hint message sqlstate" "an error's document: $arguments"
  is "$err" '' 'and nothing on standard error'
done <<'TABLE'
5 08001 status --to postgresql://127.0.0.1:1/x
5 08001 tenant list --to postgresql://127.0.0.1:1/x
2 F0000 audit --to mysql://x/y
2 F0000 export --tenant acme x.db --from sqlite:///x
TABLE

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
