-- adopt(), the keys: unique ones as (tenant, ...), and with each of them the foreign keys that refer to it. A key is
-- rebuilt when every table concerned has the tenant column; until then it stays, with all that refers to it.

-- The tenant column as it will be when a table is adopted.
CREATE OR REPLACE FUNCTION rowhouse.coming_tenant_column(relation oid, target regclass, tenant_column name) RETURNS name
  LANGUAGE sql STABLE
  RETURN CASE WHEN relation IN (SELECT f.relation FROM rowhouse.family(target) AS f) THEN tenant_column
    ELSE rowhouse.own_tenant_column(relation, tenant_column) END;

-- Unique keys without the tenant of the table and its parts, and those that it refers to; each with a table that is in
-- the way, if there is one. Exclusion constraints are not among them.
CREATE OR REPLACE FUNCTION rowhouse.keys_to_adopt(target regclass, tenant_column name)
  RETURNS TABLE(index regclass, relation regclass, obstacle regclass)
  LANGUAGE sql STABLE
BEGIN ATOMIC
  WITH member AS MATERIALIZED (
    SELECT f.relation FROM rowhouse.family(target) AS f
  ), concerned AS MATERIALIZED (
    SELECT i.indexrelid, i.indrelid, (i.indkey::smallint[])[0:i.indnkeyatts - 1] AS columns
      FROM pg_index AS i
      WHERE i.indisunique AND i.indisvalid AND NOT i.indisexclusion
        AND NOT EXISTS (SELECT FROM pg_inherits AS h WHERE h.inhrelid = i.indexrelid)
        AND (i.indrelid IN (SELECT m.relation FROM member AS m)
          OR i.indexrelid IN (SELECT k.conindid FROM pg_constraint AS k
                                WHERE k.conrelid = target AND k.contype = 'f' AND k.conparentid = 0))
  ), keyed AS MATERIALIZED (
    SELECT c.*, rowhouse.coming_tenant_column(c.indrelid, target, keys_to_adopt.tenant_column) AS own
      FROM concerned AS c
  )
  SELECT u.indexrelid::regclass, u.indrelid::regclass,
      (SELECT k.conrelid::regclass FROM pg_constraint AS k
         WHERE k.contype = 'f' AND k.conindid = u.indexrelid
           AND rowhouse.coming_tenant_column(k.conrelid, target, keys_to_adopt.tenant_column) IS NULL
         ORDER BY k.conrelid LIMIT 1)
    FROM keyed AS u
    WHERE u.own IS NOT NULL
      AND NOT EXISTS (SELECT FROM pg_attribute AS a
                        WHERE a.attrelid = u.indrelid AND a.attname = u.own AND a.attnum = ANY (u.columns))
    ORDER BY u.indrelid, u.indexrelid;
END;

-- What else stands on a key and goes with it.
CREATE OR REPLACE FUNCTION rowhouse.key_trimmings(index regclass) RETURNS SETOF text
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT format('COMMENT ON CONSTRAINT %I ON %s IS %L', k.conname, k.conrelid::regclass, d.description)
    FROM pg_constraint AS k JOIN pg_description AS d ON d.classoid = 'pg_constraint'::regclass AND d.objoid = k.oid
    WHERE k.conindid = key_trimmings.index AND k.contype IN ('p', 'u')
  UNION ALL
  SELECT format('COMMENT ON INDEX %s IS %L', d.objoid::regclass, d.description)
    FROM pg_description AS d WHERE d.classoid = 'pg_class'::regclass AND d.objoid = key_trimmings.index
  UNION ALL
  SELECT format('ALTER TABLE %s REPLICA IDENTITY USING INDEX %I', i.indrelid::regclass, c.relname)
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
    WHERE i.indexrelid = key_trimmings.index AND i.indisreplident
  UNION ALL
  SELECT format('ALTER TABLE %s CLUSTER ON %I', i.indrelid::regclass, c.relname)
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
    WHERE i.indexrelid = key_trimmings.index AND i.indisclustered;
END;

CREATE OR REPLACE FUNCTION rowhouse.rebuild_key(index regclass, tenant name) RETURNS SETOF text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  key record;
BEGIN
  SELECT i.indrelid::regclass AS relation, c.relname AS name, k.contype AS type,
      CASE WHEN (to_jsonb(i) ->> 'indnullsnotdistinct')::boolean THEN ' NULLS NOT DISTINCT' ELSE '' END AS nulls,
      (SELECT string_agg(CASE WHEN k.oid IS NULL THEN rowhouse.index_column(index, place)
            ELSE pg_get_indexdef(index, place, false) END, ', ' ORDER BY place)
         FROM generate_series(1, i.indnkeyatts) AS place) AS columns,
      coalesce((SELECT ' INCLUDE (' || string_agg(pg_get_indexdef(index, place, false), ', ' ORDER BY place) || ')'
                  FROM generate_series(i.indnkeyatts + 1, i.indnatts) AS place), '') AS included,
      coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', '') AS options,
      (SELECT quote_ident(s.spcname) FROM pg_tablespace AS s WHERE s.oid = c.reltablespace) AS space,
      CASE WHEN k.condeferrable THEN ' DEFERRABLE' ELSE '' END
        || CASE WHEN k.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END AS timing,
      pg_get_expr(i.indpred, i.indrelid) AS predicate
    INTO key
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
    LEFT JOIN pg_constraint AS k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u')
    WHERE i.indexrelid = index;
  IF key.type IS NOT NULL THEN
    RETURN NEXT format('ALTER TABLE %s DROP CONSTRAINT %I', key.relation, key.name);
    RETURN NEXT format('ALTER TABLE %s ADD CONSTRAINT %I %s%s (%I, %s)%s%s%s%s', key.relation, key.name,
      CASE key.type WHEN 'p' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END, key.nulls, tenant, key.columns, key.included,
      key.options, coalesce(' USING INDEX TABLESPACE ' || key.space, ''), key.timing);
  ELSE
    RETURN NEXT format('DROP INDEX %s', index);
    RETURN NEXT format('CREATE UNIQUE INDEX %I ON %s (%I, %s)%s%s%s%s%s', key.name, key.relation, tenant, key.columns,
      key.included, key.nulls, key.options, coalesce(' TABLESPACE ' || key.space, ''),
      coalesce(' WHERE ' || key.predicate, ''));
  END IF;
  RETURN QUERY SELECT trimming FROM rowhouse.key_trimmings(index) AS trimming;
END
$function$;

-- Whether a foreign key with the tenant in it would clear the tenant: only ON DELETE can name the columns it is about.
CREATE OR REPLACE FUNCTION rowhouse.clears_all_columns(updates "char", deletes "char") RETURNS boolean
  LANGUAGE sql STABLE
  RETURN updates IN ('n', 'd')
    OR (deletes IN ('n', 'd') AND current_setting('server_version_num')::integer < 150000);

-- What happens to referring rows, with the columns that SET NULL and SET DEFAULT are about: never the tenant.
CREATE OR REPLACE FUNCTION rowhouse.key_actions(key oid) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  actions jsonb := '{"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}';
  found_key record;
BEGIN
  SELECT k.conname, k.conrelid::regclass AS relation, k.confupdtype, k.confdeltype,
      rowhouse.column_list(k.conrelid, coalesce(
        (SELECT array_agg(number::smallint) FROM jsonb_array_elements_text(
           NULLIF(to_jsonb(k) -> 'confdelsetcols', 'null')) AS number), k.conkey)) AS cleared
    INTO found_key FROM pg_constraint AS k WHERE k.oid = key;
  IF rowhouse.clears_all_columns(found_key.confupdtype, found_key.confdeltype) THEN
    RAISE feature_not_supported USING
      MESSAGE = format('foreign key %I of %s would clear the tenant with its other columns: ON %s', found_key.conname,
        found_key.relation, CASE WHEN found_key.confupdtype IN ('n', 'd')
          THEN 'UPDATE ' || (actions ->> found_key.confupdtype::text)
          ELSE 'DELETE ' || (actions ->> found_key.confdeltype::text) END),
      HINT = 'Give the foreign key another action first, or drop it; ON DELETE can name columns from PostgreSQL 15 on.';
  END IF;
  RETURN coalesce(' ON UPDATE ' || (actions ->> NULLIF(found_key.confupdtype::text, 'a')), '')
    || coalesce(' ON DELETE ' || (actions ->> NULLIF(found_key.confdeltype::text, 'a')), '')
    || CASE WHEN found_key.confdeltype IN ('n', 'd') THEN format(' (%s)', found_key.cleared) ELSE '' END;
END
$function$;

-- A foreign key with the tenant in front, as ALTER TABLE takes it, but for MATCH FULL.
CREATE OR REPLACE FUNCTION rowhouse.foreign_key_clause(key oid, tenant name, referred_tenant name) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN (
    SELECT format('FOREIGN KEY (%I, %s) REFERENCES %s (%I, %s)%s%s', tenant,
        rowhouse.column_list(k.conrelid, k.conkey), k.confrelid::regclass, referred_tenant,
        rowhouse.column_list(k.confrelid, k.confkey), rowhouse.key_actions(key),
        CASE WHEN k.condeferrable THEN ' DEFERRABLE' ELSE '' END
          || CASE WHEN k.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END
          || CASE WHEN NOT coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) THEN ' NOT ENFORCED'
               WHEN NOT k.convalidated THEN ' NOT VALID' ELSE '' END)
      FROM pg_constraint AS k WHERE k.oid = key);
END
$function$;

-- MATCH FULL asks for all columns or none, and the tenant is always there: of one column it means what MATCH SIMPLE
-- does, of several a CHECK keeps it.
CREATE OR REPLACE FUNCTION rowhouse.rebuild_foreign_key(key oid, tenant name, referred_tenant name) RETURNS SETOF text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  found_key record;
BEGIN
  SELECT k.conname AS name, k.conrelid::regclass AS relation, rowhouse.column_list(k.conrelid, k.conkey) AS columns,
      cardinality(k.conkey) AS width, k.confmatchtype = 'f' AS is_full,
      obj_description(k.oid, 'pg_constraint') AS comment
    INTO found_key FROM pg_constraint AS k WHERE k.oid = key;
  RETURN NEXT format('ALTER TABLE %s ADD CONSTRAINT %I %s', found_key.relation, found_key.name,
    rowhouse.foreign_key_clause(key, tenant, referred_tenant));
  IF found_key.is_full AND found_key.width > 1 THEN
    RETURN NEXT format('ALTER TABLE %s ADD CHECK (num_nulls(%s) IN (0, %s))', found_key.relation, found_key.columns,
      found_key.width);
  END IF;
  IF found_key.comment IS NOT NULL THEN
    RETURN NEXT format('COMMENT ON CONSTRAINT %I ON %s IS %L', found_key.name, found_key.relation, found_key.comment);
  END IF;
END
$function$;

-- All statements about keys: foreign keys go first and come last.
CREATE OR REPLACE FUNCTION rowhouse.rebuild_keys(target regclass, tenant_column name) RETURNS SETOF text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  keys regclass[] := ARRAY(SELECT k.index FROM rowhouse.keys_to_adopt(target, tenant_column) AS k
                             WHERE k.obstacle IS NULL);
  foreign_keys oid[] := ARRAY(SELECT k.oid FROM pg_constraint AS k
                                WHERE k.contype = 'f' AND k.conparentid = 0 AND k.conindid = ANY (keys)
                                ORDER BY k.conrelid, k.oid);
BEGIN
  RETURN QUERY
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', k.conrelid::regclass, k.conname)
      FROM unnest(foreign_keys) WITH ORDINALITY AS f(oid, place) JOIN pg_constraint AS k ON k.oid = f.oid
      ORDER BY f.place;
  RETURN QUERY
    SELECT made.statement
      FROM unnest(keys) WITH ORDINALITY AS u(oid, place) JOIN pg_index AS i ON i.indexrelid = u.oid
      CROSS JOIN LATERAL rowhouse.rebuild_key(u.oid,
        rowhouse.coming_tenant_column(i.indrelid, target, tenant_column)) WITH ORDINALITY AS made(statement, step)
      ORDER BY u.place, made.step;
  RETURN QUERY
    SELECT made.statement
      FROM unnest(foreign_keys) WITH ORDINALITY AS f(oid, place) JOIN pg_constraint AS k ON k.oid = f.oid
      CROSS JOIN LATERAL rowhouse.rebuild_foreign_key(k.oid,
        rowhouse.coming_tenant_column(k.conrelid, target, tenant_column),
        rowhouse.coming_tenant_column(k.confrelid, target, tenant_column)) WITH ORDINALITY AS made(statement, step)
      ORDER BY f.place, made.step;
END
$function$;
