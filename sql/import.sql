-- The import protocol: ledger, stage, merge.
\a
\set VERBOSITY terse
-- A range of a source is imported once.
INSERT INTO rowhouse.import_chunk (tenant, source, source_table, target_schema, target_table, key_from, key_to, rows, rejected, digest)
  VALUES ('acme', 'acme.db', 'ticket', 'app', 'ticket', '', '100', 100, 0, 'd1'), ('acme', 'acme.db', 'ticket', 'app', 'ticket', '100', '200', 99, 1, 'd2'),
         ('bolt', 'acme.db', 'ticket', 'app', 'ticket', '', '100', 100, 0, 'd3') RETURNING tenant, key_from, rows, imported_at = now() AS is_now;
SELECT state, message FROM regress.try($$INSERT INTO rowhouse.import_chunk (tenant, source, source_table, target_schema, target_table, digest) VALUES ('acme', 'acme.db', 'ticket', 'app', 'ticket', 'd4')$$);
SELECT state, message FROM regress.try($$INSERT INTO rowhouse.import_chunk (tenant, source, source_table) VALUES ('acme', 'acme.db', 'note')$$);
INSERT INTO rowhouse.import_reject (tenant, source, source_table, key, column_name, storage_class, value, sqlstate, reason)
  VALUES ('acme', 'acme.db', 'ticket', '17', 'subject', 'text', '\x6100ff62', '22021', 'invalid UTF-8'), ('acme', 'acme.db', 'ticket', '[1,"a"]', NULL, NULL, NULL, '23505', 'double')
  RETURNING key, value_text, reason;
-- The way in for a role that row security binds.
SET ROLE regress_owner;
CREATE TABLE app.mail (
  id bigint GENERATED ALWAYS AS IDENTITY, company_id text, subject varchar(40) NOT NULL DEFAULT 'none', "Größe" numeric(9,2), tags text[],
  length int GENERATED ALWAYS AS (octet_length(subject)) STORED, PRIMARY KEY (company_id, id));
GRANT SELECT, INSERT ON app.mail TO regress_app;
RESET ROLE;
SELECT rowhouse.protect('app.mail');
SELECT state, message FROM regress.try($$SELECT rowhouse.import_stage('rowhouse.nothing')$$);
SET ROLE regress_app;
SELECT state, message FROM regress.try($$SELECT rowhouse.import_stage('app.mail')$$);
RESET ROLE;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA rowhouse TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT regexp_replace(rowhouse.import_stage('app.mail'), '[0-9]+', 'N', 'g');
SELECT rowhouse.import_stage('app.mail') AS stage \gset
SELECT attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid) FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
  WHERE attrelid = :'stage'::regclass AND attnum > 0 ORDER BY attnum;
-- A column that COPY leaves out takes the default; a NULL in the identity or tenant column is filled in; other values stay.
COPY :stage (subject, "Größe", tags, company_id) FROM stdin;
first	1.25	{a,b}	acme
second	\N	\N	\N
\.
COPY :stage (id, company_id, subject) FROM stdin;
70	acme	third
\.
COPY :stage ("Größe") FROM stdin;
4
\.
SELECT * FROM rowhouse.import_merge(:'stage', 'app.mail', 'acme');
SELECT * FROM app.mail ORDER BY subject;
-- Staged again, the rows are there already and stay as they are.
COPY :stage (id, company_id, subject) FROM stdin;
70	acme	third, changed
71	acme	fourth
\.
SELECT * FROM rowhouse.import_merge(:'stage', 'app.mail', 'acme');
SELECT id, subject FROM app.mail WHERE id >= 70 ORDER BY id;
SELECT * FROM rowhouse.import_merge(:'stage', 'app.mail', 'acme');
SELECT rowhouse.current_tenant();
COMMIT;
SELECT rowhouse.current_tenant() IS NULL AS is_unset, (SELECT count(*) FROM app.mail) AS visible, (SELECT count(*) FROM :stage) AS staged;
-- A row of another tenant ends the merge, and so does a tenant that is unknown or suspended.
BEGIN;
COPY :stage (company_id, subject) FROM stdin;
acme	own
bolt	foreign
\.
SELECT * FROM regress.try(format('SELECT rowhouse.import_merge(%L, %L, %L)', :'stage', 'app.mail', 'acme'));
SELECT state, message FROM regress.try(format('SELECT rowhouse.import_merge(%L, %L, %L)', :'stage', 'app.mail', 'nobody'));
SELECT state, message FROM regress.try(format('SELECT rowhouse.import_merge(%L, %L, %L)', :'stage', 'app.mail', 'rival'));
SELECT state, message FROM regress.try(format('SELECT rowhouse.import_merge(%L, %L, NULL)', :'stage', 'app.mail'));
-- A NULL that the target does not take is an error, not a default.
TRUNCATE :stage;
COPY :stage (subject) FROM stdin;
\N
\.
SELECT state, message FROM regress.try(format('SELECT rowhouse.import_merge(%L, %L, %L)', :'stage', 'app.mail', 'acme'));
ROLLBACK;
SELECT * FROM regress.try($$SELECT rowhouse.import_merge('app.mail', 'app.mail', 'acme')$$);
SELECT state, message FROM regress.try($$SELECT rowhouse.import_merge('pg_temp.nothing', 'app.mail', 'acme')$$);
-- Whoever is exempt from the policies merges no other tenant's row either.
RESET ROLE;
SELECT rowhouse.import_stage('app.mail') AS stage \gset
BEGIN;
COPY :stage (company_id, subject) FROM stdin;
bolt	foreign
\.
SELECT state, message FROM regress.try(format('SELECT rowhouse.import_merge(%L, %L, %L)', :'stage', 'app.mail', 'acme'));
SELECT * FROM rowhouse.import_merge(:'stage', 'app.mail', 'bolt');
COMMIT;
DROP TABLE :stage;
SET ROLE regress_app;
-- What a session's earlier user left under the name of a stage is not used: no trigger of theirs runs, no row of theirs goes in.
SELECT rowhouse.import_stage('app.mail') AS stage \gset
CREATE FUNCTION pg_temp.spy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the spy saw it'; END $$;
CREATE TRIGGER spy BEFORE INSERT ON :stage FOR EACH ROW EXECUTE FUNCTION pg_temp.spy();
SELECT rowhouse.import_stage('app.mail') = :'stage' AS is_same;
BEGIN;
COPY :stage (subject) FROM stdin;
safe
\.
SELECT subject FROM :stage;
ROLLBACK;
DROP TABLE :stage;
CREATE VIEW :stage AS SELECT 1 AS id;
SELECT state, message FROM regress.try(format('SELECT rowhouse.import_merge(%L, %L, %L)', :'stage', 'app.mail', 'acme'));
DROP VIEW :stage;
CREATE TEMPORARY TABLE seen AS SELECT rowhouse.import_stage('app.mail') AS stage;
BEGIN;
INSERT INTO :stage (subject) VALUES ('stale');
SELECT oid AS stage_oid FROM pg_class WHERE oid = :'stage'::regclass \gset
SELECT rowhouse.import_stage('app.mail') = stage AS is_same, stage::regclass = :stage_oid AS is_reused FROM seen;
SELECT count(*) AS staged FROM :stage;
COMMIT;
RESET ROLE;
-- A key without the tenant: a row that another tenant's key hides is an error, not a loss.
SET ROLE regress_owner;
CREATE TABLE app.global (id int PRIMARY KEY, company_id text, code text);
INSERT INTO app.global VALUES (1, 'acme', 'a'), (2, 'bolt', 'b');
GRANT SELECT, INSERT ON app.global TO regress_app;
RESET ROLE;
SELECT * FROM regress.try($$SELECT rowhouse.import_merge(rowhouse.import_stage('app.global'), 'app.global', 'acme')$$);
SELECT rowhouse.protect('app.global');
SET ROLE regress_app;
SELECT rowhouse.import_stage('app.global') AS stage \gset
BEGIN;
INSERT INTO :stage VALUES (1, 'acme', 'same'), (3, 'acme', 'new');
SELECT * FROM rowhouse.import_merge(:'stage', 'app.global', 'acme');
INSERT INTO :stage VALUES (1, 'acme', 'same'), (2, 'acme', 'hidden'), (4, 'acme', 'new');
SELECT * FROM regress.try(format('SELECT rowhouse.import_merge(%L, %L, %L)', :'stage', 'app.global', 'acme'));
SELECT id FROM app.global ORDER BY id;
ROLLBACK;
RESET ROLE;
CREATE UNIQUE INDEX global_code ON app.global (lower(code));
SET ROLE regress_app;
BEGIN;
INSERT INTO :stage VALUES (5, 'acme', 'B');
SELECT * FROM regress.try(format('SELECT rowhouse.import_merge(%L, %L, %L)', :'stage', 'app.global', 'acme'));
ROLLBACK;
RESET ROLE;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA rowhouse FROM regress_app;
DROP TABLE app.mail, app.global;
DELETE FROM rowhouse.import_chunk;
DELETE FROM rowhouse.import_reject;
-- Changes of a source: what is new, other or gone, row by row; a row that was changed here since is kept.
CREATE TABLE app.part (company_id text, id bigint, code text, price numeric, PRIMARY KEY (company_id, id), UNIQUE (company_id, code));
SELECT rowhouse.protect('app.part');
SELECT rowhouse.create_tenant('acme', true) IS NOT NULL AS is_there;
SELECT set_config('rowhouse.tenant', 'acme', false) AS tenant;
INSERT INTO app.part SELECT 'acme', i, 'c' || i, i FROM generate_series(1, 6) AS i;
SELECT ARRAY[xmin]::text AS before FROM app.part LIMIT 1 \gset
UPDATE app.part SET price = 100 WHERE id IN (2, 4);
BEGIN;
SELECT rowhouse.import_change_stage('app.part') AS stage \gset
COPY :stage (company_id, id, code, price, rowhouse_row, rowhouse_change) FROM stdin;
acme	1	c1	11	0	u
acme	2	c2	22	1	u
acme	3	\N	\N	2	d
acme	4	\N	\N	3	d
acme	7	c7	7	4	n
acme	5	c5	55	5	n
acme	8	c6	8	6	n
acme	6	c6	6	7	n
acme	9	c9	9	8	u
\.
SELECT inserted, updated, deleted, present, conflicts, collisions, xid = pg_current_xact_id()::xid AS is_ours
  FROM rowhouse.import_apply(:'stage', 'app.part', 'acme', '{id}', '{company_id,id,code,price}', :'before'::xid[]);
SELECT * FROM app.part ORDER BY id;
SELECT count(*) AS staged FROM :stage;
-- The file's word instead; and two rows that change places.
COPY :stage (company_id, id, code, price, rowhouse_row, rowhouse_change) FROM stdin;
acme	2	c2	22	0	u
acme	4	\N	\N	1	d
acme	9	c9	9	2	u
acme	5	c5	55	3	n
\.
SELECT inserted, updated, deleted, present, conflicts, collisions
  FROM rowhouse.import_apply(:'stage', 'app.part', 'acme', '{id}', '{company_id,id,code,price}', :'before'::xid[], overwrite => true);
COPY :stage (company_id, id, code, price, rowhouse_row, rowhouse_change) FROM stdin;
acme	1	c7	1	0	u
acme	7	c1	7	1	u
\.
SELECT inserted, updated, deleted, present, conflicts, collisions
  FROM rowhouse.import_apply(:'stage', 'app.part', 'acme', '{id}', '{company_id,id,code,price}',
    ARRAY(SELECT DISTINCT xmin FROM app.part), replace => true);
SELECT * FROM app.part ORDER BY id;
COPY :stage (company_id, id, rowhouse_row, rowhouse_change) FROM stdin;
bolt	1	0	d
\.
SELECT state, message FROM regress.try(format('SELECT rowhouse.import_apply(%L, %L, %L, %L, %L, %L)', :'stage', 'app.part', 'acme', '{id}', '{company_id,id}', '{}'));
ROLLBACK;
-- Entries of the ledger: a later one for the same range replaces an earlier one.
SELECT rowhouse.import_record('acme', 'a.db', 'part', 'app.part', '1', '6', 6, 0, 'x', '\x01', '\x02') =
  rowhouse.import_record('acme', 'a.db', 'part', 'app.part', '1', '7', 7, 0, 'y', '\x03', '\x04', '{5}') AS is_one;
SELECT target_schema, target_table, key_to, rows, digest, row_keys, row_digests, xids FROM rowhouse.import_chunk WHERE source = 'a.db';
SELECT rowhouse.reset_tenant();
DROP TABLE app.part;
DELETE FROM rowhouse.import_chunk;
