#!/bin/bash
# Large files of the helpdesk are checked while they are sent: nothing of a damaged one stays, and a row that the server
# refuses meanwhile is set aside like any other.
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

# Out of the index alone, which no reader of the rows looks at.
helpdesk damaged_freshdesk_data.db 5000
index=$(sqlite damaged_freshdesk_data.db "SELECT rootpage FROM sqlite_schema WHERE name = 'by_original_id'")
sqlite damaged_freshdesk_data.db "
  PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'by_original_id'"
sqlite damaged_freshdesk_data.db "
  INSERT INTO integrated_objects (original_id, company_id, platform, object_type, created_at, updated_at)
    VALUES ('no entry', 'damaged', 'freshdesk', 'ticket', '2024-01-01', '2024-01-01');
  PRAGMA writable_schema = ON; INSERT INTO sqlite_schema VALUES ('index', 'by_original_id', 'integrated_objects', $index,
    'CREATE INDEX by_original_id ON integrated_objects (original_id)')"
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
done_testing
