-- The audit of roles: who passes over the policies, who can become such a one, and what belongs to an application role
-- that it could switch off.

-- How a role gets at another's privileges: by having them, by SET ROLE, or by letting itself do so.
CREATE OR REPLACE FUNCTION rowhouse.can_become(role oid, other oid) RETURNS boolean
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF current_setting('server_version_num')::integer < 160000 THEN
    RETURN pg_has_role(role, other, 'MEMBER');
  END IF;
  RETURN pg_has_role(role, other, 'SET') OR pg_has_role(role, other, 'USAGE')
    OR pg_has_role(role, other, 'MEMBER WITH ADMIN OPTION');
END
$function$;

-- Cuts the way from a role to another where it enters the other.
CREATE OR REPLACE FUNCTION rowhouse.membership_remedy(role oid, other oid) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  names_grantor boolean := current_setting('server_version_num')::integer >= 160000;
BEGIN
  RETURN (
    SELECT string_agg(format('REVOKE %s FROM %s', m.roleid::regrole, m.member::regrole)
        || CASE WHEN names_grantor THEN format(' GRANTED BY %s', m.grantor::regrole) ELSE '' END, '; '
        ORDER BY m.member, m.grantor)
      FROM pg_auth_members AS m
      WHERE m.roleid = other AND (m.member = role OR pg_has_role(role, m.member, 'MEMBER')));
END
$function$;

-- Why a role is past the policies of every table; NULL when it is not.
CREATE OR REPLACE FUNCTION rowhouse.exemption(role oid) RETURNS text
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT CASE WHEN r.rolsuper THEN 'is a superuser'
      WHEN r.rolbypassrls THEN 'has BYPASSRLS'
      WHEN EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = 'rowhouse' AND n.nspowner = r.oid)
        THEN 'owns rowhouse'
      ELSE (SELECT format('was given %s access', g.kind) FROM rowhouse.access_grant AS g
              WHERE g.role = r.oid AND g.kind <> 'app') END
    FROM pg_roles AS r WHERE r.oid = exemption.role;
END;

-- Roles that are past the policies, but should not be, or that can become one that is.
CREATE OR REPLACE FUNCTION rowhouse.audit_exempt_roles(suspects oid[])
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    WITH held AS MATERIALIZED (SELECT t.relation FROM rowhouse.audit_tenant_tables() AS t),
    outside AS MATERIALIZED (
      SELECT r.oid, r.rolname, r.rolsuper, r.rolbypassrls, rowhouse.exemption(r.oid) AS why
        FROM pg_roles AS r WHERE rowhouse.exemption(r.oid) IS NOT NULL
    )
    SELECT CASE WHEN o.rolsuper OR reach.does THEN 'error' ELSE 'warning' END, 'role-bypasses',
      'role:' || quote_ident(o.rolname),
        format('%s %s and can log in or was given access as an application: no policy binds it. Proof: SET ROLE %1$s; '
          'SELECT count(*) FROM a protected table, without a tenant. If that is meant: SELECT '
          'rowhouse.mark_shared(%3$L, ''why'').', quote_ident(o.rolname), o.why, 'role:' || quote_ident(o.rolname)),
        format('ALTER ROLE %I %s', o.rolname, concat_ws(' ', CASE WHEN o.rolsuper THEN 'NOSUPERUSER' END,
          CASE WHEN o.rolbypassrls THEN 'NOBYPASSRLS' END))
      FROM outside AS o
      JOIN pg_roles AS r ON r.oid = o.oid
      CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM held
          WHERE rowhouse.audit_reaches(o.oid, held.relation, 'SELECT, INSERT, UPDATE, DELETE'))) AS reach(does)
      WHERE NOT rowhouse.is_marked('role:' || quote_ident(o.rolname))
        AND (o.rolsuper AND o.oid <> 10 AND (
              EXISTS (SELECT FROM rowhouse.access_grant AS g WHERE g.role = o.oid AND g.kind = 'app')
              OR r.rolcanlogin AND EXISTS (SELECT FROM held JOIN pg_class AS c ON c.oid = held.relation
                                             CROSS JOIN aclexplode(c.relacl) AS a
                                             WHERE a.grantee = o.oid AND c.relowner <> o.oid))
          OR NOT o.rolsuper AND o.rolbypassrls AND NOT rowhouse.is_unjudged(o.oid)
            AND (r.rolcanlogin OR o.oid = ANY (suspects)))
    UNION ALL
    SELECT 'error', 'role-becomes-exempt', 'role:' || quote_ident(a.rolname),
        format('%s can take the privileges of %s, which %s. Proof: SET ROLE %1$s; SET ROLE %2$s; SELECT count(*) FROM '
          'a protected table, without a tenant', quote_ident(a.rolname), quote_ident(o.rolname), o.why),
        rowhouse.membership_remedy(a.oid, o.oid)
      FROM pg_roles AS a
      JOIN outside AS o ON o.oid <> a.oid AND rowhouse.can_become(a.oid, o.oid)
      WHERE NOT rowhouse.is_unjudged(a.oid) AND NOT a.rolbypassrls
        AND (a.oid = ANY (suspects)
          OR a.rolcanlogin AND o.why = 'has BYPASSRLS' AND NOT rowhouse.is_marked('role:' || quote_ident(o.rolname))
            AND NOT EXISTS (SELECT FROM rowhouse.access_grant AS g WHERE g.role = o.oid AND g.kind <> 'app'));
END
$function$;

-- What an application role, or one that it can become, is allowed beyond tables.
CREATE OR REPLACE FUNCTION rowhouse.audit_role_attributes(suspects oid[])
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  makes_any boolean := current_setting('server_version_num')::integer < 160000;
BEGIN
  RETURN QUERY
    WITH reached AS MATERIALIZED (
      SELECT r.*, (SELECT min(rowhouse.role_name(app)) FROM unnest(suspects) AS app
                     WHERE app <> 0 AND rowhouse.can_become(app, r.oid)) AS by
        FROM pg_roles AS r WHERE NOT r.rolsuper AND (r.rolcreaterole OR r.rolreplication OR r.rolcreatedb)
    )
    SELECT CASE WHEN r.rolreplication OR r.rolcreaterole AND makes_any THEN 'error' ELSE 'warning' END,
      'role-attributes',
        'role:' || quote_ident(r.rolname),
        format('%s has %s: CREATEROLE makes and grants roles, REPLICATION reads the changes of every tenant, CREATEDB '
          'copies template databases. Proof: SELECT rolcreaterole, rolreplication, rolcreatedb FROM pg_roles WHERE '
          'rolname = %L', CASE WHEN r.by = quote_ident(r.rolname) THEN r.by
            ELSE format('%I, whom %s can become,', r.rolname, r.by) END, what.held, r.rolname),
        format('ALTER ROLE %I %s', r.rolname, what.less)
      FROM reached AS r
      CROSS JOIN LATERAL (SELECT
          concat_ws(', ', CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END, CASE WHEN r.rolreplication
            THEN 'REPLICATION' END,
            CASE WHEN r.rolcreatedb THEN 'CREATEDB' END),
          concat_ws(' ', CASE WHEN r.rolcreaterole THEN 'NOCREATEROLE' END,
            CASE WHEN r.rolreplication THEN 'NOREPLICATION' END, CASE WHEN r.rolcreatedb THEN 'NOCREATEDB' END))
        AS what(held, less)
      WHERE r.by IS NOT NULL AND NOT rowhouse.is_unjudged(r.oid)
    UNION ALL
    SELECT CASE WHEN p.is_deep AND NOT a.oid = ANY (suspects) THEN 'warning' ELSE p.severity END, 'predefined-role',
        'role:' || quote_ident(a.rolname),
        format('%s is a member of %s: %s. Proof: SELECT pg_has_role(%L, %2$L, ''MEMBER'')', quote_ident(a.rolname),
          p.name, p.why, a.rolname),
        rowhouse.membership_remedy(a.oid, r.oid)
      FROM (VALUES
          ('pg_read_server_files', 'error', true, 'it reads the database''s files'),
          ('pg_write_server_files', 'error', true, 'it writes the database''s files'),
          ('pg_execute_server_program', 'error', true, 'it runs programs as the server'),
          ('pg_write_all_data', 'error', true, 'it writes rowhouse''s own tables, and so makes itself exempt'),
          ('pg_read_all_data', 'error', false, 'it reads the registry, what imports set aside, and every table without '
            'row security'),
          ('pg_create_subscription', 'warning', false, 'it draws rows in past the policies'),
          ('pg_monitor', 'warning', false, 'it reads the statements of every session'),
          ('pg_read_all_stats', 'warning', false, 'it reads the statements of every session'),
          ('pg_stat_scan_tables', 'warning', false, 'it measures and locks tables of all tenants'),
          ('pg_maintain', 'warning', false, 'it locks tables of all tenants'),
          ('pg_signal_backend', 'warning', false, 'it ends the sessions of others'))
        AS p(name, severity, is_deep, why)
      JOIN pg_roles AS r ON r.rolname = p.name
      JOIN pg_roles AS a ON a.oid <> r.oid AND rowhouse.can_become(a.oid, r.oid)
      WHERE NOT rowhouse.is_unjudged(a.oid) AND (a.oid = ANY (suspects) OR p.is_deep AND a.rolcanlogin)
        -- Once, by the role that reaches furthest.
        AND NOT (p.name = 'pg_read_all_stats' AND rowhouse.can_become(a.oid, 'pg_monitor'::regrole))
        AND NOT (p.name = 'pg_stat_scan_tables' AND rowhouse.can_become(a.oid, 'pg_monitor'::regrole));
END
$function$;

-- The role that things are given to in place of an application: the owner of the schema, else of rowhouse.
CREATE OR REPLACE FUNCTION rowhouse.rightful_owner(schema oid, applications oid[]) RETURNS regrole
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT n.nspowner::regrole FROM pg_namespace AS n
    WHERE n.oid = rightful_owner.schema AND n.nspowner <> ALL (applications) AND pg_has_role(n.nspowner, 'MEMBER')
      AND n.nspowner::regrole::text <> 'pg_database_owner'
  UNION ALL
  SELECT n.nspowner::regrole FROM pg_namespace AS n WHERE n.nspname = 'rowhouse'
  LIMIT 1;
END;

-- What belongs to an application role: an owner switches row security off, drops, and replaces.
CREATE OR REPLACE FUNCTION rowhouse.audit_ownership(suspects oid[])
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    WITH held AS MATERIALIZED (
      SELECT t.relation, t.tenant_column, c.relowner, c.relnamespace, c.relkind
        FROM rowhouse.audit_tenant_tables() AS t JOIN pg_class AS c ON c.oid = t.relation
    ), called AS (
      SELECT DISTINCT f.refobjid AS function, held.relation
        FROM held JOIN pg_policy AS p ON p.polrelid = held.relation
        JOIN pg_depend AS f ON f.classid = 'pg_policy'::regclass AND f.objid = p.oid
          AND f.refclassid = 'pg_proc'::regclass
      UNION
      SELECT t.tgfoid, held.relation FROM held JOIN pg_trigger AS t ON t.tgrelid = held.relation AND NOT t.tgisinternal
      UNION
      SELECT e.evtfoid, NULL FROM pg_event_trigger AS e
    )
    SELECT 'error', 'owned-by-application', rowhouse.relation_object(held.relation),
        format('%s owns %s and can switch its row security off. Proof: SET ROLE %1$s; ALTER TABLE %2$s DISABLE ROW '
          'LEVEL SECURITY', held.relowner::regrole, held.relation::regclass),
        format('ALTER TABLE %s OWNER TO %s; GRANT SELECT, INSERT, UPDATE, DELETE ON %1$s TO %3$s',
          held.relation::regclass,
          rowhouse.rightful_owner(held.relnamespace, suspects), held.relowner::regrole)
        || coalesce((SELECT string_agg(format('; GRANT USAGE ON SEQUENCE %s TO %s', s, held.relowner::regrole), '')
                       FROM rowhouse.owned_sequences(held.relation) AS s), '')
        || CASE WHEN held.relation IN (SELECT t.table_name FROM rowhouse.protected_tables AS t WHERE t.row_kind = 'own')
          THEN format('; SELECT rowhouse.protect(%L, %L)', held.relation::regclass, held.tenant_column) ELSE '' END
      FROM held WHERE held.relowner = ANY (suspects)
    UNION ALL
    SELECT DISTINCT 'error', 'owned-by-application', 'schema:' || n.oid::regnamespace,
        format('%s owns the schema %s and can drop the tables in it. Proof: SET ROLE %1$s; DROP TABLE %3$s',
          n.nspowner::regrole, n.oid::regnamespace, (SELECT min(held.relation::regclass::text COLLATE "C") FROM held
                                                       WHERE held.relnamespace = n.oid)),
        format('ALTER SCHEMA %s OWNER TO %s; GRANT USAGE ON SCHEMA %1$s TO %3$s', n.oid::regnamespace,
          rowhouse.rightful_owner(NULL, suspects), n.nspowner::regrole)
      FROM held JOIN pg_namespace AS n ON n.oid = held.relnamespace WHERE n.nspowner = ANY (suspects)
    UNION ALL
    SELECT 'error', 'owned-by-application', format('database:%I', d.datname),
        format('%s owns the database: it can drop it, set parameters for every session, and drop what is in the schema '
          'public.', d.datdba::regrole),
        format('ALTER DATABASE %I OWNER TO %s', d.datname, rowhouse.rightful_owner(NULL, suspects))
      FROM pg_database AS d WHERE d.datname = current_database() AND d.datdba = ANY (suspects)
    UNION ALL
    SELECT DISTINCT 'error', 'owned-by-application', rowhouse.function_object(p.oid),
        format('%s owns a function that is called %s, and can replace it: it then runs in the sessions of others.',
          p.proowner::regrole, CASE WHEN called.relation IS NULL THEN 'by an event trigger'
            ELSE 'by a policy or trigger of a tenant table' END),
        format('ALTER FUNCTION %s OWNER TO %s', p.oid::regprocedure, rowhouse.rightful_owner(p.pronamespace, suspects))
      FROM called JOIN pg_proc AS p ON p.oid = called.function WHERE p.proowner = ANY (suspects)
    UNION ALL
    SELECT DISTINCT 'error', 'role-becomes-owner', 'role:' || app::regrole,
        format('%s can take the privileges of %s, which owns tables of tenants'' rows, and switch their row security '
          'off. Proof: SET ROLE %1$s; SET ROLE %2$s; ALTER TABLE %3$s DISABLE ROW LEVEL SECURITY', app::regrole,
            o.relowner::regrole,
          o.example),
        rowhouse.membership_remedy(app, o.relowner)
      FROM unnest(suspects) AS app
      JOIN (SELECT held.relowner, min(held.relation::regclass::text COLLATE "C") AS example FROM held
        GROUP BY held.relowner)
        AS o ON o.relowner <> app AND app <> 0 AND rowhouse.can_become(app, o.relowner)
      WHERE NOT (SELECT r.rolsuper OR r.rolbypassrls FROM pg_roles AS r WHERE r.oid = o.relowner)
        AND NOT EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = 'rowhouse' AND n.nspowner = o.relowner)
    UNION ALL
    SELECT 'warning', 'owner-is-application', 'role:' || held.relowner::regrole,
        format('%s owns %s tables of tenants'' rows, can log in, and no other role may use them: an application that '
          'logs in as the owner can switch row security off. Proof: SET ROLE %1$s; ALTER TABLE %3$s DISABLE ROW LEVEL '
          'SECURITY. Make a role for the application, SELECT rowhouse.grant_access(its name, ''app'').',
          held.relowner::regrole, count(*), min(held.relation::regclass::text COLLATE "C")), NULL
      FROM held JOIN pg_roles AS r ON r.oid = held.relowner AND r.rolcanlogin
      WHERE suspects = ARRAY[0::oid] AND NOT rowhouse.is_unjudged(held.relowner) GROUP BY held.relowner;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.audit_access_grants()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT 'info', 'access-without-role', 'role:' || g.role::oid,
      format('A role with the OID %s was given %s access and is gone; the next role with that OID would have it.',
        g.role::oid, g.kind),
      format('DELETE FROM rowhouse.access_grant WHERE role::oid = %s', g.role::oid)
    FROM rowhouse.access_grant AS g WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = g.role);
END;

CREATE OR REPLACE FUNCTION rowhouse.audit_privileges()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  suspects oid[] := rowhouse.audit_suspects();
BEGIN
  RETURN QUERY SELECT * FROM rowhouse.audit_table_privileges()
  UNION ALL SELECT * FROM rowhouse.audit_default_privileges(suspects)
  UNION ALL SELECT * FROM rowhouse.audit_schema_privileges(suspects)
  UNION ALL SELECT * FROM rowhouse.audit_own_objects()
  UNION ALL SELECT * FROM rowhouse.audit_opened_catalogs(suspects)
  UNION ALL SELECT * FROM rowhouse.audit_large_objects(suspects)
  UNION ALL SELECT * FROM rowhouse.audit_parameters(suspects)
  UNION ALL SELECT * FROM rowhouse.audit_exempt_roles(suspects)
  UNION ALL SELECT * FROM rowhouse.audit_role_attributes(suspects)
  UNION ALL SELECT * FROM rowhouse.audit_ownership(suspects)
  UNION ALL SELECT * FROM rowhouse.audit_access_grants();
END
$function$;
