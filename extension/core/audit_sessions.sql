-- The sessions and the rows that policies are tried under, from what their text reads and compares.

-- Settings that this code reads: whether as JSON, and the type that their value is cast to.
CREATE OR REPLACE FUNCTION rowhouse.settings_read(code text) RETURNS TABLE(name text, is_json boolean, type text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT piece.name, bool_or(piece.rest ~ '::\s*jsonb?|->' OR piece.name ~ 'claims$'),
        max(regexp_replace(substring(piece.rest FROM '^[^;]*?::\s*(uuid|int|bigint|smallint|numeric)'),
          '^[^u].*', 'number'))
      FROM (SELECT substring(part FROM '^''([^'']+)''') AS name,
                left(regexp_replace(part, '^''[^'']+''', ''), 80) AS rest, place
              FROM regexp_split_to_table(code, 'current_setting\s*\(\s*') WITH ORDINALITY AS split(part, place))
        AS piece
      WHERE piece.place > 1 AND (piece.name ~ '\.' OR EXISTS (
          SELECT FROM pg_settings AS s
            WHERE s.name = lower(piece.name) AND s.context = 'user' AND s.vartype = 'string'))
      GROUP BY piece.name;
END
$function$;

-- Words this code compares with, other than settings' names and keys of JSON.
CREATE OR REPLACE FUNCTION rowhouse.words_compared(code text) RETURNS text[]
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN (
    SELECT coalesce((array_agg(DISTINCT found.word))[1:6], '{}')
      FROM (SELECT coalesce(m[2], m[3]) AS word
              FROM regexp_matches(code, '(->>?|#>>?)?\s*''([^'']*)''|=\s*\(?([0-9]{1,9})\M', 'g') AS m
              WHERE m[1] IS NULL) AS found
      WHERE found.word ~ '^[^.{}%]{1,40}$' AND found.word <> ALL (ARRAY['qa', 'zb', '1', '2']));
END
$function$;

-- A JWT's claims, every key of which names the tenant.
CREATE OR REPLACE FUNCTION rowhouse.sample_claims(code text, tenant text) RETURNS jsonb
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN (
    WITH leaf AS (
      SELECT jsonb_object_agg(k.name, tenant) AS leaves
        FROM (SELECT m[1] AS name FROM regexp_matches(code, '->>\s*''([^'']+)''', 'g') AS m
              UNION SELECT m[1] FROM regexp_matches(code, '([[:alnum:]_]+)\}''', 'g') AS m
              UNION SELECT unnest(ARRAY['company_id', 'tenant_id', 'org_id', 'sub'])) AS k
    ), branch AS (
      SELECT array_agg(DISTINCT k.name) AS names
        FROM (SELECT m[1] AS name FROM regexp_matches(code, '->\s*''([^'']+)''', 'g') AS m
              UNION SELECT m[1] FROM regexp_matches(code, '''\{([[:alnum:]_]+),', 'g') AS m) AS k
    ), inner_level AS (
      SELECT leaf.leaves
            || coalesce((SELECT jsonb_object_agg(name, leaf.leaves) FROM unnest(branch.names) AS name), '{}') AS claims
          FROM leaf, branch
    )
    SELECT inner_level.claims
        || coalesce((SELECT jsonb_object_agg(name, inner_level.claims) FROM unnest(branch.names) AS name), '{}')
      FROM inner_level, branch);
END
$function$;

-- One session: every setting at this tenant's value. Settings that are cast have the value of their own type.
CREATE OR REPLACE FUNCTION rowhouse.sample_session(code text, value text, is_tenant boolean) RETURNS jsonb
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN (
    SELECT coalesce(jsonb_object_agg(s.name, CASE
        WHEN s.is_json THEN rowhouse.sample_claims(code, value)::text
        WHEN is_tenant AND s.type = 'uuid' THEN rowhouse.sample_scalar('uuid'::regtype, 'A', 'uuid', 1) #>> '{}'
        WHEN is_tenant AND s.type = 'number' AND value !~ '^[0-9]+$' THEN '1'
        ELSE value END), '{}')
      FROM rowhouse.settings_read(code) AS s);
END
$function$;

-- Every session worth trying, with what it would prove. A's own comes first.
CREATE OR REPLACE FUNCTION rowhouse.sample_sessions(code text, own text, other text, is_text boolean)
  RETURNS TABLE(kind text, settings jsonb)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  word text;
  setting record;
BEGIN
  RETURN QUERY VALUES ('own', rowhouse.sample_session(code, own, true));
  IF NOT EXISTS (SELECT FROM rowhouse.settings_read(code)) THEN
    RETURN;
  END IF;
  RETURN QUERY
    SELECT 'unset', jsonb_object_agg(s.name, '') FROM rowhouse.settings_read(code) AS s
    UNION ALL
    SELECT 'unset', jsonb_object_agg(s.name, CASE WHEN s.is_json THEN '{}' ELSE '' END)
      FROM rowhouse.settings_read(code) AS s HAVING bool_or(s.is_json)
    UNION ALL SELECT 'pattern', rowhouse.sample_session(code, '%', false)
    UNION ALL SELECT 'folds', rowhouse.sample_session(code, own || other, false)
    UNION ALL SELECT 'list', rowhouse.sample_session(code, own || ',' || other, false) WHERE is_text;
  -- A flag, or a word that opens: what every client can set.
  FOREACH word IN ARRAY ARRAY['on', 'true', '1'] || rowhouse.words_compared(code) LOOP
    CONTINUE WHEN word = own;
    RETURN QUERY SELECT 'flag', jsonb_object_agg(s.name, word) FROM rowhouse.settings_read(code) AS s
      WHERE NOT s.is_json HAVING count(*) > 0 AND word <> other;
    FOR setting IN SELECT s.name FROM rowhouse.settings_read(code) AS s WHERE NOT s.is_json LOOP
      RETURN QUERY SELECT 'flag', rowhouse.sample_session(code, own, true) || jsonb_build_object(setting.name, word)
        WHERE (SELECT count(*) > 1 FROM rowhouse.settings_read(code)) AND word NOT IN (own, other);
    END LOOP;
  END LOOP;
END
$function$;

-- Every row worth trying, and whose it is; the basic ones first. A link table, which has no tenant column, has A's rows
-- and B's.
CREATE OR REPLACE FUNCTION rowhouse.sample_rows(relation oid, tenant_column name, texts text, words text[])
  RETURNS jsonb
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  type record;
  own text;
  other jsonb := rowhouse.sample_row(relation, 'B', texts, 1);
  answer jsonb;
BEGIN
  SELECT jsonb_agg(jsonb_build_object('whose', who, 'row', rowhouse.sample_row(relation, who, texts, fill))) INTO answer
    FROM unnest(ARRAY['A', 'B']) AS who CROSS JOIN generate_series(1, 2) AS fill;
  IF tenant_column IS NULL THEN
    RETURN answer;
  END IF;
  SELECT t.typcategory AS category, t.oid, t.typname, a.attnotnull INTO type
    FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = rowhouse.base_type(a.atttypid)
    WHERE a.attrelid = relation AND a.attname = tenant_column;
  own := answer -> 0 -> 'row' ->> tenant_column::text;
  answer := answer || (
    SELECT jsonb_agg(jsonb_build_object('whose', who.whose, 'row', jsonb_build_object(tenant_column, who.value)))
      FROM (VALUES ('A', to_jsonb(own)), ('B', other -> tenant_column::text)) AS who(whose, value));
  IF NOT type.attnotnull THEN
    answer := answer || jsonb_build_array(
      jsonb_build_object('whose', 'nobody', 'row', other || jsonb_build_object(tenant_column, NULL)));
  END IF;
  RETURN answer || coalesce((
    SELECT jsonb_agg(jsonb_build_object('whose', made.whose, 'word', made.word, 'row', other || made.change))
      FROM (
        SELECT 'B' AS whose, word, rowhouse.columns_that_hold(relation, tenant_column, word) AS change
          FROM unnest(words) AS word
        UNION ALL
        SELECT 'alike', NULL, jsonb_build_object(tenant_column, look)
          FROM unnest(ARRAY[upper(own), own || 'x', left(own, -1)]
            || CASE WHEN type.typname <> 'bpchar' THEN ARRAY[own || ' ', ' ' || own] ELSE '{}' END) AS look
          WHERE type.category = 'S' AND look <> own
        UNION ALL
        SELECT 'pinned', word, jsonb_build_object(tenant_column, word)
          FROM unnest(words) AS word
          WHERE word <> own AND (type.category = 'S' OR (type.category = 'N' AND word ~ '^[0-9]+$')
            OR (type.typname = 'uuid' AND word ~ '^[0-9a-f-]{36}$')
            OR EXISTS (SELECT FROM pg_enum AS e WHERE e.enumtypid = type.oid AND e.enumlabel = word))) AS made), '[]');
END
$function$;

-- The code as it would be were no setting ever set: after a first SET there is no way back to that. Functions that are
-- one expression are put in place of their calls.
CREATE OR REPLACE FUNCTION rowhouse.without_settings(code text, functions oid[]) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  called record;
BEGIN
  FOR called IN
    SELECT format('%I.%I()', n.nspname, p.proname) AS call,
        substring(rowhouse.function_body(p.oid) FROM '^\s*(?:RETURN|SELECT)\s+([^;]+?);?\s*$') AS body,
        format_type(p.prorettype, NULL) AS type
      FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace JOIN pg_language AS l ON l.oid = p.prolang
      WHERE p.oid = ANY (functions) AND l.lanname = 'sql' AND p.pronargs = 0 AND NOT p.proretset
  LOOP
    code := CASE WHEN called.body IS NULL OR called.body ~* '\mselect\M' THEN code
      ELSE replace(code, called.call, format('(%s)::%s', called.body, called.type)) END;
  END LOOP;
  code := regexp_replace(code, 'current_setting\s*\(\s*''[^'']+''(::text)?\s*,\s*''?t(rue)?''?\s*(::bool(ean)?)?\)',
    '(NULL::text)', 'gi');
  RETURN regexp_replace(code, 'current_setting\s*\(\s*''[^'']+''(::text)?\s*(,\s*''?f(alse)?''?\s*(::bool(ean)?)?)?\)',
    '((1/0)::text)', 'gi');
END
$function$;
