-- What a set of policies lets a role do that its tenant should not: the trial of audit_trial.sql put together. The
-- expectation comes from the tenant column alone: a session of A's reads and writes A's rows and no other.

-- Everything these policies say and call, as text.
CREATE OR REPLACE FUNCTION rowhouse.policy_code(policies oid[], functions oid[]) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN (
    SELECT concat_ws(' ; ',
      (SELECT string_agg(concat_ws(' ; ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)),
          ' ; ' ORDER BY p.oid) FROM pg_policy AS p WHERE p.oid = ANY (policies)),
      (SELECT string_agg(rowhouse.function_body(f.oid), ' ; ' ORDER BY f.oid)
         FROM pg_proc AS f WHERE f.oid = ANY (functions))));
END
$function$;

-- Whether the code calls nothing but these. Others of the server's own can run statements or change the session, and
-- the auditor may have more rights than who wrote them there.
CREATE OR REPLACE FUNCTION rowhouse.is_harmless(code text) RETURNS boolean
  LANGUAGE plpgsql IMMUTABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN NOT EXISTS (
    SELECT FROM regexp_matches(lower(code), '([[:alnum:]_."$]+)\s*\(', 'g') AS called
      WHERE called[1] <> ALL (string_to_array(
        'current_setting nullif coalesce greatest least exists any all some in and or not select values from where on '
        'join as is over filter when then else case using lower upper starts_with strpos position substring '
        'substr left right btrim ltrim rtrim trim replace concat length char_length split_part '
        'string_to_array array_to_string array_position unnest now max min count sum avg jsonb_extract_path_text '
        'json_extract_path_text jsonb_array_elements_text json_array_elements_text pg_has_role varchar character '
        'varying char bpchar numeric timestamp timestamptz like_escape', ' ')));
END
$function$;

-- Code of users' would run: functions, operators, the checks of domains; or code of the server's that is not harmless.
CREATE OR REPLACE FUNCTION rowhouse.calls_users_code(policies oid[], relations oid[], code text) RETURNS boolean
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN NOT rowhouse.is_harmless(code)
    OR EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_policy'::regclass AND d.objid = ANY (policies)
                 AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass))
    OR EXISTS (SELECT FROM pg_policy AS p JOIN pg_depend AS d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid
                 WHERE p.polrelid = ANY (relations)
                   AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass))
    OR EXISTS (SELECT FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
                 WHERE a.attrelid = ANY (relations) AND a.attnum > 0 AND t.typtype = 'd');
END
$function$;

-- What the trial asks of a row, in this order.
CREATE OR REPLACE FUNCTION rowhouse.command_names() RETURNS text[]
  LANGUAGE sql IMMUTABLE
  RETURN ARRAY['SELECT', 'INSERT', 'UPDATE', 'UPDATE into', 'DELETE'];

CREATE OR REPLACE FUNCTION rowhouse.trial_statement(
    relation oid, policies oid[], read_relations oid[], role oid, texts text) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN (
    SELECT rowhouse.made_up_relations(read_relations, role, texts, ARRAY['A', 'B']) || format(
        'SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(%s, %s, %s, %s, %s) ORDER BY rowhouse_place) '
        'FROM pg_catalog.jsonb_array_elements($1) WITH ORDINALITY AS rowhouse_made(rowhouse_up, rowhouse_place) '
        'CROSS JOIN LATERAL pg_catalog.jsonb_to_record(rowhouse_up -> ''row'') AS %s',
        rowhouse.strip_schemas(rowhouse.joint_condition(c.oid, policies, 'r', false), read_relations),
        rowhouse.strip_schemas(rowhouse.joint_condition(c.oid, policies, 'a', true), read_relations),
        rowhouse.strip_schemas(rowhouse.joint_condition(c.oid, policies, 'w', false), read_relations),
        rowhouse.strip_schemas(rowhouse.joint_condition(c.oid, policies, 'w', true), read_relations),
        rowhouse.strip_schemas(rowhouse.joint_condition(c.oid, policies, 'd', false), read_relations),
        rowhouse.row_shape(c.oid))
      FROM pg_class AS c WHERE c.oid = trial_statement.relation AND c.oid <> ALL (read_relations));
END
$function$;

-- CURRENT_USER is whose turn it is, whether or not the auditor can become it.
CREATE OR REPLACE FUNCTION rowhouse.name_user(statement text, role oid) RETURNS text
  LANGUAGE sql STABLE
  RETURN regexp_replace(statement, '\m(CURRENT_USER|SESSION_USER|CURRENT_ROLE)\M',
    format('%L::pg_catalog.name', coalesce((SELECT r.rolname FROM pg_roles AS r WHERE r.oid = role), 'nobody')), 'g');

-- One round of sessions over the made-up rows: what leaked, as {cause, command}; whether A sees a row of its own.
CREATE OR REPLACE FUNCTION rowhouse.try_once(
    relation oid, tenant_column name, policies oid[], context oid[], asked oid, runner oid, texts text, own text,
    other text, OUT own_visible boolean, OUT ran boolean, OUT leaks jsonb)
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  read_relations oid[] := rowhouse.relations_read(policies, asked);
  related oid[] := context || ARRAY(SELECT p.oid FROM pg_policy AS p WHERE p.polrelid = ANY (read_relations));
  functions oid[] := rowhouse.functions_called(related);
  code text := rowhouse.policy_code(related, functions);
  calls_users boolean := rowhouse.calls_users_code(policies, read_relations || relation, code);
  statement text := rowhouse.name_user(rowhouse.trial_statement(relation, policies, read_relations, asked, texts),
    runner);
  made_up jsonb := rowhouse.sample_rows(relation, tenant_column, texts, rowhouse.words_compared(code));
  few integer := (SELECT count(*) FROM jsonb_array_elements(made_up) AS made
                    WHERE made ->> 'whose' IN ('A', 'B', 'nobody') AND NOT made ? 'word');
  is_role boolean := texts NOT IN ('word', 'number', 'uuid');
  kinds text[];
  settings jsonb;
  never_set jsonb;
  answers jsonb;
BEGIN
  SELECT array_agg(s.kind), jsonb_agg(s.settings) INTO kinds, settings
    FROM rowhouse.sample_sessions(code, own, other, own !~ '^[0-9a-f-]{36}$' AND own !~ '^[0-9]+$') AS s
    WHERE NOT is_role OR s.kind = 'own';
  IF statement IS NOT NULL AND NOT is_role AND cardinality(kinds) > 1 THEN
    never_set := rowhouse.run_made_up(rowhouse.without_settings(statement, functions), made_up, few, '[{}]', runner,
      calls_users);
  END IF;
  answers := rowhouse.run_made_up(statement, made_up, few, settings, runner, calls_users);
  ran := answers IS NOT NULL AND statement IS NOT NULL;
  kinds := array_fill('unset'::text, ARRAY[coalesce(jsonb_array_length(never_set), 0)]) || kinds;
  answers := coalesce(never_set, '[]') || coalesce(answers, '[]');
  SELECT coalesce(bool_or(seen.kind = 'own' AND seen.whose = 'A'), false),
      coalesce(jsonb_agg(DISTINCT jsonb_build_object('cause', seen.cause, 'command', seen.command))
        FILTER (WHERE seen.cause IS NOT NULL), '[]')
    INTO own_visible, leaks
    FROM (
      SELECT cell.kind, cell.whose, cell.command, CASE
          WHEN cell.whose = 'nobody' THEN CASE WHEN cell.kind IN ('own', 'unset') THEN 'nobody' END
          WHEN cell.kind = 'own' THEN CASE cell.whose WHEN 'B' THEN 'open' WHEN 'alike' THEN 'folds'
            WHEN 'pinned' THEN 'pinned' END
          WHEN cell.whose = 'B' OR (cell.whose = 'A' AND cell.kind IN ('unset', 'pattern')) THEN cell.kind END AS cause
        FROM (
          SELECT kinds[session.place] AS kind, made_up -> (line.place - 1)::integer ->> 'whose' AS whose,
              (rowhouse.command_names())[word.place] AS command
            FROM jsonb_array_elements(answers) WITH ORDINALITY AS session(answer, place)
            CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(session.answer) WHEN 'array' THEN session.answer
              ELSE '[]' END) WITH ORDINALITY AS line(answer, place)
            CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(line.answer) WHEN 'array' THEN line.answer
              ELSE '[]' END) WITH ORDINALITY AS word(answer, place)
            WHERE word.answer = 'true') AS cell) AS seen;
END
$function$;

-- What functions let by in a session in which nothing was ever set. There is such a session only until the first trial
-- sets something, so this comes before all of them.
CREATE OR REPLACE FUNCTION rowhouse.try_never_set(
    relation oid, tenant_column name, policies oid[], asked oid, runner oid) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
  read_relations oid[] := rowhouse.relations_read(policies, asked);
  texts text;
  answers jsonb;
  leaks jsonb := '[]';
BEGIN
  IF NOT EXISTS (SELECT FROM rowhouse.settings_read(
      rowhouse.policy_code(policies, rowhouse.functions_called(policies)))) THEN
    RETURN leaks;
  END IF;
  FOREACH texts IN ARRAY ARRAY['word', 'number', 'uuid'] LOOP
    answers := rowhouse.run_made_up(rowhouse.name_user(
        rowhouse.trial_statement(relation, policies, read_relations, asked, texts), runner),
      rowhouse.sample_rows(relation, tenant_column, texts, '{}'), 6, '[{}]', runner, true) -> 0;
    leaks := leaks || (
      SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_object('cause', 'unset', 'command',
          (rowhouse.command_names())[word.place])), '[]')
        FROM jsonb_array_elements(CASE jsonb_typeof(answers) WHEN 'array' THEN answers ELSE '[]' END)
          WITH ORDINALITY AS line(answer, place)
        CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(line.answer) WHEN 'array' THEN line.answer
          ELSE '[]' END) WITH ORDINALITY AS word(answer, place)
        WHERE word.answer = 'true' AND line.place <= 6);
  END LOOP;
  RETURN leaks;
END
$function$;

-- Rounds until one is found in which A sees a row of its own: what is refused to everybody proves nothing. The sessions
-- are made for what all policies in the context read.
CREATE OR REPLACE FUNCTION rowhouse.try_policies(
    relation oid, tenant_column name, policies oid[], context oid[], asked oid, runner oid,
    OUT own_visible boolean, OUT ran boolean, OUT leaks jsonb)
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  type oid := coalesce((SELECT rowhouse.base_type(a.atttypid) FROM pg_attribute AS a
                          WHERE a.attrelid = relation AND a.attname = tenant_column), 'text'::regtype);
  user_name text := coalesce((SELECT r.rolname FROM pg_roles AS r WHERE r.oid = runner), 'nobody');
  texts text;
  words text;
  once record;
  all_leaks jsonb := '[]';
BEGIN
  ran := false;
  FOREACH texts IN ARRAY ARRAY['word', 'number', 'uuid', user_name] LOOP
    -- A setting that is not cast holds the tenant as its column does, or a word.
    FOREACH words IN ARRAY CASE WHEN (SELECT t.typcategory FROM pg_type AS t WHERE t.oid = type) = 'S'
        THEN ARRAY[texts] ELSE ARRAY['', texts] END LOOP
      once := rowhouse.try_once(relation, tenant_column, policies, context, asked, runner, texts,
        rowhouse.sample_scalar(CASE words WHEN '' THEN type ELSE 'text'::regtype END, 'A', texts, 1) #>> '{}',
        rowhouse.sample_scalar(CASE words WHEN '' THEN type ELSE 'text'::regtype END, 'B', texts, 1) #>> '{}');
      ran := ran OR once.ran;
      all_leaks := all_leaks || once.leaks;
      own_visible := once.own_visible;
      leaks := CASE WHEN own_visible THEN once.leaks ELSE all_leaks END;
      IF own_visible OR NOT once.ran THEN
        RETURN;
      END IF;
    END LOOP;
  END LOOP;
END
$function$;
