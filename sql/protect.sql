-- protect(): what it makes of a table, what it refuses, that it can be called again.
\a
SET ROLE regress_owner;
CREATE TABLE app.ticket (id bigint PRIMARY KEY, company_id text, subject text);
INSERT INTO app.ticket VALUES (1, 'acme', 'one'), (2, 'bolt', 'two'), (3, NULL, 'three'), (4, NULL, 'four'), (5, 'ghost', ''), (6, 'spook', '');
RESET ROLE;
-- Rows that would be lost to everybody are found first, and nothing is half done.
SELECT * FROM regress.try($$SELECT rowhouse.protect('app.ticket')$$);
DELETE FROM app.ticket WHERE company_id IS NULL;
SELECT * FROM regress.try($$SELECT rowhouse.protect('app.ticket')$$);
SELECT relrowsecurity, relforcerowsecurity, (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid) AS policies
  FROM pg_class AS c WHERE oid = 'app.ticket'::regclass;
DELETE FROM app.ticket WHERE id > 4;
SELECT rowhouse.protect('app.ticket');
\d app.ticket
SELECT * FROM rowhouse.protected_tables;
-- Called again it changes nothing, not even a policy's identity; what was taken away it puts back.
CREATE TEMPORARY TABLE seen AS SELECT oid, polname FROM pg_policy WHERE polrelid = 'app.ticket'::regclass;
SELECT rowhouse.protect('app.ticket'), rowhouse.protect('app.ticket', 'company_id');
SELECT count(*) AS unchanged FROM pg_policy JOIN seen USING (oid, polname);
DROP INDEX app.ticket_company_id_idx;
DROP POLICY rowhouse_isolation ON app.ticket;
ALTER POLICY rowhouse_access ON app.ticket USING (true);
ALTER TABLE app.ticket NO FORCE ROW LEVEL SECURITY, ALTER company_id DROP DEFAULT, ALTER company_id DROP NOT NULL;
SELECT rowhouse.protect('app.ticket');
\d app.ticket
-- One tenant column a table.
SELECT * FROM regress.try($$SELECT rowhouse.protect('app.ticket', 'subject')$$);
-- What can't be protected.
CREATE VIEW app.ticket_view AS SELECT * FROM app.ticket;
CREATE MATERIALIZED VIEW app.ticket_copy AS SELECT * FROM app.ticket;
CREATE SEQUENCE app.ticket_numbers;
CREATE TABLE app.odd (id int, label numeric, short char(3), number int GENERATED ALWAYS AS IDENTITY, twice int GENERATED ALWAYS AS (id * 2) STORED);
CREATE DOMAIN app.tenant_name AS text;
CREATE TABLE app.domained (company_id app.tenant_name);
SELECT call, t.* FROM unnest(ARRAY[
    $$'app.ticket_view'$$, $$'app.ticket_copy'$$, $$'app.ticket_numbers'$$, $$'app.ticket_pkey'$$,
    $$'pg_catalog.pg_class', 'relname'$$, $$'information_schema.sql_features', 'feature_id'$$, $$'rowhouse.import_chunk', 'tenant'$$,
    $$'app.odd'$$, $$'app.odd', 'ctid'$$, $$'app.odd', 'label'$$, $$'app.odd', 'short'$$, $$'app.odd', 'number'$$, $$'app.odd', 'twice'$$,
    $$'app.domained'$$, $$NULL$$, $$'app.odd', NULL$$, $$99999999$$]) AS call,
  regress.try(format('SELECT rowhouse.protect(%s)', call)) AS t;
-- A collation that calls two tenants equal would mix them.
CREATE COLLATION app.blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE app.blinded (company_id text COLLATE app.blind);
SELECT * FROM regress.try($$SELECT rowhouse.protect('app.blinded')$$);
-- Only the owner protects; the right to call the function is not enough.
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA rowhouse TO regress_app;
GRANT ALL ON app.odd TO regress_app;
SET ROLE regress_app;
SELECT state, message FROM regress.try($$SELECT rowhouse.protect('app.ticket')$$);
SELECT state, message FROM regress.try($$SELECT rowhouse.protect('app.odd', 'id')$$);
SELECT state, message FROM regress.try($$SELECT rowhouse.unprotect('app.ticket')$$);
RESET ROLE;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA rowhouse FROM regress_app;
-- Any owner who was given the functions can.
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA rowhouse TO regress_owner;
SET ROLE regress_owner;
CREATE TABLE app.owned (company_id text DEFAULT 'acme', id int, UNIQUE (company_id, id));
INSERT INTO app.owned VALUES ('acme', 1), ('ghost', 2);
ALTER TABLE app.owned ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON app.owned USING (id = 1);
SELECT * FROM regress.try($$SELECT rowhouse.protect('app.owned')$$);
SELECT relforcerowsecurity FROM pg_class WHERE oid = 'app.owned'::regclass;
ALTER TABLE app.owned NO FORCE ROW LEVEL SECURITY;
DELETE FROM app.owned WHERE id = 2;
\set VERBOSITY terse
SELECT rowhouse.protect('app.owned');
\set VERBOSITY default
\d app.owned
RESET ROLE;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA rowhouse FROM regress_owner;
-- Names that want quotes, and are as long as names get.
SET client_min_messages = warning;
CREATE SCHEMA AUTHORIZATION regress_owner CREATE TABLE "Tabelle mit ""Zitat"" und einem Namen von dreiundsechzig Bytes xx" ("Mieter; DROP" text);
SELECT rowhouse.protect(oid, 'Mieter; DROP') FROM pg_class WHERE relname LIKE 'Tabelle mit%' AND relkind = 'r';
SELECT indexrelid::regclass, octet_length(c.relname) FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid WHERE indrelid = (SELECT oid FROM pg_class WHERE relname LIKE 'Tabelle mit%' AND relkind = 'r');
-- A table in use: what reads its rows is done before, while others write; protect() then reads none of them.
SET ROLE regress_owner;
CREATE TABLE app.busy (id int, company_id text, name text, UNIQUE (name, company_id));
CREATE TABLE app.idle (id int, company_id text);
CREATE TABLE app.parted (id int, org int) PARTITION BY RANGE (id);
CREATE TABLE app.parted_1 PARTITION OF app.parted FOR VALUES FROM (0) TO (500);
CREATE TABLE app.parted_2 PARTITION OF app.parted FOR VALUES FROM (500) TO (2000) PARTITION BY LIST (id);
CREATE TABLE app.parted_3 PARTITION OF app.parted_2 DEFAULT;
INSERT INTO app.busy SELECT n, CASE WHEN n % 5 > 0 THEN 'acme' END, n FROM generate_series(1, 1000) AS n;
INSERT INTO app.idle SELECT n, 'acme' FROM generate_series(1, 1000) AS n;
INSERT INTO app.parted SELECT n, 7 FROM generate_series(1, 1000) AS n;
RESET ROLE;
SELECT rowhouse.create_tenant('7');
CREATE FUNCTION regress.read_rows(call text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  before bigint := (SELECT sum(seq_tup_read) FROM pg_stat_xact_user_tables WHERE schemaname = 'app');
BEGIN
  EXECUTE call;
  RETURN (SELECT sum(seq_tup_read) FROM pg_stat_xact_user_tables WHERE schemaname = 'app') - before;
END $$;
SELECT * FROM rowhouse.protect_plan('app.busy');
SELECT * FROM rowhouse.protect_plan('app.busy', kind => 'defaults');
SELECT * FROM rowhouse.protect_plan('app.parted', 'org');
SELECT * FROM rowhouse.protect_plan('app.idle', kind => 'reference');
SELECT state, message FROM regress.try($$SELECT rowhouse.protect_plan('app.idle', 'nothing')$$);
-- It stops at rows without a tenant, and goes on where it stopped.
ALTER TABLE app.busy ADD CONSTRAINT rowhouse_tenant_check CHECK (company_id IS NOT NULL) NOT VALID;
SELECT state, message FROM regress.try($$ALTER TABLE app.busy VALIDATE CONSTRAINT rowhouse_tenant_check$$);
UPDATE app.busy SET company_id = 'bolt' WHERE company_id IS NULL;
SELECT * FROM rowhouse.protect_plan('app.busy');
SELECT s FROM (SELECT rowhouse.protect_plan('app.busy') UNION ALL SELECT rowhouse.protect_plan('app.parted', 'org')) AS plan(s)
  WHERE s !~ 'rowhouse.protect|DROP' \gexec
SELECT regress.read_rows($$SELECT rowhouse.protect('app.busy'), rowhouse.protect('app.parted', 'org')$$) AS prepared,
  regress.read_rows($$SELECT rowhouse.protect('app.idle')$$) > 0 AS unprepared;
SELECT s FROM (SELECT rowhouse.protect_plan('app.busy') UNION ALL SELECT rowhouse.protect_plan('app.parted', 'org')) AS plan(s) \gexec
SELECT * FROM rowhouse.protect_plan('app.parted', 'org');
SELECT relation, rowhouse.is_protected(relation, column_name), (SELECT count(*) FROM pg_constraint WHERE conrelid = relation AND contype = 'c') AS checks,
    (SELECT count(*) FROM pg_index WHERE indrelid = relation) AS indexes
  FROM (VALUES ('app.busy'::regclass, 'company_id'), ('app.parted', 'org'), ('app.parted_1', 'org'), ('app.parted_3', 'org')) AS t(relation, column_name);
-- An unknown tenant is found by the index as well.
SET ROLE regress_owner;
CREATE TABLE app.stray (company_id text NOT NULL, id int);
INSERT INTO app.stray SELECT (ARRAY['acme', 'bolt', 'ghost', 'spook'])[n % 4 + 1], n FROM generate_series(1, 400) AS n;
CREATE INDEX ON app.stray (company_id);
RESET ROLE;
SELECT state, message FROM regress.try($$SELECT rowhouse.protect('app.stray')$$);
DROP TABLE app.busy, app.idle, app.parted, app.stray;
DROP FUNCTION regress.read_rows;
DELETE FROM rowhouse.tenant WHERE id = '7';
SELECT * FROM rowhouse.protected_tables ORDER BY table_name::text;
SELECT rowhouse.unprotect(table_name) FROM rowhouse.protected_tables WHERE tenant_column = 'Mieter; DROP';
DROP SCHEMA regress_owner CASCADE;
DROP TABLE app.ticket, app.odd, app.domained, app.blinded, app.owned CASCADE;
DROP SEQUENCE app.ticket_numbers;
DROP DOMAIN app.tenant_name;
DROP COLLATION app.blind;
