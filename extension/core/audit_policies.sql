-- Policies that let a role past its tenant, found by trying them (audit_judge.sql), role by role: what applies to a
-- role is judged together, since permissive policies are OR-ed and restrictive ones AND-ed. Then what their form alone
-- shows (audit_forms.sql).

-- Whose policies are asked where: an identity's own on what it reaches, and those of a view's owner for who reads the
-- view. The policies of rowhouse's own, as they should be, are not tried: their text is known.
CREATE OR REPLACE FUNCTION rowhouse.audit_asked()
  RETURNS TABLE(relation oid, tenant_column name, asked oid, runner oid, privileges text[], policies oid[])
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    WITH tenants AS MATERIALIZED (
      SELECT t.relation, t.tenant_column FROM rowhouse.audit_tenant_tables() AS t
        JOIN pg_class AS c ON c.oid = t.relation AND c.relrowsecurity
    ), floored AS MATERIALIZED (
      SELECT f.oid AS policy
        FROM rowhouse.protected_tables AS p
        JOIN pg_policy AS f ON f.polrelid = p.table_name AND f.polname = 'rowhouse_isolation'
        WHERE NOT EXISTS (SELECT FROM rowhouse.stale_policies(p.table_name, p.tenant_column, p.row_kind) AS s(name)
                            WHERE s.name IN ('rowhouse_isolation', 'rowhouse_update', 'rowhouse_delete'))
    ), asked AS (
      SELECT r.relation, r.identity AS asked, r.identity AS runner, r.privileges
        FROM rowhouse.audit_reach(ARRAY(SELECT tenants.relation FROM tenants)) AS r
      UNION ALL
      SELECT v.relation, v.asked, v.runner, v.privileges FROM rowhouse.audit_view_ways() AS v
        WHERE v.asked <> v.runner
    ), applied AS MATERIALIZED (
      SELECT asked.*, tenants.tenant_column, rowhouse.policies_for(asked.relation, asked.asked) AS policies
        FROM asked JOIN tenants ON tenants.relation = asked.relation
    )
    SELECT a.relation, a.tenant_column, a.asked, a.runner, a.privileges, a.policies
      FROM applied AS a
      WHERE (a.asked = 0 OR NOT rowhouse.passes_policies(a.asked, a.relation))
        AND NOT a.policies && ARRAY(SELECT floored.policy FROM floored);
END
$function$;

-- A restrictive policy that holds whatever the others say: the condition of a policy found good, or an equality with
-- the setting that the table's or the database's policies read. Where neither is known, rowhouse's protection.
CREATE OR REPLACE FUNCTION rowhouse.floor_remedy(
    relation oid, tenant_column name, good oid, roles oid[], setting text) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  condition text := (SELECT pg_get_expr(p.polqual, p.polrelid) FROM pg_policy AS p WHERE p.oid = good);
  kept record;
BEGIN
  SELECT p.tenant_column, p.row_kind INTO kept FROM rowhouse.protected_tables AS p WHERE p.table_name = relation;
  IF FOUND THEN
    RETURN format('SELECT rowhouse.protect(%L, %L, %L)', relation::regclass::text, kept.tenant_column, kept.row_kind);
  ELSIF tenant_column IS NULL THEN
    RETURN replace(rowhouse.link_remedy(relation, ARRAY(SELECT t.relation FROM rowhouse.audit_tenant_tables() AS t)),
      format('ON %s USING', relation::regclass), format('ON %s AS RESTRICTIVE USING', relation::regclass));
  END IF;
  IF condition IS NULL THEN
    IF setting IS NULL THEN
      RETURN rowhouse.protect_remedy(relation, tenant_column);
    END IF;
    SELECT format(CASE WHEN t.typcategory = 'S' AND (t.typname = 'citext' OR NOT l.collisdeterministic)
          THEN '%1$I::text COLLATE "C" = NULLIF(current_setting(%2$L, true), '''')'
        WHEN t.typcategory = 'S' AND t.typtype = 'b' THEN '%1$I = NULLIF(current_setting(%2$L, true), '''')'
        ELSE '%1$I = NULLIF(current_setting(%2$L, true), '''')::%3$s' END,
        a.attname, setting, format_type(a.atttypid, NULL)) INTO condition
      FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
      LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
      WHERE a.attrelid = relation AND a.attname = tenant_column;
  END IF;
  RETURN format('DROP POLICY IF EXISTS tenant_floor ON %1$s; '
    'CREATE POLICY tenant_floor ON %1$s AS RESTRICTIVE TO %2$s USING (%3$s)', relation::regclass,
    CASE WHEN EXISTS (SELECT FROM pg_policy AS p CROSS JOIN unnest(p.polroles) AS u(role)
                        WHERE p.polrelid = relation AND u.role <> 0 AND rowhouse.is_unjudged(u.role))
      AND 0 <> ALL (roles)
      THEN (SELECT string_agg(rowhouse.role_name(u.role), ', ' ORDER BY u.role) FROM unnest(roles) AS u(role))
      ELSE 'PUBLIC' END, condition);
END
$function$;

-- What each cause is called, how bad it is, and what to say of it: %1$s the roles, %2$s the table, %3$s the commands.
CREATE OR REPLACE FUNCTION rowhouse.policy_rules()
  RETURNS TABLE(cause text, severity text, rule text, detail text)
  LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  VALUES
    ('open', 'error', 'policy-open',
      'Whatever its tenant, %1$s passes for other tenants'' rows of %2$s (%3$s).'),
    ('check', 'error', 'policy-check-open',
      'Whatever its tenant, %1$s may write rows of %2$s for other tenants (%3$s): WITH CHECK does not ask the tenant.'),
    ('unset', 'error', 'policy-open-unset',
      'With no tenant set, or an empty one, %1$s passes for every tenant''s rows of %2$s (%3$s).'),
    ('pattern', 'error', 'policy-pattern',
      'A tenant called %% passes for every tenant''s rows of %2$s, as %1$s (%3$s): the value is used as a pattern.'),
    ('folds', 'error', 'policy-folds',
      'Different ids count as one: a tenant qa passes for rows of QA, "qa ", qax or q in %2$s, as %1$s (%3$s).'),
    ('pinned', 'error', 'policy-literal',
      'A tenant that the policy names passes for everybody: its rows of %2$s are open to %1$s (%3$s).'),
    ('flag', 'error', 'policy-flag',
      'A setting that every client can SET opens other tenants'' rows of %2$s to %1$s (%3$s).'),
    ('list', 'warning', 'policy-list',
      'An id with a comma in it counts as several tenants in %2$s, for %1$s (%3$s).'),
    ('nobody', 'error', 'policy-null',
      'Rows of %2$s without a tenant are written by %1$s and seen by every tenant (%3$s).'),
    ('null-read', 'info', 'policy-shares-null', 'Rows of %2$s without a tenant are shared: %1$s reads them (%3$s).'),
    ('null-write', 'warning', 'policy-null-write',
      '%1$s may write rows of %2$s that belong to no tenant (%3$s), or take over such rows.');
END;

-- The causes of one group of roles: one policy each where a policy alone has it, else the table.
CREATE OR REPLACE FUNCTION rowhouse.blame_policies(
    relation oid, tenant_column name, policies oid[], asked oid, runner oid, leaks jsonb,
    OUT blamed jsonb, OUT good oid)
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  restrictive oid[] := ARRAY(SELECT p.oid FROM pg_policy AS p WHERE p.oid = ANY (policies) AND NOT p.polpermissive);
  policy record;
  alone record;
BEGIN
  blamed := '[]';
  FOR policy IN SELECT p.oid, p.polcmd, p.polqual FROM pg_policy AS p
                  WHERE p.oid = ANY (policies) AND p.polpermissive ORDER BY p.oid LOOP
    alone := rowhouse.try_policies(relation, tenant_column, restrictive || policy.oid, policies, asked, runner);
    IF alone.own_visible AND alone.leaks = '[]' AND policy.polcmd IN ('*', 'r') AND restrictive = '{}' THEN
      good := coalesce(good, policy.oid);
    END IF;
    blamed := blamed || (SELECT coalesce(jsonb_agg(leak || jsonb_build_object('policy', policy.oid)), '[]')
                           FROM jsonb_array_elements(leaks) AS leak WHERE alone.leaks @> jsonb_build_array(leak));
  END LOOP;
  blamed := blamed || (SELECT coalesce(jsonb_agg(leak || '{"policy": 0}'), '[]')
                         FROM jsonb_array_elements(leaks) AS leak
                         WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(blamed) AS known WHERE known @> leak));
END
$function$;

-- Every group of roles to which the same policies apply, judged as the first of them that the auditor can become.
CREATE OR REPLACE FUNCTION rowhouse.audit_groups()
  RETURNS TABLE(relation oid, tenant_column name, policies oid[], roles oid[], privileges text[], asked oid, runner oid)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT a.relation, a.tenant_column, a.policies, array_agg(DISTINCT a.runner), array_agg(DISTINCT word),
        (array_agg(a.asked ORDER BY a.place))[1], (array_agg(a.runner ORDER BY a.place))[1]
      FROM (SELECT known.*, row_number() OVER (ORDER BY known.runner = 0,
                NOT pg_has_role(nullif(known.runner, 0), rowhouse.set_role_privilege()), known.runner) AS place
              FROM rowhouse.audit_asked() AS known) AS a
      CROSS JOIN unnest(a.privileges) AS word
      WHERE a.policies <> '{}'
      GROUP BY a.relation, a.tenant_column, a.policies
      ORDER BY a.relation, a.policies;
END
$function$;

-- What a verdict depends on: tables with policies of one text over columns of one kind need one trial between them.
-- NULL where it depends on more, for the policies read other tables or call functions.
CREATE OR REPLACE FUNCTION rowhouse.trial_key(relation oid, tenant_column name, policies oid[], runner oid) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
BEGIN
  IF rowhouse.relations_read(policies, runner) <> '{}' OR rowhouse.calls_users_code(policies, ARRAY[relation],
      rowhouse.policy_code(policies, '{}')) THEN
    RETURN NULL;
  END IF;
  RETURN jsonb_build_array(runner, tenant_column,
    (SELECT jsonb_agg(jsonb_build_array(p.polpermissive, p.polcmd, pg_get_expr(p.polqual, p.polrelid),
        pg_get_expr(p.polwithcheck, p.polrelid)) ORDER BY p.polname) FROM pg_policy AS p WHERE p.oid = ANY (policies)),
    (SELECT jsonb_agg(jsonb_build_array(a.attname, a.atttypid, a.atttypmod, a.attcollation, a.attnotnull)
        ORDER BY a.attname)
       FROM pg_attribute AS a
       WHERE a.attrelid = relation AND (a.attname = tenant_column OR EXISTS (
         SELECT FROM pg_depend AS d WHERE d.classid = 'pg_policy'::regclass AND d.objid = ANY (policies)
           AND d.refclassid = 'pg_class'::regclass AND d.refobjid = relation AND d.refobjsubid = a.attnum))))::text;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.try_asked()
  RETURNS TABLE(relation oid, tenant_column name, roles oid[], ran boolean, own_visible boolean, cause text,
    command text, policy oid, good oid)
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
  task record;
  verdict record;
  known jsonb := '{}';
  key text;
BEGIN
  FOR task IN
    SELECT g.*, p.oid AS policy, array_agg(r.oid) FILTER (WHERE NOT r.polpermissive) AS floors
      FROM rowhouse.audit_groups() AS g
      JOIN pg_policy AS p ON p.oid = ANY (g.policies) AND p.polpermissive AND g.runner <> 0
      JOIN pg_policy AS r ON r.oid = ANY (g.policies)
      WHERE EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid
                      AND d.refclassid = 'pg_proc'::regclass)
      GROUP BY g.relation, g.tenant_column, g.policies, g.roles, g.privileges, g.asked, g.runner, p.oid
  LOOP
    RETURN QUERY
      SELECT task.relation, task.tenant_column, task.roles, true, true, leak ->> 'cause', leak ->> 'command',
          task.policy, NULL::oid
        FROM jsonb_array_elements(rowhouse.try_never_set(task.relation, task.tenant_column,
          array_append(task.floors, task.policy), task.asked, task.runner)) AS leak
        WHERE split_part(leak ->> 'command', ' ', 1) = ANY (task.privileges);
  END LOOP;
  FOR task IN SELECT * FROM rowhouse.audit_groups() LOOP
    key := rowhouse.trial_key(task.relation, task.tenant_column, task.policies, task.runner);
    IF known ? key THEN
      SELECT k.* INTO verdict
        FROM jsonb_to_record(known -> key) AS k(own_visible boolean, ran boolean, leaks jsonb);
    ELSE
      verdict := rowhouse.try_policies(task.relation, task.tenant_column, task.policies, task.policies, task.asked,
        task.runner);
      known := known || CASE WHEN key IS NULL THEN '{}' ELSE jsonb_build_object(key, to_jsonb(verdict)) END;
    END IF;
    IF verdict.leaks <> '[]' THEN
      RETURN QUERY
        SELECT task.relation, task.tenant_column, task.roles, verdict.ran, verdict.own_visible, leak ->> 'cause',
            leak ->> 'command', (leak ->> 'policy')::oid, blame.good
          FROM rowhouse.blame_policies(task.relation, task.tenant_column, task.policies, task.asked, task.runner,
            (SELECT coalesce(jsonb_agg(l), '[]') FROM jsonb_array_elements(verdict.leaks) AS l
               WHERE split_part(l ->> 'command', ' ', 1) = ANY (task.privileges))) AS blame
          CROSS JOIN LATERAL jsonb_array_elements(blame.blamed) AS leak;
    END IF;
    RETURN QUERY SELECT task.relation, task.tenant_column, task.roles, verdict.ran, verdict.own_visible, NULL::text,
      NULL::text, NULL::oid, NULL::oid;
  END LOOP;
END
$function$;

-- The statements that show it, in words that fit the cause.
CREATE OR REPLACE FUNCTION rowhouse.policy_proof(
    relation oid, tenant_column name, name text, commands text[], setting text) RETURNS text
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT coalesce(format('SET %s = %L; ', setting, CASE name WHEN 'unset' THEN '' WHEN 'pattern' THEN '%'
        WHEN 'flag' THEN 'on' WHEN 'list' THEN 'a,b' ELSE '1' END), '')
    || CASE WHEN 'SELECT' = ANY (commands)
      THEN format('SELECT %s FROM %s', coalesce(quote_ident(tenant_column), '*'), relation::regclass)
      WHEN commands && ARRAY['UPDATE', 'DELETE'] THEN format('EXPLAIN DELETE FROM %s', relation::regclass)
      ELSE format('INSERT INTO %s (%s) VALUES (''2'')', relation::regclass, quote_ident(tenant_column)) END;
END;

CREATE OR REPLACE FUNCTION rowhouse.audit_policies()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
  SET jit = off
AS $function$
BEGIN
  RETURN QUERY
    WITH tried AS MATERIALIZED (
      SELECT * FROM rowhouse.try_asked()
    ), read_setting AS MATERIALIZED (
      SELECT p.polrelid AS relation, s.name
        FROM pg_policy AS p
        CROSS JOIN LATERAL rowhouse.settings_read(rowhouse.policy_code(ARRAY[p.oid],
          rowhouse.functions_called(ARRAY[p.oid]))) AS s
        WHERE NOT s.is_json AND s.name ~ '\.' AND NOT starts_with(p.polname, 'rowhouse_')
    ), caused AS (
      SELECT t.relation, t.tenant_column, t.policy, t.cause, array_agg(DISTINCT t.command) AS commands,
          (array_agg(t.good) FILTER (WHERE t.good IS NOT NULL))[1] AS good, array_agg(DISTINCT u.role) AS roles
        FROM tried AS t CROSS JOIN unnest(t.roles) AS u(role)
        WHERE t.cause IS NOT NULL GROUP BY t.relation, t.tenant_column, t.policy, t.cause
    ), named AS (
      SELECT c.*, CASE
          WHEN c.cause = 'open' AND c.commands <@ ARRAY['INSERT', 'UPDATE into'] THEN 'check'
          WHEN c.cause = 'nobody' AND c.commands = ARRAY['SELECT'] THEN 'null-read'
          WHEN c.cause = 'nobody' AND 'SELECT' <> ALL (c.commands) THEN 'null-write'
          ELSE c.cause END AS name
        FROM caused AS c
    )
    SELECT r.severity, r.rule,
        CASE n.policy WHEN 0 THEN rowhouse.relation_object(n.relation)
          ELSE rowhouse.part_object('policy', n.relation, p.polname) END,
        format(r.detail, rowhouse.name_roles(n.roles), n.relation::regclass, array_to_string(n.commands, ', '))
          || CASE WHEN 0 <> ALL (p.polroles) THEN format(' If a role is to see every tenant, say so: '
               'SELECT rowhouse.mark_shared(%L, reason).', 'role:' || rowhouse.role_name(p.polroles[1])) ELSE '' END
          || rowhouse.prove_as(n.roles, rowhouse.policy_proof(n.relation, n.tenant_column, n.name, n.commands,
            used.setting)),
        CASE WHEN n.name <> 'null-read' THEN
          rowhouse.floor_remedy(n.relation, n.tenant_column, n.good, n.roles, used.setting) END
      FROM named AS n JOIN rowhouse.policy_rules() AS r ON r.cause = n.name
      LEFT JOIN pg_policy AS p ON p.oid = n.policy
      -- The setting that says the tenant: of this table's policies, else of most.
      LEFT JOIN LATERAL (
        SELECT s.name AS setting FROM read_setting AS s GROUP BY s.name
          ORDER BY bool_or(s.relation = n.relation) DESC, s.name ~ 'tenant|company|org|account' DESC, count(*) DESC,
            s.name
          LIMIT 1) AS used ON true
      -- What is open to all is so for every other reason as well; and a policy was found, not only its table.
      WHERE NOT (n.policy = 0 AND EXISTS (SELECT FROM named AS found WHERE found.relation = n.relation
          AND found.cause = n.cause AND found.policy <> 0 AND n.commands <@ found.commands))
        AND (n.cause IN ('open', 'nobody') OR NOT EXISTS (
        SELECT FROM named AS worse WHERE worse.relation = n.relation AND worse.policy IN (n.policy, 0)
          AND n.commands <@ worse.commands
          AND (worse.cause = 'open' OR (worse.name = 'unset' AND n.cause IN ('pattern', 'folds', 'flag', 'list'))
            OR (worse.name = 'pattern' AND n.cause IN ('folds', 'flag', 'list')))))
    UNION ALL
    SELECT 'info', 'not-looked-at', rowhouse.relation_object(t.relation),
        format('The policies of %s could not be judged for %s: %s.', t.relation::regclass,
          rowhouse.name_roles(array_agg(DISTINCT u.role)), CASE WHEN bool_or(t.ran)
            THEN 'no made-up session saw a row of its own' ELSE 'they call functions, and the auditor may not become '
              'a role that asks them' END), NULL
      FROM tried AS t CROSS JOIN unnest(t.roles) AS u(role)
      WHERE NOT t.own_visible
        AND NOT EXISTS (SELECT FROM tried AS o WHERE o.relation = t.relation AND o.cause IS NOT NULL)
      GROUP BY t.relation
    UNION ALL
    SELECT f.severity, f.rule, f.object, f.detail, f.remedy FROM rowhouse.audit_policy_forms() AS f;
END
$function$;
