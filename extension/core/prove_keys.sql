-- prove(): attempts by way of keys, sequences and views: to learn that a row is there, to hold it, to delete it.

-- The neighbour's row again, as text by column, and an own new one with the neighbour's values in some columns.
CREATE OR REPLACE FUNCTION rowhouse.prove_disguise(scene jsonb, columns name[]) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  relation regclass := (scene ->> 'relation')::oid::regclass;
  theirs jsonb;
BEGIN
  theirs := (rowhouse.prove_act((scene ->> 'owner')::oid, scene -> 'session_b', format(
    'SELECT jsonb_build_object(%s)::text FROM %s WHERE %I = %L',
    (SELECT string_agg(format('%L, %I::text', c, c), ', ') FROM unnest(columns) AS c), relation, scene ->> 'column',
    scene ->> 'b'), true)).value::jsonb;
  RETURN rowhouse.prove_row(relation, scene #> '{seed_a,given}', (scene #>> '{seed_a,variant}')::integer)
    || theirs || jsonb_build_object(scene ->> 'column', scene ->> 'a');
END
$function$;

-- An own row with the key of the neighbour's: refused as a duplicate, it tells that the neighbour has it. Of an index
-- over expressions or a part of the rows any column may matter, and for EXCLUDE too.
CREATE OR REPLACE FUNCTION rowhouse.prove_unique(scene jsonb) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  attack text := 'learn a key';
  relation regclass := (scene ->> 'relation')::oid::regclass;
  key record;
  object text;
  made jsonb;
  hit jsonb;
  findings jsonb := '[]';
BEGIN
  IF NOT has_table_privilege((scene ->> 'role')::oid, relation, 'INSERT') THEN
    RETURN findings;
  END IF;
  FOR key IN
    SELECT x.oid, x.relname, k.conname, is_plain,
        array_agg(a.attname ORDER BY a.attnum) FILTER (WHERE a.attgenerated = '') AS columns,
        bool_or(a.atttypid = 'uuid'::regtype AND a.attname <> scene ->> 'column') AND is_plain AS is_secret,
        bool_or(a.attname = scene ->> 'column') OR NOT is_plain AS has_tenant
      FROM pg_index AS i
      CROSS JOIN LATERAL (SELECT i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL AS is_plain) AS form
      JOIN pg_class AS x ON x.oid = i.indexrelid
      JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum > 0 AND NOT a.attisdropped
        AND (a.attnum = ANY (i.indkey) OR NOT is_plain)
      LEFT JOIN pg_constraint AS k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
        AND k.conrelid = i.indrelid
      WHERE i.indrelid = relation AND (i.indisunique OR i.indisexclusion) AND i.indisvalid
      GROUP BY x.oid, x.relname, k.conname, is_plain ORDER BY x.relname
  LOOP
    object := CASE WHEN key.conname IS NULL THEN rowhouse.relation_object(key.oid)
      ELSE rowhouse.part_object('constraint', relation, key.conname) END;
    CONTINUE WHEN key.columns = ARRAY[(scene ->> 'column')::name];
    made := rowhouse.prove_disguise(scene, key.columns);
    hit := rowhouse.prove_hit(scene, relation::text, scene -> 'session_a', rowhouse.prove_insert(made));
    findings := findings || CASE
      WHEN key.is_plain AND EXISTS (SELECT FROM unnest(key.columns) AS c WHERE made ->> c IS NULL) THEN
        rowhouse.prove_finding(scene, attack, 'not applicable', 'the key of the row that was made up is NULL', object)
      WHEN hit ->> 'state' = '00000' THEN
        rowhouse.prove_finding(scene, attack, 'held', 'takes the same key as the other tenant', object)
      WHEN hit ->> 'state' IN ('23505', '23P01') AND hit ->> 'constraint' = key.relname AND key.is_secret THEN
        rowhouse.prove_finding(scene, attack, 'not applicable', 'a uuid can''t be guessed', object)
      WHEN hit ->> 'state' IN ('23505', '23P01') AND hit ->> 'constraint' = key.relname THEN
        rowhouse.prove_finding(scene, attack, 'leaked', 'a duplicate of the other tenant''s row is refused', object)
      ELSE rowhouse.prove_finding(scene, attack, 'not applicable', hit ->> 'message', object)
    END;
    IF NOT key.has_tenant THEN
      findings := findings || rowhouse.prove_overwrite(scene, made, key.columns, object);
    END IF;
  END LOOP;
  RETURN findings;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.prove_overwrite(scene jsonb, made jsonb, columns name[], object text) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  hit jsonb := rowhouse.prove_hit(scene, ((scene ->> 'relation')::oid::regclass)::text, scene -> 'session_a', format(
    '%s ON CONFLICT (%s) DO UPDATE SET %I = %L', rowhouse.prove_insert(made),
    (SELECT string_agg(quote_ident(c), ', ') FROM unnest(columns) AS c), scene ->> 'column', scene ->> 'a'));
BEGIN
  RETURN CASE
    WHEN (hit ->> 'leaked')::boolean THEN
      rowhouse.prove_finding(scene, 'overwrite by key', 'leaked', 'ON CONFLICT DO UPDATE took the row over', object)
    WHEN hit ->> 'state' = '42501' THEN
      rowhouse.prove_finding(scene, 'overwrite by key', 'held', '42501 ' || (hit ->> 'message'), object)
    ELSE rowhouse.prove_finding(scene, 'overwrite by key', 'not applicable', hit ->> 'message', object)
  END;
END
$function$;

-- A foreign key to rows of tenants: an own row that refers to the neighbour's, and the neighbour's that went with an
-- own one it was made to refer to.
CREATE OR REPLACE FUNCTION rowhouse.prove_references(scene jsonb) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  relation regclass := (scene ->> 'relation')::oid::regclass;
  key record;
  object text;
  findings jsonb := '[]';
BEGIN
  FOR key IN
    SELECT k.oid, k.conname, k.confrelid::regclass AS parent, k.confdeltype
      FROM pg_constraint AS k
      WHERE k.conrelid = relation AND k.contype = 'f' AND k.confrelid <> k.conrelid
        AND rowhouse.prove_tenant_column(k.confrelid::regclass) IS NOT NULL
        AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum = ANY (k.conkey)
                      AND a.attname <> scene ->> 'column')
      ORDER BY k.conname
  LOOP
    object := rowhouse.part_object('constraint', relation, key.conname);
    BEGIN
      findings := findings || rowhouse.prove_reference_to(scene, key.oid, key.parent, key.confdeltype, object);
    EXCEPTION WHEN SQLSTATE 'RW002' THEN
      findings := findings || rowhouse.prove_finding(scene, 'refer to another tenant''s row', 'not applicable', SQLERRM,
        object);
    END;
  END LOOP;
  RETURN findings;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.prove_reference_to(scene jsonb, key oid, parent regclass, on_delete "char",
    object text) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  attack text := 'refer to another tenant''s row';
  relation regclass := (scene ->> 'relation')::oid::regclass;
  role oid := scene ->> 'role';
  own_tenant jsonb := jsonb_build_object(scene ->> 'column', scene ->> 'a');
  their_tenant jsonb := jsonb_build_object(scene ->> 'column', scene ->> 'b');
  own_parent jsonb := rowhouse.prove_refer(key, own_tenant, scene ->> 'a', scene -> 'session_a', 0);
  their_parent jsonb := rowhouse.prove_refer(key, their_tenant, scene ->> 'b', scene -> 'session_b', 0);
  own_row jsonb := rowhouse.prove_row(relation, (scene #> '{seed_a,given}') || own_parent || own_tenant,
    (scene #>> '{seed_a,variant}')::integer);
  findings jsonb := '[]';
  hit jsonb;
  success jsonb;
BEGIN
  IF has_table_privilege(role, relation, 'INSERT') THEN
    hit := rowhouse.prove_hit(scene, relation::text, scene -> 'session_a',
      rowhouse.prove_insert(own_row || their_parent || own_tenant));
    success := rowhouse.prove_hit(scene, relation::text, scene -> 'session_a', rowhouse.prove_insert(own_row));
    findings := CASE
      WHEN hit ->> 'state' = '00000' THEN
        rowhouse.prove_finding(scene, attack, 'leaked',
          format('a row of %s that is another tenant''s is taken', parent), object)
      WHEN success ->> 'state' <> '00000' THEN
        rowhouse.prove_finding(scene, attack, 'not applicable', success ->> 'message', object)
      WHEN hit ->> 'state' = '23503' THEN
        rowhouse.prove_finding(scene, attack, 'held', '23503: as if it were not there', object)
      ELSE rowhouse.prove_finding(scene, attack, 'not applicable', hit ->> 'message', object)
    END;
  END IF;
  IF on_delete IN ('c', 'n', 'd') AND has_table_privilege(role, parent, 'DELETE') THEN
    findings := findings || rowhouse.prove_cascade(scene, parent, own_parent, their_tenant, object);
  END IF;
  RETURN findings;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.prove_cascade(scene jsonb, parent regclass, own_parent jsonb, their_tenant jsonb,
    object text) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  attack text := 'delete by cascade';
  relation regclass := (scene ->> 'relation')::oid::regclass;
  laid record;
  hit jsonb;
BEGIN
  BEGIN
    SELECT * INTO laid FROM rowhouse.prove_act((scene ->> 'owner')::oid, scene -> 'session_b', replace(
      rowhouse.prove_insert(rowhouse.prove_row(relation, (scene #> '{seed_b,given}') || own_parent || their_tenant,
        (scene #>> '{seed_b,variant}')::integer)), '{T}', relation::text));
    IF laid.state = '00000' THEN
      hit := rowhouse.prove_hit(scene, relation::text, scene -> 'session_a', format('DELETE FROM %s WHERE %I = %L',
        parent, rowhouse.prove_tenant_column(parent), scene ->> 'a'));
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'RW001';
  EXCEPTION WHEN SQLSTATE 'RW001' THEN
    NULL;
  END;
  RETURN CASE
    WHEN laid.state = '23503' THEN
      rowhouse.prove_finding(scene, attack, 'held', 'no row of another tenant''s can hang on its own', object)
    WHEN laid.state <> '00000' THEN
      rowhouse.prove_finding(scene, attack, 'not applicable', laid.message, object)
    WHEN (hit ->> 'leaked')::boolean THEN
      rowhouse.prove_finding(scene, attack, 'leaked', format('deleting its own row of %s changed another tenant''s',
        parent), object)
    ELSE rowhouse.prove_finding(scene, attack, 'not applicable', hit ->> 'message', object)
  END;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.prove_sequences(scene jsonb) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  sequence regclass;
  seen record;
  findings jsonb := '[]';
BEGIN
  FOR sequence IN
    SELECT owned FROM rowhouse.owned_sequences((scene ->> 'relation')::oid::regclass) AS owned
  LOOP
    SELECT * INTO seen FROM rowhouse.prove_act((scene ->> 'role')::oid, scene -> 'session_a',
      format('SELECT last_value::text FROM %s', sequence), true);
    findings := findings || CASE
      WHEN seen.state <> '00000' THEN rowhouse.prove_finding(scene, 'read a sequence', 'held',
        seen.state || ' ' || seen.message, rowhouse.relation_object(sequence))
      WHEN pg_has_role((scene ->> 'role')::oid, (scene ->> 'owner')::oid, 'USAGE') THEN
        rowhouse.prove_finding(scene, 'read a sequence', 'not applicable', 'its owner may',
          rowhouse.relation_object(sequence))
      ELSE rowhouse.prove_finding(scene, 'read a sequence', 'leaked', 'reads how far all tenants together have come',
        rowhouse.relation_object(sequence))
    END;
  END LOOP;
  RETURN findings;
END
$function$;

-- Views that show the table, to the last, and are readable for the role.
CREATE OR REPLACE FUNCTION rowhouse.prove_views_over(relation oid, role oid) RETURNS SETOF oid
  LANGUAGE sql STABLE
BEGIN ATOMIC
  WITH RECURSIVE over(view) AS (
    SELECT prove_views_over.relation
    UNION
    SELECT r.ev_class
      FROM over
      JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = over.view
        AND d.classid = 'pg_rewrite'::regclass
      JOIN pg_rewrite AS r ON r.oid = d.objid
      JOIN pg_class AS c ON c.oid = r.ev_class AND c.relkind IN ('v', 'm')
  )
  SELECT over.view
    FROM over JOIN pg_class AS c ON c.oid = over.view
    WHERE over.view <> prove_views_over.relation AND NOT rowhouse.is_foreign_schema(c.relnamespace)
      AND has_schema_privilege(role, c.relnamespace, 'USAGE')
      AND has_any_column_privilege(role, over.view, 'SELECT')
    ORDER BY over.view;
END;

-- What the view shows, and what it would show without the rows of one throw-away tenant: a view that changes when the
-- neighbour's row goes has shown it. And one with a tenant column must have the tenant's own there.
CREATE OR REPLACE FUNCTION rowhouse.prove_view(scene jsonb, view oid) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  attack text := 'read through a view';
  role oid := scene ->> 'role';
  object text := rowhouse.relation_object(view);
  shown text := format('SELECT concat(count(*), '' '', sum(hashtextextended(v::text, 0)::numeric)) FROM %s AS v',
    view::regclass);
  first_look record;
  second_look record;
  without_their text;
  without_own text;
  others record;
BEGIN
  IF EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = view AND a.attname = scene ->> 'column') THEN
    SELECT * INTO others FROM rowhouse.prove_act(role, scene -> 'session_a', format(
      'SELECT count(*)::text FROM (SELECT FROM %s WHERE %I::text <> %L LIMIT 1) AS seen', view::regclass,
      scene ->> 'column', scene ->> 'a'), true);
    IF others.value = '1' THEN
      RETURN rowhouse.prove_finding(scene, attack, 'leaked', 'shows rows of other tenants', object);
    END IF;
  END IF;
  SELECT * INTO first_look FROM rowhouse.prove_act(role, scene -> 'session_a', shown, true);
  SELECT * INTO second_look FROM rowhouse.prove_act(role, scene -> 'session_a', shown, true);
  without_their := rowhouse.prove_shown_without(scene, shown, 'b');
  without_own := rowhouse.prove_shown_without(scene, shown, 'a');
  RETURN CASE
    WHEN first_look.state <> '00000' THEN
      rowhouse.prove_finding(scene, attack, 'not applicable', first_look.message, object)
    WHEN first_look.value IS DISTINCT FROM second_look.value THEN
      rowhouse.prove_finding(scene, attack, 'not applicable', 'what it shows changes by itself', object)
    WHEN without_their IS DISTINCT FROM first_look.value AND without_their IS NOT NULL THEN
      rowhouse.prove_finding(scene, attack, 'leaked', 'shows something else when the other tenant''s row is gone',
        object)
    WHEN without_own IS NOT DISTINCT FROM first_look.value OR without_their IS NULL OR without_own IS NULL THEN
      rowhouse.prove_finding(scene, attack, 'not applicable', 'does not show the tenant''s own row either', object)
    ELSE rowhouse.prove_finding(scene, attack, 'held', 'shows the tenant''s own row, not the other''s', object)
  END;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.prove_shown_without(scene jsonb, shown text, who text) RETURNS text
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  gone record;
  seen record;
BEGIN
  BEGIN
    SELECT * INTO gone FROM rowhouse.prove_act((scene ->> 'owner')::oid, scene -> ('session_' || who), format(
      'DELETE FROM %s WHERE %I = %L', (scene ->> 'relation')::oid::regclass, scene ->> 'column', scene ->> who));
    SELECT * INTO seen FROM rowhouse.prove_act((scene ->> 'role')::oid, scene -> 'session_a', shown, true);
    RAISE EXCEPTION USING ERRCODE = 'RW001';
  EXCEPTION WHEN SQLSTATE 'RW001' THEN
    NULL;
  END;
  RETURN CASE WHEN gone.touched = 1 AND seen.state = '00000' THEN seen.value END;
END
$function$;

-- A view that filters by itself: a condition of the caller's that fails on the neighbour's row, tried before the view's
-- own, tells that the row is there. The same on the own row shows that the condition is tried at all.
CREATE OR REPLACE FUNCTION rowhouse.prove_overhear(scene jsonb, view oid) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  attack text := 'overhear through a view';
  object text := rowhouse.relation_object(view);
  statement text := format(
    'SELECT count(*)::text FROM %s AS v WHERE 1 / CASE v.%I::text WHEN %%L THEN 0 ELSE 1 END > 0', view::regclass,
    scene ->> 'column');
  theirs record;
  own record;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind = 'v'
                   WHERE a.attrelid = view AND a.attname = scene ->> 'column') THEN
    RETURN '[]';
  END IF;
  SELECT * INTO theirs FROM rowhouse.prove_act((scene ->> 'role')::oid, scene -> 'session_a',
    format(statement, scene ->> 'b'), true);
  SELECT * INTO own FROM rowhouse.prove_act((scene ->> 'role')::oid, scene -> 'session_a',
    format(statement, scene ->> 'a'), true);
  RETURN CASE
    WHEN theirs.state = '22012' THEN
      rowhouse.prove_finding(scene, attack, 'leaked', 'a condition was tried on another tenant''s row', object)
    WHEN own.state <> '22012' THEN
      rowhouse.prove_finding(scene, attack, 'not applicable', 'was not tried on the tenant''s own row either', object)
    ELSE rowhouse.prove_finding(scene, attack, 'held', 'a condition is tried on own rows alone', object)
  END;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.prove_views(scene jsonb) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN coalesce((SELECT jsonb_agg(finding)
    FROM rowhouse.prove_views_over((scene ->> 'relation')::oid, (scene ->> 'role')::oid) AS view,
      jsonb_array_elements(rowhouse.prove_view(scene, view) || rowhouse.prove_overhear(scene, view)) AS finding), '[]');
END
$function$;
