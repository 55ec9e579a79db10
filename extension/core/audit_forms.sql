-- What the form of a policy shows without a trial: floors that hold nothing, tables that decide for it and that anybody
-- may write, settings of the server's own, roles that no policy binds, and rowhouse's policies gone stale.

-- The policies of tenant tables, but for rowhouse's own.
CREATE OR REPLACE FUNCTION rowhouse.hand_written_policies()
  RETURNS TABLE(oid oid, relation oid, tenant_column name, tenant_attnum smallint, object text, condition text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT p.oid, t.relation, t.tenant_column, t.tenant_attnum, rowhouse.part_object('policy', t.relation, p.polname),
        concat_ws(' ; ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
      FROM rowhouse.audit_tenant_tables() AS t JOIN pg_policy AS p ON p.polrelid = t.relation
      WHERE p.polname <> ALL (rowhouse.policy_names());
END
$function$;

-- A table without row security that a policy asks, and that an identity may write: who writes it decides.
CREATE OR REPLACE FUNCTION rowhouse.audit_deciding_tables()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    WITH asked AS MATERIALIZED (
      SELECT h.object, h.relation, c.oid AS table_asked
        FROM rowhouse.hand_written_policies() AS h
        CROSS JOIN LATERAL (
          SELECT d.refobjid FROM pg_depend AS d
            WHERE d.classid = 'pg_policy'::regclass AND d.objid = h.oid AND d.refclassid = 'pg_class'::regclass
          UNION
          SELECT u.named FROM unnest(rowhouse.functions_called(ARRAY[h.oid])) AS f(oid)
            CROSS JOIN LATERAL unnest(rowhouse.relations_named(f.oid)) AS u(named)) AS d(refobjid)
        JOIN pg_class AS c ON c.oid = d.refobjid AND c.oid <> h.relation AND c.relkind IN ('r', 'p')
          AND NOT c.relrowsecurity
        WHERE NOT rowhouse.is_foreign_schema(c.relnamespace)
    )
    SELECT 'error', 'policy-reads-open-table', a.object,
        format('The policy asks %s, which has no row security, and %s may write it: who writes it decides what is '
          'seen.', a.table_asked::regclass, rowhouse.name_roles(array_agg(DISTINCT r.identity)))
          || rowhouse.prove_as(array_agg(DISTINCT r.identity),
            format('SELECT has_table_privilege(%L, ''INSERT, UPDATE, DELETE'')', a.table_asked::regclass)),
        (SELECT format('REVOKE INSERT, UPDATE, DELETE ON %s FROM %s', a.table_asked::regclass,
             string_agg(DISTINCT rowhouse.role_name(g.grantee), ', '))
           FROM pg_class AS c CROSS JOIN LATERAL (
             SELECT x.grantee FROM aclexplode(c.relacl) AS x
             UNION SELECT x.grantee FROM pg_attribute AS m CROSS JOIN aclexplode(m.attacl) AS x WHERE m.attrelid = c.oid
           ) AS g
           WHERE c.oid = a.table_asked AND g.grantee <> c.relowner
             AND (g.grantee = 0 OR NOT rowhouse.is_unjudged(g.grantee)))
      FROM asked AS a
      JOIN rowhouse.audit_reach(ARRAY(SELECT asked.table_asked FROM asked)) AS r ON r.relation = a.table_asked
        AND r.privileges && ARRAY['INSERT', 'UPDATE', 'DELETE']
      GROUP BY a.object, a.table_asked;
END
$function$;

-- What protect() made is not, or no longer, what it would make: a grant by hand that the floor does not know, a policy
-- changed or dropped.
CREATE OR REPLACE FUNCTION rowhouse.audit_stale_protection()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT CASE WHEN stale.names IS NULL THEN 'info' ELSE 'warning' END, 'protection-stale',
        rowhouse.relation_object(p.table_name),
        format('%s is protected, but not as protect() would do it now: %s. Proof: SELECT rowhouse.is_protected(%L, %L)',
          p.table_name, coalesce(format('policies %s do not fit the roles that hold privileges, or were changed',
            stale.names), 'an index, a default or a constraint is missing'), p.table_name::text, p.tenant_column),
        format('SELECT rowhouse.protect(%L, %L, %L)', p.table_name::text, coalesce(p.tenant_column, 'company_id'),
          p.row_kind)
      FROM rowhouse.protected_tables AS p
      CROSS JOIN LATERAL (
        SELECT string_agg(s, ', ' ORDER BY s) FROM rowhouse.stale_policies(p.table_name, p.tenant_column, p.row_kind)
          AS s) AS stale(names)
      WHERE NOT rowhouse.is_protected(p.table_name, p.tenant_column, p.row_kind)
    UNION ALL
    SELECT 'warning', 'protection-stale', rowhouse.relation_object(c.oid),
        format('%s has lost the policy rowhouse_isolation, or it no longer asks the tenant: nothing holds whatever '
          'another policy opens. Proof: SELECT * FROM pg_policies WHERE tablename = %L', c.oid::regclass, c.relname),
        format('SELECT rowhouse.protect(%L, %L)', c.oid::regclass::text, t.tenant_column)
      FROM rowhouse.audit_tenant_tables() AS t JOIN pg_class AS c ON c.oid = t.relation
      WHERE c.relrowsecurity AND c.relforcerowsecurity AND t.tenant_column IS NOT NULL
        AND EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid AND p.polname = ANY (rowhouse.policy_names()))
        AND NOT EXISTS (SELECT FROM rowhouse.protected_tables AS p WHERE p.table_name = c.oid);
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.audit_policy_forms()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN QUERY SELECT * FROM rowhouse.audit_deciding_tables();
  RETURN QUERY SELECT * FROM rowhouse.audit_stale_protection();
  RETURN QUERY
    WITH hand AS MATERIALIZED (
      SELECT h.*, p.polname, p.polpermissive, p.polroles, format('SELECT * FROM pg_policies WHERE policyname = %L',
          p.polname) AS look, format('DROP POLICY %I ON %s', p.polname, h.relation::regclass) AS drop_it
        FROM rowhouse.hand_written_policies() AS h JOIN pg_policy AS p ON p.oid = h.oid
    )
    SELECT 'warning', 'floor-holds-nothing', h.object,
        format('A restrictive policy of %s that is always true restricts nothing. Proof: %s', h.relation::regclass,
          h.look), h.drop_it
      FROM hand AS h WHERE NOT h.polpermissive AND h.condition IN ('true', 'true ; true')
    UNION ALL
    SELECT 'info', 'policy-denies', h.object,
        format('A permissive policy of %s that is always false lets nobody see anything.', h.relation::regclass), NULL
      FROM hand AS h WHERE h.polpermissive AND h.condition IN ('false', 'false ; false')
    UNION ALL
    SELECT 'warning', 'policy-builtin-setting', h.object,
        format('The policy takes the tenant from the setting %s, which is the server''s own: it means something else, '
          'and changes for other reasons. Proof: %s', substring(h.condition FROM 'current_setting\(''([^''.]+)'''),
          h.look),
        NULL
      FROM hand AS h WHERE h.condition ~ 'current_setting\(''[^''.]+'''
    UNION ALL
    SELECT 'warning', 'policy-for-exempt-role', h.object,
        format('The policy is for %s, whom no policy binds: it has no effect for that role. Proof: %s', r.rolname,
          h.look), NULL
      FROM hand AS h CROSS JOIN unnest(h.polroles) AS u(role) JOIN pg_roles AS r ON r.oid = u.role
      WHERE (r.rolsuper OR r.rolbypassrls) AND NOT rowhouse.is_marked('role:' || quote_ident(r.rolname))
    UNION ALL
    SELECT 'warning', 'policy-recursive', h.object,
        format('The policy reads its own table, which the server refuses as an infinite recursion. Proof: SELECT FROM '
          '%s', h.relation::regclass), NULL
      FROM hand AS h JOIN pg_class AS c ON c.oid = h.relation JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE h.condition ~ format('(FROM|JOIN)\s+\(*%s(?![[:alnum:]_])',
        rowhouse.as_pattern(format('%I.%I', n.nspname, c.relname)))
    UNION ALL
    SELECT CASE WHEN (SELECT count(*) > 1 FROM rowhouse.audit_reach(ARRAY[h.relation]) AS r
                        JOIN pg_roles AS l ON l.oid = r.identity AND l.rolcanlogin) THEN 'info' ELSE 'warning' END,
        'tenant-is-role', h.object,
        format('The tenant is the role''s name: all who share a role, as a pool of connections does, are one tenant. '
          'Proof: %s', h.look), NULL
      FROM hand AS h
      WHERE h.polpermissive AND h.condition ~ '\m(CURRENT_USER|SESSION_USER)\M' AND h.condition !~ 'current_setting'
        AND EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_policy'::regclass AND d.objid = h.oid
                      AND d.refclassid = 'pg_class'::regclass AND d.refobjid = h.relation
                      AND d.refobjsubid = h.tenant_attnum)
    UNION ALL
    SELECT 'info', 'no-floor', 'schema:' || c.relnamespace::regnamespace,
        format('No restrictive policy stands on %s tables of tenants'' rows, %s among them: the next permissive one '
          'opens what it says, whatever the others say.', count(DISTINCT c.oid),
          min(c.oid::regclass::text COLLATE "C")), NULL
      FROM hand AS h JOIN pg_class AS c ON c.oid = h.relation
      WHERE NOT EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = h.relation AND NOT p.polpermissive)
      GROUP BY c.relnamespace;
END
$function$;
