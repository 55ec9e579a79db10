#!/bin/bash
# An example program prints the same on SQLite and on PostgreSQL, and an error where it is not told which database.
#   example_test.sh PROGRAM EXPECTED_OUTPUT [--both]
# --both: it works with both databases at once, so it runs once.
set -euo pipefail
program=$1
expected=$2
[[ -n ${ROWHOUSE_TEST_URL:-} ]] || { echo "ROWHOUSE_TEST_URL is not set: run within tests/private-postgres"; exit 77; }

folder=$(mktemp -d)
database=rowhouse_example_$$
trap 'rm -rf "$folder"; psql -qX -c "DROP DATABASE IF EXISTS $database WITH (FORCE)"' EXIT
cd "$folder"
unset DATABASE_URL ENVIRONMENT

mkdir data
if [[ ${3:-} != --both ]]; then
  "$program" setup >sqlite.out
  diff -u "$expected" sqlite.out
  [[ -n $(ls data) ]]
fi

psql -qX -c "CREATE DATABASE $database"
export ENVIRONMENT=production DATABASE_URL="$ROWHOUSE_TEST_URL&dbname=$database"
"$program" setup >postgres.out
diff -u "$expected" postgres.out

unset DATABASE_URL
if "$program" 2>error.out; then echo "expected an error without DATABASE_URL"; exit 1; fi
grep -q '^error F0000: DATABASE_URL is not set' error.out
