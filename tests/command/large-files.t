#!/bin/bash
# Large files of the helpdesk, and any other that comes alone, are checked while they are sent: nothing of a damaged one
# stays, and a row that the server refuses meanwhile is set aside like any other.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
new_database "$topic"

# helpdesk FILE ROWS: the helpdesk's table, with an index of the team's own.
helpdesk() {
  sqlite "$1" "
    CREATE TABLE integrated_objects (
      id INTEGER PRIMARY KEY, original_id TEXT NOT NULL, company_id TEXT NOT NULL, platform TEXT, object_type TEXT,
      original_data TEXT, integrated_content TEXT, summary TEXT, metadata TEXT, created_at TEXT, updated_at TEXT);
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)
    INSERT INTO integrated_objects (id, original_id, company_id, platform, object_type, original_data, integrated_content,
        created_at, updated_at)
      SELECT i, i, '${1%_freshdesk_data.db}', 'freshdesk', 'ticket', json_object('n', i), hex(randomblob(2000)), '2024-01-01', '2024-01-01'
        FROM n;
    CREATE INDEX by_original_id ON integrated_objects (original_id)"
}
rows() { sql "SELECT count(*), count(DISTINCT original_id) FROM integrated_objects WHERE company_id = '$1'"; }

helpdesk small_freshdesk_data.db 10
succeeds 'migrate a small file' migrate "$data/small_freshdesk_data.db" --to "$url"

helpdesk sound_freshdesk_data.db 5000
ok 'the file is large' test "$(stat -c %s "$data/sound_freshdesk_data.db")" -gt 18000000
succeeds 'migrate a large file' migrate "$data/sound_freshdesk_data.db" --to "$url"
is "$(rows sound)" '5000|5000' 'all of it is there'

# beside_index FILE INDEX CHANGE: out of the index alone, which no reader of the rows looks at.
beside_index() {
  local entry
  entry=$(sqlite "$1" "SELECT format('(%Q, %Q, %Q, %d, %Q)', type, name, tbl_name, rootpage, sql)
    FROM sqlite_schema WHERE name = '$2'")
  sqlite "$1" "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = '$2'"
  sqlite "$1" "$3; PRAGMA writable_schema = ON; INSERT INTO sqlite_schema VALUES $entry"
}
helpdesk damaged_freshdesk_data.db 5000
beside_index damaged_freshdesk_data.db by_original_id "
  INSERT INTO integrated_objects (original_id, company_id, platform, object_type, created_at, updated_at)
    VALUES ('no entry', 'damaged', 'freshdesk', 'ticket', '2024-01-01', '2024-01-01')"
refuses 'damage that only the check sees' 4 22P04 'damaged_freshdesk_data.db" is damaged' migrate "$data" --to "$url"
like "$err" 'row .* missing from index' 'the finding is told'
is "$(rows damaged)" '0|0' 'nothing of it is there'
is "$(sql "SELECT count(*) FROM rowhouse.tenant WHERE id = 'damaged'")" 0 'nor its tenant'
succeeds 'the user may say that it is sound' migrate "$data" --to "$url" --skip-integrity-check
is "$(rows damaged)" '5001|5001' 'then all of it is there'
rm "$data/damaged_freshdesk_data.db"

helpdesk refused_freshdesk_data.db 5000
sqlite refused_freshdesk_data.db "UPDATE integrated_objects SET original_data = 'no json' WHERE id IN (2, 4999)"
succeeds 'rows that the server refuses do not stop it' migrate "$data" --to "$url"
is "$(rows refused)" '4998|4998' 'the others are there'
is "$(sql "SELECT key, sqlstate FROM rowhouse.import_reject WHERE tenant = 'refused' ORDER BY key::int")" '2|22P02
4999|22P02' 'each with its reason'
succeeds 'what is there is equal' verify "$data" --to "$url"

# Of tables that nobody knows: the plan is made from a file that may still turn out to be damaged.
measures() {
  sqlite "$1" "
    CREATE TABLE measure (id INTEGER PRIMARY KEY, place TEXT, value $2);
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600000)
    INSERT INTO measure SELECT i, 'a place like others ' || (i % 100), i FROM n; CREATE INDEX by_place ON measure (place)"
}
tables() { sql "SELECT string_agg(c.relname || ' ' || c.relnatts, ' ' ORDER BY c.relname) FROM pg_class AS c
  WHERE c.relnamespace = 'public'::regnamespace"; }
new_database "$topic-alone"
rm "$data"/*
measures damaged.db INTEGER
ok 'the file is large' test "$(stat -c %s "$data/damaged.db")" -gt 17000000
beside_index damaged.db by_place "INSERT INTO measure VALUES (600001, 'no entry', 1.5)"
one=(migrate --tenant damaged "$data/damaged.db" --to "$url" --no-verify --no-audit)
refuses 'damage, where nothing is there' 4 22P04 'damaged.db" is damaged' "${one[@]}"
is "$(sql "SELECT count(*) FROM pg_namespace WHERE nspname = 'rowhouse'")" 0 'not even the core is installed'

measures sound.db INTEGER
succeeds 'a sound file makes the table' migrate --tenant sound "$data/sound.db" --to "$url" --no-verify --no-audit
made=$(tables)
refuses 'damage, where a column would be widened' 4 22P04 'damaged.db" is damaged' "${one[@]}"
is "$(tables)" "$made" 'the table is as it was'
sqlite damaged.db "UPDATE measure SET value = 1 WHERE id = 600001; ALTER TABLE measure ADD COLUMN unit TEXT"
refuses 'damage, where a column would be added' 4 22P04 'damaged.db" is damaged' "${one[@]}"
is "$(tables)" "$made" 'it is not there'
sqlite damaged.db "ALTER TABLE measure DROP COLUMN unit"
sqlite damaged.db "CREATE INDEX by_value ON measure (value) WHERE value > 1; CREATE VIEW high AS SELECT id FROM measure WHERE value > 9"
refuses 'damage, where only rows would come' 4 22P04 'damaged.db" is damaged' "${one[@]}"
like "$err" 'row .* missing from index' 'the finding is told'
is "$(tables)" "$made" 'no index and no view of its own was made'
is "$(sql "SELECT company_id, count(*) FROM measure GROUP BY 1")" 'sound|600000' 'nor is any row there'
is "$(sql "SELECT count(*) FROM rowhouse.tenant WHERE id = 'damaged'")" 0 'nor its tenant'

measures refused.db INTEGER
sqlite refused.db "UPDATE measure SET place = CAST(x'ff' AS TEXT) WHERE id IN (2, 590000)"
succeeds 'rows that the server refuses do not stop it' migrate --tenant refused "$data/refused.db" --to "$url" --no-verify
is "$(sql "SELECT count(*) FROM measure WHERE company_id = 'refused'")" 599998 'the others are there, once'
is "$(sql "SELECT string_agg(key || ' ' || sqlstate, ', ' ORDER BY key::int) FROM rowhouse.import_reject")" \
  '2 22021, 590000 22021' 'each with its reason'
succeeds 'what is there is equal' verify --tenant refused "$data/refused.db" --to "$url"
done_testing
