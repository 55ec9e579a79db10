#!/bin/bash
# Tenant ids, patterns and sets of files that must not be: nothing is migrated, nothing is made.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
new_database "$topic"
shop acme_freshdesk_data.db Acme 5

long=$(printf 'x%.0s' {1..300})
declare -A ids=(
  ['an empty id']='' ['a path']='../x' ['a slash']='a/b' ['a backslash']='a\b' ['a leading dot']='.x' ['a leading hyphen']='-rf'
  ['a leading blank']=' x' ['a trailing blank']='x ' ['a newline']=$'a\nb' ['a control character']=$'a\001b' ['300 bytes']=$long
  ['not UTF-8']=$'a\xff' ['cut UTF-8']=$'a\xc3' ['a zero-width space']=$'a\u200bb' ['a right-to-left mark']=$'a\u202eb'
  ['a no-break space']=$'a\u00a0b' ['a byte order mark']=$'\ufeffa'
)
for name in "${!ids[@]}"; do
  refuses "migrate --tenant: $name" 2 22023 'the tenant id ' migrate "$data" --tenant="${ids[$name]}" --to "$url"
  refuses "tenant create: $name" 2 22023 'the tenant id ' tenant create --to "$url" -- "${ids[$name]}"
done
is "$(sql "SELECT count(*) FROM pg_namespace WHERE nspname = 'rowhouse'")" 0 'not even the core was installed'
for id in 'O''Brien' 'a b' 'ÄÖ 東京' '"quoted"' "'; DROP TABLE x; --" '%s%n' 'a.b' "${long:0:128}"; do
  succeeds "tenant create: $id" tenant create --to "$url" -- "$id"
  succeeds "migrate --tenant: $id" migrate "$data" --tenant "$id" --to "$url" --quiet
done
succeeds 'tenant list' tenant list --to "$url" --json
is "$(json '.tenants | length')" 8 'all of them are there'
is "$(sql 'SELECT count(*), count(DISTINCT company_id) FROM orders')" '40|8' 'with their rows'
refuses 'tenant create: one that exists' 5 23505 'tenant "a b" exists already' tenant create 'a b' --to "$url"

shop Acme_freshdesk_data.db Acme 5
refuses 'two files that differ by case' 2 42710 'name the same tenant' migrate "$data" --to "$url"
refuses 'plan says so too' 2 42710 'name the same tenant' plan "$data"
rm "$data/Acme_freshdesk_data.db"
for other in $'caf\xc3\x89' $'cafe\xcc\x81'; do
  shop $'caf\xc3\xa9_freshdesk_data.db' One 2
  shop "${other}_freshdesk_data.db" Two 2
  refuses "two files of one id in another form: $(printf %q "$other")" 2 42710 'name the same tenant' migrate "$data" --to "$url"
  rm "$data"/caf*
done
shop acme.sqlite Acme 5
refuses 'one tenant by two patterns' 2 42710 'acme.sqlite.*acme_freshdesk_data.db.*name the same tenant' \
  migrate "$data" --pattern '{tenant}.sqlite' --pattern '{tenant}_freshdesk_data.db' --to "$url"
mkdir "$data/other"
shop other/acme.sqlite Other 5
refuses 'two files of one name and one tenant' 2 42710 'name the same tenant and file' \
  migrate "$data"/acme.sqlite "$data"/other/acme.sqlite --tenant both --to "$url"
refuses 'a file whose name does not fit' 2 22023 'does not fit the pattern' migrate "$data/acme.sqlite" --to "$url"
refuses 'a pattern without {tenant}' 2 22023 'lacks \{tenant\}' migrate "$data" --pattern '*.db' --to "$url"
shop .._freshdesk_data.db Dots 2
refuses 'a file name that makes a bad id' 2 22023 'starts with a dot' migrate "$data" --to "$url"
rm "$data/.._freshdesk_data.db"
cp "$data/acme.sqlite" "$data/"$'a\nb_freshdesk_data.db'
refuses 'a file name with a newline' 2 22023 'control character' migrate "$data" --to "$url"
rm "$data/"$'a\nb_freshdesk_data.db'
cp "$data/acme.sqlite" "$data/"$'a\xff_freshdesk_data.db'
refuses 'a file name that is not UTF-8' 2 22023 'not valid UTF-8' migrate "$data" --to "$url"
rowhouse migrate "$data" --to "$url" --json
is "$status $(json '.error.sqlstate')" '2 22023' 'in a document too'
done_testing
