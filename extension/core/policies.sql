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

-- The current tenant as a value of the column's type. The cast is on this side: a cast of the column would lose its
-- index.
CREATE OR REPLACE FUNCTION rowhouse.tenant_setting(tenant_type regtype) RETURNS text
  LANGUAGE sql STABLE
  RETURN 'NULLIF(current_setting(''rowhouse.tenant'', true), '''')'
    || CASE WHEN tenant_type <> 'text'::regtype THEN '::' || format_type(tenant_type, NULL) ELSE '' END;

-- The condition of both policies. It stands there as text and not as a call, so that it can be indexed and estimated,
-- depends on nothing, and works in a database restored without rowhouse. In a sealed database it is a call, in a
-- subselect to make it once a statement.
CREATE OR REPLACE FUNCTION rowhouse.tenant_condition(tenant_column name, tenant_type regtype) RETURNS text
  LANGUAGE sql STABLE
  RETURN format('%I = ', tenant_column) || CASE WHEN rowhouse.is_sealed()
    THEN '(SELECT rowhouse.login_tenant())'
      || CASE WHEN tenant_type <> 'text'::regtype THEN '::' || format_type(tenant_type, NULL) ELSE '' END
    ELSE rowhouse.tenant_setting(tenant_type) END;

-- The condition as the server prints it back (pg_get_expr); a policy that prints otherwise is not ours or was altered.
CREATE OR REPLACE FUNCTION rowhouse.printed_condition(tenant_column name, tenant_type regtype) RETURNS text
  LANGUAGE sql STABLE
  RETURN (
    SELECT CASE tenant_type
        WHEN 'text'::regtype THEN format('(%I = %s)', tenant_column, tenant)
        WHEN 'varchar'::regtype THEN format('((%I)::text = ((%s)::character varying)::text)', tenant_column, tenant)
        ELSE format('(%I = (%s)::%s)', tenant_column, tenant, format_type(tenant_type, NULL))
      END
      FROM (VALUES (CASE WHEN rowhouse.is_sealed() THEN '( SELECT rowhouse.login_tenant() AS login_tenant)'
          ELSE 'NULLIF(current_setting(''rowhouse.tenant''::text, true), ''''::text)' END)) AS printed(tenant));

-- A tenant's id may be no value of a column's type: an integer column has no tenant "acme".
CREATE OR REPLACE FUNCTION rowhouse.fits_type(id text, tenant_type regtype) RETURNS boolean
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  EXECUTE format('SELECT $1::%s', format_type(tenant_type, NULL)) USING id;
  RETURN true;
EXCEPTION WHEN data_exception THEN
  RETURN false;
END
$function$;

-- The suspended tenants as keys of a jsonb literal, written as the column's type writes them; NULL when there are none.
-- A sealed database asks the registry itself in every statement. Keys are searched by halves, and the planner does not
-- look at each of them as it would with an array: 300 suspended tenants cost a statement no more than one.
CREATE OR REPLACE FUNCTION rowhouse.suspended_literal(tenant_type regtype) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  ids jsonb;
BEGIN
  IF rowhouse.is_sealed() THEN
    RETURN NULL;
  END IF;
  EXECUTE format('SELECT jsonb_object_agg(CASE WHEN rowhouse.fits_type(id, $1) THEN id::%s::text END, NULL)
      FROM unnest(rowhouse.suspended_tenants()) AS id WHERE rowhouse.fits_type(id, $1)', format_type(tenant_type, NULL))
    INTO ids USING tenant_type;
  RETURN CASE WHEN ids IS NOT NULL THEN format('%L::jsonb', ids) END;
END
$function$;

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
  RETURN ARRAY['rowhouse_access', 'rowhouse_isolation', 'rowhouse_suspension', 'rowhouse_admin',
               'rowhouse_dump']::name[];

-- What has to stand on a table: condition as written and as printed back.
CREATE OR REPLACE FUNCTION rowhouse.wanted_policies(relation regclass, tenant_column name)
  RETURNS TABLE(name name, permissive boolean, command "char", roles oid[], condition text, printed text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  type regtype;
  equal text;
  printed_equal text;
  suspended text;
  bound oid[] := rowhouse.bound_roles(relation);
BEGIN
  SELECT a.atttypid INTO type FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = tenant_column;
  equal := rowhouse.tenant_condition(tenant_column, type);
  printed_equal := rowhouse.printed_condition(tenant_column, type);
  suspended := rowhouse.suspended_literal(type);
  RETURN QUERY
    SELECT wanted.* FROM (VALUES
        ('rowhouse_access'::name, true, '*'::"char", ARRAY[0::oid], equal, printed_equal),
        ('rowhouse_isolation', false, '*', bound, equal, printed_equal),
        ('rowhouse_suspension', false, '*', bound, format('NOT (%s ? %I::text)', suspended, tenant_column),
          format(CASE WHEN type = 'text'::regtype THEN '(NOT (%s ? %I))' ELSE '(NOT (%s ? (%I)::text))' END,
            suspended, tenant_column)),
        ('rowhouse_admin', true, '*', rowhouse.exempt_roles('admin'), 'true', 'true'),
        ('rowhouse_dump', true, 'r', rowhouse.exempt_roles('dump'), 'true', 'true'))
      AS wanted(name, permissive, command, roles, condition, printed)
    WHERE wanted.roles IS NOT NULL AND (wanted.name <> 'rowhouse_suspension' OR suspended IS NOT NULL);
END
$function$;

-- What of it does not stand there, or stands there and should not: empty when the table is as it has to be.
CREATE OR REPLACE FUNCTION rowhouse.stale_policies(relation regclass, tenant_column name) RETURNS SETOF name
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    SELECT coalesce(wanted.name, present.polname)
      FROM rowhouse.wanted_policies(relation, tenant_column) AS wanted
      FULL JOIN (SELECT * FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = ANY (rowhouse.policy_names()))
        AS present ON present.polname = wanted.name
      WHERE (wanted.permissive, wanted.command, wanted.printed,
             CASE WHEN wanted.command = '*' THEN wanted.printed END) IS DISTINCT FROM
            (present.polpermissive, present.polcmd, pg_get_expr(present.polqual, relation),
             pg_get_expr(present.polwithcheck, relation))
        OR NOT (wanted.roles <@ present.polroles AND present.polroles <@ wanted.roles);
END
$function$;

-- Leaves alone what is right already. The table is locked by the caller.
CREATE OR REPLACE FUNCTION rowhouse.apply_policies(relation regclass, tenant_column name) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  stale name[] := ARRAY(SELECT rowhouse.stale_policies(relation, tenant_column));
  remembered text;
  policy record;
BEGIN
  SELECT obj_description(p.oid, 'pg_policy') INTO remembered
    FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = 'rowhouse_isolation';
  FOR policy IN SELECT p.polname FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = ANY (stale) LOOP
    EXECUTE format('DROP POLICY %I ON %s', policy.polname, relation);
  END LOOP;
  FOR policy IN SELECT * FROM rowhouse.wanted_policies(relation, tenant_column) AS w WHERE w.name = ANY (stale) LOOP
    EXECUTE format('CREATE POLICY %I ON %s AS %s FOR %s TO %s USING (%s) %s', policy.name, relation,
      CASE WHEN policy.permissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
      CASE policy.command WHEN 'r' THEN 'SELECT' ELSE 'ALL' END,
      (SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC' ELSE role::regrole::text END, ', ')
         FROM unnest(policy.roles) AS role),
      policy.condition,
      CASE policy.command WHEN 'r' THEN '' ELSE format('WITH CHECK (%s)', policy.condition) END);
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

-- True when there is nothing left for protect() to do.
CREATE OR REPLACE FUNCTION rowhouse.is_protected(relation regclass, tenant_column name) RETURNS boolean
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN EXISTS (
      SELECT FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = tenant_column
        WHERE c.oid = relation AND c.relrowsecurity AND c.relforcerowsecurity AND a.attnotnull AND a.atthasdef)
    AND EXISTS (SELECT FROM rowhouse.tenant_indexes(relation, tenant_column))
    AND NOT EXISTS (SELECT FROM rowhouse.stale_policies(relation, tenant_column));
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.check_owns_protected() RETURNS void
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  foreign_table record;
BEGIN
  SELECT t.table_name, c.relowner::regrole AS owner INTO foreign_table
    FROM rowhouse.protected_tables AS t JOIN pg_class AS c ON c.oid = t.table_name
    WHERE NOT pg_has_role(c.relowner, 'USAGE') ORDER BY t.table_name::oid LIMIT 1;
  IF FOUND THEN
    RAISE insufficient_privilege USING
      MESSAGE = format('must be owner of table %s', foreign_table.table_name),
      HINT = format('Its owner is %s; every protected table takes part.', foreign_table.owner);
  END IF;
END
$function$;

-- The gate before everything that changes the policies of all tables: protect() holds it shared to the end of its
-- transaction, so no table slips between. Whoever only reads who has access neither waits nor is waited for. It runs
-- with its owner's rights because a lock of this kind takes more than SELECT.
CREATE OR REPLACE FUNCTION rowhouse.enter_gate() RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  LOCK TABLE rowhouse.access_grant IN ROW SHARE MODE;
END
$function$;

-- The gate closed, then the tables, by OID, all of them or none: it waits a tenth of a second for a lock, and lets go
-- of what it has before it tries again. So a transaction that uses tables in another order is not made to wait in a
-- circle, and one that takes long holds nobody up but us. lock_timeout, where it is set, ends the attempts.
CREATE OR REPLACE FUNCTION rowhouse.lock_protected(with_tables boolean DEFAULT true) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  patience text := current_setting('lock_timeout');
  give_up timestamptz := CASE WHEN patience <> '0' THEN clock_timestamp() + patience::interval END;
  member regclass;
BEGIN
  LOCK TABLE rowhouse.access_grant IN EXCLUSIVE MODE;
  IF NOT with_tables THEN
    RETURN;
  END IF;
  PERFORM rowhouse.check_owns_protected();
  LOOP
    BEGIN
      PERFORM set_config('lock_timeout', '100ms', true);
      FOR member IN SELECT t.table_name FROM rowhouse.protected_tables AS t ORDER BY t.table_name::oid LOOP
        EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', member);
      END LOOP;
      PERFORM set_config('lock_timeout', patience, true);
      RETURN;
    EXCEPTION WHEN lock_not_available THEN
      IF clock_timestamp() > give_up THEN
        RAISE lock_not_available USING
          MESSAGE = format('%s is in use by transactions that do not end', member),
          HINT = 'Try again later, or set lock_timeout to a longer time.';
      END IF;
    END;
    PERFORM pg_sleep(0.02 + 0.05 * random());
  END LOOP;
END
$function$;

-- Every protected table anew, after lock_protected().
CREATE OR REPLACE FUNCTION rowhouse.refresh_policies() RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  member record;
BEGIN
  FOR member IN SELECT t.table_name, t.tenant_column FROM rowhouse.protected_tables AS t ORDER BY t.table_name::oid LOOP
    PERFORM rowhouse.apply_policies(member.table_name, member.tenant_column);
  END LOOP;
END
$function$;
