#!/bin/bash
# Files that change after their migration: what is new, other or gone follows, what changed on both sides is kept.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
new_database "$topic"
sqlite acme_freshdesk_data.db "CREATE TABLE part (id INTEGER PRIMARY KEY, code TEXT UNIQUE, price REAL);
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO part SELECT i, 'c' || i, i FROM n;
  CREATE TABLE word (w TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID; INSERT INTO word VALUES ('a', 1), ('b', 2)"
counts() { json '.tables[] | select(.table == "'"$1"'") | [.rows, .updated, .deleted, .conflicts, .rejected] | join(" ")'; }
succeeds 'migrate' migrate "$data" --to "$url" --json --jobs 2
is "$(counts part) $(counts word)" '20000 0 0 0 0 2 0 0 0 0' 'all rows are new'

sqlite acme_freshdesk_data.db "UPDATE part SET price = -1 WHERE id = 7; DELETE FROM part WHERE id IN (8, 19999);
  INSERT INTO part VALUES (30000, 'new', 1); UPDATE word SET n = 3 WHERE w = 'a'; DELETE FROM word WHERE w = 'b';
  UPDATE part SET code = '-' WHERE id = 100; UPDATE part SET code = 'c100' WHERE id = 101; UPDATE part SET code = 'c101' WHERE id = 100"
succeeds 'migrate what changed' migrate "$data" --to "$url" --json
is "$(counts part) $(counts word)" '1 3 2 0 0 0 1 1 0 0' 'new, other and gone rows follow, those that change places too'
succeeds 'verify' verify "$data" --to "$url"

sql "UPDATE part SET price = 0 WHERE id IN (10, 11); DELETE FROM part WHERE id = 12"
sqlite acme_freshdesk_data.db "UPDATE part SET price = 5 WHERE id IN (10, 12, 13); DELETE FROM part WHERE id = 11"
rowhouse migrate "$data" --to "$url" --json --on-conflict fail
is "$status $(json '.failures[0].sqlstate')" '5 RH001' 'fail: changes on both sides end it'
is "$(sql 'SELECT price FROM part WHERE id = 13')" 13 'and nothing of the file is taken'
succeeds 'keep' migrate "$data" --to "$url" --json
is "$(counts part)" '0 1 0 3 2' 'keep: three are kept back, two with a row in the file'
is "$(sql "SELECT string_agg(key, ' ' ORDER BY key), min(sqlstate) FROM rowhouse.import_reject")" '10 12|RH001' 'and set aside'
is "$(sql 'SELECT string_agg(id || $$ $$ || price, $$, $$ ORDER BY id) FROM part WHERE id BETWEEN 10 AND 13')" '10 0, 11 0, 13 5' \
  'PostgreSQL keeps its own'
succeeds 'again' migrate "$data" --to "$url" --json
is "$(json '[.tables[].unchanged] | all')" true 'nothing changed since'
sqlite acme_freshdesk_data.db "UPDATE part SET price = 6 WHERE id = 13"
succeeds 'after another change' migrate "$data" --to "$url" --json
is "$(counts part)" '0 1 0 2 2' 'what was kept back is told again'
succeeds 'source' migrate "$data" --to "$url" --json --on-conflict source
is "$(sql "SELECT (SELECT string_agg(id || ' ' || price, ', ' ORDER BY id) FROM part WHERE id BETWEEN 10 AND 13), count(*) FROM rowhouse.import_reject")" \
  '10 5, 11 0, 12 5, 13 6|0' 'source: the rows of the file come in'

# Rows that were deleted in PostgreSQL, and that the file has as before.
sql "DELETE FROM part WHERE id IN (20, 21, 22, 15000); DELETE FROM word; UPDATE part SET price = 0 WHERE id = 23; INSERT INTO part VALUES ('acme', 50000, 'here', 0)" >/dev/null
deleted() { json "[$1[] | [.table, .kept_deleted, .unchanged] | join(\" \")] | join(\"; \")"; }
for pass in first second; do
  succeeds "nothing of the file has changed, the $pass time" migrate "$data" --to "$url" --json
  is "$(deleted .tables)" 'part 4 true; word 1 true' 'the rows stay deleted, and are counted'
done
is "$(json .verified)" null 'nothing was sent'
rowhouse verify "$data" --to "$url" --json
is "$status $(json '[.tables[] | [.missing, .different, .unexpected, .deleted, .changed] | join(" ")] | join("; ")')" '6 4 1 2 4 7; 1 0 0 1 1' \
  'verify tells them from rows that are lost'
sqlite acme_freshdesk_data.db "UPDATE part SET price = 7 WHERE id IN (13, 22); DELETE FROM part WHERE id = 21"
succeeds 'with other rows of the same chunk' migrate "$data" --to "$url" --json
is "$(counts part) $(deleted .tables) $(json '.verified.equal')" '0 1 0 1 1 part 2 false; word 1 true true' \
  'a change of the file is a conflict, a row gone on both sides is none, and the others are no difference'
succeeds 'without --json' migrate "$data" --to "$url"
like "$out" '0 rows copied, 3 deleted in PostgreSQL and left so, 0 set aside' 'it is told'
succeeds 'fail' migrate "$data" --to "$url" --json --on-conflict fail
is "$(deleted .tables)" 'part 2 true; word 1 true' 'fail: a deletion is a change on one side only'
succeeds 'source' migrate "$data" --to "$url" --json --on-conflict source
is "$(counts part) $(counts word) $(deleted .tables)" '3 0 0 0 0 1 0 0 0 0 part 0 false; word 0 false' 'source: they come back'
is "$(sql 'SELECT string_agg(id || $$ $$ || price, $$, $$ ORDER BY id) FROM part WHERE id IN (20, 21, 22, 23, 15000, 50000)')" \
  '20 20, 22 7, 23 0, 15000 15000, 50000 0' 'and nothing else is touched'
succeeds 'again' migrate "$data" --to "$url" --json --on-conflict source
is "$(json '[.tables[].unchanged] | all')" true 'then there is nothing to do'
sql 'DELETE FROM part WHERE id BETWEEN 100 AND 199; DROP TABLE word' >/dev/null
sqlite acme_freshdesk_data.db "DROP TABLE word; UPDATE part SET price = 8 WHERE id = 1"
succeeds 'before a cut-over' migrate "$data" --to "$url" --json --cutover acme
is "$(json '[.tables[0].kept_deleted, .verified.equal, (.cut_over | type)] | map(tostring) | join(" ")')" '100 true string' 'they are no hindrance'
succeeds 'reopen' tenant reopen acme --to "$url"

# Rows that were set aside are tried again when asked, or when their key comes free.
sqlite bolt_freshdesk_data.db "CREATE TABLE note (id INTEGER PRIMARY KEY, t TEXT); INSERT INTO note VALUES (1, 'long enough'), (2, 'x')"
succeeds 'another tenant' migrate "$data/bolt_freshdesk_data.db" --to "$url"
sql "ALTER TABLE note ADD CHECK (length(t) < 20)"
sqlite bolt_freshdesk_data.db "INSERT INTO note VALUES (3, 'this is longer than the check allows')"
succeeds 'a row that the table refuses' migrate "$data/bolt_freshdesk_data.db" --to "$url" --json
is "$(counts note)" '0 0 0 0 1' 'is set aside'
rowhouse migrate "$data/bolt_freshdesk_data.db" --to "$url" --json
is "$(json '.tables[0].unchanged')" true 'and left alone'
sql 'ALTER TABLE note DROP CONSTRAINT note_t_check'
succeeds 'retry' retry "$data/bolt_freshdesk_data.db" --to "$url" --json
is "$(counts note) $(sql "SELECT count(*) FROM rowhouse.import_reject WHERE tenant = 'bolt'")" '1 0 0 0 0 0' 'comes in, and is a reject no more'

sqlite cobra_freshdesk_data.db "CREATE TABLE note (id INTEGER PRIMARY KEY, t TEXT); INSERT INTO note VALUES (1, CAST(x'ff' AS TEXT)), (2, CAST(x'fe' AS TEXT)), (3, 'x')"
rowhouse migrate "$data/cobra_freshdesk_data.db" --to "$url" --max-rejects 1
is "$status $(sql "SELECT count(*) FROM note WHERE company_id = 'cobra'")" '7 0' 'more rejects than allowed end it with 7'

# Again and again: a change is taken over without being asked for; Ctrl-C ends it well.
"$binary" migrate "$data/acme_freshdesk_data.db" --to "$url" --follow 0.1 >"$work/followed" 2>&1 </dev/null &
follower=$!
sqlite acme_freshdesk_data.db "INSERT INTO part VALUES (40000, 'followed', 1)"
tries=200
until [[ $(sql 'SELECT count(*) FROM part WHERE id = 40000') == 1 || $((tries -= 1)) -eq 0 ]]; do sleep 0.1; done
is "$(sql 'SELECT code FROM part WHERE id = 40000')" followed 'a new row follows'
kill -INT "$follower"
wait "$follower" && status=0 || status=$?
is "$status" 0 'Ctrl-C is its ordinary end'

# The registry from the command.
succeeds 'suspend' tenant suspend bolt --to "$url"
is "$(sql "SELECT status FROM rowhouse.tenant WHERE id = 'bolt'")" suspended 'a tenant is suspended'
succeeds 'resume' tenant resume bolt --to "$url"
succeeds 'rename' tenant rename bolt nut --to "$url" --json
is "$(json '.tables[] | select(.table == "note") | .rows')" 3 'a tenant has another id, and so have its rows'
rowhouse tenant drop nut --to "$url"
is "$status" 3 'a tenant with rows is not dropped'
succeeds 'drop' tenant drop nut --purge --to "$url"
is "$(sql "SELECT count(*) FROM note WHERE company_id = 'nut'")" 0 'unless its rows may go'
done_testing
