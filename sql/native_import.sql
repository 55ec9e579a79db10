-- import_sqlite: a file of the server into its protected tables, in one transaction.
\a
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
\set files `echo "$ROWHOUSE_TEST_FILES"`
CREATE VIEW regress.ledger AS SELECT tenant, source, source_table, target_schema, target_table, key_from, rows, rejected, length(digest) FROM rowhouse.import_chunk;
CREATE VIEW regress.rejects AS SELECT tenant, source, source_table, key, column_name, storage_class, value_text, sqlstate, reason FROM rowhouse.import_reject;
-- Who it belongs to has to be known.
SELECT state, message, hint FROM regress.outcome(format($$SELECT * FROM rowhouse.import_sqlite('%s/acme.db')$$, :'files'));
SELECT t.* FROM unnest(ARRAY['nobody', 'rival', '', '../x']) AS tenant, regress.outcome(format($$SELECT * FROM rowhouse.import_sqlite('%s/acme.db', %L)$$, :'files', tenant)) AS t(state, message);
SELECT state, message FROM regress.outcome(format($$SELECT * FROM rowhouse.import_sqlite('%s/acme.db', %L)$$, :'files', repeat('x', 300)));
-- Tables are made in the first schema of the path, and protected.
CREATE SCHEMA im;
SET search_path = im, public;
SELECT * FROM rowhouse.import_sqlite(:'files' || '/acme.db', 'acme');
SELECT id, original_id, company_id, platform, original_data, summary, metadata, created_at, updated_at, agent FROM im.integrated_objects;
SELECT * FROM im.tickets;
SELECT * FROM rowhouse.protected_tables WHERE table_name::text LIKE 'i%' OR table_name::text LIKE 't%' ORDER BY table_name::text;
SELECT indexdef FROM pg_indexes WHERE schemaname = 'im' AND tablename = 'tickets' ORDER BY 1;
TABLE regress.ledger;
SELECT source_table, target_table, source_sql, columns, sequence FROM rowhouse.import_table;
TABLE regress.rejects;
-- Neither the tenant nor the path stays changed; new rows get ids of their own.
SELECT rowhouse.current_tenant() IS NULL AS is_unset, current_setting('search_path');
INSERT INTO im.integrated_objects (company_id, original_id) VALUES ('acme', 'new') RETURNING id;
-- Again: nothing is read into a table, nothing is doubled, a changed row of ours stays.
UPDATE im.tickets SET subject = 'mine' WHERE id = 1;
BEGIN;
SELECT rowhouse.set_tenant('acme');
SELECT * FROM rowhouse.import_sqlite(:'files' || '/acme.db');
SELECT rowhouse.current_tenant();
COMMIT;
SELECT count(*) FROM regress.rejects;
-- A changed file: what is new or other comes in, but for a row that was changed here; rejects are those of now.
\! cp "$ROWHOUSE_TEST_FILES/acme.db" "$ROWHOUSE_TEST_FILES/../acme.db" && sqlite3 "$ROWHOUSE_TEST_FILES/../acme.db" "INSERT INTO tickets VALUES (4, 'four', 4); UPDATE tickets SET subject = 'theirs' WHERE id < 3; UPDATE tickets SET subject = 'mended' WHERE id = 3; ALTER TABLE tickets ADD COLUMN due DATE"
SELECT * FROM rowhouse.import_sqlite(:'files' || '/../acme.db', 'acme');
SELECT * FROM im.tickets ORDER BY id;
SELECT * FROM regress.ledger WHERE source_table = 'tickets';
SELECT count(*) FILTER (WHERE source_table = 'tickets') AS tickets, count(*) FROM regress.rejects;
-- Another tenant's file of the same shape, ids and all.
SELECT * FROM rowhouse.import_sqlite(:'files' || '/acme.db', 'bolt');
SELECT company_id, count(*), min(id), max(id) FROM im.tickets GROUP BY 1 ORDER BY 1;
SELECT company_id, original_id FROM im.integrated_objects ORDER BY 1, 2;
-- All kinds of values: each row is there or set aside, and what is there is what the foreign table shows.
SELECT * FROM rowhouse.import_sqlite(:'files' || '/types.db', 'acme');
TABLE regress.rejects EXCEPT SELECT * FROM regress.rejects WHERE source <> 'types.db';
SELECT regress.server('types', :'files' || '/types.db');
CREATE SCHEMA sq;
IMPORT FOREIGN SCHEMA main EXCEPT (wrong) FROM SERVER types INTO sq;
SELECT n, (SELECT count(*) FROM im.kinds) FROM (SELECT count(*) AS n FROM (SELECT * FROM sq.kinds INTERSECT ALL SELECT id, flag, amount, ratio, name, photo, day, seen, sent, doc, anything FROM im.kinds) AS same) AS s;
SELECT count(*) FROM (SELECT * FROM sq.pair INTERSECT ALL SELECT b, a, note FROM im.pair) AS same;
SELECT count(*) FROM (SELECT * FROM sq.keyless INTERSECT ALL SELECT word, twice FROM im.keyless) AS same;
SELECT * FROM im.search;
SELECT * FROM im.wrong;
DROP SCHEMA sq CASCADE;
DROP SERVER types;
SELECT * FROM rowhouse.import_sqlite(:'files' || '/names.db', 'acme');
SELECT * FROM rowhouse.import_sqlite(:'files' || '/wal.db', 'acme');
SELECT a FROM im.t;
-- The session's encoding changes nothing.
\encoding LATIN1
CREATE SCHEMA latin;
SET search_path = latin;
SELECT * FROM rowhouse.import_sqlite(:'files' || '/acme.db', 'acme');
SELECT original_id FROM latin.integrated_objects WHERE summary = U&'Gr\00F6\00DFe';
\encoding UTF8
DROP SCHEMA latin CASCADE;
-- A table that is there decides types; what it refuses is set aside, row by row.
CREATE SCHEMA own;
SET search_path = own;
CREATE TABLE own.tickets (company_id varchar(10) NOT NULL, score text, id numeric CHECK (id <> 2), subject varchar(6), extra int DEFAULT 7);
SELECT state, message, hint FROM regress.outcome(format($$SELECT * FROM rowhouse.import_sqlite('%s/acme.db', 'bolt')$$, :'files'));
SELECT to_regclass('own.integrated_objects') IS NULL AS nothing_half_done;
SELECT rowhouse.protect('own.tickets');
SELECT * FROM rowhouse.import_sqlite(:'files' || '/acme.db', 'acme');
SELECT * FROM own.tickets;
SELECT key, column_name, sqlstate, reason FROM regress.rejects WHERE source_table = 'tickets' AND tenant = 'acme' ORDER BY key;
ALTER TABLE own.tickets ALTER id TYPE integer;
SELECT state, message, hint FROM regress.outcome(format($$SELECT * FROM rowhouse.import_sqlite('%s/acme.db', 'acme')$$, :'files'));
DROP TABLE own.tickets;
CREATE TABLE own.tickets (org int NOT NULL, id bigint);
SELECT rowhouse.protect('own.tickets', 'org');
SELECT state, message, hint FROM regress.outcome(format($$SELECT * FROM rowhouse.import_sqlite('%s/acme.db', 'acme')$$, :'files'));
DROP TABLE own.tickets;
CREATE TABLE own.tickets (id bigint);
SELECT rowhouse.protect('own.tickets', kind => 'reference');
SELECT state, message FROM regress.outcome(format($$SELECT * FROM rowhouse.import_sqlite('%s/acme.db', 'acme')$$, :'files'));
DROP TABLE own.tickets;
CREATE VIEW own.tickets AS SELECT 1;
SELECT state, message FROM regress.outcome(format($$SELECT * FROM rowhouse.import_sqlite('%s/acme.db', 'acme')$$, :'files'));
DROP VIEW own.tickets;
-- A table that was dropped is made and filled anew, whatever the ledger says.
DROP TABLE own.integrated_objects;
SELECT * FROM rowhouse.import_sqlite(:'files' || '/acme.db', 'acme');
-- Rows that were there before the first import stay; theirs are set aside.
SELECT rowhouse.create_tenant('corp');
INSERT INTO own.tickets (company_id, id, subject) VALUES ('corp', 2, 'ours');
SELECT * FROM rowhouse.import_sqlite(:'files' || '/acme.db', 'corp');
SELECT id, subject FROM own.tickets WHERE company_id = 'corp';
SELECT key, sqlstate, reason FROM regress.rejects WHERE source_table = 'tickets' AND tenant = 'corp' ORDER BY key;
-- Equal rows that another file brought are neither doubled nor set aside; what collided once stays set aside.
\! sqlite3 "$ROWHOUSE_TEST_FILES/../more.db" "CREATE TABLE tickets (id INTEGER PRIMARY KEY, subject TEXT, score NUMERIC); INSERT INTO tickets VALUES (1, 'printer', 1.5), (2, 'other', 2), (9, 'nine', 9)"
SELECT * FROM rowhouse.import_sqlite(:'files' || '/../more.db', 'acme');
\! sqlite3 "$ROWHOUSE_TEST_FILES/../more.db" "INSERT INTO tickets VALUES (10, 'ten', 10)"
SELECT * FROM rowhouse.import_sqlite(:'files' || '/../more.db', 'acme');
SELECT id, subject FROM own.tickets WHERE company_id = 'acme' ORDER BY id;
SELECT key, sqlstate, reason FROM regress.rejects WHERE source = 'more.db';
-- All or nothing, in the caller's transaction; a savepoint takes it back.
BEGIN;
SELECT count(*) FROM rowhouse.import_sqlite(:'files' || '/many.db', 'acme');
ROLLBACK;
SELECT to_regclass('own.many') IS NULL AS gone, count(*) FROM regress.ledger WHERE source = 'many.db';
SELECT state, message FROM regress.outcome(format($$SELECT rowhouse.import_sqlite('%s/many.db', 'acme'), 1 / 0$$, :'files'));
SELECT to_regclass('own.many') IS NULL AS gone;
-- A trigger of the target may refuse rows, and can't begin another import.
SELECT count(*) FROM rowhouse.import_sqlite(:'files' || '/many.db', 'acme');
CREATE FUNCTION own.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF new.id % 5000 = 0 THEN RAISE check_violation USING MESSAGE = 'no round numbers', COLUMN = 'id'; END IF;
  IF new.company_id = 'corp' THEN PERFORM * FROM rowhouse.import_sqlite('/nowhere.db', 'acme'); END IF;
  RETURN new;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON own.many FOR EACH ROW EXECUTE FUNCTION own.refuse();
SELECT * FROM rowhouse.import_sqlite(:'files' || '/many.db', 'bolt');
SELECT key, column_name, sqlstate, reason FROM regress.rejects WHERE source_table = 'many' ORDER BY key::int;
SELECT state, message FROM regress.outcome(format($$SELECT * FROM rowhouse.import_sqlite('%s/many.db', 'corp')$$, :'files'));
-- It stops when it is told to.
SET statement_timeout = '200ms';
SELECT clock_timestamp() AS before \gset
SELECT * FROM rowhouse.import_sqlite(:'files' || '/slow.db', 'acme');
SELECT clock_timestamp() - :'before' < interval '2 seconds' AS stopped_soon;
-- While it waits for a writer's lock as well; without a limit it waits, and then goes on.
\! cp "$ROWHOUSE_TEST_FILES/acme.db" "$ROWHOUSE_TEST_FILES/../held.db" && (sqlite3 "$ROWHOUSE_TEST_FILES/../held.db" 'BEGIN EXCLUSIVE' '.shell sleep 2' >/dev/null 2>&1 &) && sleep 0.5
SELECT clock_timestamp() AS before \gset
SELECT * FROM rowhouse.import_sqlite(:'files' || '/../held.db', 'corp');
SELECT clock_timestamp() - :'before' < interval '1 second' AS stopped_soon;
RESET statement_timeout;
CREATE SCHEMA held;
SET search_path = held;
SELECT * FROM rowhouse.import_sqlite(:'files' || '/../held.db', 'corp');
SELECT clock_timestamp() - :'before' > interval '1 second' AS waited;
DROP SCHEMA held CASCADE;
SET search_path = own;
SELECT regress.open_files() AS open_files;
-- What is no SQLite file.
SELECT name, o.state, o.message FROM unnest(ARRAY['missing', 'folder', 'fifo', 'link', 'device', 'zero', 'short', 'noise', 'cut', 'locked-out']) AS name,
  regress.outcome(format('SELECT * FROM rowhouse.import_sqlite(%L, %L)', :'files' || '/' || name || '.db', 'acme')) AS o;
SELECT t.* FROM unnest(ARRAY['', 'acme.db', NULL]) AS path, regress.outcome(format('SELECT * FROM rowhouse.import_sqlite(%L, %L)', path, 'acme')) AS t(state, message);
-- An index that lies is damage; whoever knows the file may do without the check, for no row is read by an index.
SELECT state, message FROM regress.outcome(format($$SELECT * FROM rowhouse.import_sqlite('%s/lying-index.db', 'acme')$$, :'files'));
SELECT * FROM rowhouse.import_sqlite(:'files' || '/lying-index.db', 'acme', check_integrity => false);
-- Rights: the function, the server's files, the table, each by itself. (A session's stage belongs to one role.)
\c
SET search_path = own;
GRANT CREATE, USAGE ON SCHEMA own TO regress_app;
SET ROLE regress_app;
SELECT state, message FROM regress.outcome(format($$SELECT * FROM rowhouse.import_sqlite('%s/acme.db', 'acme')$$, :'files'));
RESET ROLE;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA rowhouse TO regress_app;
SET ROLE regress_app;
SELECT state, message, hint FROM regress.outcome(format($$SELECT * FROM rowhouse.import_sqlite('%s/acme.db', 'acme')$$, :'files'));
RESET ROLE;
GRANT pg_read_server_files TO regress_app;
TRUNCATE rowhouse.import_chunk, rowhouse.import_reject, rowhouse.import_table, own.tickets, own.integrated_objects;
SET ROLE regress_app;
SELECT state, message FROM regress.outcome(format($$SELECT * FROM rowhouse.import_sqlite('%s/acme.db', 'acme')$$, :'files'));
RESET ROLE;
-- A role that row security binds goes by the stage: its tenant's rows, in its tenant's name, and no other.
GRANT SELECT, INSERT ON own.tickets, own.integrated_objects TO regress_app;
SET ROLE regress_app;
SELECT * FROM rowhouse.import_sqlite(:'files' || '/acme.db', 'acme');
SELECT count(*) FROM own.tickets;
SELECT state, message FROM regress.outcome('TABLE rowhouse.import_reject');
-- Its own tables as well: it owns them, and is bound all the same.
SELECT * FROM rowhouse.import_sqlite(:'files' || '/wal.db', 'bolt');
SELECT count(*) FROM own.t;
RESET ROLE;
SELECT relowner::regrole, relforcerowsecurity FROM pg_class WHERE oid = 'own.t'::regclass;
SELECT company_id, id, subject FROM own.tickets ORDER BY 1, 2;
SELECT company_id, original_id, id FROM own.integrated_objects ORDER BY 1, 2;
TABLE regress.ledger;
SELECT tenant, source_table, key, sqlstate FROM regress.rejects ORDER BY 1, 2, 3;
-- The policies decide, not the importer: a stricter one refuses.
CREATE POLICY small ON own.tickets AS RESTRICTIVE FOR INSERT WITH CHECK (id < 2);
SET ROLE regress_app;
SELECT state, message FROM regress.outcome(format($$SELECT * FROM rowhouse.import_sqlite('%s/acme.db', 'bolt')$$, :'files'));
RESET ROLE;
SELECT count(*) FROM own.tickets WHERE company_id = 'bolt';
-- Nothing is written where nothing may be.
BEGIN READ ONLY;
SELECT state, message FROM regress.outcome(format($$SELECT * FROM rowhouse.import_sqlite('%s/acme.db', 'acme')$$, :'files'));
COMMIT;
-- A tenant that was cut over lives here.
SELECT rowhouse.cut_over_tenant('acme') IS NOT NULL AS is_cut_over;
SELECT state, regexp_replace(message, '\d{4}-.*Z', 'TIME') AS message FROM regress.outcome(format($$SELECT * FROM rowhouse.import_sqlite('%s/acme.db', 'acme')$$, :'files'));
SELECT rowhouse.reopen_tenant('acme');
SET client_min_messages = warning;
RESET search_path;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA rowhouse FROM regress_app;
REVOKE pg_read_server_files FROM regress_app;
DROP SCHEMA im, own CASCADE;
TRUNCATE rowhouse.import_chunk, rowhouse.import_reject, rowhouse.import_table;
