-- Functions that run as their owner and execute text of their caller's: who may call one runs any statement as the
-- owner. Bodies are read, not run. Literals and comments are set aside, what quotes is taken out, and a variable that
-- was given a caller's text counts as the caller's text.

-- A body without comments, its literals replaced by their numbers: 'n'.
CREATE OR REPLACE FUNCTION rowhouse.set_literals_aside(body text, OUT masked text, OUT literals text[])
  LANGUAGE plpgsql IMMUTABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  rest text := body;
  parts text[];
  literal text;
BEGIN
  masked := '';
  literals := '{}';
  LOOP
    parts := regexp_match(rest, '^(.*?)(--|/\*|\m[eE]''|''|\$(?:[[:alpha:]_]\w*)?\$)(.*)$');
    EXIT WHEN parts IS NULL;
    masked := masked || parts[1];
    rest := parts[3];
    IF parts[2] = '--' THEN
      rest := regexp_replace(rest, '^[^\n]*', ' ');
    ELSIF parts[2] = '/*' THEN
      rest := regexp_replace(rest, '^.*?(\*/|$)', ' ');
    ELSE
      literal := CASE WHEN right(parts[2], 1) = '$' THEN split_part(rest, parts[2], 1)
        WHEN parts[2] = '''' THEN substring(rest FROM '^(?:[^'']|'''')*')
        ELSE substring(rest FROM '^(?:[^''\\]|''''|\\.)*') END;
      rest := substr(rest, length(literal) + CASE right(parts[2], 1) WHEN '$' THEN length(parts[2]) ELSE 1 END + 1);
      literals := array_append(literals, literal);
      masked := masked || '''' || cardinality(literals) || '''';
    END IF;
  END LOOP;
  masked := masked || rest;
END
$function$;

-- Of the arguments of format() those that go in as they are.
CREATE OR REPLACE FUNCTION rowhouse.unquoted_arguments(arguments text, literals text[]) RETURNS text
  LANGUAGE plpgsql IMMUTABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  words text[] := string_to_array(arguments, ',');
  template text;
  place integer := 0;
  kept text := '';
  item text[];
BEGIN
  IF words[1] !~ '^\s*''\d+''(\s*(\|\|)?\s*''\d+'')*\s*$' THEN
    RETURN arguments;
  END IF;
  SELECT string_agg(literals[m[1]::integer], '') INTO template FROM regexp_matches(words[1], '''(\d+)''', 'g') AS m;
  FOR item IN SELECT m FROM regexp_matches(template, '%(?:(\d+)\$)?-?\d*([sIL%])', 'g') AS m LOOP
    CONTINUE WHEN item[2] = '%';
    place := coalesce(item[1]::integer, place + 1);
    IF item[2] = 's' THEN
      kept := concat_ws(' ', kept, words[place + 1]);
    END IF;
  END LOOP;
  RETURN kept;
END
$function$;

-- Whether one of these names goes into the value of an expression as it is: not quoted, not as a value of a type that
-- holds no statement, not as a condition.
CREATE OR REPLACE FUNCTION rowhouse.holds_text(expression text, literals text[], names text[]) RETURNS boolean
  LANGUAGE plpgsql IMMUTABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  rest text := regexp_replace(expression, '\m(case|when)\M.*?\mthen\M', ' ', 'gi');
  called text[];
BEGIN
  rest := regexp_replace(rest, '\$?\m\w[\w.]*\s*::\s*(pg_catalog\.)?(reg(class|type|proc|procedure|role|namespace)|'
    'int\d?|integer|bigint|smallint|numeric|real|float\d?|uuid|date|timestamptz|timestamp|boolean|bool|oid|interval)'
    '\M(?!\s*\[)', ' ', 'gi');
  LOOP
    called := regexp_match(rest, '((?:\w[\w.]*)?)\s*\(([^()]*)\)');
    EXIT WHEN called IS NULL;
    rest := regexp_replace(rest, '(?:\w[\w.]*)?\s*\([^()]*\)', ' ' || replace(CASE
      WHEN called[1] ~* '(^|\.)(quote_(ident|literal|nullable)|to_reg\w+|to_char|length|md5|hashtext)$' THEN ''
      WHEN called[1] ~* '(^|\.)format$' THEN rowhouse.unquoted_arguments(called[2], literals)
      WHEN called[1] ~* '(^|\.)current_setting$' THEN CASE
        WHEN literals[substring(called[2] FROM '''(\d+)''')::integer] ~ '\.' THEN 'current_setting' ELSE '' END
      ELSE called[2] END, '\', '\\') || ' ', '');
  END LOOP;
  RETURN rest ~* format('(^|[^\w.])(%s)(?!\w)',
    (SELECT string_agg(rowhouse.as_pattern(n), '|') FROM unnest(names) AS n));
END
$function$;

-- What a caller gives as text: parameters, a new row's columns in a trigger, a setting that anybody may SET.
CREATE OR REPLACE FUNCTION rowhouse.given_texts(function oid) RETURNS text[]
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN ARRAY(
    SELECT 'current_setting'
    UNION ALL
    SELECT unnest(ARRAY['$' || u.place, nullif(u.name, ''), p.proname || '.' || nullif(u.name, '')])
      FROM pg_proc AS p
      CROSS JOIN LATERAL (
        SELECT a.type, a.name, row_number() OVER (ORDER BY a.number) AS place
          FROM unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargnames, p.proargmodes::text[])
            WITH ORDINALITY AS a(type, name, mode, number)
          WHERE a.type IS NOT NULL AND coalesce(a.mode, 'i') IN ('i', 'b', 'v')) AS u
      JOIN pg_type AS t ON t.oid = u.type
      LEFT JOIN pg_type AS e ON e.oid = t.typelem AND t.typcategory = 'A'
      WHERE p.oid = given_texts.function
        AND (coalesce(e.typcategory, t.typcategory) = 'S' OR t.typname IN ('json', 'jsonb', 'xml', 'anyelement'))
    UNION ALL
    SELECT DISTINCT 'new.' || a.attname
      FROM pg_trigger AS g JOIN pg_attribute AS a ON a.attrelid = g.tgrelid AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_type AS t ON t.oid = a.atttypid AND (t.typcategory = 'S' OR t.typname IN ('json', 'jsonb', 'xml'))
      WHERE g.tgfoid = given_texts.function AND NOT g.tgisinternal);
END
$function$;

-- 'runs' when a function executes a caller's text, 'checks' when it also compares that text with something; else NULL.
CREATE OR REPLACE FUNCTION rowhouse.judge_dynamic(function oid) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
  body record := rowhouse.set_literals_aside(rowhouse.function_body(function));
  names text[] := array_remove(rowhouse.given_texts(function), NULL);
  more text[];
BEGIN
  FOR round IN 1..5 LOOP
    SELECT array_agg(DISTINCT given.name) INTO more
      FROM (SELECT m[1], m[2] FROM regexp_matches(body.masked, '(?:^|;|\m(?:begin|then|else|loop|declare)\M)\s*'
                '(?!(?:begin|then|else|loop|declare)\M)(\w+)(?:\s+[\w.]+){0,3}(?:\s*[[(][\d, ]*[])])*\s*'
                '(?::=|=|\mdefault\M)\s*([^;]*)(?=;)', 'gi') AS m
            UNION ALL
            SELECT m[2], m[1] FROM regexp_matches(body.masked, '\mselect\M([^;]*?)\minto\M\s+(?:strict\s+)?(\w+)', 'gi')
              AS m
            UNION ALL
            SELECT m[1], m[2]
              FROM regexp_matches(body.masked, '\mforeach\M\s+(\w+)[^;]*?\marray\M([^;]*?)\mloop\M', 'gi') AS m)
        AS given(name, expression)
      WHERE lower(given.name) <> ALL (names) AND rowhouse.holds_text(given.expression, body.literals, names);
    EXIT WHEN more IS NULL;
    names := names || more;
  END LOOP;
  IF NOT EXISTS (
      SELECT FROM (
        SELECT m[1] FROM regexp_matches(body.masked, '\mexecute\M(.*?)(?=\minto\M|\musing\M|\mloop\M|;)', 'gi') AS m
        UNION ALL
        SELECT m[1]
          FROM regexp_matches(body.masked, '\mquery_to_xml(?:schema|_and_xmlschema)?\s*\(([^,;]*)', 'gi') AS m)
        AS executed(expression)
      WHERE rowhouse.holds_text(executed.expression, body.literals, names)) THEN
    RETURN NULL;
  END IF;
  RETURN CASE WHEN body.masked ~* format('(^|[^\w.])(%s)\s*(not\s+in\M|in\s*\(|<>\s*all\M|=\s*any\M|!?~)',
    (SELECT string_agg(rowhouse.as_pattern(n), '|') FROM unnest(names) AS n)) THEN 'checks' ELSE 'runs' END;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.audit_dynamic()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  held oid[] := ARRAY(SELECT t.relation FROM rowhouse.audit_tenant_tables() AS t
                      UNION SELECT m FROM rowhouse.tenant_matviews() AS m);
  identities oid[] := ARRAY(SELECT i.identity FROM rowhouse.audit_identities() AS i);
BEGIN
  RETURN QUERY
    SELECT CASE f.verdict WHEN 'runs' THEN 'error' ELSE 'info' END, 'definer-runs-text',
        rowhouse.function_object(f.oid),
        format('%s executes text that its caller gives, as %s, whom no policy binds on %s; %s may call it%s.',
          f.oid::regprocedure, f.proowner::regrole, rowhouse.name_relations(f.opened), rowhouse.name_roles(f.callers),
          CASE f.verdict WHEN 'checks'
            THEN '. It compares the text with something; whether that is enough was not judged' ELSE '' END)
          || rowhouse.prove_as(f.callers, format('SELECT prosrc FROM pg_proc WHERE oid = %s', f.oid)),
        CASE f.verdict WHEN 'runs' THEN format('ALTER ROUTINE %s SECURITY INVOKER', f.oid::regprocedure) END
      FROM (SELECT p.oid, p.proowner, rowhouse.callers_of(p.oid, identities) AS callers,
                rowhouse.judge_dynamic(p.oid) AS verdict, rowhouse.opened_by(p.proowner, held, held) AS opened
              FROM rowhouse.users_functions() AS u JOIN pg_proc AS p ON p.oid = u.oid AND p.prosecdef
              JOIN pg_language AS l ON l.oid = p.prolang AND l.lanname IN ('sql', 'plpgsql')
              WHERE rowhouse.function_body(p.oid) ~* '\m(execute|query_to_xml\w*)\M') AS f
      WHERE f.verdict IS NOT NULL AND f.callers IS NOT NULL AND f.opened <> '{}'
      ORDER BY f.oid;
END
$function$;
