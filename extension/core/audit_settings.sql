-- The audit of settings: what a session starts with before anybody has said anything.

-- Settings that policies, and the functions they call, take the tenant from; rowhouse's own among them.
CREATE OR REPLACE FUNCTION rowhouse.tenant_settings() RETURNS SETOF text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    WITH policy AS MATERIALIZED (
      SELECT p.oid, concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) AS body
        FROM pg_policy AS p WHERE NOT rowhouse.is_foreign_schema(
          (SELECT c.relnamespace FROM pg_class AS c WHERE c.oid = p.polrelid))
    ), body AS (
      SELECT DISTINCT policy.body FROM policy
      UNION
      SELECT concat_ws(' ', f.prosrc, pg_get_function_sqlbody(f.oid))
        FROM policy
        JOIN pg_depend AS d ON d.classid = 'pg_policy'::regclass AND d.objid = policy.oid
          AND d.refclassid = 'pg_proc'::regclass
        JOIN pg_proc AS f ON f.oid = d.refobjid
    )
    SELECT lower(one.name[1]) FROM body CROSS JOIN regexp_matches(body.body, 'current_setting\(''([\w.]+\.\w+)''', 'g')
      AS one(name)
    UNION
    SELECT 'rowhouse.tenant';
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.audit_settings(suspects oid[])
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  tenant_names text[] := ARRAY(SELECT rowhouse.tenant_settings());
BEGIN
  RETURN QUERY
    WITH preset AS MATERIALIZED (
      SELECT s.setrole, s.setdatabase, lower(split_part(one, '=', 1)) AS name,
          substr(one, strpos(one, '=') + 1) AS value,
          CASE WHEN s.setrole <> 0 THEN 'role:' || s.setrole::regrole ELSE format('database:%I', current_database()) END
            AS object,
          concat_ws(' ', CASE WHEN s.setrole <> 0 THEN 'sessions of ' || s.setrole::regrole ELSE 'all sessions' END,
            CASE WHEN s.setdatabase <> 0 THEN format('in database %I', current_database()) END) AS whose,
          CASE WHEN s.setrole <> 0 THEN format('ALTER ROLE %s%s', s.setrole::regrole,
              CASE WHEN s.setdatabase <> 0 THEN format(' IN DATABASE %I', current_database()) ELSE '' END)
            WHEN s.setdatabase <> 0 THEN format('ALTER DATABASE %I', current_database())
              ELSE 'ALTER ROLE ALL' END AS target
        FROM pg_db_role_setting AS s CROSS JOIN unnest(s.setconfig) AS one
        WHERE (s.setdatabase = 0 OR s.setdatabase = (SELECT d.oid FROM pg_database AS d
                                                       WHERE d.datname = current_database()))
          AND (s.setrole = 0 OR NOT rowhouse.is_unjudged(s.setrole))
    ), judged AS (
      SELECT preset.*, verdict.*
        FROM preset
        LEFT JOIN pg_roles AS becomes ON preset.name = 'role' AND becomes.rolname = preset.value
        CROSS JOIN LATERAL (SELECT
            CASE WHEN preset.name = 'rowhouse.ticket' AND preset.value <> '' THEN 'error'
              WHEN preset.name = ANY (tenant_names) AND preset.value <> ''
                THEN CASE preset.setrole WHEN 0 THEN 'error' ELSE 'warning' END
              WHEN becomes.oid IS NOT NULL AND rowhouse.exemption(becomes.oid) IS NOT NULL THEN 'error'
              WHEN preset.name = 'row_security' AND preset.value ~* '^(of|f|n|0)' THEN 'warning'
              WHEN preset.name = 'session_replication_role' AND preset.value !~* '^''?origin' THEN 'warning'
              WHEN preset.name = 'lo_compat_privileges' AND preset.value ~* '^(on|t|y|1)' THEN 'warning'
              WHEN preset.name = 'search_path' AND preset.value ~* '^"?pg_temp|[^,]+,.*pg_catalog'
                AND preset.value !~* '^\s*"?pg_catalog' THEN 'warning' END,
            CASE WHEN preset.name = ANY (tenant_names) OR preset.name = 'rowhouse.ticket'
                THEN 'start with a tenant: whoever forgets to set one works with the rows of that one'
              WHEN preset.name = 'role' THEN 'run as a role that no policy binds'
              WHEN preset.name = 'row_security' THEN 'fail where a policy would bind them, so that somebody will turn '
                'the policies off'
              WHEN preset.name = 'session_replication_role' THEN 'run no triggers and check no foreign keys'
              WHEN preset.name = 'lo_compat_privileges' THEN 'read every large object'
              ELSE 'find the functions and operators of others before the server''s' END) AS verdict(severity, why)
    )
    SELECT j.severity, CASE WHEN j.name = ANY (tenant_names) OR j.name = 'rowhouse.ticket' THEN 'tenant-preset'
          ELSE 'setting-preset' END, j.object,
        format('%s = %L is set for %s: they %s. Proof: SHOW %1$s in a new session.', j.name,
          CASE j.name WHEN 'rowhouse.ticket' THEN '…' ELSE j.value END, j.whose, j.why),
        format('%s RESET %s', j.target, j.name)
      FROM judged AS j WHERE j.severity IS NOT NULL
    UNION ALL
    -- In the server's configuration, where nothing nearer sets it; what it takes to mend is said, not done.
    SELECT 'warning', 'setting-preset', format('database:%I', current_database()),
        format('%s = %s in the server''s configuration, for all sessions: they %s. Proof: SHOW %1$s in a new session. '
          'ALTER SYSTEM RESET %1$s and reload.', g.name, g.reset_val, CASE g.name
            WHEN 'row_security' THEN 'fail where a policy would bind them'
            WHEN 'session_replication_role' THEN 'run no triggers and check no foreign keys'
            ELSE 'read every large object' END), NULL
      FROM pg_settings AS g
      WHERE (g.name, g.reset_val) IN (('row_security', 'off'), ('session_replication_role', 'replica'),
          ('session_replication_role', 'local'), ('lo_compat_privileges', 'on'))
        AND NOT EXISTS (SELECT FROM preset WHERE preset.name = g.name);
END
$function$;

-- A tenant in postgresql.conf, for those who may look.
CREATE OR REPLACE FUNCTION rowhouse.audit_configuration_file()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF NOT has_table_privilege('pg_file_settings', 'SELECT')
      OR NOT has_function_privilege('pg_show_all_file_settings()', 'EXECUTE') THEN
    RETURN;
  END IF;
  RETURN QUERY
    SELECT 'error', 'tenant-preset', format('database:%I', current_database()),
        format('%s is set in %s, line %s: every session starts with that tenant. Take the line out and reload.', f.name,
          f.sourcefile, f.sourceline), NULL
      FROM pg_file_settings AS f
      WHERE lower(f.name) IN (SELECT rowhouse.tenant_settings() UNION SELECT 'rowhouse.ticket') AND f.setting <> ''
        AND f.applied;
END
$function$;
