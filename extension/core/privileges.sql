-- Who may call what. Functions run with their caller's rights, but for those that read the registry or the seal's keys
-- for callers who may not: tenant_status, is_admitted, suspended_tenants, check_importable, login, login_tenant;
-- enter_gate, which takes a lock; and the guard's note_tables and judge_note. PUBLIC sets, reads and resets the tenant;
-- all else is for the owner and for whom the owner grants it: by rowhouse.grant_access(), or
--   GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA rowhouse TO role;   -- a role that protects tables of its own, or imports

--
-- An ACL that is as it should be is left alone. What the script of an update touches counts as the extension's own from
-- then on, together with the grants that users have made there, and pg_dump would not write them any more.

-- Default privileges let roles into every new table; the rows of these belong to every tenant.
DO $relations$
DECLARE
  earlier oid[] := current_setting('rowhouse_install.earlier_relations')::oid[];
  for_all regclass[] := ARRAY['rowhouse.protected_tables', 'rowhouse.access_grant', 'rowhouse.seal_state',
    'rowhouse.tenant_usage'];
  entry record;
  relation regclass;
BEGIN
  IF NOT has_schema_privilege('public', 'rowhouse', 'USAGE') THEN
    GRANT USAGE ON SCHEMA rowhouse TO PUBLIC;
  END IF;
  FOR entry IN
    SELECT DISTINCT c.oid::regclass AS relation,
        CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS grantee
      FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS a
      WHERE c.relnamespace = to_regnamespace('rowhouse') AND a.grantee <> c.relowner AND c.oid <> ALL (earlier)
  LOOP
    EXECUTE format('REVOKE ALL ON %s FROM %s', entry.relation, entry.grantee);
  END LOOP;
  FOREACH relation IN ARRAY for_all LOOP
    IF NOT has_table_privilege('public', relation, 'SELECT') THEN
      EXECUTE format('GRANT SELECT ON %s TO PUBLIC', relation);
    END IF;
  END LOOP;
END
$relations$;

DO $functions$
DECLARE
  for_all regprocedure[] := ARRAY[
    'rowhouse.version()', 'rowhouse.check_tenant_id(text)', 'rowhouse.tenant_status(text)',
    'rowhouse.set_tenant(text, boolean)', 'rowhouse.is_admitted(text)', 'rowhouse.refuse_tenant(text)',
    'rowhouse.check_tenant_status(text, text)', 'rowhouse.check_unsealed()', 'rowhouse.is_sealed()',
    'rowhouse.is_exempt()', 'rowhouse.current_tenant()', 'rowhouse.reset_tenant()', 'rowhouse.login(text, boolean)',
    'rowhouse.login_tenant()', 'rowhouse.measure_usage()',
    'rowhouse.has_citus()', 'rowhouse.propagate_tenant(text, boolean)'];
  entry record;
BEGIN
  FOR entry IN
    SELECT p.oid::regprocedure AS routine, p.oid = ANY (for_all) AS is_for_all
      FROM pg_proc AS p
      WHERE p.pronamespace = 'rowhouse'::regnamespace
        AND (p.oid = ANY (for_all)) <> has_function_privilege('public', p.oid, 'EXECUTE')
  LOOP
    EXECUTE format(CASE WHEN entry.is_for_all THEN 'GRANT EXECUTE ON ROUTINE %s TO PUBLIC'
      ELSE 'REVOKE ALL ON ROUTINE %s FROM PUBLIC' END, entry.routine);
  END LOOP;
END
$functions$;

-- As an extension: the rows of these tables are the user's, and belong into a dump.
DO $dump$
DECLARE
  relation regclass;
BEGIN
  IF EXISTS (SELECT FROM pg_extension WHERE extname = 'rowhouse') THEN
    FOREACH relation IN ARRAY ARRAY['rowhouse.tenant', 'rowhouse.import_chunk', 'rowhouse.import_chunk_id_seq',
                                    'rowhouse.import_reject', 'rowhouse.import_reject_id_seq', 'rowhouse.import_table',
                                    'rowhouse.seal_state', 'rowhouse.tenant_column', 'rowhouse.mark']::regclass[]
    LOOP
      PERFORM pg_extension_config_dump(relation, '');
    END LOOP;
    -- Not the seal's keys: who reads a dump is not to sign tokens.
    PERFORM pg_extension_config_dump('rowhouse.access_grant', 'WHERE role IN (SELECT oid FROM pg_roles)');
  END IF;
END
$dump$;
