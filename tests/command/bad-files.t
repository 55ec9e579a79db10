#!/bin/bash
# Files that cannot or must not be read: each is refused whole, by name and reason, and the others go on.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
new_database "$topic"
shop good_freshdesk_data.db Good 40
succeeds 'migrate a good file' migrate "$data" --to "$url"
file=$data/bad_freshdesk_data.db

# bad NAME STATUS SQLSTATE PATTERN: what $file is now is refused by migrate, with nothing of it in the database, and by
# plan; the file beside it is read all the same.
bad() {
  refuses "$1: migrate" "$2" "$3" "$4" migrate "$data" --to "$url"
  like "$err" "$file" "$1: the file is named"
  like "$out" 'good +good_freshdesk_data.db +customer( +0)+ +unchanged' "$1: the other file goes on"
  rowhouse plan "$data" --json
  is "$status $(json '[.files, (.failures | map(.sqlstate) | join(" "))] | join(" ")')" "$2 1 $3" "$1: plan"
}

: >"$file"
bad 'no bytes' 4 22P04 'is empty'
head -c 50 "$data/good_freshdesk_data.db" >"$file"
bad 'half a header' 4 22P04 'too short'
echo 'this is not a database, but it is long enough to hold the header of one, which has a hundred bytes, all told' >"$file"
bad 'a text' 4 22P04 'not a SQLite database, or it is encrypted'
head -c 16384 /dev/urandom >"$file"
bad 'noise, as encryption makes' 4 22P04 'not a SQLite database, or it is encrypted'
shop large.db Large 2000
size=$(stat -c %s "$data/large.db")
head -c $((size / 2)) "$data/large.db" >"$file"
bad 'cut to half' 4 22P04 'damaged|malformed'
cp "$data/large.db" "$file"
dd if=/dev/urandom of="$file" bs=4096 seek=$((size / 8192)) count=1 conv=notrunc status=none
bad 'noise in one page' 4 22P04 'damaged|malformed'
rm "$file" "$data/large.db"
mkdir "$file"
bad 'a folder in place of a file' 4 42809 'is a folder'
rmdir "$file"
mkfifo "$file"
bad 'a pipe' 4 42809 'pipe'
rm "$file"
ln -s good_freshdesk_data.db "$file"
bad 'a link' 4 42809 'is a link'
ln -sf "$file" "$file"
bad 'a link to itself' 4 42809 'is a link'
ln -sf /dev/zero "$file"
bad 'a link to a device' 4 42809 'is a link'
rm "$file"
sqlite bad_freshdesk_data.db 'CREATE TABLE "a
b" (x); CREATE TABLE t (x); INSERT INTO t VALUES (1)'
succeeds 'a name that no SQL can say does not stop the others' plan "$data" --json
is "$(json '.tables[] | select(.name == "t") | .rows')" 1 'its file is read'
rm "$file"

refuses 'a file that is not there' 4 58P01 'there is no file' migrate "$data/gone_freshdesk_data.db" --to "$url"
refuses 'a folder that is not there' 4 58P01 'there is no file or folder' migrate "$work/gone" --to "$url"
mkdir "$work/empty"
refuses 'a folder without a file that fits' 4 58P01 'no file in .* fits the pattern' migrate "$work/empty" --to "$url"
ln -s "$data" "$work/linked"
refuses 'a link to a folder' 4 42809 'is a link' migrate "$work/linked" --tenant linked --to "$url"
refuses 'a device' 4 42809 'device' migrate /dev/null --tenant null --to "$url"

# As root, without what lets root read everything; otherwise as who we are.
unprivileged=()
[[ $EUID -ne 0 ]] || unprivileged=(setpriv --bounding-set "-dac_override,-dac_read_search" --)
real_binary=$binary
printf '#!/bin/bash\nexec %s %q "$@"\n' "${unprivileged[*]}" "$binary" >"$work/as-anybody"
chmod +x "$work/as-anybody"
binary=$work/as-anybody
shop bad_freshdesk_data.db Bad 3
chmod 000 "$file"
rowhouse plan "$data" --json
is "$status $(json '[.files, .failures[].sqlstate] | join(" ")')" '4 1 42501' 'no permission to read the file'
like "$err" 'no permission to read .*bad_freshdesk_data.db' 'the file is named'
chmod 600 "$file"
chmod 000 "$data"
before=$status
timeout 20 "$binary" plan "$data" >"$work/out" 2>"$work/err" </dev/null || before=$?
chmod 755 "$data"
is "$before" 4 'no permission to read the folder'
like "$(<"$work/err")" 'could not read the folder .*\[42501\]' 'the folder is named'
binary=$real_binary

# Without a single good file nothing is made at all.
good=$database
new_database "$topic-fresh"
: >"$file"
refuses 'nothing but a bad file' 4 22P04 'is empty' migrate "$file" --to "$url"
is "$(sql "SELECT count(*) FROM pg_namespace WHERE nspname = 'rowhouse'")" 0 'not even the core is installed'
database=$good
is "$(sql 'SELECT company_id, count(*) FROM orders GROUP BY 1')" 'good|40' 'the rows of the good file are there, once'
is "$(sql 'SELECT string_agg(id, $$ $$) FROM rowhouse.tenant')" good 'no tenant of a bad file is registered'
done_testing
