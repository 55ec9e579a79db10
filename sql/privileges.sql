-- What an application role may do: set the tenant, and nothing else of rowhouse.
\a
SELECT rowhouse.version() ~ '^[0-9]+\.[0-9]+\.[0-9]+' AS is_version;
-- Functions that PUBLIC may call, and those that run with their owner's rights.
SELECT p.oid::regprocedure FROM pg_proc AS p WHERE pronamespace = 'rowhouse'::regnamespace AND has_function_privilege('regress_app', p.oid, 'EXECUTE')
  AND prolang <> (SELECT oid FROM pg_language WHERE lanname = 'c') ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT p.oid::regprocedure, proconfig FROM pg_proc AS p WHERE pronamespace = 'rowhouse'::regnamespace AND prosecdef ORDER BY p.oid::regprocedure::text COLLATE "C";
-- Every PL/pgSQL function has its search path pinned, temporary objects last, but set_tenant, which names everything by its schema
-- (the topic tenant tries it); every SQL function has a body parsed beforehand.
SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'rowhouse'::regnamespace
  AND CASE WHEN prolang = (SELECT oid FROM pg_language WHERE lanname = 'plpgsql')
    THEN NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false) ELSE prosqlbody IS NULL END
  AND prolang <> (SELECT oid FROM pg_language WHERE lanname = 'c');
SELECT c.oid::regclass, privilege FROM pg_class AS c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS privilege
  WHERE relnamespace = 'rowhouse'::regnamespace AND relkind IN ('r', 'v') AND has_table_privilege('regress_app', c.oid, privilege) ORDER BY c.relname COLLATE "C";
SELECT has_schema_privilege('regress_app', 'rowhouse', 'USAGE') AS usage, has_schema_privilege('regress_app', 'rowhouse', 'CREATE') AS create;
SET ROLE regress_app;
SELECT statement, t.state, t.message FROM unnest(ARRAY[
    'TABLE rowhouse.tenant', 'TABLE rowhouse.import_chunk', 'TABLE rowhouse.import_reject', 'TABLE rowhouse.import_table', 'TABLE rowhouse.protected_tables',
    'SELECT rowhouse.create_tenant(''mine'')', 'SELECT rowhouse.list_tenants()', 'SELECT rowhouse.suspend_tenant(''acme'')',
    'SELECT rowhouse.resume_tenant(''rival'')', 'SELECT rowhouse.protect(''pg_class'')', 'SELECT rowhouse.unprotect(''pg_class'')',
    'SELECT rowhouse.create_integrated_objects()', 'SELECT rowhouse.import_stage(''pg_class'')', 'CREATE TABLE rowhouse.mine ()',
    'SELECT rowhouse.current_tenant()', 'SELECT rowhouse.reset_tenant()', 'SELECT rowhouse.tenant_status(''rival'')']) AS statement,
  regress.try(statement) AS t;
RESET ROLE;
