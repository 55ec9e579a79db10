-- Functions that run as their owner and read tenants' rows past the policies, that can be made to run somebody else's
-- code, or that a policy calls and should not.

-- A body without comments.
CREATE OR REPLACE FUNCTION rowhouse.plain_body(function oid) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN regexp_replace(regexp_replace(rowhouse.function_body(function), '/\*.*?\*/', ' ', 'g'), '--[^\n]*', ' ', 'g');
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.as_pattern(word text) RETURNS text
  LANGUAGE sql IMMUTABLE
  RETURN regexp_replace(word, '(\W)', '\\\1', 'g');

-- Relations that a function names: by the server's word where its body was parsed, else where its text has the name
-- where a table stands.
CREATE OR REPLACE FUNCTION rowhouse.relations_named(function oid) RETURNS oid[]
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
  body text := rowhouse.plain_body(relations_named.function);
  path text[] := rowhouse.path_of(relations_named.function);
BEGIN
  RETURN ARRAY(
    SELECT d.refobjid
      FROM pg_depend AS d JOIN pg_class AS c ON c.oid = d.refobjid AND c.relkind IN ('r', 'p', 'f', 'm', 'v')
      WHERE d.classid = 'pg_proc'::regclass AND d.objid = relations_named.function
        AND d.refclassid = 'pg_class'::regclass
    UNION
    SELECT c.oid
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'f', 'm', 'v') AND NOT rowhouse.is_foreign_schema(c.relnamespace)
        AND strpos(lower(body), lower(c.relname)) > 0
        AND (body ~* format('(^|[^[:alnum:]_])"?%s"?\."?%s"?(?![[:alnum:]_])', rowhouse.as_pattern(n.nspname),
            rowhouse.as_pattern(c.relname))
          OR ((path IS NULL OR n.nspname = ANY (path))
            AND body ~* format('(\m(from|join|into|update|using|only|table)\s+|,\s*)"?%s"?(?![[:alnum:]_.])',
              rowhouse.as_pattern(c.relname)))));
END
$function$;

-- Those of them whose rows of all tenants the function's owner gets: no policy binds it there.
CREATE OR REPLACE FUNCTION rowhouse.opened_by(owner oid, relations oid[], tenants oid[]) RETURNS oid[]
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN ARRAY(
    SELECT DISTINCT c.oid
      FROM unnest(relations) AS named(relation)
      JOIN pg_class AS n ON n.oid = named.relation
      CROSS JOIN LATERAL unnest(CASE n.relkind WHEN 'v' THEN rowhouse.relations_behind(n.oid)
        ELSE ARRAY[n.oid] END) AS behind(relation)
      JOIN pg_class AS c ON c.oid = behind.relation AND c.oid = ANY (tenants)
      WHERE c.relkind IN ('f', 'm') OR rowhouse.passes_policies(CASE WHEN n.relkind = 'v'
          AND NOT rowhouse.view_option(n.oid, 'security_invoker') THEN n.relowner ELSE owner END, c.oid)
      ORDER BY c.oid);
END
$function$;

-- Which of these identities may call a function, or set it off as a trigger.
CREATE OR REPLACE FUNCTION rowhouse.callers_of(function oid, identities oid[]) RETURNS oid[]
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
  is_trigger boolean := (SELECT p.prorettype = 'trigger'::regtype FROM pg_proc AS p WHERE p.oid = callers_of.function);
BEGIN
  IF is_trigger THEN
    RETURN (SELECT array_agg(DISTINCT r.identity)
              FROM rowhouse.audit_reach(ARRAY(SELECT t.tgrelid FROM pg_trigger AS t
                WHERE t.tgfoid = callers_of.function AND NOT t.tgisinternal)) AS r
              WHERE r.privileges && ARRAY['INSERT', 'UPDATE', 'DELETE']);
  END IF;
  RETURN (
    SELECT array_agg(DISTINCT i.identity)
      FROM unnest(identities) AS i(identity)
      LEFT JOIN pg_roles AS r ON r.oid = i.identity
      JOIN pg_proc AS p ON p.oid = callers_of.function
      WHERE r.rolbypassrls IS NOT TRUE
        AND has_function_privilege(coalesce(r.rolname, 'public'), p.oid, 'EXECUTE')
        AND has_schema_privilege(coalesce(r.rolname, 'public'), p.pronamespace, 'USAGE')
        AND (i.identity = 0 OR NOT pg_has_role(i.identity, p.proowner, 'USAGE')));
END
$function$;

-- A function of one SELECT as a statement over made-up tables, its arguments a tenant's; NULL for any other.
CREATE OR REPLACE FUNCTION rowhouse.function_statement(
    function oid, named oid[], tenants_held oid[], unfiltered oid[], texts text, tenants text[], argument_of text)
  RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
  body text := substring(rowhouse.plain_body(function)
    FROM '(?i)^\s*(?:BEGIN\s+ATOMIC\s+)?((?:SELECT|WITH|RETURN|VALUES)\s[^;]*?);?\s*(?:END)?\s*;?\s*$');
  made text;
  argument record;
BEGIN
  IF body IS NULL OR (SELECT l.lanname FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
                        WHERE p.oid = function) <> 'sql'
      OR EXISTS (SELECT FROM pg_class AS c WHERE c.oid = ANY (named) AND c.relkind = 'v')
      OR (SELECT count(*) <> count(DISTINCT c.relname) FROM pg_class AS c WHERE c.oid = ANY (named)) THEN
    RETURN NULL;
  END IF;
  body := rowhouse.strip_schemas(regexp_replace(body, '^\s*RETURN\s', 'SELECT ', 'i'), named);
  FOR argument IN
    SELECT u.place, format('%L::%s', rowhouse.sample_value(u.type, argument_of, texts, 1) #>> '{}',
        format_type(u.type, NULL)) AS value, p.proargnames[u.place] AS name, p.proname
      FROM pg_proc AS p CROSS JOIN unnest(p.proargtypes) WITH ORDINALITY AS u(type, place) WHERE p.oid = function
      ORDER BY u.place DESC
  LOOP
    body := regexp_replace(body, '\$' || argument.place || '(?!\d)', argument.value, 'g');
    IF argument.name <> '' AND NOT EXISTS (SELECT FROM pg_attribute AS a
        WHERE a.attrelid = ANY (named) AND a.attname = argument.name) THEN
      body := regexp_replace(body, '(\m' || argument.proname || '\.)?\m' || argument.name || '\M', argument.value, 'g');
    END IF;
  END LOOP;
  SELECT string_agg(format('%I AS MATERIALIZED (SELECT * FROM pg_catalog.jsonb_to_recordset(%L) AS %s)', c.relname,
      (SELECT coalesce(jsonb_agg(rowhouse.sample_row(c.oid, who.tenant, texts, 1)), '[]')
         FROM unnest(CASE WHEN c.oid = ANY (tenants_held) THEN tenants ELSE ARRAY['A', 'B'] END) AS who(tenant)),
      rowhouse.row_shape(c.oid)), ', ') INTO made
    FROM pg_class AS c WHERE c.oid = ANY (named);
  RETURN 'WITH RECURSIVE ' || made || ' SELECT pg_catalog.jsonb_build_array(pg_catalog.jsonb_agg('
    || 'pg_catalog.to_jsonb(shown) ORDER BY shown::pg_catalog.text)) FROM (' || body || ') AS shown';
END
$function$;

-- As try_view(): 'filters', 'open' or 'unknown'. A caller passes what it likes, B's values too.
CREATE OR REPLACE FUNCTION rowhouse.try_function(
    function oid, named oid[], tenants_held oid[], unfiltered oid[], role oid) RETURNS text
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
  code text := (SELECT string_agg(rowhouse.function_body(u.f), ' ; ') FROM unnest(
    rowhouse.functions_called_by(ARRAY[function])) AS u(f));
  own_session jsonb;
  texts text;
  empty_answer jsonb;
  others jsonb;
  own_answer jsonb;
BEGIN
  FOREACH texts IN ARRAY ARRAY['word', 'number', 'uuid'] LOOP
    own_session := jsonb_build_array(
      rowhouse.sample_session(code, rowhouse.sample_scalar('text'::regtype, 'A', texts, 1) #>> '{}', true));
    empty_answer := rowhouse.run_made_up(rowhouse.function_statement(function, named, tenants_held, unfiltered, texts,
      '{}', 'B'), '[{}]', 1, own_session, role, true) -> 0;
    others := rowhouse.run_made_up(rowhouse.function_statement(function, named, tenants_held, unfiltered, texts,
      '{B}', 'B'), '[{}]', 1, own_session, role, true) -> 0;
    own_answer := rowhouse.run_made_up(rowhouse.function_statement(function, named, tenants_held, unfiltered, texts,
      '{A}', 'A'), '[{}]', 1, own_session, role, true) -> 0;
    CONTINUE WHEN empty_answer IS NULL OR jsonb_typeof(empty_answer) = 'null';
    IF others IS DISTINCT FROM empty_answer AND coalesce(others, '[null]') <> '[null]' THEN
      RETURN 'open';
    ELSIF own_answer IS DISTINCT FROM empty_answer AND coalesce(own_answer, '[null]') <> '[null]' THEN
      RETURN 'filters';
    END IF;
  END LOOP;
  RETURN 'unknown';
END
$function$;

-- SECURITY DEFINER functions whose owner no policy binds, on tables of tenants' rows.
CREATE OR REPLACE FUNCTION rowhouse.audit_definers()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  held oid[] := ARRAY(SELECT t.relation FROM rowhouse.audit_tenant_tables() AS t
                      UNION SELECT m FROM rowhouse.tenant_matviews() AS m);
  identities oid[] := ARRAY(SELECT i.identity FROM rowhouse.audit_identities() AS i);
  item record;
  verdict text;
  asks_session boolean;
BEGIN
  FOR item IN
    SELECT p.oid, p.proname, p.proowner, p.proretset, p.prorettype, rowhouse.relations_named(p.oid) AS named,
        rowhouse.callers_of(p.oid, identities) AS callers
      FROM rowhouse.users_functions() AS u JOIN pg_proc AS p ON p.oid = u.oid AND p.prosecdef ORDER BY p.oid
  LOOP
    CONTINUE WHEN item.callers IS NULL OR rowhouse.opened_by(item.proowner, item.named, held) = '{}';
    verdict := CASE WHEN item.prorettype = 'trigger'::regtype THEN 'unknown' ELSE rowhouse.try_function(item.oid,
      item.named, held, item.named, (SELECT max(u.role) FROM unnest(item.callers) AS u(role))) END;
    asks_session := rowhouse.plain_body(item.oid) ~* '\m(current_setting|current_tenant)\M' OR EXISTS (
      SELECT FROM unnest(rowhouse.functions_called_by(ARRAY[item.oid])) AS f(oid)
        WHERE rowhouse.plain_body(f.oid) ~* '\m(current_setting|current_tenant)\M');
    severity := CASE
      WHEN verdict = 'filters' OR (verdict = 'unknown' AND asks_session) THEN 'info'
      WHEN verdict = 'open' THEN 'error'
      WHEN item.prorettype = 'trigger'::regtype THEN CASE
        WHEN rowhouse.plain_body(item.oid) ~* '\m(from|update|join)\M' THEN 'warning' ELSE 'info' END
      WHEN item.prorettype = 'boolean'::regtype AND NOT item.proretset THEN 'warning'
      ELSE 'error' END;
    rule := CASE severity WHEN 'info' THEN 'definer-filters-itself' ELSE 'definer-past-policies' END;
    object := rowhouse.function_object(item.oid);
    detail := format('%s runs as %s, whom no policy binds on %s, for %s', item.oid::regprocedure,
        item.proowner::regrole, rowhouse.name_relations(rowhouse.opened_by(item.proowner, item.named, held)),
        rowhouse.name_roles(item.callers))
      || CASE WHEN verdict = 'filters' THEN '. It is the filter itself, and kept tenants apart when tried.'
        WHEN severity = 'info' THEN '. It asks who the tenant is; whether it keeps tenants apart could not be tried.'
        WHEN verdict = 'open' THEN ': tried on made-up rows, it showed another tenant''s.'
        ELSE ': nothing in it asks who the tenant is.' END
      || rowhouse.prove_as(item.callers, CASE WHEN item.prorettype = 'trigger'::regtype
        THEN format('SELECT prosrc FROM pg_proc WHERE oid = %s', item.oid)
        ELSE format('SELECT * FROM %s(%s)', item.oid::regproc, (SELECT string_agg(format('NULL::%s', a.type), ', ')
          FROM (SELECT format_type(t, NULL) AS type FROM pg_proc AS p, unnest(p.proargtypes) AS t
                  WHERE p.oid = item.oid) AS a)) END);
    remedy := CASE WHEN severity <> 'info'
      THEN format('ALTER ROUTINE %s SECURITY INVOKER', item.oid::regprocedure) END;
    RETURN NEXT;
  END LOOP;
END
$function$;
