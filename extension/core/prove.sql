-- prove(): tries to break in, as two throw-away tenants on the real tables, and rolls everything back. What the
-- policies say is not looked at; what they do is. (The attempts: prove_reads.sql, prove_writes.sql, prove_keys.sql.)

-- Who attacks: the application's roles; where there is none, the login roles that hold something on the table and are
-- bound; where there is none of those, its owner.
CREATE OR REPLACE FUNCTION rowhouse.prove_roles(relation regclass) RETURNS oid[]
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  app oid[] := rowhouse.exempt_roles('app');
  bound oid[];
BEGIN
  IF app IS NOT NULL THEN
    RETURN app;
  END IF;
  SELECT array_agg(r.oid ORDER BY r.oid) INTO bound
    FROM pg_roles AS r
    WHERE r.rolcanlogin AND NOT r.rolbypassrls AND NOT rowhouse.is_unjudged(r.oid)
      AND r.oid <> rowhouse.prove_owner(relation)
      AND rowhouse.audit_reaches(r.oid, relation, 'SELECT, INSERT, UPDATE, DELETE');
  RETURN coalesce(bound, ARRAY[rowhouse.prove_owner(relation)]);
END
$function$;

-- The tables: all that protect() has made, whether they are still in force or not, or one; with what hangs below them,
-- protected or not.
CREATE OR REPLACE FUNCTION rowhouse.prove_targets(target regclass)
  RETURNS TABLE(relation regclass, tenant_column name, kind text)
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT chosen.relation, rowhouse.prove_tenant_column(chosen.relation), coalesce(p.row_kind, 'own')
    FROM (SELECT DISTINCT f.relation
            FROM (SELECT p.polrelid::regclass AS relation FROM pg_policy AS p
                    WHERE prove_targets.target IS NULL AND p.polname = 'rowhouse_isolation'
                  UNION SELECT prove_targets.target WHERE prove_targets.target IS NOT NULL) AS named,
              rowhouse.family(named.relation) AS f) AS chosen
    LEFT JOIN rowhouse.protected_tables AS p ON p.table_name = chosen.relation
    ORDER BY chosen.relation::text COLLATE "C";
END;

-- Tables and roles. NULL when a table is locked: the server reads no policy of it then.
CREATE OR REPLACE FUNCTION rowhouse.prove_bases(target regclass) RETURNS jsonb[]
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  bases jsonb[];
BEGIN
  PERFORM set_config('lock_timeout', '300ms', true);
  bases := ARRAY(
    SELECT jsonb_build_object('relation', t.relation::oid, 'object', rowhouse.relation_object(t.relation),
        'column', t.tenant_column, 'kind', t.kind, 'role', role)
      FROM rowhouse.prove_targets(target) AS t, unnest(rowhouse.prove_roles(t.relation)) AS role);
  RAISE EXCEPTION USING ERRCODE = 'RW001';
EXCEPTION
  WHEN SQLSTATE 'RW001' THEN
    RETURN bases;
  WHEN lock_not_available OR deadlock_detected THEN
    RETURN NULL;
END
$function$;

-- What holds for every attempt on a table by a role; a row for each of the two tenants in the table, and the two rows
-- in a copy without policies. Everything is made inside the caller's subtransaction.
CREATE OR REPLACE FUNCTION rowhouse.prove_scene(base jsonb) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  relation regclass := (base ->> 'relation')::oid::regclass;
  col name := base ->> 'column';
  owner oid := rowhouse.prove_owner(relation);
  scene jsonb := base;
  copy text := format('prove_copy_%s', relation::oid);
  who text;
BEGIN
  FOREACH who IN ARRAY ARRAY['a', 'b'] LOOP
    scene := scene || jsonb_build_object(who, rowhouse.create_tenant(rowhouse.prove_tenant(relation, col)));
    scene := scene || jsonb_build_object('session_' || who, rowhouse.prove_session(relation, scene ->> who));
    scene := scene || jsonb_build_object('seed_' || who, rowhouse.prove_seed(relation,
      jsonb_build_object(col, scene ->> who), scene ->> who, scene -> ('session_' || who)));
  END LOOP;
  EXECUTE format('CREATE TEMPORARY TABLE %I (LIKE %s INCLUDING DEFAULTS INCLUDING GENERATED)', copy, relation);
  EXECUTE format('ALTER TABLE pg_temp.%I ALTER COLUMN %I DROP NOT NULL', copy, col);
  EXECUTE format('GRANT ALL ON pg_temp.%I TO %s, %s', copy, owner::regrole, (scene ->> 'role')::oid::regrole);
  copy := format('pg_temp.%I', copy);
  FOREACH who IN ARRAY ARRAY['a', 'b'] LOOP
    PERFORM rowhouse.prove_act(owner, scene -> ('session_' || who),
      replace(rowhouse.prove_insert(scene #> ARRAY['seed_' || who, 'row']), '{T}', copy));
  END LOOP;
  scene := scene || jsonb_build_object('owner', owner, 'copy', copy, 'sealed', rowhouse.is_sealed(),
    'empty', rowhouse.prove_session(relation, NULL)) || (
      SELECT jsonb_build_object('type', format_type(a.atttypid, a.atttypmod),
          'spelling', CASE t.typcategory WHEN 'S' THEN 'text' ELSE 'other' END)
        FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid WHERE a.attrelid = relation AND a.attname = col);
  IF rowhouse.prove_digest(scene, relation::text) NOT LIKE '1 %' THEN
    PERFORM rowhouse.prove_refuse('the owner does not find the row made for the attempt');
  END IF;
  RETURN scene;
END
$function$;

-- Every attempt on one table by one role.
CREATE OR REPLACE FUNCTION rowhouse.prove_table(base jsonb) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  relation regclass := (base ->> 'relation')::oid::regclass;
  scene jsonb;
BEGIN
  IF base ->> 'kind' = 'reference' THEN
    scene := base || jsonb_build_object('a', rowhouse.create_tenant('prove-' || gen_random_uuid()));
    RETURN rowhouse.prove_reference(scene || jsonb_build_object('session_a',
      rowhouse.prove_session(relation, scene ->> 'a'), 'empty', rowhouse.prove_session(relation, NULL)));
  END IF;
  scene := rowhouse.prove_scene(base);
  RETURN rowhouse.prove_reads(scene) || rowhouse.prove_writes(scene) || rowhouse.prove_unique(scene)
    || rowhouse.prove_references(scene) || rowhouse.prove_sequences(scene) || rowhouse.prove_views(scene);
END
$function$;

-- Why a role's attempts on a table can't be made at all; NULL when they can.
CREATE OR REPLACE FUNCTION rowhouse.prove_obstacle(base jsonb) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  relation oid := base ->> 'relation';
  role oid := base ->> 'role';
  owner oid := rowhouse.prove_owner(relation::regclass);
BEGIN
  RETURN CASE
    WHEN (SELECT c.relkind FROM pg_class AS c WHERE c.oid = relation) NOT IN ('r', 'p') THEN 'it is not a table'
    WHEN base ->> 'column' IS NULL AND base ->> 'kind' <> 'reference' THEN 'it has no tenant column'
    WHEN NOT rowhouse.audit_reaches(role, relation, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') THEN
      'holds no privilege on it'
    WHEN NOT rowhouse.prove_may_act(role) THEN
      format('the caller can''t act as this role: GRANT %s TO %s;', role::regrole, quote_ident(current_user))
    WHEN NOT rowhouse.prove_may_act(owner) THEN
      format('the caller can''t act as the owner: GRANT %s TO %s;', owner::regrole, quote_ident(current_user))
  END;
END
$function$;

-- Undoes what it did, whatever comes of it. is_first: only what has to come before a tenant is set for the first time.
CREATE OR REPLACE FUNCTION rowhouse.prove_one(base jsonb, is_first boolean) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  obstacle text := rowhouse.prove_obstacle(base);
  findings jsonb;
BEGIN
  IF obstacle IS NOT NULL THEN
    RETURN CASE WHEN is_first THEN rowhouse.prove_finding(base, 'everything', 'not applicable', obstacle) ELSE '[]' END;
  END IF;
  BEGIN
    PERFORM set_config('lock_timeout', '300ms', true);
    findings := CASE WHEN is_first THEN rowhouse.prove_unset(base) ELSE rowhouse.prove_table(base) END;
    RAISE EXCEPTION USING ERRCODE = 'RW001';
  EXCEPTION
    WHEN SQLSTATE 'RW001' THEN
      RETURN findings;
    WHEN lock_not_available OR deadlock_detected THEN
      RETURN rowhouse.prove_finding(base, 'everything', 'not applicable', 'busy: ' || SQLERRM);
    WHEN OTHERS THEN
      RETURN rowhouse.prove_finding(base, 'everything', 'not applicable', SQLERRM);
  END;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.prove(target regclass DEFAULT NULL)
  RETURNS TABLE(attack text, object text, outcome text, detail text)
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  findings jsonb := '[]';
  bases jsonb[] := rowhouse.prove_bases(target);
  base jsonb;
  is_first boolean;
BEGIN
  IF bases IS NULL THEN
    RETURN QUERY SELECT 'everything', coalesce(rowhouse.relation_object(target),
      format('database:%I', current_database())), 'not applicable',
      'busy: a table is locked by another session';
    RETURN;
  END IF;
  FOREACH is_first IN ARRAY ARRAY[true, false] LOOP
    FOREACH base IN ARRAY bases LOOP
      findings := findings || rowhouse.prove_one(base, is_first);
    END LOOP;
  END LOOP;
  IF NOT rowhouse.is_sealed() THEN
    findings := findings || jsonb_build_array(jsonb_build_object('attack', 'choose the tenant',
      'object', format('database:%I', current_database()), 'outcome', 'not applicable',
      'detail', 'the database is not sealed: whoever sends SQL chooses the tenant'));
  END IF;
  -- Of several roles the one that got furthest speaks.
  RETURN QUERY
    SELECT last.attack, last.object, last.outcome, last.detail
      FROM (SELECT DISTINCT ON (f.object, f.attack) f.*, made.place
              FROM jsonb_array_elements(findings) WITH ORDINALITY AS made(finding, place),
                jsonb_to_record(made.finding) AS f(attack text, object text, outcome text, detail text)
              ORDER BY f.object, f.attack, array_position(ARRAY['leaked', 'held', 'not applicable'], f.outcome),
                made.place) AS last
      ORDER BY last.place;
END
$function$;
COMMENT ON FUNCTION rowhouse.prove(regclass) IS
  'Tries to break in, as two throw-away tenants on the real tables, undoes everything: held, leaked or not applicable';
