-- Views that show rows past the policies: their owner passes them over, or there are none to ask. Such a view may be
-- the filter itself; whether it is, is tried on made-up rows, as policies are (audit_trial.sql).

-- The view over made-up tables: what it shows, as one JSON array. Tables whose policies are asked show the rows that
-- these let by, those of tenants' rows only these tenants'.
CREATE OR REPLACE FUNCTION rowhouse.view_statement(
    view oid, tenants_held oid[], unfiltered oid[], role oid, texts text, tenants text[]) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
  behind oid[] := rowhouse.relations_behind(view);
  made text;
BEGIN
  IF (SELECT count(*) <> count(DISTINCT c.relname) FROM pg_class AS c WHERE c.oid = ANY (behind)) THEN
    RETURN NULL;
  END IF;
  SELECT string_agg(CASE
      WHEN c.relkind = 'v' THEN format('%I AS (%s)', c.relname,
        rowhouse.strip_schemas(rtrim(pg_get_viewdef(c.oid), '; '), behind))
      ELSE format('%I AS MATERIALIZED (SELECT * FROM pg_catalog.jsonb_to_recordset(%L) AS %s WHERE %s)', c.relname,
        (SELECT coalesce(jsonb_agg(rowhouse.sample_row(c.oid, who.tenant, texts, 1)), '[]')
           FROM unnest(CASE WHEN c.oid = ANY (tenants_held) THEN tenants ELSE ARRAY['A', 'B'] END) AS who(tenant)),
        rowhouse.row_shape(c.oid),
        CASE WHEN c.oid = ANY (unfiltered) OR NOT c.relrowsecurity THEN 'true'
          ELSE rowhouse.strip_schemas(rowhouse.joint_condition(c.oid, rowhouse.policies_for(c.oid, role), 'r', false),
            behind) END) END, ', ') INTO made
    FROM pg_class AS c WHERE c.oid = ANY (behind) AND c.oid <> view;
  RETURN 'WITH RECURSIVE ' || made || ' SELECT pg_catalog.jsonb_build_array(pg_catalog.jsonb_agg('
    || 'pg_catalog.to_jsonb(shown) ORDER BY shown::pg_catalog.text)) FROM ('
    || rowhouse.strip_schemas(rtrim(pg_get_viewdef(view), '; '), behind) || ') AS shown';
END
$function$;

-- 'filters': a session of A's sees A's rows, not that B's exist, and nothing with no tenant set. 'open' otherwise,
-- 'unknown' when A sees nothing either, or the view can't be run on made-up rows.
CREATE OR REPLACE FUNCTION rowhouse.try_view(view oid, tenants_held oid[], unfiltered oid[], role oid) RETURNS text
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
  behind oid[] := rowhouse.relations_behind(view);
  code text := (SELECT string_agg(pg_get_viewdef(c.oid), ' ; ') FROM pg_class AS c
                  WHERE c.oid = ANY (behind) AND c.relkind = 'v');
  functions oid[] := ARRAY(SELECT DISTINCT d.refobjid FROM pg_rewrite AS w JOIN pg_depend AS d
    ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_proc'::regclass
    WHERE w.ev_class = ANY (behind));
  sessions jsonb;
  texts text;
  answers jsonb[];
  tenants text;
  calls_users boolean;
BEGIN
  code := concat_ws(' ; ', code, rowhouse.policy_code(ARRAY(SELECT p.oid FROM pg_policy AS p
    WHERE p.polrelid = ANY (behind)), functions));
  calls_users := functions <> '{}' OR rowhouse.calls_users_code('{}', behind, code);
  FOREACH texts IN ARRAY ARRAY['word', 'number', 'uuid'] LOOP
    sessions := jsonb_build_array(
      rowhouse.sample_session(code, rowhouse.sample_scalar('text'::regtype, 'A', texts, 1) #>> '{}', true),
      (SELECT coalesce(jsonb_object_agg(s.name, ''), '{}') FROM rowhouse.settings_read(code) AS s));
    answers := '{}';
    FOREACH tenants IN ARRAY ARRAY['', 'A', 'B'] LOOP
      answers := array_append(answers, rowhouse.run_made_up(rowhouse.name_user(rowhouse.view_statement(view,
        tenants_held, unfiltered, role, texts, string_to_array(tenants, ',')), role), '[{}]', 1, sessions, role,
        calls_users));
    END LOOP;
    IF answers[3] -> 0 IS DISTINCT FROM answers[1] -> 0 AND answers[3] -> 0 <> '[null]' AND answers[3] IS NOT NULL THEN
      RETURN 'open';
    ELSIF answers[2] -> 1 IS DISTINCT FROM answers[1] -> 1 AND answers[2] -> 1 NOT IN ('[null]', 'null')
        AND sessions -> 1 <> '{}' THEN
      RETURN 'open';
    ELSIF answers[2] -> 0 IS DISTINCT FROM answers[1] -> 0 AND answers[2] -> 0 NOT IN ('[null]', 'null') THEN
      RETURN 'filters';
    END IF;
  END LOOP;
  RETURN 'unknown';
END
$function$;

-- Each view or table whose rules let an identity past, with the tables that are open behind it.
CREATE OR REPLACE FUNCTION rowhouse.open_ways()
  RETURNS TABLE(entry oid, kind "char", asker oid, identities oid[], runner oid, unfiltered oid[], commands text[],
    asked oid)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    WITH tenants AS MATERIALIZED (
      SELECT t.relation, t.kind FROM rowhouse.audit_tenant_tables() AS t
      UNION SELECT m.relation, 'm' FROM rowhouse.tenant_matviews() AS m(relation)
    ), direct AS MATERIALIZED (
      SELECT r.relation, r.identity FROM rowhouse.audit_reach(ARRAY(
        SELECT tenants.relation FROM tenants UNION SELECT v.source FROM rowhouse.rule_relations() AS v)) AS r
    ), way AS MATERIALIZED (
      SELECT * FROM rowhouse.audit_ways()
    )
    SELECT way.entry, c.relkind, min(way.asker), array_agg(DISTINCT way.identity),
        (array_agg(way.identity ORDER BY way.identity = 0, way.identity))[1], array_agg(DISTINCT way.relation),
        array_agg(DISTINCT way.command), min(way.asked)
      FROM way JOIN tenants ON tenants.relation = way.relation
      JOIN pg_class AS c ON c.oid = way.entry
      WHERE (tenants.kind IN ('f', 'm') OR (way.asked <> 0 AND rowhouse.passes_policies(way.asked, way.relation))
          OR NOT (SELECT t.relrowsecurity FROM pg_class AS t WHERE t.oid = way.relation))
        -- Not where the role reaches as much without this view, which is a finding of its own.
        AND NOT (way.asked = way.identity AND EXISTS (SELECT FROM direct AS d
          WHERE d.relation = way.relation AND d.identity = way.identity))
        AND NOT (way.asker <> way.entry AND EXISTS (SELECT FROM direct AS d
          WHERE d.relation = way.asker AND d.identity = way.identity))
      GROUP BY way.entry, c.relkind;
END
$function$;

-- Materialized views of tenants' rows: by a tenant column, or by the tables that they were made from.
CREATE OR REPLACE FUNCTION rowhouse.tenant_matviews() RETURNS SETOF oid
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    WITH tenants AS MATERIALIZED (SELECT t.relation FROM rowhouse.audit_tenant_tables() AS t)
    SELECT c.oid FROM pg_class AS c
      WHERE c.relkind = 'm' AND NOT rowhouse.is_foreign_schema(c.relnamespace)
        AND NOT rowhouse.is_marked(rowhouse.relation_object(c.oid))
        AND rowhouse.relations_behind(c.oid) && ARRAY(SELECT tenants.relation FROM tenants);
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.audit_matviews()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    SELECT 'error', 'matview-open', rowhouse.relation_object(r.relation),
        format('%s stores rows of all tenants, and a materialized view has no policies: %s reads them.',
          r.relation::regclass, rowhouse.name_roles(array_agg(r.identity)))
          || rowhouse.prove_as(array_agg(r.identity), format('SELECT count(*) FROM %s', r.relation::regclass)),
        rowhouse.revoke_remedy(r.relation)
      FROM rowhouse.audit_reach(ARRAY(SELECT m FROM rowhouse.tenant_matviews() AS m)) AS r
      WHERE 'SELECT' = ANY (r.privileges)
      GROUP BY r.relation;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.audit_views()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
  SET jit = off
AS $function$
DECLARE
  held oid[] := ARRAY(SELECT t.relation FROM rowhouse.audit_tenant_tables() AS t
                      UNION SELECT m FROM rowhouse.tenant_matviews() AS m);
  way record;
  verdict text;
BEGIN
  RETURN QUERY SELECT * FROM rowhouse.audit_matviews();
  FOR way IN SELECT * FROM rowhouse.open_ways() AS w LOOP
    verdict := CASE WHEN way.kind = 'v' AND 'SELECT' = ANY (way.commands)
      THEN rowhouse.try_view(way.entry, held, way.unfiltered, way.runner) ELSE 'unknown' END;
    object := rowhouse.relation_object(way.entry);
    IF verdict = 'filters' AND way.commands = ARRAY['SELECT'] THEN
      CONTINUE WHEN rowhouse.view_option(way.entry, 'security_barrier');
      severity := 'warning';
      rule := 'view-without-barrier';
      detail := format('%s is all that keeps tenants apart in %s, and is no security barrier: a cheap function in '
        'WHERE sees rows before the view leaves them out.%s', way.entry::regclass,
        rowhouse.name_relations(way.unfiltered),
        rowhouse.prove_as(way.identities, format('EXPLAIN SELECT * FROM %s', way.entry::regclass)));
      remedy := format('ALTER VIEW %s SET (security_barrier = true)', way.entry::regclass);
    ELSE
      severity := 'error';
      rule := CASE WHEN way.kind = 'v' THEN 'view-past-policies' ELSE 'rule-past-policies' END;
      detail := format('Through %s, %s reaches all tenants'' rows of %s (%s): ', way.entry::regclass,
          rowhouse.name_roles(way.identities), rowhouse.name_relations(way.unfiltered),
          array_to_string(way.commands, ', '))
        || CASE WHEN way.asked = 0 OR way.asked = way.runner THEN 'there is no policy to ask.'
          ELSE format('they are reached as %s, whom no policy binds.', rowhouse.role_name(way.asked)) END
        || CASE WHEN verdict = 'unknown' AND way.kind = 'v' THEN ' Whether it filters by itself could not be tried.'
          ELSE '' END
        || rowhouse.prove_as(way.identities, format(CASE WHEN 'SELECT' = ANY (way.commands)
          THEN 'SELECT count(*) FROM %s' ELSE 'EXPLAIN DELETE FROM %s' END, way.entry::regclass));
      remedy := CASE WHEN way.kind = 'v' AND current_setting('server_version_num')::integer >= 150000
          AND EXISTS (SELECT FROM pg_class AS c WHERE c.oid = way.asker AND c.relkind = 'v')
        THEN format('ALTER VIEW %s SET (security_invoker = true)', way.asker::regclass)
        ELSE rowhouse.revoke_remedy(way.entry) END;
    END IF;
    RETURN NEXT;
  END LOOP;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.name_relations(relations oid[]) RETURNS text
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT string_agg(u.relation::regclass::text, ', ' ORDER BY u.relation::regclass::text COLLATE "C")
    FROM unnest(relations) AS u(relation);
END;
