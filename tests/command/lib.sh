# shellcheck shell=bash
# What the tests of the command share: TAP, running the command, databases, SQLite files.
#
# A test makes its SQLite files below $data; every run of the command is checked to have left that folder as it was.
set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
topic=$(basename "$0" .t)
binary=${ROWHOUSE:?run this by tests/command/run}
: "${PG_PREFIX_BIN:?run this by tests/command/run}"
work=$(mktemp -d "${TMPDIR:-/tmp}/rowhouse-command-XXXXXX")
trap 'rm -rf "$work"' EXIT
data=$work/data
scratch=$work/scratch
mkdir "$data" "$scratch"
unset "${!ROWHOUSE_@}" DATABASE_URL
outer_tmpdir=${TMPDIR:-/tmp}
export TMPDIR=$scratch
out='' err='' status=0
tests=0 failures=0 commands=0 soiled=()

# --- TAP: every function passes or fails one test and goes on ---

report() {
  local passed=$1 name=$2
  tests=$((tests + 1))
  if [[ $passed == yes ]]; then
    printf 'ok %d - %s\n' "$tests" "$name"
  else
    failures=$((failures + 1))
    printf 'not ok %d - %s\n' "$tests" "$name"
    printf '%s\n' "$topic: $name" "${@:3}" | sed 's,^,# ,; 2,$s,^# ,#   ,' >&2
  fi
}

is() {
  local got=$1 wanted=$2 name=$3
  if [[ $got == "$wanted" ]]; then report yes "$name"; else report no "$name" "got:    $got" "wanted: $wanted"; fi
}

like() {
  local text=$1 pattern=$2 name=$3
  if [[ $text =~ $pattern ]]; then report yes "$name"; else report no "$name" "got:     $text" "pattern: $pattern"; fi
}

unlike() {
  local text=$1 pattern=$2 name=$3
  if [[ $text =~ $pattern ]]; then report no "$name" "got:        $text" "not wanted: $pattern"; else report yes "$name"; fi
}

# ok NAME COMMAND...: the command succeeds.
ok() {
  local name=$1 said
  if said=$("${@:2}" 2>&1); then report yes "$name"; else report no "$name" "${*:2}" "$said"; fi
}

skip() { tests=$((tests + 1)); printf 'ok %d # SKIP %s\n' "$tests" "$1"; }

done_testing() {
  [[ $commands -eq 0 ]] ||
    is "${soiled[*]}" '' "the SQLite files and their folder are as they were, after $commands commands"
  [[ $commands -eq 0 ]] || is "$(ls -A "$scratch")" '' 'no private copy is left in the scratch folder'
  printf '1..%d\n' "$tests"
  [[ $failures -eq 0 ]]
}

# --- the command ---

# Names, kinds, sizes, times and bytes of everything below a folder.
fingerprint() {
  (
    cd "$1"
    find . -printf '%p %y %s %m %T@\n' | LC_ALL=C sort
    find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum 2>&1 || true
  )
}

# Runs the command: $out, $err, $status. It never fails the test by itself, but never takes longer than a minute.
rowhouse() {
  local before after
  before=$(fingerprint "$data")
  status=0
  timeout --kill-after=5 60 "$binary" "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
  after=$(fingerprint "$data")
  out=$(tr -d '\0' <"$work/out")
  err=$(tr -d '\0' <"$work/err")
  commands=$((commands + 1))
  [[ $before == "$after" ]] || soiled+=("$*")
}

# succeeds NAME ARGUMENT...: the command ends with 0.
succeeds() {
  rowhouse "${@:2}"
  if [[ $status -eq 0 ]]; then report yes "$1"; else report no "$1" "exit status $status" "$err" "$out"; fi
}

# refuses NAME STATUS SQLSTATE PATTERN ARGUMENT...: the command ends with this status, says an error with this SQLSTATE
# that fits the pattern, and the database is as it was.
refuses() {
  local name=$1 wanted=$2 sqlstate=$3 pattern=$4 before
  before=$(contents)
  rowhouse "${@:5}"
  local problems=()
  [[ $status -eq $wanted ]] || problems+=("exit status $status, not $wanted")
  [[ $err == *"[$sqlstate]"* ]] || problems+=("no [$sqlstate]")
  [[ $err =~ $pattern ]] || problems+=("does not fit: $pattern")
  [[ $(contents) == "$before" ]] || problems+=('the database has changed')
  if [[ ${#problems[@]} -eq 0 ]]; then report yes "$name"; else report no "$name" "${problems[@]}" "$err"; fi
}

# json FILTER: what jq makes of the command's standard output.
json() { jq -r "$1" "$work/out"; }

# --- PostgreSQL ---

# A new, empty database; $url leads to it. new_database NAME [OWNER]
new_database() {
  local owner=${2:-$PGUSER}
  database=${1//-/_}
  "$PG_PREFIX_BIN/psql" -XqAt -c "CREATE DATABASE \"$database\" OWNER \"$owner\" TEMPLATE template0"
  # shellcheck disable=SC2034  # for the tests
  url="postgresql:///$database?host=$PGHOST&port=$PGPORT&user=$owner"
}

# Rows of a query, columns apart by |; an error's message instead.
sql() { "$PG_PREFIX_BIN/psql" -XqAt -d "$database" -c "$1" 2>&1 || true; }

# sql_as ROLE TENANT QUERY: as an application does it; no tenant is set where TENANT is empty.
sql_as() {
  local set_tenant=''
  [[ -z $2 ]] || set_tenant="SELECT rowhouse.set_tenant('$2') AS tenant \\gset"
  "$PG_PREFIX_BIN/psql" -XqAt -v ON_ERROR_STOP=1 -d "$database" 2>&1 <<SQL || true
SET ROLE $1;
BEGIN;
$set_tenant
$3;
SQL
}

# Everything in the database but what sequences have counted, as one hash. 'none' where there is none.
contents() {
  [[ -n ${database:-} ]] || { echo none; return; }
  { "$PG_PREFIX_BIN/pg_dump" -d "$database" 2>&1 || true; } | grep -vE '^(\\|SELECT pg_catalog.setval)' | sha256sum
}

# --- SQLite ---

# sqlite FILE [STATEMENTS]: makes or changes a file below $data; statements from standard input if not given.
sqlite() { sqlite3 -bail "$data/$1" ${2+"$2"}; }

# shop FILE NAME ROWS: a small shop, customers and their orders, the same ids in every file.
shop() {
  sqlite "$1" "
    CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, vip BOOLEAN, joined DATE);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer (id), price REAL, note TEXT);
    CREATE INDEX by_customer ON orders (customer_id);
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $3)
    INSERT INTO customer SELECT i, '$2 customer ' || i, i % 2, date('2024-01-01', i || ' days') FROM n;
    INSERT INTO orders SELECT id, id % 7 + 1, id * 1.25, printf('%.*c', id % 50, 'x') FROM customer"
}

# The whole test on a server of its own, which it may reconfigure and stop.
on_own_server() {
  [[ ${OWN_SERVER:-} != "$topic" ]] || return 0
  rm -rf "$work"
  ROWHOUSE=$binary OWN_SERVER=$topic TMPDIR=$outer_tmpdir exec "$here/../private-postgres" run --without native -- "$0"
}
