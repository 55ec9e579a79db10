-- One tenant and its neighbour: every way to read or write that row security has to stop, for the application and the owner.
\a
\set VERBOSITY terse
SET ROLE regress_owner;
CREATE TABLE app.note (company_id text, id int, body text, PRIMARY KEY (company_id, id));
INSERT INTO app.note VALUES ('acme', 1, 'a1'), ('acme', 2, 'a2'), ('bolt', 1, 'b1'), ('bolt', 3, 'b3');
GRANT SELECT, INSERT, UPDATE, DELETE ON app.note TO regress_app;
RESET ROLE;
SELECT rowhouse.protect('app.note');
-- No tenant: empty to read, closed to write; for the owner as well.
SET ROLE regress_app;
SELECT count(*) FROM app.note;
SELECT statement, t.* FROM unnest(ARRAY[
    $$INSERT INTO app.note VALUES ('acme', 9, 'x')$$, $$INSERT INTO app.note (id, body) VALUES (9, 'x')$$, $$UPDATE app.note SET body = 'x'$$,
    $$DELETE FROM app.note$$, $$SELECT * FROM app.note FOR UPDATE$$]) AS statement, regress.try(statement) AS t;
SET ROLE regress_owner;
SELECT count(*) FROM app.note;
SELECT * FROM regress.try($$INSERT INTO app.note VALUES ('acme', 9, 'x')$$);
SELECT * FROM regress.try($$DELETE FROM app.note$$);
-- A tenant that no registry knows, set by hand, sees nothing; nor do values that only look like a tenant's.
SET rowhouse.tenant = 'nobody';
SELECT count(*) FROM app.note;
SET rowhouse.tenant = '%';
SELECT count(*) FROM app.note;
SET rowhouse.tenant = 'ACME';
SELECT count(*) FROM app.note;
RESET rowhouse.tenant;
-- One tenant.
SET ROLE regress_app;
BEGIN;
SELECT rowhouse.set_tenant('acme');
SELECT * FROM app.note ORDER BY id;
SELECT * FROM app.note WHERE company_id = 'bolt' OR true ORDER BY id;
SELECT count(*) FROM app.note AS a JOIN app.note AS b ON a.company_id <> b.company_id;
-- The neighbour's rows: not written, moved, overwritten, deleted or locked.
SELECT statement, t.* FROM unnest(ARRAY[
    $$INSERT INTO app.note VALUES ('bolt', 9, 'x')$$, $$INSERT INTO app.note VALUES (NULL, 9, 'x')$$,
    $$UPDATE app.note SET company_id = 'bolt' WHERE id = 2$$, $$UPDATE app.note SET body = 'x' WHERE company_id = 'bolt'$$,
    $$DELETE FROM app.note WHERE company_id = 'bolt'$$, $$DELETE FROM app.note WHERE id = 3$$,
    $$INSERT INTO app.note VALUES ('bolt', 1, 'x') ON CONFLICT (company_id, id) DO UPDATE SET body = 'x'$$,
    $$INSERT INTO app.note VALUES ('acme', 1, 'x') ON CONFLICT (company_id, id) DO UPDATE SET company_id = 'bolt'$$,
    $$INSERT INTO app.note SELECT 'bolt', 10, 'x'$$, $$SELECT * FROM app.note WHERE id = 3 FOR UPDATE$$,
    $$WITH moved AS (UPDATE app.note SET company_id = 'bolt' RETURNING *) SELECT * FROM moved$$,
    $$TRUNCATE app.note$$, $$ALTER TABLE app.note DISABLE ROW LEVEL SECURITY$$,
    $$DROP POLICY rowhouse_isolation ON app.note$$, $$CREATE POLICY mine ON app.note USING (true)$$]) AS statement,
  regress.try(statement) AS t;
-- Its own rows: written, with and without a tenant spelled out.
INSERT INTO app.note (id, body) VALUES (7, 'a7') RETURNING *;
INSERT INTO app.note VALUES ('acme', 1, 'x') ON CONFLICT (company_id, id) DO UPDATE SET body = 'changed' RETURNING *;
UPDATE app.note SET body = 'swept' WHERE id IN (2, 3) RETURNING *;
DELETE FROM app.note WHERE id >= 3 RETURNING *;
COPY app.note TO stdout;
SELECT rowhouse.set_tenant('bolt');
SELECT * FROM app.note ORDER BY id;
COMMIT;
-- The server refuses COPY FROM for roles bound by row security, and row_security = off is an error, not a way around.
BEGIN;
SELECT rowhouse.set_tenant('acme');
\copy app.note FROM '/dev/null'
ROLLBACK;
SET row_security = off;
SELECT state, message FROM regress.try($$SELECT * FROM app.note$$);
RESET row_security;
-- The owner is bound too.
SET ROLE regress_owner;
BEGIN;
SELECT rowhouse.set_tenant('bolt');
SELECT * FROM app.note ORDER BY id;
SELECT state, message FROM regress.try($$INSERT INTO app.note VALUES ('acme', 9, 'x')$$);
SELECT state, message FROM regress.try($$UPDATE app.note SET company_id = 'acme'$$);
SELECT state, message FROM regress.try($$DELETE FROM app.note WHERE company_id = 'acme'$$);
COMMIT;
-- A policy added later can narrow and not widen.
CREATE POLICY everything ON app.note USING (true) WITH CHECK (true);
CREATE POLICY not_three ON app.note AS RESTRICTIVE USING (id <> 3);
SET ROLE regress_app;
BEGIN;
SELECT rowhouse.set_tenant('bolt');
SELECT * FROM app.note;
SELECT state, message FROM regress.try($$INSERT INTO app.note VALUES ('acme', 9, 'x')$$);
COMMIT;
SELECT count(*) FROM app.note;
-- A function of the tenant's own, cheap and told to be harmless, is asked about its own rows only.
SET ROLE regress_owner;
DROP POLICY not_three ON app.note;
CREATE FUNCTION app.overhear(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RAISE NOTICE 'saw %', $1; RETURN true; END $$;
SET ROLE regress_app;
BEGIN;
SELECT rowhouse.set_tenant('acme');
SELECT count(*) FROM app.note WHERE app.overhear(body);
-- Operators and temporary tables earlier in the search path do not get into the policy.
CREATE FUNCTION pg_temp.always(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR pg_temp.= (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_temp.always);
SET LOCAL search_path = pg_temp, app, pg_catalog;
SELECT count(*) FROM note;
ROLLBACK;
-- A prepared statement planned for one tenant shows the next one its own rows.
PREPARE mine AS SELECT company_id, count(*) FROM app.note GROUP BY 1;
SET plan_cache_mode = force_generic_plan;
BEGIN;
SELECT rowhouse.set_tenant('acme');
EXECUTE mine;
COMMIT;
EXECUTE mine;
BEGIN;
SELECT rowhouse.set_tenant('bolt');
EXECUTE mine;
-- The context as it stands when the statement runs, not when the transaction began.
SAVEPOINT s;
SELECT rowhouse.set_tenant('acme');
EXECUTE mine;
ROLLBACK TO s;
EXECUTE mine;
COMMIT;
DEALLOCATE mine;
RESET plan_cache_mode;
-- The condition serves an index on the tenant column.
SET enable_seqscan = off;
BEGIN;
SELECT rowhouse.set_tenant('acme');
EXPLAIN (COSTS OFF) SELECT * FROM app.note WHERE id = 1;
COMMIT;
RESET enable_seqscan;
-- The setting is an ordinary one: whoever may send SQL may choose a tenant. Keeping that away takes the sealed context.
SET rowhouse.tenant = 'bolt';
SELECT company_id, count(*) FROM app.note GROUP BY 1;
RESET rowhouse.tenant;
RESET ROLE;
DROP TABLE app.note;
DROP FUNCTION app.overhear(text);
