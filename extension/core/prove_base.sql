-- prove(): how an attempt is made and judged. prove_seed.sql makes rows, prove_reads.sql, prove_writes.sql and
-- prove_keys.sql hold the attempts, prove.sql puts them together.
--
-- Whatever an attempt sets off - triggers, column defaults, checks, views - is somebody else's code, and runs with the
-- rights of the role that attempts, never with those of who called prove(): SET ROLE would not do, since such code can
-- RESET ROLE and be the caller. So each role has a stand-in, a function with that role's rights, in which the server
-- refuses to change roles. It is made inside a subtransaction that is rolled back, like everything else here.
--
-- What is compared are the rows of a throw-away tenant, which nobody else can see or touch: what other sessions do at
-- the same time is not mistaken for an effect of ours.

-- RW001 rolls back what was tried, RW002 says why something can't be tried.
CREATE OR REPLACE FUNCTION rowhouse.prove_stand_in(role oid) RETURNS text
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  is_super boolean := (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user);
  schema name := CASE WHEN is_super OR has_database_privilege(role, current_database(), 'TEMPORARY') THEN 'pg_temp'
    ELSE 'rowhouse' END;
  stand_in text := format('%I.%I', schema, 'prove_as_' || role);
  -- A function's owner has to be one who could have made it there.
  is_lent boolean := schema = 'rowhouse' AND NOT has_schema_privilege(role, 'rowhouse', 'CREATE');
  there record;
BEGIN
  -- One that somebody else has put there in the meantime would run with our rights.
  SELECT p.prosecdef AND p.proowner = role AS is_good INTO there
    FROM pg_proc AS p WHERE p.oid = to_regprocedure(stand_in || '(jsonb, text, boolean)');
  IF there.is_good THEN
    RETURN stand_in;
  ELSIF FOUND THEN
    PERFORM rowhouse.prove_refuse(format('something else is called %s', stand_in));
  END IF;
  EXECUTE format($create$
    CREATE FUNCTION %s(context jsonb, statement text, is_query boolean,
        OUT state text, OUT message text, OUT touched bigint, OUT value text)
      LANGUAGE plpgsql SECURITY DEFINER
      SET search_path = pg_catalog, pg_temp
    AS $body$
    BEGIN
      PERFORM set_config(entry.key, entry.value, true) FROM jsonb_each_text(context -> 'settings') AS entry;
      IF context ? 'token' THEN
        PERFORM rowhouse.login(context ->> 'token');
      END IF;
      PERFORM set_config('rowhouse.ticket', replace(current_setting('rowhouse.ticket', true), forged.key, forged.value),
        true) FROM jsonb_each_text(context -> 'forge') AS forged;
      PERFORM set_config(entry.key, entry.value, true) FROM jsonb_each_text(context -> 'then') AS entry;
      PERFORM set_config('search_path', %L, true);
      IF is_query THEN
        EXECUTE statement INTO value;
      ELSE
        EXECUTE statement;
      END IF;
      GET DIAGNOSTICS touched = ROW_COUNT;
      state := '00000';
      message := touched || ' rows';
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, value = CONSTRAINT_NAME;
      value := NULLIF(value, '');
    END
    $body$ $create$, stand_in, (SELECT s.reset_val FROM pg_settings AS s WHERE s.name = 'search_path'));
  -- Nobody but the caller: what runs as one role must not get at the stand-in of another.
  EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', stand_in);
  EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO CURRENT_USER', stand_in);
  IF is_lent THEN
    EXECUTE format('GRANT CREATE ON SCHEMA rowhouse TO %s', role::regrole);
  END IF;
  EXECUTE format('ALTER FUNCTION %s OWNER TO %s', stand_in, role::regrole);
  IF is_lent THEN
    EXECUTE format('REVOKE CREATE ON SCHEMA rowhouse FROM %s', role::regrole);
  END IF;
  RETURN stand_in;
END
$function$;

-- One statement, as a role and in a session: {"settings": {…}, "token": …}, NULL for the session as it is.
CREATE OR REPLACE FUNCTION rowhouse.prove_act(role oid, context jsonb, statement text, is_query boolean DEFAULT false,
    OUT state text, OUT message text, OUT touched bigint, OUT value text)
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  EXECUTE format('SELECT acted.* FROM %s($1, $2, $3) AS acted', rowhouse.prove_stand_in(role))
    INTO state, message, touched, value USING context, statement, is_query;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.prove_refuse(reason text) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'RW002', MESSAGE = reason;
END
$function$;

-- Whether the caller may act as a role.
CREATE OR REPLACE FUNCTION rowhouse.prove_may_act(role oid) RETURNS boolean
  LANGUAGE sql STABLE
  RETURN pg_has_role(role, rowhouse.set_role_privilege());

-- A token as an issuer makes it, by the current key, which only the owner of rowhouse reads.
CREATE OR REPLACE FUNCTION rowhouse.prove_token(tenant text) RETURNS text
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  signed text := 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.' || translate(encode(convert_to(json_build_object(
    'tenant', tenant, 'exp', floor(extract(epoch FROM clock_timestamp())) + 600)::text, 'UTF8'), 'base64'),
    E'+/=\n', '-_');
  signature bytea;
BEGIN
  SELECT sha256(k.outer_pad || sha256(k.inner_pad || convert_to(signed, 'UTF8'))) INTO signature
    FROM rowhouse.seal_key AS k WHERE k.expires_at IS NULL;
  IF signature IS NULL THEN
    PERFORM rowhouse.prove_refuse('the database is sealed and there is no key to read: call prove() as the owner of '
      'rowhouse, after rowhouse.rotate_key() where the keys are gone');
  END IF;
  RETURN signed || '.' || translate(encode(signature, 'base64'), E'+/=\n', '-_');
END
$function$;

-- The session of a tenant, NULL for one whose tenant was emptied. Settings that hand-written policies read are set too.
CREATE OR REPLACE FUNCTION rowhouse.prove_session(relation regclass, tenant text) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  is_sealed boolean := rowhouse.is_sealed();
  named jsonb := (SELECT jsonb_object_agg(name, coalesce(tenant, '')) FROM rowhouse.prove_settings(relation) AS name);
BEGIN
  RETURN jsonb_build_object('settings', named || jsonb_build_object('rowhouse.ticket', '', 'rowhouse.prove', '0')
      || jsonb_build_object('rowhouse.tenant', CASE WHEN is_sealed THEN '' ELSE coalesce(tenant, '') END))
    || CASE WHEN is_sealed AND tenant IS NOT NULL
      THEN jsonb_build_object('token', rowhouse.prove_token(tenant)) ELSE '{}' END;
END
$function$;

-- The settings that the policies of a table and of what it belongs to read; where none can be seen, ours.
CREATE OR REPLACE FUNCTION rowhouse.prove_settings(relation regclass) RETURNS SETOF text
  LANGUAGE sql STABLE
BEGIN ATOMIC
  WITH read(name) AS (
    SELECT DISTINCT seen[1]
      FROM pg_policy AS p, unnest(ARRAY[pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)])
          AS condition,
        regexp_matches(condition, 'current_setting\(''([a-z_][a-z0-9_]*\.[a-z0-9_.]+)''', 'gi') AS seen
      WHERE p.polrelid IN (prove_settings.relation, (SELECT i.inhparent FROM pg_inherits AS i
                                                       WHERE i.inhrelid = prove_settings.relation LIMIT 1))
  )
  SELECT read.name FROM read
  UNION ALL
  SELECT 'rowhouse.tenant' WHERE NOT EXISTS (SELECT FROM read);
END;

-- Count and digest of a tenant's rows, as the table's owner sees them in that tenant's session; NULL if that fails.
CREATE OR REPLACE FUNCTION rowhouse.prove_digest(scene jsonb, relation text) RETURNS text
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN (rowhouse.prove_act((scene ->> 'owner')::oid, scene -> 'session_b', format(
    'SELECT format(''%%s %%s'', count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0))
       FROM %s AS t WHERE %I = %L', relation, scene ->> 'column', scene ->> 'b'), true)).value;
END
$function$;

-- An expression that names no column, so that the server asks no policy for reading, and that ends a statement which
-- has reached a second row that is not the tenant's own: a hole is seen without going through the whole table.
CREATE OR REPLACE FUNCTION rowhouse.prove_limit() RETURNS text
  LANGUAGE sql IMMUTABLE
  RETURN 'CASE WHEN set_config(''rowhouse.prove'', (coalesce(NULLIF(current_setting(''rowhouse.prove'', true), ''''), '
    '''0'')::integer + 1)::text, true)::integer > 2 '
    'THEN (''rowhouse_beyond_'' || current_setting(''rowhouse.prove''))::integer IS NOT NULL ELSE true END';

CREATE OR REPLACE FUNCTION rowhouse.prove_finding(scene jsonb, attack text, outcome text, detail text,
    object text DEFAULT NULL) RETURNS jsonb
  LANGUAGE sql STABLE
  RETURN jsonb_build_array(jsonb_build_object('attack', attack, 'object', coalesce(object, scene ->> 'object'),
    'outcome', outcome, 'detail', coalesce('as ' || ((scene ->> 'role')::oid::regrole)::text || ': ', '') || detail));

CREATE OR REPLACE FUNCTION rowhouse.prove_is_busy(state text) RETURNS boolean
  LANGUAGE sql IMMUTABLE
  RETURN state IN ('55P03', '40P01', '40001');

-- What a statement of the role in a session does to the throw-away neighbour, undone: leaked, state, message, touched.
CREATE OR REPLACE FUNCTION rowhouse.prove_hit(scene jsonb, relation text, context jsonb, statement text)
  RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  before text := rowhouse.prove_digest(scene, relation);
  after text;
  hit record;
  late record;
BEGIN
  BEGIN
    SELECT * INTO hit FROM rowhouse.prove_act((scene ->> 'role')::oid, context, replace(statement, '{T}', relation));
    IF hit.state = '00000' THEN
      SELECT * INTO late FROM rowhouse.prove_act((scene ->> 'role')::oid, NULL, 'SET CONSTRAINTS ALL IMMEDIATE');
      IF late.state <> '00000' THEN
        hit := late;
      END IF;
    END IF;
    after := rowhouse.prove_digest(scene, relation);
    RAISE EXCEPTION USING ERRCODE = 'RW001';
  EXCEPTION WHEN SQLSTATE 'RW001' THEN
    NULL;
  END;
  RETURN jsonb_build_object('state', hit.state, 'message', hit.message, 'touched', hit.touched, 'constraint', hit.value,
    'leaked', hit.state = '00000' AND (before IS DISTINCT FROM after OR hit.touched > 1)
      OR strpos(hit.message, 'rowhouse_beyond_') > 0);
END
$function$;

-- The statement on the real table, beside its success and on the copy without policies, where it has to leak. own: what
-- has to work for the refusal to mean something; NULL when the attempt itself has to reach the tenant's own row.
-- is_open: any row touched is one too many.
CREATE OR REPLACE FUNCTION rowhouse.prove_strike(scene jsonb, attack text, privilege text, statement text,
    own text DEFAULT NULL, context jsonb DEFAULT NULL, is_open boolean DEFAULT false) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  role oid := scene ->> 'role';
  relation regclass := (scene ->> 'relation')::oid::regclass;
  session jsonb := coalesce(context, scene -> 'session_a');
  hit jsonb;
  success jsonb;
  control jsonb;
BEGIN
  IF NOT (has_table_privilege(role, relation, privilege) OR privilege <> 'DELETE'
      AND has_any_column_privilege(role, relation, privilege)) THEN
    RETURN rowhouse.prove_finding(scene, attack, 'not applicable', 'holds no ' || privilege);
  END IF;
  hit := rowhouse.prove_hit(scene, relation::text, session, statement);
  IF (hit ->> 'leaked')::boolean OR is_open AND hit ->> 'state' = '00000' AND (hit ->> 'touched')::bigint > 0 THEN
    RETURN rowhouse.prove_finding(scene, attack, 'leaked', CASE hit ->> 'state' WHEN '00000'
      THEN format('went through, %s', hit ->> 'message') ELSE 'reached rows of others, stopped there' END);
  END IF;
  success := CASE WHEN own IS NULL THEN hit
    ELSE rowhouse.prove_hit(scene, relation::text, scene -> 'session_a', own) END;
  IF (success ->> 'leaked')::boolean THEN
    RETURN rowhouse.prove_finding(scene, attack, 'leaked', 'on its own row it changed the other tenant''s as well');
  ELSIF rowhouse.prove_is_busy(hit ->> 'state') OR rowhouse.prove_is_busy(success ->> 'state') THEN
    RETURN rowhouse.prove_finding(scene, attack, 'not applicable', 'busy: ' || (hit ->> 'message'));
  ELSIF success ->> 'state' <> '00000' OR (success ->> 'touched')::bigint = 0 THEN
    RETURN rowhouse.prove_finding(scene, attack, 'not applicable',
      'does not work on the tenant''s own row either: ' || (success ->> 'message'));
  END IF;
  control := rowhouse.prove_hit(scene, scene ->> 'copy', session, statement);
  IF NOT (control ->> 'leaked')::boolean AND NOT (is_open AND control ->> 'state' = '00000'
      AND (control ->> 'touched')::bigint > 0) THEN
    RETURN rowhouse.prove_finding(scene, attack, 'not applicable',
      'would not be seen: a copy without policies does not leak either: ' || (control ->> 'message'));
  END IF;
  RETURN rowhouse.prove_finding(scene, attack, 'held', CASE hit ->> 'state' WHEN '00000'
    THEN format('reached %s', hit ->> 'message') ELSE (hit ->> 'state') || ' ' || (hit ->> 'message') END);
END
$function$;
