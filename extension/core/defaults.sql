-- Global defaults: rows without a tenant that every tenant reads, and shadows by a row of its own with the same key.
--
-- A unique key with the tenant in it says nothing about them, for one NULL is not another. So beside each such key that
-- is not NULLS NOT DISTINCT stands a unique index over its other columns, of the rows without a tenant.

-- A column of an index as CREATE INDEX wants it.
CREATE OR REPLACE FUNCTION rowhouse.index_column(index regclass, place integer) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN (
    SELECT concat_ws(' ', pg_get_indexdef(index, place, false),
        'COLLATE ' || (CASE WHEN i.indcollation[place - 1] IS DISTINCT FROM a.attcollation
          THEN NULLIF(i.indcollation[place - 1], 0) END)::regcollation,
        CASE WHEN NOT o.opcdefault THEN format('%I.%I', n.nspname, o.opcname) END,
        CASE i.indoption[place - 1] & 3 WHEN 1 THEN 'DESC NULLS LAST' WHEN 2 THEN 'NULLS FIRST' WHEN 3 THEN 'DESC' END)
      FROM pg_index AS i
      JOIN pg_opclass AS o ON o.oid = i.indclass[place - 1]
      JOIN pg_namespace AS n ON n.oid = o.opcnamespace
      LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[place - 1] AND a.attnum > 0
      WHERE i.indexrelid = index);
END
$function$;

-- The unique keys of a table that have the tenant column: the columns beside it, as an index wants them and, where they
-- are plain columns, by name.
CREATE OR REPLACE FUNCTION rowhouse.keys_beside_tenant(relation regclass, tenant_column name)
  RETURNS TABLE(index regclass, list text, names name[], are_plain boolean, tells_nulls_apart boolean)
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT i.indexrelid::regclass,
      coalesce(string_agg(rowhouse.index_column(i.indexrelid::regclass, k.place::integer), ', ' ORDER BY k.place)
        FILTER (WHERE a.attname IS DISTINCT FROM tenant_column), format('((%I IS NULL))', tenant_column)),
      array_agg(a.attname ORDER BY k.place) FILTER (WHERE a.attname IS DISTINCT FROM tenant_column),
      bool_and(a.attname IS NOT NULL),
      NOT coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false)
    FROM pg_index AS i CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k(attnum, place)
    LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0
    WHERE i.indrelid = keys_beside_tenant.relation AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
      AND k.place <= i.indnkeyatts
    GROUP BY i.indexrelid, i.*
    HAVING bool_or(a.attname IS NOT DISTINCT FROM tenant_column);
END;

-- Of the leaves of a partitioned table: a default's key decides its partition as every key does.
CREATE OR REPLACE FUNCTION rowhouse.missing_default_keys(relation regclass, tenant_column name) RETURNS SETOF text
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT DISTINCT wanted.list
    FROM pg_class AS c, rowhouse.keys_beside_tenant(missing_default_keys.relation, tenant_column) AS wanted
    WHERE c.oid = missing_default_keys.relation AND c.relkind = 'r' AND wanted.tells_nulls_apart
      AND wanted.list NOT IN (
        SELECT (SELECT string_agg(rowhouse.index_column(i.indexrelid::regclass, place), ', ' ORDER BY place)
                  FROM generate_series(1, i.indnkeyatts) AS place)
          FROM pg_index AS i
          WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid
            AND pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NULL)', tenant_column));
END;

-- Answers what it has made, and had made before, for unprotect().
CREATE OR REPLACE FUNCTION rowhouse.make_default_keys(relation regclass, tenant_column name, known jsonb) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  made jsonb := coalesce(known, '[]');
  list text;
  before oid[];
BEGIN
  FOR list IN SELECT m.list FROM rowhouse.missing_default_keys(relation, tenant_column) AS m(list) ORDER BY m.list LOOP
    before := ARRAY(SELECT i.indexrelid FROM pg_index AS i WHERE i.indrelid = relation);
    BEGIN
      EXECUTE format('CREATE UNIQUE INDEX ON %s (%s) WHERE %I IS NULL', relation, list, tenant_column);
    EXCEPTION WHEN unique_violation THEN
      RAISE unique_violation USING
        MESSAGE = format('%s has several rows without a tenant with the same %s', relation, list),
        HINT = 'Keep one of each: a tenant reads one default for a key.';
    END;
    made := made || (SELECT jsonb_agg(c.relname)
                       FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
                       WHERE i.indrelid = relation AND i.indexrelid <> ALL (before));
  END LOOP;
  RETURN CASE WHEN made = '[]' THEN '{}' ELSE jsonb_build_object('keys', made) END;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.drop_default_keys(relation regclass, tenant_column name, made jsonb) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  index regclass;
BEGIN
  FOR index IN
    SELECT i.indexrelid FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
      WHERE i.indrelid = relation AND i.indisunique AND made ? c.relname
        AND pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NULL)', tenant_column)
  LOOP
    EXECUTE format('DROP INDEX %s', index);
  END LOOP;
END
$function$;

-- Which row shadows which: that of the one unique key with the tenant, unless it is said.
CREATE OR REPLACE FUNCTION rowhouse.shadow_key(target regclass, tenant_column name) RETURNS name[]
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  keys text[] := ARRAY(SELECT DISTINCT k.names::text
                         FROM rowhouse.keys_beside_tenant(target, tenant_column) AS k
                         WHERE k.are_plain AND k.names IS NOT NULL ORDER BY 1);
BEGIN
  IF cardinality(keys) <> 1 THEN
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = CASE cardinality(keys)
        WHEN 0 THEN format('%s has no unique key with %I that says which default a row shadows', target, tenant_column)
        ELSE format('%s has several unique keys with %I: %s', target, tenant_column, array_to_string(keys, ' ')) END,
      HINT = 'Name the columns: rowhouse.create_effective_view(target, key => ARRAY[...]).';
  END IF;
  RETURN keys[1]::name[];
END
$function$;

-- With the rights of whoever asks; before PostgreSQL 15, which has no such views, with those of the table's owner, whom
-- FORCE binds.
CREATE OR REPLACE FUNCTION rowhouse.create_effective_view(target regclass, key name[] DEFAULT NULL) RETURNS regclass
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  place record;
  has_invoker boolean := current_setting('server_version_num')::integer >= 150000;
  view_name text;
  reader text;
  same text;
BEGIN
  SELECT t.tenant_column AS column, format_type(t.tenant_type, NULL) AS type, c.relname, n.nspname, c.relacl,
      c.relowner::regrole AS owner, r.rolsuper OR r.rolbypassrls AS is_unbound
    INTO place
    FROM rowhouse.protected_tables AS t
    JOIN pg_class AS c ON c.oid = t.table_name JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_roles AS r ON r.oid = c.relowner
    WHERE t.table_name = target AND t.row_kind = 'defaults';
  IF NOT FOUND THEN
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = format('%s holds no defaults for tenants to shadow', coalesce(target::text, 'NULL')),
      HINT = 'Protect it first: rowhouse.protect(target, tenant_column, ''defaults'').';
  ELSIF octet_length(place.relname) > 53 THEN
    RAISE name_too_long USING MESSAGE = format('the name %I leaves no room for _effective', place.relname);
  ELSIF place.is_unbound AND NOT has_invoker THEN
    RAISE feature_not_supported USING
      MESSAGE = format('%s belongs to %s, whom no policy binds: their view would show every row', target, place.owner),
      HINT = 'Give the table an owner that is neither SUPERUSER nor BYPASSRLS; or use PostgreSQL 15.';
  END IF;
  view_name := format('%I.%I', place.nspname, place.relname || '_effective');
  SELECT string_agg(format('own.%1$I = shared.%1$I', part), ' AND ') INTO same
    FROM unnest(coalesce(key, rowhouse.shadow_key(target, place.column))) AS part;
  EXECUTE format($view$
    CREATE OR REPLACE VIEW %1$s %2$s AS
      SELECT own.* FROM %3$s AS own WHERE own.%4$I = (SELECT rowhouse.current_tenant())::%5$s
      UNION ALL
      SELECT shared.* FROM %3$s AS shared
        WHERE shared.%4$I IS NULL AND (SELECT rowhouse.current_tenant()) IS NOT NULL AND NOT EXISTS (
          SELECT FROM %3$s AS own WHERE own.%4$I = (SELECT rowhouse.current_tenant())::%5$s AND %6$s)$view$,
    view_name, CASE WHEN has_invoker THEN 'WITH (security_invoker = true)' ELSE '' END, target, place.column,
    place.type, same);
  EXECUTE format('COMMENT ON VIEW %s IS %L', view_name,
    format('The current tenant''s rows of %s, and the defaults that none of them shadows', target));
  IF NOT has_invoker THEN
    EXECUTE format('ALTER VIEW %s OWNER TO %s', view_name, place.owner);
  END IF;
  FOR reader IN
    SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END
      FROM aclexplode(place.relacl) AS a WHERE a.privilege_type = 'SELECT'
  LOOP
    EXECUTE format('GRANT SELECT ON %s TO %s', view_name, reader);
  END LOOP;
  RETURN to_regclass(view_name);
END
$function$;
COMMENT ON FUNCTION rowhouse.create_effective_view(regclass, name[]) IS
  'Makes the view TABLE_effective, for all who read the table: a tenant''s rows, and the defaults they do not shadow';
