-- prove(): attempts to write into a neighbour's rows. Most of them name no column, since a statement that reads one is
-- kept from the neighbour's rows by the policies for reading already, and hides a hole in those for writing.

-- A column to write a constant into: one that the role may write and that no key needs.
CREATE OR REPLACE FUNCTION rowhouse.prove_plain_column(relation regclass, role oid, tenant_column name) RETURNS name
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN (
    SELECT a.attname
      FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
      WHERE a.attrelid = prove_plain_column.relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        AND a.attidentity = '' AND a.attname <> prove_plain_column.tenant_column
        AND t.typcategory IN ('S', 'N', 'D')
        AND has_column_privilege(prove_plain_column.role, a.attrelid, a.attnum, 'UPDATE')
        AND NOT EXISTS (SELECT FROM pg_index AS i
                          WHERE i.indrelid = a.attrelid AND i.indisunique AND a.attnum = ANY (i.indkey))
        AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = a.attrelid AND a.attnum = ANY (k.conkey)
                          AND k.contype IN ('f', 'c', 'x'))
        AND NOT EXISTS (SELECT FROM pg_partitioned_table AS p
                          WHERE p.partrelid = a.attrelid AND a.attnum = ANY (p.partattrs))
      ORDER BY t.typcategory = 'S' DESC, a.attnum LIMIT 1);
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.prove_writes(scene jsonb) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  role oid := scene ->> 'role';
  relation regclass := (scene ->> 'relation')::oid::regclass;
  col name := scene ->> 'column';
  a text := quote_literal(scene ->> 'a') || '::' || (scene ->> 'type');
  b text := quote_literal(scene ->> 'b') || '::' || (scene ->> 'type');
  plain name := rowhouse.prove_plain_column(relation, role, col);
  limited text := rowhouse.prove_limit();
  own_row text := rowhouse.prove_insert(rowhouse.prove_row(relation, scene #> '{seed_a,given}',
    (scene #>> '{seed_a,variant}')::integer));
  their_row text := rowhouse.prove_insert(rowhouse.prove_row(relation, scene #> '{seed_b,given}',
    (scene #>> '{seed_b,variant}')::integer));
  nobodys_row text := rowhouse.prove_insert(rowhouse.prove_row(relation, (scene #> '{seed_a,given}')
    || jsonb_build_object(col, NULL), (scene #>> '{seed_a,variant}')::integer));
  move text := format('UPDATE {T} SET %I = CASE WHEN %s THEN ', col, limited);
  findings jsonb;
BEGIN
  findings := rowhouse.prove_strike(scene, 'insert for another tenant', 'INSERT', their_row, own_row)
    || rowhouse.prove_strike(scene, 'insert, tenant emptied', 'INSERT', their_row, own_row, scene -> 'empty')
    || rowhouse.prove_for_nobody(scene, 'insert for nobody', 'INSERT', nobodys_row, own_row)
    || rowhouse.prove_strike(scene, 'move to another tenant', 'UPDATE', move || b || ' END',
      move || a || ' END')
    || rowhouse.prove_for_nobody(scene, 'move to nobody', 'UPDATE', format('%sNULL::%s END', move, scene ->> 'type'),
      move || a || ' END')
    || rowhouse.prove_strike(scene, 'take over blindly', 'UPDATE', move || a || ' END')
    || rowhouse.prove_strike(scene, 'take over by key', 'UPDATE', format('%s%s END WHERE %I = %s', move, a, col, b),
      format('%s%s END WHERE %I = %s', move, a, col, a))
    || rowhouse.prove_strike(scene, 'delete blindly', 'DELETE', 'DELETE FROM {T} WHERE ' || limited)
    || rowhouse.prove_strike(scene, 'delete, tenant emptied', 'DELETE', 'DELETE FROM {T} WHERE ' || limited,
      'DELETE FROM {T} WHERE ' || limited, scene -> 'empty', true)
    || rowhouse.prove_strike(scene, 'delete by key', 'DELETE', format('DELETE FROM {T} WHERE %I = %s', col, b),
      format('DELETE FROM {T} WHERE %I = %s', col, a));
  IF plain IS NULL THEN
    findings := findings || rowhouse.prove_finding(scene, 'update blindly', 'not applicable',
      CASE WHEN has_any_column_privilege(role, relation, 'UPDATE') THEN 'no plain column to write'
        ELSE 'holds no UPDATE' END);
  ELSE
    findings := findings || rowhouse.prove_strike(scene, 'update blindly', 'UPDATE', (
      SELECT format('UPDATE {T} SET %I = CASE WHEN %s THEN %L::%s END', plain, limited,
          rowhouse.prove_value(t.atttypid, t.atttypmod), format_type(t.atttypid, t.atttypmod))
        FROM pg_attribute AS t WHERE t.attrelid = relation AND t.attname = plain));
  END IF;
  RETURN findings || rowhouse.prove_truncate(scene);
END
$function$;

-- A row of nobody's is not the neighbour's: that the statement goes through is the leak. NOT NULL is as good as a
-- policy.
CREATE OR REPLACE FUNCTION rowhouse.prove_for_nobody(scene jsonb, attack text, privilege text, statement text, own text)
  RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  relation text := ((scene ->> 'relation')::oid::regclass)::text;
  hit jsonb;
BEGIN
  IF EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = (scene ->> 'relation')::oid
               AND a.attname = scene ->> 'column' AND NOT a.attnotnull) THEN
    RETURN rowhouse.prove_strike(scene, attack, privilege, statement, own, NULL, true);
  END IF;
  hit := rowhouse.prove_hit(scene, relation, scene -> 'session_a', statement);
  RETURN CASE
    WHEN NOT has_table_privilege((scene ->> 'role')::oid, (scene ->> 'relation')::oid, privilege) THEN
      rowhouse.prove_finding(scene, attack, 'not applicable', 'holds no ' || privilege)
    WHEN rowhouse.prove_is_busy(hit ->> 'state') THEN
      rowhouse.prove_finding(scene, attack, 'not applicable', 'busy: ' || (hit ->> 'message'))
    WHEN hit ->> 'state' = '00000' THEN rowhouse.prove_finding(scene, attack, 'leaked', 'went through')
    ELSE rowhouse.prove_finding(scene, attack, 'held', (hit ->> 'state') || ' ' || (hit ->> 'message'))
  END;
END
$function$;

-- Tried for real only where it is granted: it locks the table until it is rolled back, which is at once.
CREATE OR REPLACE FUNCTION rowhouse.prove_truncate(scene jsonb) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  hit jsonb;
BEGIN
  IF NOT has_table_privilege((scene ->> 'role')::oid, (scene ->> 'relation')::oid, 'TRUNCATE') THEN
    RETURN rowhouse.prove_finding(scene, 'truncate', 'held', 'holds no TRUNCATE');
  ELSIF pg_has_role((scene ->> 'role')::oid, (scene ->> 'owner')::oid, 'USAGE') THEN
    RETURN rowhouse.prove_finding(scene, 'truncate', 'not applicable', 'the owner may drop the table as well');
  END IF;
  hit := rowhouse.prove_hit(scene, ((scene ->> 'relation')::oid::regclass)::text, scene -> 'session_a', 'TRUNCATE {T}');
  RETURN CASE
    WHEN (hit ->> 'leaked')::boolean THEN rowhouse.prove_finding(scene, 'truncate', 'leaked', 'emptied the table')
    WHEN rowhouse.prove_is_busy(hit ->> 'state') THEN
      rowhouse.prove_finding(scene, 'truncate', 'leaked', 'holds TRUNCATE; not tried, the table is busy')
    ELSE rowhouse.prove_finding(scene, 'truncate', 'leaked', 'holds TRUNCATE; refused here: ' || (hit ->> 'message'))
  END;
END
$function$;

-- Reference rows are for all to read and for none to write: whatever a bound role changes of them is a leak.
CREATE OR REPLACE FUNCTION rowhouse.prove_reference(scene jsonb) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  role oid := scene ->> 'role';
  relation regclass := (scene ->> 'relation')::oid::regclass;
  plain name := rowhouse.prove_plain_column(relation, role, '');
  limited text := rowhouse.prove_limit();
  try record;
  hit record;
  findings jsonb := '[]';
BEGIN
  IF (rowhouse.prove_act(role, scene -> 'session_a', format(
      'SELECT count(*)::text FROM (SELECT FROM %s LIMIT 1) AS seen', relation), true)).value = '1' THEN
    SELECT * INTO hit FROM rowhouse.prove_act(role, scene -> 'empty', format(
      'SELECT count(*)::text FROM (SELECT FROM %s LIMIT 1) AS seen', relation), true);
    findings := rowhouse.prove_finding(scene, 'read, tenant emptied',
      CASE WHEN hit.value = '0' THEN 'held' ELSE 'leaked' END, coalesce(hit.value || ' rows', hit.message));
  ELSE
    findings := rowhouse.prove_finding(scene, 'read, tenant emptied', 'not applicable',
      'no rows to be seen in a tenant''s session');
  END IF;
  FOR try IN
    SELECT * FROM (VALUES
        ('insert', 'INSERT', rowhouse.prove_insert(rowhouse.prove_row(relation, '{}', 0))),
        ('update blindly', 'UPDATE', (SELECT format('UPDATE {T} SET %I = CASE WHEN %s THEN %L::%s END', plain, limited,
            rowhouse.prove_value(t.atttypid, t.atttypmod), format_type(t.atttypid, t.atttypmod))
          FROM pg_attribute AS t WHERE t.attrelid = relation AND t.attname = plain)),
        ('delete blindly', 'DELETE', 'DELETE FROM {T} WHERE ' || limited)) AS v(attack, privilege, statement)
  LOOP
    IF NOT has_table_privilege(role, relation, try.privilege) THEN
      findings := findings || rowhouse.prove_finding(scene, try.attack, 'held', 'holds no ' || try.privilege);
      CONTINUE;
    ELSIF try.statement IS NULL THEN
      findings := findings || rowhouse.prove_finding(scene, try.attack, 'not applicable', 'no plain column to write');
      CONTINUE;
    END IF;
    BEGIN
      SELECT * INTO hit FROM rowhouse.prove_act(role, scene -> 'session_a',
        replace(try.statement, '{T}', relation::text));
      RAISE EXCEPTION USING ERRCODE = 'RW001';
    EXCEPTION WHEN SQLSTATE 'RW001' THEN
      NULL;
    END;
    findings := findings || CASE
      WHEN rowhouse.prove_is_busy(hit.state) THEN
        rowhouse.prove_finding(scene, try.attack, 'not applicable', 'busy: ' || hit.message)
      WHEN hit.touched > 0 OR strpos(hit.message, 'rowhouse_beyond_') > 0 THEN
        rowhouse.prove_finding(scene, try.attack, 'leaked', 'reached shared rows')
      WHEN hit.state NOT IN ('00000', '42501') THEN
        rowhouse.prove_finding(scene, try.attack, 'not applicable', hit.message)
      WHEN hit.state = '00000' AND NOT EXISTS (SELECT FROM rowhouse.family(relation) AS f
                                                 WHERE pg_relation_size(f.relation) > 0) THEN
        rowhouse.prove_finding(scene, try.attack, 'not applicable', 'the table is empty')
      ELSE rowhouse.prove_finding(scene, try.attack, 'held', hit.state || ' ' || hit.message)
    END;
  END LOOP;
  RETURN findings;
END
$function$;
