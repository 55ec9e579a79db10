-- Where the context reaches: statements, savepoints, plans, cursors, workers, functions with their owner's rights.
\a
\set VERBOSITY terse
SET ROLE regress_owner;
CREATE TABLE app.note (company_id text, id int, PRIMARY KEY (company_id, id));
INSERT INTO app.note SELECT tenant, id FROM (VALUES ('acme', 20000), ('bolt', 10000)) AS t(tenant, rows), generate_series(1, rows) AS id;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.note TO regress_app;
RESET ROLE;
SELECT rowhouse.protect('app.note');
ANALYZE app.note;
CREATE FUNCTION regress.plan(statement text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE line text; plan text := ''; BEGIN FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || statement LOOP plan := plan || line; END LOOP; RETURN plan; END $$;
SET ROLE regress_app;
-- One context for all statements of a transaction, none after it.
BEGIN;
SELECT rowhouse.set_tenant('acme');
SELECT count(*) FROM app.note;
WITH gone AS (DELETE FROM app.note WHERE id > 19998 RETURNING company_id) SELECT company_id, count(*) FROM gone GROUP BY 1;
SELECT count(*) FROM app.note;
ROLLBACK;
SELECT count(*) FROM app.note;
-- Within one statement the setting counts as it stands when the scan begins.
BEGIN;
SELECT rowhouse.set_tenant('acme');
SELECT (SELECT count(*) FROM app.note) AS notes FROM rowhouse.set_tenant('bolt');
SELECT count(*) FROM app.note;
-- Savepoints: a tenant set inside goes with ROLLBACK TO, stays with RELEASE, and so do those of an exception block.
SAVEPOINT one;
SELECT rowhouse.set_tenant('acme');
RELEASE one;
SELECT rowhouse.current_tenant();
DO $$ BEGIN PERFORM rowhouse.set_tenant('bolt'); RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END $$;
SELECT rowhouse.current_tenant(), count(*) FROM app.note;
SAVEPOINT two;
SELECT rowhouse.reset_tenant();
SELECT count(*) FROM app.note;
ROLLBACK TO two;
SELECT count(*) FROM app.note;
SAVEPOINT three;
SELECT rowhouse.set_tenant('nobody');
SELECT count(*) FROM app.note;
ROLLBACK TO three;
SELECT rowhouse.current_tenant();
COMMIT;
SELECT rowhouse.current_tenant() IS NULL AS is_unset;
-- Prepared once, by whatever tenant and under whatever plan.
PREPARE mine(int) AS SELECT company_id, count(*) FROM app.note WHERE id <= $1 GROUP BY 1;
SET plan_cache_mode = force_generic_plan;
SELECT rowhouse.set_tenant('acme', false);
EXECUTE mine(15000);
SELECT rowhouse.set_tenant('bolt', false);
EXECUTE mine(15000);
SET plan_cache_mode = force_custom_plan;
EXECUTE mine(15000);
SELECT rowhouse.reset_tenant();
EXECUTE mine(15000);
-- Prepared by a role that no policy binds, or by another role: planned again.
RESET ROLE;
SET ROLE regress_owner;
SELECT rowhouse.set_tenant('acme', false);
EXECUTE mine(3);
SET ROLE regress_app;
EXECUTE mine(3);
SELECT rowhouse.reset_tenant();
RESET plan_cache_mode;
DEALLOCATE mine;
-- A cursor has the tenant that is current when its first row is fetched; WITH HOLD it becomes a copy at the end of the
-- transaction, of the tenant that is current then, and outlives both.
BEGIN;
SELECT rowhouse.set_tenant('acme');
DECLARE plain CURSOR FOR SELECT company_id FROM app.note ORDER BY id;
DECLARE held CURSOR WITH HOLD FOR SELECT company_id, id FROM app.note WHERE id <= 3 ORDER BY id;
FETCH 1 FROM plain;
SELECT rowhouse.set_tenant('bolt');
FETCH 1 FROM held;
COMMIT;
FETCH 1 FROM held;
SELECT rowhouse.set_tenant('bolt', false);
FETCH 1 FROM held;
CLOSE ALL;
FETCH 1 FROM held;
SELECT rowhouse.reset_tenant();
-- Workers know the tenant of their leader.
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET enable_indexonlyscan = off;
SET enable_bitmapscan = off;
SET enable_indexscan = off;
SELECT rowhouse.set_tenant('acme', false);
SELECT regress.plan('SELECT company_id, count(*) FROM app.note GROUP BY 1') ~ 'Gather.*Parallel Seq Scan' AS is_parallel;
SELECT company_id, count(*) FROM app.note GROUP BY 1;
SELECT rowhouse.reset_tenant();
SELECT count(*) FROM app.note;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET enable_indexonlyscan;
RESET enable_bitmapscan;
RESET enable_indexscan;
-- A function with its owner's rights: the owner's policies, the caller's tenant. One that sets a tenant sets the caller's.
SET ROLE regress_owner;
CREATE FUNCTION app.total() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT count(*) FROM app.note';
CREATE FUNCTION app.total_of(text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
  $$ BEGIN PERFORM rowhouse.set_tenant($1); RETURN (SELECT count(*) FROM app.note); END $$;
SET ROLE regress_app;
SELECT app.total();
BEGIN;
SELECT rowhouse.set_tenant('acme');
SELECT app.total();
SELECT app.total_of('bolt');
SELECT rowhouse.current_tenant();
COMMIT;
RESET ROLE;
DROP FUNCTION regress.plan, app.total, app.total_of;
DROP TABLE app.note;
