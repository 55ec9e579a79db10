-- A source that changed since its import: what is new, other or gone in it, merged row by row into a table whose rows may
-- have changed too. A row that was changed in PostgreSQL since its import has an xmin that the ledger does not know.

CREATE OR REPLACE FUNCTION rowhouse.import_change_stage(target regclass) RETURNS text
  LANGUAGE sql
  RETURN rowhouse.make_stage(target, 'changes', ', rowhouse_row integer, rowhouse_change "char"');
COMMENT ON FUNCTION rowhouse.import_change_stage(regclass) IS
  'An empty temporary table for rowhouse.import_apply(): columns of a table, a number, and n (new), u (other), d (gone)';

-- The changes of a stage are worked off by their letters: n, u and d become + (put in), o (overwritten), - (deleted),
-- = (was there), c (kept back: changed in PostgreSQL) or k (kept back: another row has the key).
CREATE OR REPLACE FUNCTION rowhouse.delete_staged(staged regclass, target regclass, same_key text, is_ours text,
    imported xid[])
  RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  EXECUTE format($sql$WITH gone AS (DELETE FROM %2$s AS kept USING %1$s AS staged
        WHERE staged.rowhouse_change = 'd' AND %3$s AND %4$s RETURNING staged.rowhouse_row)
      UPDATE %1$s SET rowhouse_change = '-' WHERE rowhouse_row IN (SELECT rowhouse_row FROM gone)$sql$,
    staged, target, same_key, is_ours) USING imported;
  EXECUTE format($sql$UPDATE %1$s AS staged SET rowhouse_change = 'c'
      WHERE rowhouse_change = 'd' AND EXISTS (SELECT FROM %2$s AS kept WHERE %3$s)$sql$, staged, target, same_key);
END
$function$;

-- `replace`: rows make room for each other's unique values, as when two of them change places. Returns how many have.
CREATE OR REPLACE FUNCTION rowhouse.update_staged(staged regclass, target regclass, same_key text, same_row text,
    assignments text, is_ours text, imported xid[], overwrite boolean, replace boolean)
  RETURNS bigint
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  replaced bigint;
BEGIN
  -- A row that has come to be the same is not touched.
  EXECUTE format($sql$UPDATE %1$s AS staged SET rowhouse_change = '='
      WHERE rowhouse_change = 'u' AND EXISTS (SELECT FROM %2$s AS kept WHERE %3$s AND %4$s)$sql$,
    staged, target, same_key, same_row);
  EXECUTE format(CASE WHEN replace
      THEN $sql$WITH changed AS (DELETE FROM %2$s AS kept USING %1$s AS staged
          WHERE staged.rowhouse_change = 'u' AND %3$s AND %4$s RETURNING staged.rowhouse_row)
        UPDATE %1$s SET rowhouse_change = 'n' WHERE rowhouse_row IN (SELECT rowhouse_row FROM changed)$sql$
      ELSE $sql$WITH changed AS (UPDATE %2$s AS kept SET %5$s FROM %1$s AS staged
          WHERE staged.rowhouse_change = 'u' AND %3$s AND %4$s RETURNING staged.rowhouse_row)
        UPDATE %1$s SET rowhouse_change = 'o' WHERE rowhouse_row IN (SELECT rowhouse_row FROM changed)$sql$ END,
    staged, target, same_key, is_ours, assignments) USING imported;
  GET DIAGNOSTICS replaced = ROW_COUNT;
  EXECUTE format($sql$UPDATE %s SET rowhouse_change = $1 WHERE rowhouse_change = 'u'$sql$, staged)
    USING CASE WHEN overwrite THEN 'n'::"char" ELSE 'c' END;
  RETURN CASE WHEN replace THEN replaced ELSE 0 END;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.insert_staged(staged regclass, target regclass, same_key text, same_row text,
    assignments text, columns text, keys text, overwrite boolean)
  RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  inserted bigint;
  wanted bigint;
BEGIN
  EXECUTE format($sql$UPDATE %1$s AS staged SET rowhouse_change = CASE WHEN %4$s THEN '=' ELSE 'k' END::"char"
      FROM %2$s AS kept WHERE rowhouse_change = 'n' AND %3$s$sql$, staged, target, same_key, same_row);
  IF overwrite THEN
    EXECUTE format($sql$WITH changed AS (UPDATE %2$s AS kept SET %4$s FROM %1$s AS staged
          WHERE staged.rowhouse_change = 'k' AND %3$s RETURNING staged.rowhouse_row)
        UPDATE %1$s SET rowhouse_change = 'o' WHERE rowhouse_row IN (SELECT rowhouse_row FROM changed)$sql$,
      staged, target, same_key, assignments);
  END IF;
  EXECUTE format($sql$INSERT INTO %2$s (%3$s) OVERRIDING SYSTEM VALUE
      SELECT %3$s FROM %1$s WHERE rowhouse_change = 'n' ORDER BY rowhouse_row ON CONFLICT DO NOTHING$sql$,
    staged, target, columns);
  GET DIAGNOSTICS inserted = ROW_COUNT;
  EXECUTE format($sql$UPDATE %s SET rowhouse_change = '+' WHERE rowhouse_change = 'n'$sql$, staged);
  GET DIAGNOSTICS wanted = ROW_COUNT;
  -- ON CONFLICT passes over a row without a word: it has the key of another one of the stage, or of one that this role
  -- may not see, or a further unique key of some row.
  IF inserted < wanted THEN
    EXECUTE format($sql$UPDATE %1$s AS staged SET rowhouse_change = 'k' FROM
        (SELECT rowhouse_row, row_number() OVER (PARTITION BY %4$s ORDER BY rowhouse_row) AS nth
           FROM %1$s WHERE rowhouse_change = '+') AS twin
        WHERE twin.rowhouse_row = staged.rowhouse_row
          AND (twin.nth > 1 OR NOT EXISTS (SELECT FROM %2$s AS kept WHERE %3$s))$sql$, staged, target, same_key, keys);
  END IF;
END
$function$;

-- `xid` wrote the rows: that of a subtransaction, where the merge is within one.
CREATE OR REPLACE FUNCTION rowhouse.import_apply(stage text, target regclass, tenant text, keys name[], columns name[],
    imported xid[], overwrite boolean DEFAULT false, replace boolean DEFAULT false)
  RETURNS TABLE(inserted bigint, updated bigint, deleted bigint, present bigint, conflicts integer[],
    collisions integer[], xid xid)
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  into_table record;
  letters text;
  replaced bigint := 0;
  same_key text;
  same_row text;
  assignments text;
  is_ours text := CASE WHEN overwrite THEN 'true' ELSE 'kept.xmin = ANY ($1)' END;
BEGIN
  SELECT * INTO into_table FROM rowhouse.open_stage(stage, target, tenant);
  EXECUTE format('SELECT string_agg(DISTINCT rowhouse_change::text, '''') FROM %s', into_table.staged) INTO letters;
  same_key := (SELECT string_agg(format('kept.%1$I = staged.%1$I', part), ' AND ')
                 FROM unnest(into_table.tenant_column || keys) AS part);
  same_row := (SELECT format('ROW(%s) IS NOT DISTINCT FROM ROW(%s)', string_agg(format('kept.%I', part), ', '),
                   string_agg(format('staged.%I', part), ', ')) FROM unnest(columns) AS part);
  assignments := coalesce(
    (SELECT string_agg(format('%1$I = staged.%1$I', part), ', ')
       FROM unnest(columns) AS part WHERE part <> into_table.tenant_column AND part <> ALL (keys)),
    format('%1$I = staged.%1$I', keys[1]));
  IF letters LIKE '%d%' THEN
    PERFORM rowhouse.delete_staged(into_table.staged, target, same_key, is_ours, imported);
  END IF;
  IF letters LIKE '%u%' THEN
    replaced := rowhouse.update_staged(into_table.staged, target, same_key, same_row, assignments, is_ours, imported,
      overwrite, replace);
  END IF;
  IF letters ~ '[nu]' THEN
    PERFORM rowhouse.insert_staged(into_table.staged, target, same_key, same_row, assignments,
      (SELECT string_agg(quote_ident(part), ', ') FROM unnest(columns) AS part),
      (SELECT string_agg(quote_ident(part), ', ') FROM unnest(keys) AS part), overwrite);
  END IF;
  EXECUTE format($sql$SELECT count(*) FILTER (WHERE rowhouse_change = '+'), count(*) FILTER (WHERE rowhouse_change = 'o'),
      count(*) FILTER (WHERE rowhouse_change = '-'), count(*) FILTER (WHERE rowhouse_change = '='),
      coalesce(array_agg(rowhouse_row ORDER BY rowhouse_row) FILTER (WHERE rowhouse_change = 'c'), '{}'),
      coalesce(array_agg(rowhouse_row ORDER BY rowhouse_row) FILTER (WHERE rowhouse_change = 'k'), '{}'),
      (array_agg(xmin) FILTER (WHERE rowhouse_change IN ('+', 'o')))[1]
    FROM %s$sql$, into_table.staged) INTO inserted, updated, deleted, present, conflicts, collisions, xid;
  inserted := inserted - replaced;
  updated := updated + replaced;
  EXECUTE format('TRUNCATE %s', into_table.staged);
  RETURN NEXT;
END
$function$;
COMMENT ON FUNCTION rowhouse.import_apply(text, regclass, text, name[], name[], xid[], boolean, boolean) IS
  'Merges a stage of changes into a protected table as one tenant''s; returns the numbers of the rows kept back';
