-- Partitions and inheritance children: protected with their parent, each closed when it is asked directly.
\a
SET ROLE regress_owner;
CREATE TABLE app.event (company_id text, at date, id int) PARTITION BY RANGE (at);
CREATE TABLE app.event_2025 PARTITION OF app.event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE app.event_2026 PARTITION OF app.event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (company_id);
CREATE TABLE app.event_2026_acme PARTITION OF app.event_2026 FOR VALUES IN ('acme');
CREATE TABLE app.event_2026_rest (id int, at date, company_id text NOT NULL);
CREATE INDEX event_own_idx ON app.event_2026_rest (company_id, id);
ALTER TABLE app.event_2026 ATTACH PARTITION app.event_2026_rest DEFAULT;
INSERT INTO app.event VALUES ('acme', '2025-05-05', 1), ('bolt', '2025-06-06', 2), ('acme', '2026-05-05', 3), ('bolt', '2026-06-06', 4);
CREATE TABLE app.base (company_id text, id int);
CREATE TABLE app.derived (extra text) INHERITS (app.base);
SET client_min_messages = warning;
CREATE TABLE app.twice () INHERITS (app.derived, app.base);
INSERT INTO app.base VALUES ('acme', 1), ('bolt', 2);
INSERT INTO app.derived VALUES ('acme', 3, 'x'), ('bolt', 4, 'y');
INSERT INTO app.twice VALUES ('bolt', 5, 'z');
GRANT ALL ON ALL TABLES IN SCHEMA app TO regress_app;
RESET ROLE;
-- How a table stands: what protect() works on, and what unprotect() has to bring back.
CREATE VIEW regress.state AS
  SELECT c.relname AS name, c.relrowsecurity AS rls, c.relforcerowsecurity AS forced, a.attnotnull AS not_null, a.atthasdef AS has_default,
      (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid) AS policies,
      (SELECT count(*) FROM pg_index WHERE indrelid = c.oid) AS indexes
    FROM pg_class AS c JOIN pg_attribute AS a ON attrelid = c.oid AND attname = 'company_id'
    WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname COLLATE "C";
CREATE TABLE regress.before AS TABLE regress.state;
SELECT rowhouse.protect('app.event'), rowhouse.protect('app.base');
TABLE regress.state;
SELECT * FROM rowhouse.protected_tables ORDER BY table_name::text COLLATE "C";
SET ROLE regress_app;
BEGIN;
SELECT rowhouse.set_tenant('acme');
SELECT tableoid::regclass, * FROM app.event ORDER BY id;
SELECT * FROM app.event_2025;
SELECT * FROM app.event_2026_rest;
SELECT tableoid::regclass, * FROM app.base ORDER BY id;
SELECT * FROM app.twice;
SELECT statement, t.state, t.message FROM unnest(ARRAY[
    $$INSERT INTO app.event VALUES ('bolt', '2026-01-01', 9)$$, $$INSERT INTO app.event_2025 VALUES ('bolt', '2025-01-01', 9)$$,
    $$INSERT INTO app.event_2026_rest (company_id, at) VALUES ('bolt', '2026-01-01')$$, $$UPDATE app.event SET company_id = 'bolt'$$,
    $$INSERT INTO app.derived VALUES ('bolt', 9)$$, $$UPDATE app.base SET company_id = 'bolt'$$, $$DELETE FROM app.twice$$]) AS statement,
  regress.try(statement) AS t;
INSERT INTO app.event (at, id) VALUES ('2026-08-08', 10) RETURNING tableoid::regclass, *;
INSERT INTO app.derived (id) VALUES (11) RETURNING *;
ROLLBACK;
RESET ROLE;
-- A part that comes later is not protected before protect() is called again, which then works on that part alone.
SET ROLE regress_owner;
CREATE TABLE app.event_2027 PARTITION OF app.event FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
RESET ROLE;
CREATE TEMPORARY TABLE seen AS SELECT oid FROM pg_policy;
SELECT rowhouse.protect('app.event');
SELECT polrelid::regclass, polname FROM pg_policy WHERE NOT EXISTS (SELECT FROM seen WHERE seen.oid = pg_policy.oid) ORDER BY 2;
-- A part cannot be opened on its own; the whole goes back to what it was.
SELECT * FROM regress.try($$SELECT rowhouse.unprotect('app.event_2025')$$);
SELECT rowhouse.unprotect('app.event'), rowhouse.unprotect('app.base');
TABLE regress.state EXCEPT TABLE regress.before;
TABLE regress.before EXCEPT TABLE regress.state;
-- A part that the server can't protect stops the whole, and so does one that is somebody else's.
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_wrapper;
CREATE FOREIGN TABLE app.elsewhere (company_id text) SERVER regress_server;
SELECT * FROM regress.try($$SELECT rowhouse.protect('app.elsewhere')$$);
DROP FOREIGN TABLE app.elsewhere;
SET ROLE regress_owner;
CREATE TABLE app.mixed (company_id text) PARTITION BY LIST (company_id);
RESET ROLE;
CREATE FOREIGN TABLE app.mixed_elsewhere PARTITION OF app.mixed FOR VALUES IN ('acme') SERVER regress_server;
SELECT * FROM regress.try($$SELECT rowhouse.protect('app.mixed')$$);
DROP FOREIGN TABLE app.mixed_elsewhere;
CREATE TABLE app.mixed_other PARTITION OF app.mixed FOR VALUES IN ('acme');
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA rowhouse TO regress_owner;
SET ROLE regress_owner;
SELECT state, message FROM regress.try($$SELECT rowhouse.protect('app.mixed')$$);
RESET ROLE;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA rowhouse FROM regress_owner;
SELECT count(*) FROM rowhouse.protected_tables;
DROP SERVER regress_server;
DROP VIEW regress.state;
DROP TABLE regress.before, app.event, app.mixed, app.base CASCADE;
