-- What is wrong with functions whatever they read: paths that others can stand in, LEAKPROOF on trust, and a volatility
-- that makes a policy answer for somebody else.

CREATE OR REPLACE FUNCTION rowhouse.users_functions() RETURNS TABLE(oid oid)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT p.oid FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
      WHERE p.oid >= 16384 AND p.prokind IN ('f', 'p') AND NOT rowhouse.is_foreign_schema(p.pronamespace)
        AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                          AND d.deptype = 'e');
END
$function$;

-- Schemas of a function's search_path, in order; NULL when it has none of its own.
CREATE OR REPLACE FUNCTION rowhouse.path_of(function oid) RETURNS text[]
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  setting text := (SELECT substring(c.entry FROM '^search_path=(.*)$')
                     FROM pg_proc AS p CROSS JOIN unnest(p.proconfig) AS c(entry)
                     WHERE p.oid = function AND c.entry LIKE 'search\_path=%');
BEGIN
  RETURN CASE WHEN setting IS NULL THEN NULL
    ELSE ARRAY(SELECT btrim(word, ' "') FROM unnest(string_to_array(setting, ',')) AS word
                 WHERE btrim(word, ' "') <> '') END;
END
$function$;

-- A path in which nobody can put something in front: temporary objects last by name, and no schema that an application
-- may create in.
CREATE OR REPLACE FUNCTION rowhouse.safe_path(function oid, suspects oid[]) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  wanted text[] := coalesce(rowhouse.path_of(function), ARRAY['pg_catalog',
    (SELECT n.nspname FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE p.oid = function),
    'public']);
BEGIN
  RETURN (
    SELECT coalesce(string_agg(quote_ident(n.nspname), ', ' ORDER BY u.place) || ', ', '') || 'pg_temp'
      FROM unnest(wanted) WITH ORDINALITY AS u(name, place) JOIN pg_namespace AS n ON n.nspname = u.name
      WHERE u.name <> 'pg_temp' AND NOT EXISTS (
        SELECT FROM unnest(suspects) AS s(role) LEFT JOIN pg_roles AS r ON r.oid = s.role
          WHERE has_schema_privilege(coalesce(r.rolname, 'public'), n.oid, 'CREATE')));
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.audit_paths()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  suspects oid[] := rowhouse.audit_suspects(true);
  identities oid[] := ARRAY(SELECT i.identity FROM rowhouse.audit_identities() AS i);
BEGIN
  RETURN QUERY
    SELECT CASE WHEN f.callers IS NULL THEN 'warning' ELSE 'error' END, 'definer-search-path',
        rowhouse.function_object(f.oid),
        format('%s runs as %s, and names in it are looked up %s.', f.oid::regprocedure, f.proowner::regrole, f.fault)
          || rowhouse.prove_as(f.callers, format('SELECT proconfig FROM pg_proc WHERE oid = %s', f.oid)),
        format('ALTER ROUTINE %s SET search_path = %s', f.oid::regprocedure, rowhouse.safe_path(f.oid, suspects))
      FROM (
        SELECT p.oid, p.proowner, rowhouse.callers_of(p.oid, identities) AS callers, CASE
            WHEN path.words IS NULL THEN 'where the caller''s search_path says: whoever calls it puts its own in front'
            WHEN writable.name IS NOT NULL THEN format('in the schema %s, where an application may create',
              writable.name)
            WHEN path.words <> '{}' AND path.words <> '{pg_catalog}'
              AND path.words[cardinality(path.words)] <> 'pg_temp' THEN
              'among temporary objects first: a temporary table stands in for a real one' END AS fault
          FROM rowhouse.users_functions() AS u JOIN pg_proc AS p ON p.oid = u.oid
          JOIN pg_language AS l ON l.oid = p.prolang AND l.lanname NOT IN ('c', 'internal')
          CROSS JOIN LATERAL (SELECT rowhouse.path_of(p.oid)) AS path(words)
          LEFT JOIN LATERAL (
            SELECT min(n.nspname) FROM pg_namespace AS n CROSS JOIN unnest(suspects) AS s(role)
              LEFT JOIN pg_roles AS r ON r.oid = s.role
              WHERE n.nspname = ANY (path.words) AND n.nspname <> 'pg_temp'
                AND has_schema_privilege(coalesce(r.rolname, 'public'), n.oid, 'CREATE')) AS writable(name) ON true
          -- A body parsed at creation looks up nothing.
          WHERE p.prosecdef AND to_jsonb(p) ->> 'prosqlbody' IS NULL) AS f
      WHERE f.fault IS NOT NULL;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.audit_volatility()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    WITH called AS MATERIALIZED (
      SELECT u.function, array_agg(DISTINCT p.polrelid) AS relations
        FROM rowhouse.audit_tenant_tables() AS t JOIN pg_policy AS p ON p.polrelid = t.relation
        CROSS JOIN LATERAL unnest(rowhouse.functions_called(ARRAY[p.oid])) AS u(function)
        GROUP BY u.function
    )
    SELECT 'error', 'policy-function-immutable', rowhouse.function_object(f.oid),
        format('A policy of %s calls %s, which is IMMUTABLE and reads what changes: its answer for one tenant is kept '
          'in a plan and given to the next. Proof: SELECT provolatile, prosrc FROM pg_proc WHERE oid = %s',
          rowhouse.name_relations(called.relations), f.oid::regprocedure, f.oid),
        format('ALTER FUNCTION %s STABLE', f.oid::regprocedure)
      FROM called JOIN pg_proc AS f ON f.oid = called.function
      WHERE f.provolatile = 'i' AND NOT rowhouse.is_foreign_schema(f.pronamespace)
        AND (rowhouse.plain_body(f.oid) ~* '\m(current_setting|current_tenant|current_user|session_user|now|from)\M'
          OR EXISTS (SELECT FROM unnest(rowhouse.functions_called_by(ARRAY[f.oid])) AS inner_one(oid)
                       JOIN pg_proc AS i ON i.oid = inner_one.oid AND i.provolatile <> 'i'))
    UNION ALL
    SELECT 'warning', 'policy-function-volatile', rowhouse.function_object(f.oid),
        format('A policy of %s calls %s, which is VOLATILE: it runs for every row, may answer differently each time, '
          'and keeps indexes from use. Proof: SELECT provolatile FROM pg_proc WHERE oid = %s',
          rowhouse.name_relations(called.relations), f.oid::regprocedure, f.oid),
        CASE WHEN rowhouse.plain_body(f.oid) !~* '\m(insert|update|delete|merge|set_config|nextval|random|execute)\M'
          THEN format('ALTER FUNCTION %s STABLE', f.oid::regprocedure) END
      FROM called JOIN pg_proc AS f ON f.oid = called.function
      WHERE f.provolatile = 'v' AND NOT rowhouse.is_foreign_schema(f.pronamespace) AND EXISTS (
        SELECT FROM pg_depend AS d JOIN pg_policy AS p ON p.oid = d.objid AND p.polrelid = ANY (called.relations)
          WHERE d.classid = 'pg_policy'::regclass AND d.refclassid = 'pg_proc'::regclass AND d.refobjid = f.oid);
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.audit_functions()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
  SET jit = off
AS $function$
BEGIN
  RETURN QUERY SELECT * FROM rowhouse.audit_definers();
  RETURN QUERY SELECT * FROM rowhouse.audit_dynamic();
  RETURN QUERY SELECT * FROM rowhouse.audit_paths();
  RETURN QUERY SELECT * FROM rowhouse.audit_volatility();
  RETURN QUERY
    SELECT 'error', 'leakproof-by-users', rowhouse.function_object(p.oid),
        format('%s is LEAKPROOF by somebody''s word: it is run before the policies, on every tenant''s rows. Proof: '
          'SELECT proleakproof FROM pg_proc WHERE oid = %s', p.oid::regprocedure, p.oid),
        format('ALTER FUNCTION %s NOT LEAKPROOF', p.oid::regprocedure)
      FROM rowhouse.users_functions() AS u JOIN pg_proc AS p ON p.oid = u.oid AND p.proleakproof;
END
$function$;
