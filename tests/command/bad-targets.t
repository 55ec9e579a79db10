#!/bin/bash
# Databases that cannot be reached or refuse, and secrets that must not be told.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
shop acme_freshdesk_data.db Acme 5
server="host=$PGHOST&port=$PGPORT"

refuses 'no database named' 2 F0000 'no target database is named' migrate "$data"
refuses 'no URL' 2 F0000 'not a URL' migrate "$data" --to nonsense
refuses 'a SQLite URL' 2 F0000 'the target is no PostgreSQL URL' verify "$data" --to sqlite:///x.db
refuses 'a bad port' 2 F0000 'port of the URL' status --to postgresql://host:99999/x
refuses 'an unknown parameter' 2 F0000 'unknown parameter "colour"' tenant list --to "postgresql:///postgres?colour=red"
refuses 'no server on a socket' 5 08001 "cannot connect to .*$work" migrate "$data" --to "postgresql:///x?host=$work"
refuses 'no server on a port' 5 08001 'refused' migrate "$data" --to postgresql://127.0.0.1:1/x
refuses 'no such database' 5 3D000 'database "not_there" does not exist' migrate "$data" --to "postgresql:///not_there?$server&user=$PGUSER"
refuses 'no such user' 5 28000 'role "not_there" does not exist' status --to "postgresql:///postgres?$server&user=not_there"

# A server that takes the connection and then says nothing.
perl -MIO::Socket::UNIX -e 'my $s = IO::Socket::UNIX->new(Local => "$ARGV[0]/.s.PGSQL.5432", Listen => 1); sleep 60' "$work" &
silent=$!
refuses 'a server that does not answer' 5 08001 'cannot connect' status --to "postgresql:///x?host=$work&connect_timeout=2"
kill "$silent"

# Passwords: one line for one role on top of pg_hba.conf.
new_database "$topic"
hba=$(sql 'SHOW hba_file')
{ printf 'local all bad_targets_login scram-sha-256\n'; cat "$hba"; } >"$work/hba"
cat "$work/hba" >"$hba"
sql "CREATE ROLE bad_targets_login LOGIN PASSWORD 'right'; GRANT ALL ON DATABASE $database TO bad_targets_login;
  GRANT ALL ON SCHEMA public TO bad_targets_login" >/dev/null
sql 'SELECT pg_reload_conf()' >/dev/null
secret='s3cret/w@rd'
escaped=s3cret%2Fw%40rd
for way in "bad_targets_login:$escaped@/$database?$server" "/$database?$server&user=bad_targets_login&password=$escaped"; do
  for arguments in "migrate $data" "verify $data" status 'tenant list' 'tenant create x'; do
    # shellcheck disable=SC2086  # words
    refuses "a wrong password: ${arguments%% /*}" 5 28P01 'password authentication failed' $arguments --to "postgresql://$way"
    unlike "$out$err" "$secret|$escaped" 'is not told'
  done
done
export DATABASE_URL="postgresql://bad_targets_login:$escaped@/$database?$server"
refuses 'a wrong password in DATABASE_URL' 5 28P01 'password authentication failed' migrate "$data"
unlike "$out$err" "$secret|$escaped" 'is not told'
rowhouse migrate --help
unlike "$out$err" "$secret|$escaped" 'not even by --help'
rowhouse migrate "$data" --to "postgresql://user:$secret@host/x"
unlike "$out$err" "$secret" 'nor where its URL is malformed'
unset DATABASE_URL
succeeds 'the right one' migrate "$data" --to "postgresql://bad_targets_login:right@/$database?$server" --quiet

# Databases that are reached, and refuse.
new_database "$topic-closed"
sql "CREATE ROLE bad_targets_guest LOGIN; CREATE TABLE precious (id int); INSERT INTO precious VALUES (1)" >/dev/null
guest="postgresql:///$database?$server&user=bad_targets_guest"
refuses 'a role that may make nothing' 5 42501 'permission denied' migrate "$data" --to "$guest"
refuses 'a role that may register nobody' 5 42501 'permission denied' tenant create x --to "$guest"
refuses 'a database that is read-only' 5 25006 'read-only' migrate "$data" --to "$url&options=-cdefault_transaction_read_only%3Don"
refuses 'verify where nothing was migrated' 3 55000 'not installed' verify "$data" --to "$url"
refuses 'tenant list there' 3 55000 'not installed' tenant list --to "$url"
rowhouse status --to "$url" --json
is "$status $(json .core)" '3 ' 'status there'
refuses 'a schema that is not there' 5 3F000 'schema "gone" does not exist' migrate "$data" --schema gone --to "$url"
succeeds 'tenant create installs the core' tenant create acme --to "$url"
refuses 'verify of a tenant without tables' 3 42P01 'there is no table' verify "$data" --to "$url"
sql "SELECT rowhouse.suspend_tenant('acme')" >/dev/null
rowhouse migrate "$data" --to "$url"
is "$status" 5 'a suspended tenant'
like "$err" 'tenant "acme" is suspended.*\[42501\]' 'is named'
is "$(sql 'SELECT count(*) FROM orders')" 0 'and none of its rows is copied'
sql "SELECT rowhouse.resume_tenant('acme'); DROP TABLE orders; CREATE TABLE orders (id int PRIMARY KEY, price money)" >/dev/null
refuses 'a table of the same name and other types' 5 42804 'which no SQLite column is copied to' migrate "$data" --to "$url"
is "$(sql 'SELECT count(*) FROM precious')" 1 'what was there is there'
done_testing
