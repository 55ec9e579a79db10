-- The audit of privileges: what row security does not bind (whole tables, triggers, schemas, defaults for tables to
-- come), what PUBLIC holds, and what was opened of rowhouse's and of the server's own.

-- Whoever holds what on the tables of tenants' rows, columns included; not their owners.
CREATE OR REPLACE FUNCTION rowhouse.tenant_table_grants()
  RETURNS TABLE(relation oid, grantee oid, privilege text, is_grantable boolean)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    WITH judged AS MATERIALIZED (SELECT i.identity FROM rowhouse.audit_identities() AS i)
    SELECT t.relation, a.grantee, a.privilege_type, bool_or(a.is_grantable)
      FROM rowhouse.audit_tenant_tables() AS t
      JOIN pg_class AS c ON c.oid = t.relation
      CROSS JOIN LATERAL (
        SELECT * FROM aclexplode(c.relacl)
        UNION ALL
        SELECT r.* FROM pg_attribute AS m CROSS JOIN aclexplode(m.attacl) AS r WHERE m.attrelid = c.oid) AS a
      WHERE a.grantee <> c.relowner AND a.grantee IN (SELECT judged.identity FROM judged)
      GROUP BY t.relation, a.grantee, a.privilege_type;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.audit_table_privileges()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    WITH held AS MATERIALIZED (
      SELECT g.*, rowhouse.role_name(g.grantee) AS name FROM rowhouse.tenant_table_grants() AS g
    ), unbound AS (
      SELECT held.relation, string_agg(DISTINCT held.privilege, ', ') AS privileges,
          string_agg(DISTINCT held.name, ', ') AS grantees, bool_or(held.is_grantable) AS is_grantable,
          bool_or(held.privilege IN ('TRUNCATE', 'TRIGGER')) AS is_error
        FROM held WHERE held.privilege IN ('TRUNCATE', 'TRIGGER', 'REFERENCES', 'MAINTAIN') GROUP BY held.relation
    )
    SELECT CASE WHEN u.is_error THEN 'error' ELSE 'warning' END, 'unbound-privileges',
        rowhouse.relation_object(u.relation),
        format('%s on %s for %s: no policy is asked. TRUNCATE empties the table of every tenant, TRIGGER runs code of '
          'one''s own in the sessions of others who write, REFERENCES shows and pins foreign rows, MAINTAIN locks '
          'everybody out. Proof: SET ROLE %s; %s', u.privileges, u.relation::regclass, u.grantees,
          rowhouse.proof_role(u.grantees),
          CASE WHEN u.privileges ~ 'TRUNCATE' THEN format('TRUNCATE %s', u.relation::regclass)
            ELSE format('SELECT has_table_privilege(%L, %L)', u.relation::regclass,
              split_part(u.privileges, ', ', 1)) END),
        format('REVOKE %s ON %s FROM %s%s', u.privileges, u.relation::regclass, u.grantees,
          CASE WHEN u.is_grantable THEN ' CASCADE' ELSE '' END)
      FROM unbound AS u
    UNION ALL
    SELECT 'warning', 'public-grant', rowhouse.relation_object(held.relation),
        format('PUBLIC holds %s on %s: whoever can log in reaches the table, whatever the role was made for. Proof: '
          'SELECT has_table_privilege(''public'', %3$L, %4$L)', string_agg(held.privilege, ', '
            ORDER BY held.privilege),
          held.relation::regclass, held.relation::regclass, min(held.privilege)),
        format('REVOKE ALL ON %s FROM PUBLIC', held.relation::regclass)
      FROM held
      WHERE held.grantee = 0 AND held.privilege NOT IN ('TRUNCATE', 'TRIGGER', 'REFERENCES', 'MAINTAIN')
      GROUP BY held.relation
    UNION ALL
    SELECT 'warning', 'grant-option', rowhouse.relation_object(held.relation),
        format('%s may hand on privileges on %s to any role. Proof: SET ROLE %s; GRANT %s ON %2$s TO PUBLIC',
          string_agg(DISTINCT held.name, ', '), held.relation::regclass, min(held.name), min(held.privilege)),
        format('REVOKE GRANT OPTION FOR ALL ON %s FROM %s CASCADE', held.relation::regclass,
          string_agg(DISTINCT held.name, ', '))
      FROM held WHERE held.is_grantable GROUP BY held.relation;
END
$function$;

-- Default privileges open the next table before its row security is on.
CREATE OR REPLACE FUNCTION rowhouse.audit_default_privileges(suspects oid[])
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    WITH suspect AS MATERIALIZED (SELECT unnest(suspects) AS role),
    entry AS (
      SELECT d.oid, d.defaclrole, d.defaclnamespace, d.defaclobjtype, a.grantee,
          string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type) AS privileges,
          CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' ELSE 'SCHEMAS' END AS what,
          a.grantee = 0 AND d.defaclobjtype <> 'n'
            OR bool_or(a.privilege_type IN ('TRUNCATE', 'TRIGGER', 'REFERENCES', 'MAINTAIN', 'CREATE')) AS is_warning
        FROM pg_default_acl AS d CROSS JOIN aclexplode(d.defaclacl) AS a
        WHERE d.defaclobjtype IN ('r', 'S', 'n') AND a.grantee <> d.defaclrole
          AND a.grantee IN (SELECT suspect.role FROM suspect)
        GROUP BY d.oid, a.grantee
    )
    SELECT CASE WHEN e.is_warning THEN 'warning' ELSE 'info' END, 'default-privileges',
        CASE e.defaclnamespace WHEN 0 THEN 'role:' || e.defaclrole::regrole
          ELSE 'schema:' || e.defaclnamespace::regnamespace END,
        format('What %s makes next%s is open to %s by %s at once, before its row security is on. Proof: make one as '
          '%1$s and look at its privileges.', e.defaclrole::regrole,
          CASE e.defaclnamespace WHEN 0 THEN '' ELSE format(' in %s', e.defaclnamespace::regnamespace) END,
          rowhouse.role_name(e.grantee), e.privileges),
        format('ALTER DEFAULT PRIVILEGES FOR ROLE %s%s REVOKE %s ON %s FROM %s', e.defaclrole::regrole,
          CASE e.defaclnamespace WHEN 0 THEN '' ELSE format(' IN SCHEMA %s', e.defaclnamespace::regnamespace) END,
          e.privileges, e.what, rowhouse.role_name(e.grantee))
      FROM entry AS e;
END
$function$;

-- Who makes objects where others look for theirs answers in their place. What every database of this version comes with
-- is info.
CREATE OR REPLACE FUNCTION rowhouse.audit_schema_privileges(suspects oid[])
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  database name := current_database();
  is_stock boolean := current_setting('server_version_num')::integer < 150000;
BEGIN
  RETURN QUERY
    WITH suspect AS MATERIALIZED (SELECT unnest(suspects) AS role),
    opened AS (
      SELECT n.oid, n.nspname, array_agg(a.grantee) AS roles,
          string_agg(rowhouse.role_name(a.grantee), ', ' ORDER BY a.grantee) AS grantees,
          n.nspname = 'public' OR EXISTS (SELECT FROM rowhouse.audit_tenant_tables() AS t
                                            JOIN pg_class AS c ON c.oid = t.relation WHERE c.relnamespace = n.oid)
            OR EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = n.nspname)
            OR EXISTS (SELECT FROM pg_db_role_setting AS s CROSS JOIN unnest(s.setconfig) AS one
                         WHERE one ~ '^search_path=' AND one ~ ('\m' || n.nspname || '\M')) AS is_looked_at
        FROM pg_namespace AS n CROSS JOIN aclexplode(n.nspacl) AS a
        WHERE a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner AND NOT rowhouse.is_foreign_schema(n.oid)
          AND a.grantee IN (SELECT suspect.role FROM suspect)
        GROUP BY n.oid
    )
    SELECT CASE WHEN NOT o.is_looked_at OR is_stock AND o.nspname = 'public' AND o.roles = ARRAY[0::oid] THEN 'info'
          ELSE 'warning' END, 'schema-create', format('schema:%I', o.nspname),
        format('%s may make tables, functions and operators in %I, which others then find in place of what they meant: '
          'tenants who share a role write them for each other. Proof: SET ROLE %s; CREATE TABLE %2$I.mine ()',
          o.grantees, o.nspname, rowhouse.proof_role(o.grantees)),
        format('REVOKE CREATE ON SCHEMA %I FROM %s', o.nspname, o.grantees)
      FROM opened AS o
    UNION ALL
    SELECT CASE WHEN a.privilege_type = 'TEMPORARY' AND a.grantee = 0 THEN 'info' ELSE 'warning' END,
        CASE a.privilege_type WHEN 'TEMPORARY' THEN 'temporary-tables' ELSE 'database-create' END,
        format('database:%I', database),
        CASE a.privilege_type
          WHEN 'TEMPORARY' THEN format('%s may make temporary tables, which stand before the real ones for whoever '
            'gets the same session from a pool next.', rowhouse.role_name(a.grantee))
          ELSE format('%s may make schemas; one named like a role stands first in that role''s search path.',
            rowhouse.role_name(a.grantee)) END,
        format('REVOKE %s ON DATABASE %I FROM %s', a.privilege_type, database, rowhouse.role_name(a.grantee))
      FROM pg_database AS d
      CROSS JOIN aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
      WHERE d.datname = database AND a.privilege_type IN ('TEMPORARY', 'CREATE') AND a.grantee <> d.datdba
        AND a.grantee IN (SELECT suspect.role FROM suspect);
END
$function$;

-- rowhouse's own: what an application role or PUBLIC was given of it by hand.
CREATE OR REPLACE FUNCTION rowhouse.audit_own_objects()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    WITH suspect AS MATERIALIZED (
      SELECT i.identity AS role FROM rowhouse.audit_identities() AS i),
    given AS (
      SELECT c.oid, c.relname, rowhouse.role_name(a.grantee) AS grantee,
          string_agg(DISTINCT a.privilege_type, ', ') AS privileges
        FROM pg_class AS c
        CROSS JOIN LATERAL (
          SELECT * FROM aclexplode(c.relacl)
          UNION ALL
          SELECT r.* FROM pg_attribute AS m CROSS JOIN aclexplode(m.attacl) AS r WHERE m.attrelid = c.oid) AS a
        WHERE c.relnamespace = 'rowhouse'::regnamespace AND c.relkind = 'r' AND a.grantee <> c.relowner
          AND a.grantee IN (SELECT suspect.role FROM suspect)
          AND (c.relname IN ('seal_key', 'tenant')
            OR c.relname LIKE 'import\_%' AND a.privilege_type IN ('SELECT', 'TRUNCATE', 'TRIGGER')
            OR c.relname NOT LIKE 'import\_%' AND a.privilege_type <> 'SELECT')
        GROUP BY c.oid, a.grantee
    )
    SELECT 'error', 'rowhouse-open', rowhouse.relation_object(g.oid),
        format('%s holds %s on a table of rowhouse''s own: %s. Proof: SET ROLE %6$s; SELECT '
          'has_any_column_privilege(%4$L, %5$L)', g.grantee, g.privileges,
          CASE g.relname WHEN 'seal_key' THEN 'with the seal''s keys it signs tokens for any tenant'
            WHEN 'access_grant' THEN 'it makes itself exempt from the policies'
            WHEN 'tenant' THEN 'it lists every tenant by name'
            WHEN 'seal_state' THEN 'it opens the seal'
            WHEN 'mark' THEN 'it keeps things from being judged'
            ELSE 'it holds what came from every tenant' END, 'rowhouse.' || quote_ident(g.relname),
          split_part(g.privileges, ', ', 1), rowhouse.proof_role(g.grantee)),
        format('REVOKE %s ON rowhouse.%I FROM %s', g.privileges, g.relname, g.grantee)
      FROM given AS g
    UNION ALL
    SELECT 'error', 'rowhouse-open', 'schema:rowhouse',
        format('%s may make objects among rowhouse''s own. Proof: SET ROLE %s; CREATE TABLE rowhouse.mine ()',
          rowhouse.role_name(a.grantee), rowhouse.proof_role(rowhouse.role_name(a.grantee))),
        format('REVOKE CREATE ON SCHEMA rowhouse FROM %s', rowhouse.role_name(a.grantee))
      FROM pg_namespace AS n CROSS JOIN aclexplode(n.nspacl) AS a
      WHERE n.nspname = 'rowhouse' AND a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner
        AND a.grantee IN (SELECT suspect.role FROM suspect)
    UNION ALL
    SELECT 'error', 'rowhouse-changed', rowhouse.function_object(p.oid),
        'This function of rowhouse''s runs with its owner''s rights and has lost its search path, or belongs to '
          'another role: whoever calls it, or owns it, decides what it does.',
        CASE WHEN p.proowner = n.nspowner THEN format('ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp',
            p.oid::regprocedure)
          ELSE format('ALTER FUNCTION %s OWNER TO %s', p.oid::regprocedure, n.nspowner::regrole) END
      FROM pg_namespace AS n JOIN pg_proc AS p ON p.pronamespace = n.oid
      WHERE n.nspname = 'rowhouse' AND (p.proowner <> n.nspowner
        OR p.prosecdef AND p.prokind = 'f' AND p.prolang <> (SELECT l.oid FROM pg_language AS l WHERE l.lanname = 'c')
          AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false));
END
$function$;

-- The server's own: catalogs and functions that are closed when a database is made, and were opened since.
CREATE OR REPLACE FUNCTION rowhouse.audit_opened_catalogs(suspects oid[])
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    WITH suspect AS MATERIALIZED (SELECT unnest(suspects) AS role),
    opened AS (
      SELECT c.oid, a.grantee, string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type) AS privileges,
          c.relname ~ '^pg_(authid|statistic|statistic_ext_data|largeobject|user_mapping|subscription|'
            'file_settings|hba)'
            OR bool_or(a.privilege_type <> 'SELECT') AS is_error
        FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS a
        LEFT JOIN pg_init_privs AS i ON i.classoid = 'pg_class'::regclass AND i.objoid = c.oid AND i.objsubid = 0
        WHERE c.relnamespace = 'pg_catalog'::regnamespace
          AND a.grantee IN (SELECT suspect.role FROM suspect) AND a.grantee <> c.relowner
          AND NOT EXISTS (SELECT FROM aclexplode(i.initprivs) AS was
                            WHERE was.grantee = a.grantee AND was.privilege_type = a.privilege_type)
          AND (a.privilege_type <> 'SELECT'
            OR c.relname ~ '^pg_(authid|statistic|largeobject$|user_mapping$|subscription$|file_settings|hba_)')
        GROUP BY c.oid, a.grantee
    ), callable AS (
      SELECT p.oid, a.grantee,
          p.proname ~ ('^(pg_read_|pg_file_|pg_ls_|pg_stat_file|lo_import|lo_export|dblink_connect_u|get_raw_page|'
            'pg_get_wal|pg_logical_|pg_create_|pg_copy_|pg_replication_|pg_reload_conf|pg_promote|pg_backup|'
            'pg_start_backup|'
            'pg_switch_wal|pg_current_logfile|heap_|bt_page|pg_surgery)') AS is_error
        FROM pg_proc AS p
        JOIN pg_init_privs AS i ON i.classoid = 'pg_proc'::regclass AND i.objoid = p.oid
        CROSS JOIN aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
        WHERE a.grantee IN (SELECT suspect.role FROM suspect) AND a.grantee <> p.proowner
          AND NOT EXISTS (SELECT FROM aclexplode(i.initprivs) AS was WHERE was.grantee IN (0, a.grantee))
          AND NOT EXISTS (SELECT FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
                            WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
                              AND (e.extname ~ '^rowhouse' OR rowhouse.is_marked('extension:'
                                || quote_ident(e.extname))))
    )
    SELECT 'error', 'catalog-opened', rowhouse.relation_object(o.oid),
        format('%s holds %s on a catalog of the server''s that was closed: what it says of one tenant''s rows, files '
          'or passwords, it says to all. Proof: SET ROLE %3$s; TABLE %4$s', rowhouse.role_name(o.grantee), o.privileges,
          rowhouse.proof_role(rowhouse.role_name(o.grantee)), o.oid::regclass),
        format('REVOKE %s ON %s FROM %s', o.privileges, o.oid::regclass, rowhouse.role_name(o.grantee))
      FROM opened AS o
    UNION ALL
    SELECT CASE WHEN c.is_error THEN 'error' ELSE 'warning' END, 'function-opened', rowhouse.function_object(c.oid),
        format('%s may call %s, which the server or its extension keeps for itself: it reads below the level at which '
          'policies are asked. Proof: SELECT has_function_privilege(%3$L, %2$L, ''EXECUTE'')',
          rowhouse.role_name(c.grantee), c.oid::regprocedure, CASE c.grantee WHEN 0 THEN 'public'
            ELSE rowhouse.role_name(c.grantee) END),
        format('REVOKE EXECUTE ON FUNCTION %s FROM %s', c.oid::regprocedure, rowhouse.role_name(c.grantee))
      FROM callable AS c;
END
$function$;

-- Large objects have owners and no tenants.
CREATE OR REPLACE FUNCTION rowhouse.audit_large_objects(suspects oid[])
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  found_count bigint;
  example oid;
  for_public text;
BEGIN
  SELECT count(*), min(m.oid), string_agg(format('REVOKE ALL ON LARGE OBJECT %s FROM PUBLIC', m.oid), '; '
      ORDER BY m.oid) FILTER (WHERE m.lomowner <> ALL (suspects)
        AND NOT EXISTS (SELECT FROM aclexplode(m.lomacl) AS a WHERE a.grantee <> 0 AND a.grantee = ANY (suspects)))
    INTO found_count, example, for_public
    FROM pg_largeobject_metadata AS m
    WHERE m.lomowner = ANY (suspects)
      OR EXISTS (SELECT FROM aclexplode(m.lomacl) AS a WHERE a.grantee = ANY (suspects))
      OR current_setting('lo_compat_privileges')::boolean;
  IF found_count > 0 THEN
    RETURN QUERY SELECT 'warning', 'large-objects', format('database:%I', current_database()),
      format('%s large objects are open to an application role: they have no tenant and no policy, and every session '
        'of that role reads and writes them all. Proof: as that role, SELECT lo_get(%s)', found_count, example),
      CASE WHEN cardinality(string_to_array(for_public, '; ')) = found_count AND found_count <= 100
        AND NOT current_setting('lo_compat_privileges')::boolean THEN for_public END;
  END IF;
END
$function$;

-- Settings that were granted (PostgreSQL 15): what only a superuser sets, set by an application role.
CREATE OR REPLACE FUNCTION rowhouse.audit_parameters(suspects oid[])
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF to_regclass('pg_catalog.pg_parameter_acl') IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY EXECUTE $query$
    SELECT CASE WHEN a.privilege_type = 'ALTER SYSTEM'
          OR p.parname ~ 'preload_libraries|lo_compat|library_path|system_table|session_replication_role|^rowhouse'
          THEN 'error' ELSE 'warning' END, 'parameter-granted',
        CASE a.grantee WHEN 0 THEN format('database:%I', current_database()) ELSE 'role:' || a.grantee::regrole END,
        format('%s may %s %s, which is kept for superusers. Proof: SET ROLE %1$s; SET %3$s = DEFAULT',
          rowhouse.role_name(a.grantee), a.privilege_type, p.parname),
        format('REVOKE %s ON PARAMETER %s FROM %s', a.privilege_type, p.parname, rowhouse.role_name(a.grantee))
      FROM pg_parameter_acl AS p CROSS JOIN aclexplode(p.paracl) AS a
      WHERE a.grantee = ANY ($1)
  $query$ USING suspects;
END
$function$;
