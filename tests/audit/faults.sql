-- Faults that take a superuser: how each is planted, and what the audit has to say. Those that need an extension are here
-- when the server has it.
INSERT INTO fault VALUES
  ('ALTER ROLE audit_app BYPASSRLS', 'error, mended', 'role-bypasses', 'role:audit_app'),
  ('CREATE VIEW app.everything AS SELECT * FROM app.invoice; GRANT SELECT ON app.everything TO audit_team', 'error, mended', 'view-past-policies',
    'view:app.everything'),
  ('CREATE VIEW app.everything AS SELECT * FROM app.invoice; ALTER VIEW app.everything OWNER TO audit_owner; GRANT SELECT ON app.everything TO audit_team',
    'not found', 'view-past-policies', 'view:app.everything'),
  ('CREATE FUNCTION app.everything() RETURNS SETOF app.invoice LANGUAGE plpgsql SECURITY DEFINER SET search_path = app, pg_temp
    AS ''BEGIN RETURN QUERY SELECT * FROM invoice; END''', 'error, mended', 'definer-past-policies', 'function:app.everything'),
  ('CREATE FUNCTION app.said_safe(text) RETURNS boolean LANGUAGE sql IMMUTABLE LEAKPROOF AS ''SELECT true''', 'error, mended', 'leakproof-by-users',
    'function:app.said_safe'),
  ('ALTER ROLE audit_web BYPASSRLS', 'error, mended', 'role-bypasses', 'role:audit_web'),
  ('ALTER ROLE audit_app SUPERUSER', 'error, mended', 'role-bypasses', 'role:audit_app'),
  ('GRANT SELECT ON app.invoice TO audit_super; SELECT rowhouse.protect(''app.invoice'')', 'error, mended', 'role-bypasses', 'role:audit_super'),
  ('ALTER ROLE audit_bypass LOGIN', 'warning, mended', 'role-bypasses', 'role:audit_bypass'),
  ('GRANT audit_bypass TO audit_app', 'error, mended', 'role-becomes-exempt', 'role:audit_app'),
  ('GRANT audit_super TO audit_app', 'error, mended', 'role-becomes-exempt', 'role:audit_app'),
  ('GRANT audit_admin TO audit_app', 'error, mended', 'role-becomes-exempt', 'role:audit_app'),
  ('ALTER ROLE audit_app REPLICATION', 'error, mended', 'role-attributes', 'role:audit_app'),
  ('GRANT audit_replica TO audit_app', 'error, mended', 'role-attributes', 'role:audit_replica'),
  ('GRANT pg_execute_server_program TO audit_app', 'error, mended', 'predefined-role', 'role:audit_app'),
  ('GRANT pg_read_server_files TO audit_team', 'error, mended', 'predefined-role', 'role:audit_team'),
  ('GRANT pg_write_all_data TO audit_app', 'error, mended', 'predefined-role', 'role:audit_app'),
  ('GRANT pg_read_all_data TO audit_app', 'error, mended', 'predefined-role', 'role:audit_app'),
  ('GRANT pg_monitor TO audit_app', 'warning, mended', 'predefined-role', 'role:audit_app'),
  ('GRANT pg_read_all_stats TO audit_app', 'warning, mended', 'predefined-role', 'role:audit_app'),
  ('GRANT pg_signal_backend TO audit_app', 'warning, mended', 'predefined-role', 'role:audit_app'),
  ('GRANT SELECT ON pg_statistic TO audit_app', 'error, mended', 'catalog-opened', 'table:pg_catalog.pg_statistic'),
  ('GRANT SELECT ON pg_authid TO PUBLIC', 'error, mended', 'catalog-opened', 'table:pg_catalog.pg_authid'),
  ('GRANT SELECT ON pg_largeobject TO audit_app', 'error, mended', 'catalog-opened', 'table:pg_catalog.pg_largeobject'),
  ('GRANT EXECUTE ON FUNCTION pg_ls_dir(text) TO audit_app', 'error, mended', 'function-opened',
    'function:pg_catalog.pg_ls_dir(text)'),
  ('GRANT EXECUTE ON FUNCTION pg_reload_conf() TO PUBLIC', 'error, mended', 'function-opened', 'function:pg_catalog.pg_reload_conf'),
  ('ALTER DATABASE rowhouse_audit OWNER TO audit_app', 'error, mended', 'owned-by-application', 'database:rowhouse_audit'),
  ('ALTER SCHEMA app OWNER TO audit_app', 'error, mended', 'owned-by-application', 'schema:app'),
  ('ALTER TABLE app.invoice OWNER TO audit_app', 'error, mended', 'owned-by-application', 'table:app.invoice'),
  ('ALTER FUNCTION rowhouse.tenant_status(text) OWNER TO audit_app', 'error, mended', 'rowhouse-changed', 'function:rowhouse.tenant_status'),
  ('GRANT CREATE ON SCHEMA public TO PUBLIC',
    CASE WHEN current_setting('server_version_num')::integer < 150000 THEN 'info, mended' ELSE 'warning, mended' END, 'schema-create', 'schema:public'),
  ('GRANT CREATE ON DATABASE rowhouse_audit TO audit_app', 'warning, mended', 'database-create', 'database:rowhouse_audit'),
  ('REVOKE TEMPORARY ON DATABASE rowhouse_audit FROM PUBLIC; GRANT TEMPORARY ON DATABASE rowhouse_audit TO audit_app', 'warning, mended',
    'temporary-tables', 'database:rowhouse_audit'),
  ('CREATE PUBLICATION everything FOR ALL TABLES', 'warning, mended', 'publication', 'publication:everything'),
  ('CREATE PUBLICATION bills FOR TABLE app.invoice, app.country', 'warning, mended', 'publication', 'publication:bills'),
  ('ALTER ROLE audit_replica LOGIN; CREATE PUBLICATION bills FOR TABLE app.invoice', 'error, mended', 'publication', 'publication:bills'),
  ('CREATE PUBLICATION abroad FOR TABLE app.country', 'not found', 'publication', 'publication:abroad'),
  ('ALTER ROLE audit_app SET rowhouse.tenant = ''acme''', 'warning, mended', 'tenant-preset', 'role:audit_app'),
  ('ALTER ROLE audit_app IN DATABASE rowhouse_audit SET rowhouse.tenant = ''acme''', 'warning, mended', 'tenant-preset', 'role:audit_app'),
  ('ALTER DATABASE rowhouse_audit SET rowhouse.tenant = ''acme''', 'error, mended', 'tenant-preset', 'database:rowhouse_audit'),
  ('ALTER ROLE ALL SET rowhouse.tenant = ''acme''', 'error, mended', 'tenant-preset', 'database:rowhouse_audit'),
  ('ALTER ROLE audit_app SET rowhouse.ticket = ''a.b.c''', 'error, mended', 'tenant-preset', 'role:audit_app'),
  ('ALTER ROLE audit_app SET row_security = off', 'warning, mended', 'setting-preset', 'role:audit_app'),
  ('ALTER DATABASE rowhouse_audit SET row_security = off', 'warning, mended', 'setting-preset', 'database:rowhouse_audit'),
  ('ALTER ROLE audit_app SET session_replication_role = replica', 'warning, mended', 'setting-preset', 'role:audit_app'),
  ('ALTER ROLE audit_app SET role = ''audit_super''', 'error, mended', 'setting-preset', 'role:audit_app'),
  ('ALTER ROLE audit_app SET search_path = app, pg_temp, pg_catalog', 'warning, mended', 'setting-preset', 'role:audit_app'),
  ('ALTER ROLE audit_app SET search_path = app, public', 'not found', 'setting-preset', 'role:audit_app'),
  ('ALTER ROLE audit_super SET row_security = off', 'not found', 'setting-preset', 'role:audit_super'),
  ('CREATE TABLE app.hand (tenant_id text NOT NULL, x integer); ALTER TABLE app.hand ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY own ON app.hand USING (tenant_id = current_setting(''app.current_tenant'', true));
    ALTER DATABASE rowhouse_audit SET app.current_tenant = ''7''', 'error, mended', 'tenant-preset', 'database:rowhouse_audit'),
  ('CREATE FOREIGN DATA WRAPPER nothing; GRANT USAGE ON FOREIGN DATA WRAPPER nothing TO audit_app', 'warning, mended', 'foreign-server',
    'role:audit_app'),
  ('CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER back FOREIGN DATA WRAPPER nothing OPTIONS (host ''localhost'', dbname ''rowhouse_audit'');
    GRANT USAGE ON FOREIGN SERVER back TO audit_app; CREATE USER MAPPING FOR audit_app SERVER back OPTIONS (user ''audit_admin'')', 'error, mended',
    'foreign-server', 'server:back'),
  ('CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER away FOREIGN DATA WRAPPER nothing OPTIONS (host ''10.1.2.3'');
    GRANT USAGE ON FOREIGN SERVER away TO PUBLIC; CREATE USER MAPPING FOR PUBLIC SERVER away OPTIONS (user ''one'')', 'warning, mended',
    'foreign-server', 'server:away'),
  ('CREATE FUNCTION app.note() RETURNS event_trigger LANGUAGE plpgsql AS ''BEGIN END''; ALTER FUNCTION app.note() OWNER TO audit_app;
    CREATE EVENT TRIGGER note ON ddl_command_end EXECUTE FUNCTION app.note()', 'error, mended', 'owned-by-application', 'function:app.note'),
  ('SELECT rowhouse.guard_tables(); ALTER EVENT TRIGGER rowhouse_guard DISABLE', 'warning, mended', 'guard-disabled', 'database:rowhouse_audit'),
  ('CREATE ROLE audit_maker LOGIN CREATEDB; UPDATE pg_database SET datistemplate = true WHERE datname = ''rowhouse_audit''', 'warning, mended',
    'database-is-template', 'database:rowhouse_audit'),
  ('SELECT lo_create(4712); GRANT SELECT ON LARGE OBJECT 4712 TO PUBLIC', 'warning, mended', 'large-objects', 'database:rowhouse_audit'),
  ('INSERT INTO rowhouse.access_grant (role, kind) VALUES (4199999999, ''admin'')', 'info, mended', 'access-without-role', 'role:4199999999');

INSERT INTO fault SELECT v.* FROM (VALUES
  ('GRANT SET ON PARAMETER session_replication_role TO audit_app', 'error, mended', 'parameter-granted', 'role:audit_app'),
  ('GRANT ALTER SYSTEM ON PARAMETER work_mem TO audit_app', 'error, mended', 'parameter-granted', 'role:audit_app'),
  ('CREATE PUBLICATION whole FOR TABLES IN SCHEMA app', 'warning, mended', 'publication', 'publication:whole'),
  ('CREATE PUBLICATION large FOR TABLE app.invoice WHERE (total > 9)', 'warning, mended', 'publication', 'publication:large'),
  ('CREATE PUBLICATION one FOR TABLE app.invoice WHERE (company_id = ''acme'')', 'not found', 'publication', 'publication:one')) AS v
  WHERE current_setting('server_version_num')::integer >= 150000;
INSERT INTO fault
  SELECT 'GRANT MAINTAIN ON app.invoice TO audit_app', 'warning, mended', 'unbound-privileges', 'table:app.invoice'
    WHERE current_setting('server_version_num')::integer >= 170000;
INSERT INTO fault SELECT v.plant, v.expected, v.rule, v.object FROM (VALUES
  ('dblink', 'CREATE EXTENSION dblink', 'warning, mended', 'extension-door', 'extension:dblink'),
  ('dblink', 'CREATE EXTENSION dblink; REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC; GRANT EXECUTE ON FUNCTION dblink_connect_u(text) TO audit_app',
    'error, mended', 'function-opened', 'function:public.dblink_connect_u(text)'),
  ('dblink', 'CREATE FUNCTION app.blind() RETURNS integer LANGUAGE c AS ''$libdir/dblink'', ''dblink_get_notify''', 'warning, mended', 'untrusted-code',
    'function:app.blind'),
  ('pg_stat_statements', 'CREATE EXTENSION pg_stat_statements', 'info, mended', 'statement-texts', 'extension:pg_stat_statements'),
  ('pgstattuple', 'CREATE EXTENSION pgstattuple; GRANT EXECUTE ON FUNCTION pgstattuple(text) TO audit_app', 'warning, mended', 'function-opened',
    'function:public.pgstattuple(text)')) AS v(extension, plant, expected, rule, object)
  WHERE v.extension IN (SELECT a.name FROM pg_available_extensions AS a);
SELECT 'not here, so not tried: ' || string_agg(v.name, ', ') FROM (VALUES ('dblink'), ('pg_stat_statements'), ('pgstattuple')) AS v(name)
  WHERE v.name NOT IN (SELECT a.name FROM pg_available_extensions AS a) HAVING count(*) > 0;
