-- The policies of a protected table: what they say, whom they bind, and how they are made to say it.
--
-- Whom they bind: PostgreSQL ANDs a RESTRICTIVE policy TO PUBLIC for every role, so nobody could be let past it but by
-- BYPASSRLS (not to be had on managed servers) or by a flag in the condition (which loses the index). So the floor
-- rowhouse_isolation is TO PUBLIC only as long as the database has no exempt role. From the first grant_access(role,
-- 'admin' | 'dump') on it names the roles it binds: the table's owner and every role that holds a privilege on the
-- table, exempt ones left out. Whoever reaches the table through a grant that is not an exempt role's is then under the
-- floor, since the server asks the same question for a privilege and for a policy: does this role have the privileges
-- of that one? A role both bound and exempt is bound. PUBLIC itself holding privileges on a table and exempt roles rule
-- each other out: that is an error. rowhouse_access stays TO PUBLIC, so a role granted something by hand later is kept
-- to the current tenant as before; it comes under the floor when grant_access() or protect() is called again
-- (is_protected() says no until then).

-- The floor needs somebody to bind. Where only exempt roles reach a table it is this one, whose members could read the
-- database's files anyway.
CREATE OR REPLACE FUNCTION rowhouse.bound_roles(relation regclass) RETURNS oid[]
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  bound oid[];
BEGIN
  IF NOT EXISTS (SELECT FROM rowhouse.access_grant AS g JOIN pg_roles AS r ON r.oid = g.role WHERE g.kind <> 'app') THEN
    RETURN ARRAY[0::oid];
  END IF;
  SELECT array_agg(DISTINCT holder ORDER BY holder) INTO bound
    FROM (SELECT c.relowner FROM pg_class AS c WHERE c.oid = relation
          UNION SELECT a.grantee FROM pg_class AS c, aclexplode(c.relacl) AS a WHERE c.oid = relation
          UNION SELECT a.grantee FROM pg_attribute AS t, aclexplode(t.attacl) AS a WHERE t.attrelid = relation)
      AS holders(holder)
    WHERE NOT EXISTS (SELECT FROM rowhouse.access_grant AS g WHERE g.role = holder AND g.kind <> 'app');
  RETURN coalesce(bound, ARRAY['pg_execute_server_program'::regrole::oid]);
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.exempt_roles(wanted_kind text) RETURNS oid[]
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT array_agg(r.oid ORDER BY r.oid)
    FROM rowhouse.access_grant AS g JOIN pg_roles AS r ON r.oid = g.role WHERE g.kind = wanted_kind;
END;

-- Whether the current role passes over the policies, or has an admin's on every table it can reach.
CREATE OR REPLACE FUNCTION rowhouse.is_exempt() RETURNS boolean
  LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT bool_or(r.rolsuper OR r.rolbypassrls) OR EXISTS (
      SELECT FROM rowhouse.access_grant AS g JOIN pg_roles AS a ON a.oid = g.role
        WHERE g.kind = 'admin' AND pg_has_role(g.role, 'USAGE'))
    FROM pg_roles AS r WHERE r.rolname = current_user;
END;

CREATE OR REPLACE FUNCTION rowhouse.policy_names() RETURNS name[]
  LANGUAGE sql IMMUTABLE
  RETURN ARRAY['rowhouse_access', 'rowhouse_defaults', 'rowhouse_isolation', 'rowhouse_update', 'rowhouse_delete',
               'rowhouse_suspension', 'rowhouse_admin', 'rowhouse_dump']::name[];

-- What has to stand on a table: conditions as written and as printed back. An INSERT is judged by what the policies
-- for all commands check. Where tenants read more than they write, UPDATE (and FOR UPDATE) and DELETE have a floor of
-- their own.
CREATE OR REPLACE FUNCTION rowhouse.wanted_policies(relation regclass, tenant_column name, row_kind text)
  RETURNS TABLE(name name, permissive boolean, command "char", roles oid[], condition text, printed text,
    check_condition text, printed_check text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  type regtype;
  may record;
  suspension record;
  everybody oid[] := ARRAY[0::oid];
  bound oid[] := rowhouse.bound_roles(relation);
  writers oid[] := CASE WHEN row_kind <> 'own' THEN bound END;
BEGIN
  SELECT a.atttypid INTO type FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = tenant_column;
  may := rowhouse.row_conditions(tenant_column, type, row_kind);
  suspension := rowhouse.suspension_condition(tenant_column, type, row_kind);
  -- Citus makes every policy permissive on the shards: there the suspension stands inside of the others.
  IF suspension.condition IS NOT NULL AND rowhouse.is_distributed(relation) THEN
    may.reads := format('(%s) AND %s', may.reads, suspension.condition);
    may.printed_reads := format('(%s AND %s)', may.printed_reads, suspension.printed);
    IF row_kind <> 'reference' THEN
      may.writes := format('%s AND %s', may.writes, suspension.condition);
      may.printed_writes := format('(%s AND %s)', may.printed_writes, suspension.printed);
    END IF;
    suspension.condition := NULL;
  END IF;
  RETURN QUERY
    SELECT wanted.* FROM (VALUES
        ('rowhouse_access'::name, true, CASE row_kind WHEN 'reference' THEN 'r' ELSE '*' END::"char", everybody,
          CASE row_kind WHEN 'reference' THEN may.reads ELSE may.writes END,
          CASE row_kind WHEN 'reference' THEN may.printed_reads ELSE may.printed_writes END,
          CASE WHEN row_kind <> 'reference' THEN may.writes END,
          CASE WHEN row_kind <> 'reference' THEN may.printed_writes END),
        ('rowhouse_defaults', true, 'r', CASE row_kind WHEN 'defaults' THEN everybody END,
          may.shared, may.printed_shared, NULL, NULL),
        ('rowhouse_isolation', false, '*', bound, may.reads, may.printed_reads, may.writes, may.printed_writes),
        ('rowhouse_update', false, 'w', writers, may.writes, may.printed_writes, NULL, NULL),
        ('rowhouse_delete', false, 'd', writers, may.writes, may.printed_writes, NULL, NULL),
        ('rowhouse_suspension', false, '*', CASE WHEN suspension.condition IS NOT NULL THEN bound END,
          suspension.condition, suspension.printed, suspension.condition, suspension.printed),
        ('rowhouse_admin', true, '*', rowhouse.exempt_roles('admin'), 'true', 'true', 'true', 'true'),
        ('rowhouse_dump', true, 'r', rowhouse.exempt_roles('dump'), 'true', 'true', NULL, NULL))
      AS wanted(name, permissive, command, roles, condition, printed, check_condition, printed_check)
    WHERE wanted.roles IS NOT NULL;
END
$function$;

-- What of it does not stand there, or stands there and should not: empty when the table is as it has to be.
CREATE OR REPLACE FUNCTION rowhouse.stale_policies(relation regclass, tenant_column name, row_kind text)
  RETURNS SETOF name
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    SELECT coalesce(wanted.name, present.polname)
      FROM rowhouse.wanted_policies(relation, tenant_column, row_kind) AS wanted
      FULL JOIN (SELECT * FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = ANY (rowhouse.policy_names()))
        AS present ON present.polname = wanted.name
      WHERE (wanted.permissive, wanted.command, wanted.printed, wanted.printed_check) IS DISTINCT FROM
            (present.polpermissive, present.polcmd, pg_get_expr(present.polqual, relation),
             pg_get_expr(present.polwithcheck, relation))
        OR NOT (wanted.roles <@ present.polroles AND present.polroles <@ wanted.roles);
END
$function$;

-- Leaves alone what is right already. The table is locked by the caller.
CREATE OR REPLACE FUNCTION rowhouse.apply_policies(relation regclass, tenant_column name, row_kind text) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  stale name[] := ARRAY(SELECT rowhouse.stale_policies(relation, tenant_column, row_kind));
  remembered text;
  policy record;
BEGIN
  SELECT obj_description(p.oid, 'pg_policy') INTO remembered
    FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = 'rowhouse_isolation';
  FOR policy IN SELECT p.polname FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = ANY (stale) LOOP
    EXECUTE format('DROP POLICY %I ON %s', policy.polname, relation);
  END LOOP;
  FOR policy IN
    SELECT * FROM rowhouse.wanted_policies(relation, tenant_column, row_kind) AS w WHERE w.name = ANY (stale)
  LOOP
    EXECUTE format('CREATE POLICY %I ON %s AS %s FOR %s TO %s USING (%s) %s', policy.name, relation,
      CASE WHEN policy.permissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
      CASE policy.command WHEN 'r' THEN 'SELECT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
      (SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC' ELSE role::regrole::text END, ', ')
         FROM unnest(policy.roles) AS role),
      policy.condition,
      CASE WHEN policy.check_condition IS NOT NULL THEN format('WITH CHECK (%s)', policy.check_condition) ELSE '' END);
  END LOOP;
  IF 'rowhouse_isolation' = ANY (stale) AND remembered IS NOT NULL THEN
    EXECUTE format('COMMENT ON POLICY rowhouse_isolation ON %s IS %L', relation, remembered);
  END IF;
END
$function$;

-- A whole, valid b-tree that leads with the column: one that serves every query of one tenant.
CREATE OR REPLACE FUNCTION rowhouse.tenant_indexes(relation regclass, tenant_column name) RETURNS SETOF regclass
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT i.indexrelid::regclass
    FROM pg_index AS i
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attname = tenant_column AND a.attnum = i.indkey[0]
    JOIN pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_am AS am ON am.oid = c.relam
    WHERE i.indrelid = tenant_indexes.relation AND i.indisvalid AND i.indpred IS NULL AND am.amname = 'btree';
END;

-- True when there is nothing left for protect() to do. Without a kind: of what the table is protected as.
CREATE OR REPLACE FUNCTION rowhouse.is_protected(relation regclass, tenant_column name, row_kind text DEFAULT NULL)
  RETURNS boolean
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  wanted_kind text := coalesce(row_kind,
    (SELECT t.row_kind FROM rowhouse.protected_tables AS t WHERE t.table_name = relation));
BEGIN
  RETURN wanted_kind IS NOT NULL
    AND EXISTS (SELECT FROM pg_class AS c WHERE c.oid = relation AND c.relrowsecurity AND c.relforcerowsecurity)
    AND (wanted_kind = 'reference' OR EXISTS (SELECT FROM rowhouse.tenant_indexes(relation, tenant_column)) AND EXISTS (
          SELECT FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = tenant_column AND a.atthasdef
            AND a.attnotnull = (wanted_kind = 'own')))
    AND (wanted_kind <> 'defaults' OR NOT EXISTS (SELECT FROM rowhouse.missing_default_keys(relation, tenant_column)))
    AND NOT EXISTS (SELECT FROM rowhouse.stale_policies(relation, tenant_column, wanted_kind));
END
$function$;
