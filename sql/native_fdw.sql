-- SQLite files as foreign tables.
\a
\set files `echo "$ROWHOUSE_TEST_FILES"`
-- What a statement ends with; the folder of the files differs from run to run.
CREATE FUNCTION regress.outcome(statement text, OUT state text, OUT message text, OUT detail text, OUT hint text, OUT context text)
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  state := '00000';
EXCEPTION WHEN OTHERS OR query_canceled THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
  message := regexp_replace(message, '"/[^"]*/', '"FILES/', 'g');
  context := split_part(split_part(context, 'SQL statement', 1), 'PL/pgSQL', 1);
END $$;
CREATE FUNCTION regress.server(name text, file text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE SERVER %I FOREIGN DATA WRAPPER rowhouse_sqlite OPTIONS (path %L)', name, file);
END $$;
CREATE TABLE regress.counted (files int);
-- How many database files the backend holds open, by the list that the system keeps.
CREATE FUNCTION regress.open_files() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM regress.counted;
  COPY regress.counted FROM PROGRAM 'readlink /proc/$PPID/fd/* | grep -c "[.]db" || true';
  RETURN (SELECT files FROM regress.counted);
END $$;
SELECT regress.server(name, :'files' || '/' || name || '.db') FROM unnest(ARRAY['types', 'names', 'slow', 'many', 'wal', 'acme']) AS name;
CREATE SCHEMA sq;
-- Types follow what is stored.
IMPORT FOREIGN SCHEMA main FROM SERVER types INTO sq;
SELECT attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, attfdwoptions FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
  WHERE relnamespace = 'sq'::regnamespace AND attnum > 0 ORDER BY attrelid::regclass::text, attnum;
SET extra_float_digits = 1;
SELECT * FROM sq.kinds;
SELECT * FROM sq.pair;
SELECT * FROM sq.keyless;
SELECT * FROM sq.hollow;
SELECT * FROM sq.search;
-- Text that PostgreSQL's can't be is an error that names the row; the rows before it, and other columns, read well.
SELECT * FROM regress.outcome('SELECT * FROM sq.wrong');
SELECT * FROM sq.wrong LIMIT 1;
SELECT id FROM sq.wrong;
ALTER FOREIGN TABLE sq.wrong ALTER word TYPE bytea;
SELECT * FROM sq.wrong;
-- Only what is asked for is read; joins read again; nothing is written.
EXPLAIN (COSTS OFF) SELECT name FROM sq.kinds WHERE id > 1;
EXPLAIN (COSTS OFF) SELECT count(*) FROM sq.pair;
DO $$ DECLARE plan json; BEGIN EXECUTE 'EXPLAIN (COSTS OFF, FORMAT json) SELECT kinds FROM sq.kinds' INTO plan; RAISE NOTICE '%', array_to_string(ARRAY(SELECT key || ': ' || value FROM json_each_text(plan -> 0 -> 'Plan') WHERE key LIKE 'SQLite%'), E'\n'); END $$;
SELECT count(*) FROM sq.kinds;
SELECT kinds FROM sq.kinds WHERE id = 2;
SELECT tableoid::regclass, id FROM sq.kinds WHERE name = '';
SET enable_material = off;
SELECT count(*), sum(a.id % 10 + b.id % 10) FROM sq.kinds AS a, sq.kinds AS b WHERE a.id <> b.id;
SELECT k.id, (SELECT string_agg(p.note, ',') FROM sq.pair AS p WHERE p.b = k.id) FROM sq.kinds AS k WHERE id IN (1, 2);
RESET enable_material;
SELECT statement, state, message FROM unnest(ARRAY['INSERT INTO sq.pair VALUES (3, ''z'')', 'UPDATE sq.pair SET b = 1', 'DELETE FROM sq.pair', 'TRUNCATE sq.pair', 'COPY sq.pair FROM ''/dev/null''']) AS statement, regress.outcome(statement);
-- A cursor holds the file while it is open; a prepared statement plans and reads anew.
BEGIN;
DECLARE held CURSOR FOR SELECT b, a FROM sq.pair;
FETCH 2 FROM held;
SAVEPOINT one;
SELECT message FROM regress.outcome('SELECT word::text::int FROM sq.keyless');
ROLLBACK TO one;
FETCH 2 FROM held;
COMMIT;
PREPARE again AS SELECT count(*) FROM sq.pair WHERE b = $1;
EXECUTE again(1);
EXECUTE again(2);
-- Estimates follow the file, and a rowid far away misleads nobody.
IMPORT FOREIGN SCHEMA main FROM SERVER many INTO sq;
CREATE FUNCTION regress.estimate(statement text, OUT rows bigint) LANGUAGE plpgsql AS $$
DECLARE plan json; BEGIN EXECUTE 'EXPLAIN (FORMAT json) ' || statement INTO plan; rows := plan -> 0 -> 'Plan' ->> 'Plan Rows'; END $$;
SELECT regress.estimate('SELECT * FROM sq.many') AS many, regress.estimate('SELECT * FROM sq.keyless') AS keyless, regress.estimate('SELECT * FROM sq.hollow') AS hollow, regress.estimate('SELECT * FROM sq.gap') < 1000000 AS gap_is_bounded;
-- Names that are SQL, that are alike in 63 bytes, that PostgreSQL keeps for itself.
CREATE SCHEMA odd;
CREATE TABLE victim ();
IMPORT FOREIGN SCHEMA main FROM SERVER names INTO odd;
SELECT attrelid::regclass, attname, attfdwoptions, ftoptions FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_foreign_table ON ftrelid = attrelid
  WHERE relnamespace = 'odd'::regnamespace AND attnum > 0 ORDER BY attrelid::regclass::text, attnum;
SELECT * FROM odd."a"");DROP TABLE victim;--";
SELECT count(*) FROM victim;
DROP TABLE victim;
SELECT relname, (regress.outcome(format('SELECT * FROM odd.%I', relname))).state FROM pg_class WHERE relnamespace = 'odd'::regnamespace ORDER BY 1;
DROP SCHEMA odd CASCADE;
-- LIMIT TO and EXCEPT.
CREATE SCHEMA part;
IMPORT FOREIGN SCHEMA main LIMIT TO (pair, "nothing") FROM SERVER types INTO part;
IMPORT FOREIGN SCHEMA main EXCEPT (pair, wrong, kinds, search) FROM SERVER types INTO part;
SELECT relname FROM pg_class WHERE relnamespace = 'part'::regnamespace ORDER BY 1;
DROP SCHEMA part CASCADE;
SELECT state, message, hint FROM regress.outcome('IMPORT FOREIGN SCHEMA public FROM SERVER types INTO sq');
SELECT state, message, hint FROM regress.outcome('IMPORT FOREIGN SCHEMA main FROM SERVER types INTO sq OPTIONS (what ''x'')');
-- Options.
SELECT options, (regress.outcome('CREATE SERVER s FOREIGN DATA WRAPPER rowhouse_sqlite ' || options)).* FROM unnest(ARRAY['', 'OPTIONS (pat ''/x'')', 'OPTIONS (table ''x'')', 'OPTIONS (path '''')', 'OPTIONS (path ''x.db'')',
  'OPTIONS (path ''/data/{tenant}.db'')']) AS options;
SELECT options, (regress.outcome('CREATE FOREIGN TABLE sq.t (a bigint) SERVER types OPTIONS ' || options)).* FROM unnest(ARRAY['(path ''/x'')', '(tabel ''x'')', '("table" '''')']) AS options;
SELECT state, message, hint FROM regress.outcome('CREATE FOREIGN TABLE sq.t (a bigint OPTIONS (colum ''x'')) SERVER types');
SELECT state, message, hint FROM regress.outcome('CREATE USER MAPPING FOR CURRENT_USER SERVER types OPTIONS (password ''x'')');
SELECT state, message FROM regress.outcome('ALTER SERVER types OPTIONS (DROP path)');
-- Foreign tables written by hand: case aside, columns renamed, the rowid, text for everything; and mistakes.
CREATE FOREIGN TABLE sq.mine (number bigint OPTIONS ("column" 'ID'), anything text, gone bigint) SERVER types OPTIONS ("table" 'KINDS');
ALTER FOREIGN TABLE sq.mine DROP gone;
SELECT * FROM sq.mine;
CREATE FOREIGN TABLE sq.numbered (rowid bigint, word text) SERVER types OPTIONS ("table" 'keyless');
SELECT * FROM sq.numbered;
CREATE FUNCTION regress.look(column_definition text, source_table text) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE FOREIGN TABLE sq.probe (%s) SERVER types OPTIONS ("table" %L)', column_definition, source_table);
  RETURN QUERY SELECT o.state, o.message, o.detail, o.hint FROM regress.outcome('SELECT * FROM sq.probe') AS o;
  DROP FOREIGN TABLE sq.probe;
END $$;
SELECT t.* FROM (VALUES ('a bigint', 'pear'), ('a bigint', 'shown'), ('a bigint', 'fired'), ('a bigint', 'sqlite_schema'), ('aa bigint', 'hollow'), ('id integer', 'kinds'), ('amount numeric(10,2)', 'kinds'), ('name varchar', 'kinds'),
  ('name bigint', 'kinds'), ('photo text', 'kinds'), ('doc timestamp', 'kinds'), ('ratio bigint', 'kinds'), ('name jsonb', 'kinds')) AS c(column_definition, source_table),
  regress.look(column_definition, source_table) AS t(state text, message text, detail text, hint text);
-- JSON is judged by the server, in its own words and at its place.
CREATE FOREIGN TABLE sq.json (id bigint, original_data jsonb) SERVER acme OPTIONS ("table" 'integrated_objects');
SELECT state, message, detail, context FROM regress.outcome('SELECT * FROM sq.json');
SELECT * FROM sq.json WHERE id < 3 LIMIT 2;
-- WAL mode: what is committed counts, in the WAL too.
CREATE FOREIGN TABLE sq.wal (a bigint) SERVER wal OPTIONS ("table" 't');
SELECT * FROM sq.wal;
-- A scan that takes long stops when it is told to, and leaves nothing behind.
CREATE FOREIGN TABLE sq.slow (size bigint) SERVER slow;
SET statement_timeout = '200ms';
SELECT clock_timestamp() AS before \gset
SELECT sum(size) FROM sq.slow;
SELECT clock_timestamp() - :'before' < interval '2 seconds' AS stopped_soon;
RESET statement_timeout;
-- LIMIT reads no further.
SELECT size FROM sq.slow LIMIT 2;
SELECT clock_timestamp() - :'before' < interval '2 seconds' AS stopped_early;
-- No file stays open: not after the end, a LIMIT, an error, a cancel.
SELECT regress.open_files() AS open_files;
-- What is no SQLite file is never opened, or refused by name.
SELECT regress.server('bad_' || name, :'files' || '/' || name || '.db') FROM unnest(ARRAY['missing', 'folder', 'fifo', 'link', 'device', 'zero', 'short', 'noise', 'cut', 'locked-out']) AS name;
SELECT srvname, o.state, o.message, o.detail FROM pg_foreign_server, regress.outcome(format('IMPORT FOREIGN SCHEMA main FROM SERVER %I INTO sq', srvname)) AS o WHERE srvname LIKE 'bad%' ORDER BY 1;
-- Rights: a server's file is named by those who may read server files; its owner has to keep that right.
CREATE ROLE regress_reader;
GRANT pg_read_server_files TO regress_reader;
GRANT USAGE ON FOREIGN DATA WRAPPER rowhouse_sqlite TO regress_app, regress_reader;
SET ROLE regress_app;
SELECT state, message, hint FROM regress.outcome('CREATE SERVER s FOREIGN DATA WRAPPER rowhouse_sqlite OPTIONS (path ''/etc/passwd'')');
SELECT state, message FROM regress.outcome('SELECT * FROM sq.pair');
RESET ROLE;
ALTER SERVER types OWNER TO regress_app;
SELECT state, message, detail, hint FROM regress.outcome('SELECT * FROM sq.pair');
SELECT state, message FROM regress.outcome('IMPORT FOREIGN SCHEMA main FROM SERVER types INTO sq');
SET ROLE regress_app;
SELECT state, message FROM regress.outcome('ALTER SERVER types OPTIONS (SET path ''/etc/passwd'')');
RESET ROLE;
ALTER SERVER types OWNER TO regress_reader;
SELECT count(*) FROM sq.pair;
-- Reading the rows takes the right to the foreign table alone; nobody has it by default.
GRANT USAGE ON SCHEMA sq TO regress_app;
SET ROLE regress_app;
SELECT state, message FROM regress.outcome('SELECT * FROM sq.pair');
RESET ROLE;
GRANT SELECT ON sq.pair TO regress_app;
SET ROLE regress_app;
SELECT count(*) FROM sq.pair;
RESET ROLE;
-- The server has no row security for foreign tables.
SELECT state, message FROM regress.outcome($$SELECT rowhouse.protect('sq.pair', 'a')$$);
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA sq CASCADE;
SELECT o.state, count(*) FROM pg_foreign_server, regress.outcome(format('DROP SERVER %I', srvname)) AS o GROUP BY 1;
REVOKE USAGE ON FOREIGN DATA WRAPPER rowhouse_sqlite FROM regress_app, regress_reader;
DROP ROLE regress_reader;
