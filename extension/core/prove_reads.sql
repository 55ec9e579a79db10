-- prove(): attempts to read a neighbour's rows. Each is a count of rows that the session must not see.

-- In the session given, on the real table and on the copy without policies, where it has to find something.
CREATE OR REPLACE FUNCTION rowhouse.prove_look(scene jsonb, attack text, context jsonb, statement text) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  role oid := scene ->> 'role';
  seen record;
  control record;
BEGIN
  IF scene ? 'blind' THEN
    RETURN rowhouse.prove_finding(scene, attack, 'not applicable', scene ->> 'blind');
  END IF;
  BEGIN
    SELECT * INTO seen FROM rowhouse.prove_act(role, context,
      replace(statement, '{T}', ((scene ->> 'relation')::oid::regclass)::text), true);
    RAISE EXCEPTION USING ERRCODE = 'RW001';
  EXCEPTION WHEN SQLSTATE 'RW001' THEN
    NULL;
  END;
  BEGIN
    SELECT * INTO control FROM rowhouse.prove_act(role, context, replace(statement, '{T}', scene ->> 'copy'), true);
    RAISE EXCEPTION USING ERRCODE = 'RW001';
  EXCEPTION WHEN SQLSTATE 'RW001' THEN
    NULL;
  END;
  RETURN CASE
    WHEN rowhouse.prove_is_busy(seen.state) THEN
      rowhouse.prove_finding(scene, attack, 'not applicable', 'busy: ' || seen.message)
    WHEN seen.state = '00000' AND seen.value::bigint > 0 THEN
      rowhouse.prove_finding(scene, attack, 'leaked', 'sees rows that are not its own')
    WHEN control.state <> '00000' OR control.value::bigint = 0 THEN
      rowhouse.prove_finding(scene, attack, 'not applicable',
        'would not be seen: a copy without policies does not leak either: ' || control.message)
    WHEN seen.state = '00000' THEN rowhouse.prove_finding(scene, attack, 'held', 'sees none of them')
    ELSE rowhouse.prove_finding(scene, attack, 'held', seen.state || ' ' || seen.message)
  END;
END
$function$;

-- A statement prepared, or a cursor opened, in one tenant's session and used in the other's: it asks for the rows of
-- the first, so the second must get none.
CREATE OR REPLACE FUNCTION rowhouse.prove_reuse(scene jsonb, attack text, opening text, fetching text, closing text)
  RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  role oid := scene ->> 'role';
  relations text[] := ARRAY[((scene ->> 'relation')::oid::regclass)::text, scene ->> 'copy'];
  seen text[] := '{}';
  first_use record;
  second_use record;
BEGIN
  IF scene ? 'blind' THEN
    RETURN rowhouse.prove_finding(scene, attack, 'not applicable', scene ->> 'blind');
  END IF;
  FOR place IN 1..2 LOOP
    BEGIN
      SELECT * INTO first_use FROM rowhouse.prove_act(role, scene -> 'session_a',
        replace(opening, '{T}', relations[place]));
      -- A plan is made by its first use; a cursor's would be used up by it.
      IF first_use.state = '00000' AND attack LIKE '%plan%' THEN
        SELECT * INTO first_use FROM rowhouse.prove_act(role, scene -> 'session_a', fetching, true);
      END IF;
      SELECT * INTO second_use FROM rowhouse.prove_act(role, scene -> 'session_b', fetching, true);
      RAISE EXCEPTION USING ERRCODE = 'RW001';
    EXCEPTION WHEN SQLSTATE 'RW001' THEN
      NULL;
    END;
    IF closing IS NOT NULL AND first_use.state = '00000' THEN
      EXECUTE closing;
    END IF;
    IF first_use.state <> '00000' OR second_use.state <> '00000' THEN
      RETURN rowhouse.prove_finding(scene, attack, 'not applicable',
        CASE WHEN first_use.state <> '00000' THEN first_use.message ELSE second_use.message END);
    END IF;
    seen := seen || second_use.value;
  END LOOP;
  RETURN CASE
    WHEN seen[1] <> '0' THEN rowhouse.prove_finding(scene, attack, 'leaked', 'shows the other tenant''s rows')
    WHEN seen[2] = '0' THEN rowhouse.prove_finding(scene, attack, 'not applicable',
      'would not be seen: a copy without policies does not leak either')
    ELSE rowhouse.prove_finding(scene, attack, 'held', 'shows none of them')
  END;
END
$function$;

-- Sessions that only look like the neighbour's: none of them is anybody's. Sealed, what counts is that nothing but a
-- token makes a session the neighbour's.
CREATE OR REPLACE FUNCTION rowhouse.prove_look_alikes(scene jsonb) RETURNS TABLE(attack text, context jsonb)
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  b text := scene ->> 'b';
  name text;
BEGIN
  IF (scene ->> 'sealed')::boolean THEN
    RETURN QUERY VALUES
      ('set the tenant without a token', (scene -> 'session_a') || jsonb_build_object('then', jsonb_build_object(
        'rowhouse.tenant', b))),
      ('forge a ticket', (scene -> 'session_a') || jsonb_build_object('forge', jsonb_build_object(scene ->> 'a', b))),
      ('show a token as a ticket', (scene -> 'empty') || jsonb_build_object('then', jsonb_build_object(
        'rowhouse.tenant', b, 'rowhouse.ticket', scene #>> '{session_b,token}')));
    RETURN;
  END IF;
  FOR attack, name IN
    SELECT 'read as a look-alike: ' || alike.attack, alike.name
      FROM (VALUES ('other case', upper(b)), ('a blank more', b || ' '), ('a pattern', '%'),
                   ('a list', (scene ->> 'a') || ',' || b), ('a beginning', left(b, -1))) AS alike(attack, name)
      WHERE scene ->> 'spelling' = 'text' AND alike.name NOT IN (b, scene ->> 'a') OR alike.name IN ('%')
  LOOP
    context := jsonb_set(scene -> 'session_a', '{settings}', (
      SELECT jsonb_object_agg(s.key, CASE s.value WHEN scene ->> 'a' THEN name ELSE s.value END)
        FROM jsonb_each_text(scene #> '{session_a,settings}') AS s));
    RETURN NEXT;
  END LOOP;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.prove_reads(scene jsonb) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  col name := scene ->> 'column';
  -- Defaults are for all to read, in a tenant's session.
  shared text := CASE scene ->> 'kind' WHEN 'defaults' THEN format(' AND %I IS NOT NULL', col) ELSE '' END;
  others text := format('SELECT count(*)::text FROM (SELECT FROM {T} WHERE %I IS DISTINCT FROM %L%s LIMIT 1) AS seen',
    col, scene ->> 'a', shared);
  anything text := format('SELECT count(*)::text FROM (SELECT FROM {T} WHERE true%s LIMIT 1) AS seen', shared);
  own text := format('SELECT count(*)::text FROM {T} WHERE %I = %L', col, scene ->> 'a');
  findings jsonb;
  alike record;
  seen record;
BEGIN
  SELECT * INTO seen FROM rowhouse.prove_act((scene ->> 'role')::oid, scene -> 'session_a',
    replace(own, '{T}', ((scene ->> 'relation')::oid::regclass)::text), true);
  IF seen.value IS DISTINCT FROM '1' THEN
    scene := scene || jsonb_build_object('blind', CASE seen.state WHEN '00000'
      THEN 'does not see the tenant''s own row either' ELSE seen.message END);
  END IF;
  findings := rowhouse.prove_look(scene, 'read', scene -> 'session_a', others)
    || rowhouse.prove_look(scene, 'read, tenant emptied', scene -> 'empty',
      'SELECT count(*)::text FROM (SELECT FROM {T} LIMIT 1) AS seen')
    || rowhouse.prove_look(scene, 'read, row_security off', (scene -> 'session_a')
      || '{"then": {"row_security": "off"}}', others)
    || rowhouse.prove_look(scene, 'lock rows', scene -> 'session_a', format(
      'SELECT count(*)::text FROM (SELECT FROM {T} WHERE %I = %L FOR UPDATE) AS seen', col, scene ->> 'b'))
    || rowhouse.prove_reuse(scene, 'read by a plan made for another tenant',
      'SET LOCAL plan_cache_mode = force_generic_plan; PREPARE rowhouse_prove AS ' || own, 'EXECUTE rowhouse_prove',
      'DEALLOCATE rowhouse_prove')
    || rowhouse.prove_reuse(scene, 'read by a cursor opened for another tenant',
      'DECLARE rowhouse_prove NO SCROLL CURSOR FOR ' || own, 'FETCH 1 FROM rowhouse_prove', NULL)
    || rowhouse.prove_explain(scene);
  FOR alike IN SELECT * FROM rowhouse.prove_look_alikes(scene) LOOP
    findings := findings || rowhouse.prove_look(scene, alike.attack, alike.context, CASE
      WHEN (scene ->> 'sealed')::boolean
      THEN format('SELECT count(*)::text FROM {T} WHERE %I = %L', col, scene ->> 'b') ELSE anything END);
  END LOOP;
  RETURN findings;
END
$function$;

-- EXPLAIN ANALYZE tells how many rows a policy took away. PostgreSQL has no way to close that, so it is no leak of this
-- table's: where it works it is said, and where something closes it that shows. Small tables only, since it reads them.
CREATE OR REPLACE FUNCTION rowhouse.prove_explain(scene jsonb) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  attack text := 'count rows by EXPLAIN ANALYZE';
  relation regclass := (scene ->> 'relation')::oid::regclass;
  seen record;
BEGIN
  IF pg_table_size(relation) > 1e6 THEN
    RETURN rowhouse.prove_finding(scene, attack, 'not applicable', 'not tried on a table of this size');
  END IF;
  SELECT * INTO seen FROM rowhouse.prove_act((scene ->> 'role')::oid, (scene -> 'session_a')
      || '{"then": {"enable_indexscan": "off", "enable_bitmapscan": "off", "enable_indexonlyscan": "off"}}',
    format('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, FORMAT JSON) SELECT FROM %s', relation), true);
  RETURN CASE
    WHEN seen.state = '42501' AND NOT scene ? 'blind' THEN
      rowhouse.prove_finding(scene, attack, 'held', '42501 ' || seen.message)
    WHEN seen.state <> '00000' THEN rowhouse.prove_finding(scene, attack, 'not applicable', seen.message)
    WHEN seen.value ~ '"Rows Removed by Filter": [1-9]' THEN
      rowhouse.prove_finding(scene, attack, 'not applicable', 'works, on every PostgreSQL: it counts others'' rows')
    ELSE rowhouse.prove_finding(scene, attack, 'not applicable', 'no policy takes rows away')
  END;
END
$function$;

-- Before a tenant has ever been set in this session, which a custom setting can be once only.
CREATE OR REPLACE FUNCTION rowhouse.prove_unset(scene jsonb) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  attack text := 'read, no tenant ever set';
  relation regclass := (scene ->> 'relation')::oid::regclass;
  seen record;
BEGIN
  IF EXISTS (SELECT FROM rowhouse.prove_settings(relation) AS name WHERE current_setting(name, true) IS NOT NULL) THEN
    RETURN rowhouse.prove_finding(scene, attack, 'not applicable',
      'a tenant was set in this session before: call prove() in a new one');
  ELSIF NOT EXISTS (SELECT FROM rowhouse.family(relation) AS f WHERE pg_relation_size(f.relation) > 0) THEN
    RETURN rowhouse.prove_finding(scene, attack, 'not applicable', 'the table is empty');
  END IF;
  BEGIN
    SELECT * INTO seen FROM rowhouse.prove_act((scene ->> 'role')::oid, NULL,
      format('SELECT count(*)::text FROM (SELECT FROM %s LIMIT 1) AS seen', relation), true);
    RAISE EXCEPTION USING ERRCODE = 'RW001';
  EXCEPTION WHEN SQLSTATE 'RW001' THEN
    NULL;
  END;
  RETURN CASE
    WHEN seen.state = '00000' AND seen.value::bigint > 0 THEN
      rowhouse.prove_finding(scene, attack, 'leaked', 'sees rows')
    WHEN seen.state = '00000' THEN rowhouse.prove_finding(scene, attack, 'held', 'sees nothing')
    ELSE rowhouse.prove_finding(scene, attack, 'not applicable', seen.message)
  END;
END
$function$;
