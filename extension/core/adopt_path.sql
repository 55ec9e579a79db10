-- adopt(), where the tenant of a row comes from: a path of foreign keys to a table that has the tenant column.

-- The column that says whose a row is: the one a table is protected by, or one of that name. NULL for tables whose rows
-- are shared, wholly or in part.
CREATE OR REPLACE FUNCTION rowhouse.own_tenant_column(relation oid, tenant_column name) RETURNS name
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT CASE WHEN t.row_kind IS NULL THEN a.attname WHEN t.row_kind = 'own' THEN t.tenant_column END
    FROM (VALUES (own_tenant_column.relation)) AS asked(relation)
    LEFT JOIN rowhouse.protected_tables AS t ON t.table_name = asked.relation
    LEFT JOIN pg_attribute AS a ON a.attrelid = asked.relation AND a.attname = own_tenant_column.tenant_column
      AND a.attnum > 0 AND NOT a.attisdropped;
END;

CREATE OR REPLACE FUNCTION rowhouse.column_names(relation oid, numbers smallint[]) RETURNS name[]
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT array_agg(a.attname ORDER BY k.place)
    FROM unnest(numbers) WITH ORDINALITY AS k(number, place)
    JOIN pg_attribute AS a ON a.attrelid = column_names.relation AND a.attnum = k.number;
END;

CREATE OR REPLACE FUNCTION rowhouse.quoted_list(names name[], prefix text DEFAULT '') RETURNS text
  LANGUAGE sql IMMUTABLE
  RETURN (SELECT string_agg(prefix || quote_ident(n.name), ', ' ORDER BY n.place)
            FROM unnest(names) WITH ORDINALITY AS n(name, place));

-- Columns of a relation as they stand in a statement.
CREATE OR REPLACE FUNCTION rowhouse.column_list(relation oid, numbers smallint[]) RETURNS text
  LANGUAGE sql STABLE
  RETURN rowhouse.quoted_list(rowhouse.column_names(relation, numbers));

-- "a.x = b.y AND ..." of a foreign key's columns.
CREATE OR REPLACE FUNCTION rowhouse.key_condition(key oid, referrer text, referred text) RETURNS text
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT string_agg(format('%s.%I = %s.%I', referrer, a.attname, referred, b.attname), ' AND ' ORDER BY pair.place)
    FROM pg_constraint AS k
    CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS pair(own, other, place)
    JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = pair.own
    JOIN pg_attribute AS b ON b.attrelid = k.confrelid AND b.attnum = pair.other
    WHERE k.oid = key;
END;

-- The foreign keys that are named, one after the other.
CREATE OR REPLACE FUNCTION rowhouse.named_path(target regclass, tenant_column name, through name[]) RETURNS oid[]
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  path oid[] := '{}';
  place regclass := target;
  part name;
  found_key record;
BEGIN
  FOREACH part IN ARRAY through LOOP
    SELECT k.oid, k.confrelid::regclass AS referred INTO found_key
      FROM pg_constraint AS k WHERE k.conrelid = place AND k.conname = part AND k.contype = 'f';
    IF NOT FOUND THEN
      RAISE undefined_object USING
        MESSAGE = format('%s has no foreign key %I', place, part),
        HINT = 'Name the foreign keys from the table to one that has the tenant column, in order.';
    END IF;
    path := path || found_key.oid;
    place := found_key.referred;
  END LOOP;
  IF cardinality(path) = 0 OR rowhouse.own_tenant_column(place, tenant_column) IS NULL THEN
    RAISE undefined_column USING
      MESSAGE = format('the path ends at %s, which has no column %I', place, tenant_column),
      HINT = 'Name the foreign keys from the table to one that has the tenant column, in order.';
  END IF;
  RETURN path;
END
$function$;

-- The one shortest path; empty when there is none.
CREATE OR REPLACE FUNCTION rowhouse.shortest_path(target regclass, tenant_column name) RETURNS oid[]
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  paths record;
BEGIN
  WITH RECURSIVE walk(place, keys, names, visited, has_arrived) AS (
    SELECT target::oid, '{}'::oid[], '{}'::name[], ARRAY[target::oid], false
    UNION ALL
    SELECT k.confrelid, walk.keys || k.oid, walk.names || k.conname, walk.visited || k.confrelid,
        rowhouse.own_tenant_column(k.confrelid, tenant_column) IS NOT NULL
      FROM walk JOIN pg_constraint AS k ON k.conrelid = walk.place AND k.contype = 'f'
      WHERE NOT walk.has_arrived AND k.confrelid <> ALL (walk.visited) AND cardinality(walk.keys) < 6
  ), shortest AS (
    SELECT * FROM walk
      WHERE walk.has_arrived
        AND cardinality(walk.keys) = (SELECT min(cardinality(w.keys)) FROM walk AS w WHERE w.has_arrived)
  )
  SELECT count(*), min(shortest.keys) AS keys, string_agg(format('ARRAY[%s]', (
      SELECT string_agg(quote_literal(n.name), ', ' ORDER BY n.place)
        FROM unnest(shortest.names) WITH ORDINALITY AS n(name, place))), ' or ' ORDER BY shortest.names) AS choices
    INTO paths FROM shortest;
  IF paths.count > 1 THEN
    RAISE ambiguous_column USING
      MESSAGE = format('%s ways of foreign keys lead from %s to a table with %I', paths.count, target, tenant_column),
      HINT = format('Choose one: through => %s.', paths.choices);
  END IF;
  RETURN coalesce(paths.keys, '{}');
END
$function$;

-- What a path joins: p0 is the table itself, p1 to pN are those it leads to.
CREATE OR REPLACE FUNCTION rowhouse.path_joins(path oid[], OUT tables text, OUT conditions text, OUT outer_joins text)
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT string_agg(format('%s AS p%s', k.confrelid::regclass, step.place), ', ' ORDER BY step.place),
      string_agg(part.condition, ' AND ' ORDER BY step.place),
      string_agg(format('LEFT JOIN %s AS p%s ON %s', k.confrelid::regclass, step.place, part.condition), ' '
        ORDER BY step.place)
    FROM unnest(path) WITH ORDINALITY AS step(key, place) JOIN pg_constraint AS k ON k.oid = step.key
    CROSS JOIN LATERAL rowhouse.key_condition(k.oid, 'p' || step.place - 1, 'p' || step.place) AS part(condition);
END;

-- Rows that the path leads to no tenant, found before anything is changed. Rows that have one already are left out.
CREATE OR REPLACE FUNCTION rowhouse.check_path(target regclass, tenant_column name, path oid[]) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  joins record;
  last regclass := (SELECT k.confrelid FROM pg_constraint AS k WHERE k.oid = path[cardinality(path)]);
  first_columns name[] := (
    SELECT rowhouse.column_names(k.conrelid, k.conkey) FROM pg_constraint AS k WHERE k.oid = path[1]);
  strays text;
  lost record;
BEGIN
  joins := rowhouse.path_joins(path);
  strays := format('FROM %s AS p0 %s WHERE p%s.%I IS NULL', target, joins.outer_joins, cardinality(path),
    rowhouse.own_tenant_column(last, tenant_column));
  IF rowhouse.own_tenant_column(target, tenant_column) IS NOT NULL THEN
    strays := strays || format(' AND p0.%I IS NULL', tenant_column);
  END IF;
  EXECUTE format('SELECT count(*) AS rows, count(*) FILTER (WHERE %s) AS nulls, min(p0.ctid::text) AS sample %s',
    (SELECT string_agg(format('p0.%I IS NULL', c.name), ' OR ') FROM unnest(first_columns) AS c(name)), strays)
    INTO lost;
  IF lost.rows > 0 THEN
    RAISE not_null_violation USING
      MESSAGE = format('%s rows of %s lead to no tenant: %s with NULL in %s, %s without a row in %s; such as ctid %s',
        lost.rows, target, lost.nulls, rowhouse.quoted_list(first_columns), lost.rows - lost.nulls, last, lost.sample),
      HINT = format('Mend or delete them; they are: SELECT p0.* %s', strays);
  END IF;
END
$function$;
