-- protect() on a table in use: what reads all its rows is done before, by statements that let others go on writing.
-- What protect() finds done it does not do again, and so it holds its lock for as long as the catalogs take.

-- A CHECK that lets no row without a tenant in. A valid one spares SET NOT NULL its look at the rows.
CREATE OR REPLACE FUNCTION rowhouse.tenant_checks(relation regclass, tenant_column name)
  RETURNS TABLE(name name, is_valid boolean)
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT k.conname, k.convalidated
    FROM pg_constraint AS k
    WHERE k.conrelid = tenant_checks.relation AND k.contype = 'c'
      AND pg_get_expr(k.conbin, k.conrelid) = format('(%I IS NOT NULL)', tenant_checks.tenant_column)
    ORDER BY k.convalidated DESC, k.conname;
END;

CREATE OR REPLACE FUNCTION rowhouse.holds_no_null(relation regclass, tenant_column name) RETURNS boolean
  LANGUAGE sql STABLE
  RETURN EXISTS (SELECT FROM pg_attribute AS a
                   WHERE a.attrelid = relation AND a.attname = tenant_column AND a.attnotnull)
    OR EXISTS (SELECT FROM rowhouse.tenant_checks(relation, tenant_column) AS k WHERE k.is_valid);

-- The tenants that a table without its children uses, as text: by the index where there is one, from each to the next,
-- else from all rows.
CREATE OR REPLACE FUNCTION rowhouse.used_tenants(relation regclass, tenant_column name) RETURNS SETOF text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF EXISTS (SELECT FROM rowhouse.tenant_indexes(relation, tenant_column)) THEN
    RETURN QUERY EXECUTE format(
      'WITH RECURSIVE used AS (
         (SELECT t.%2$I AS id FROM ONLY %1$s AS t WHERE t.%2$I IS NOT NULL ORDER BY t.%2$I LIMIT 1)
         UNION ALL
         SELECT (SELECT t.%2$I FROM ONLY %1$s AS t WHERE t.%2$I > used.id ORDER BY t.%2$I LIMIT 1)
           FROM used WHERE used.id IS NOT NULL)
       SELECT id::text FROM used WHERE id IS NOT NULL', relation, tenant_column);
  ELSE
    RETURN QUERY EXECUTE format('SELECT DISTINCT t.%2$I::text FROM ONLY %1$s AS t WHERE t.%2$I IS NOT NULL', relation,
      tenant_column);
  END IF;
END
$function$;

-- What is left to do for one table without its children. An index that CONCURRENTLY has left half made goes first.
CREATE OR REPLACE FUNCTION rowhouse.index_statements(relation regclass, tenant_column name, row_kind text)
  RETURNS SETOF text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF EXISTS (SELECT FROM rowhouse.tenant_indexes(relation, tenant_column)) THEN
    NULL;
  ELSE
    RETURN QUERY
      SELECT format('DROP INDEX CONCURRENTLY %s', i.indexrelid::regclass)
        FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = relation AND a.attname = tenant_column AND i.indnatts = 1 AND NOT i.indisvalid
          AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = i.indexrelid);
    RETURN NEXT format('CREATE INDEX CONCURRENTLY ON %s (%I)', relation, tenant_column);
  END IF;
  IF row_kind = 'defaults' THEN
    RETURN QUERY
      SELECT format('CREATE UNIQUE INDEX CONCURRENTLY ON %s (%s) WHERE %I IS NULL', relation, m.list, tenant_column)
        FROM rowhouse.missing_default_keys(relation, tenant_column) AS m(list) ORDER BY m.list;
  END IF;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.protect_plan(
    target regclass, tenant_column name DEFAULT 'company_id', kind text DEFAULT 'own')
  RETURNS SETOF text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  leaf regclass;
  present record;
BEGIN
  PERFORM rowhouse.check_target(target, tenant_column, kind);
  SELECT k.name, k.is_valid INTO present FROM rowhouse.tenant_checks(target, tenant_column) AS k LIMIT 1;
  IF kind = 'own' AND NOT rowhouse.holds_no_null(target, tenant_column) THEN
    IF present.name IS NULL THEN
      present.name := 'rowhouse_tenant_check';
      RETURN NEXT format('ALTER TABLE %s ADD CONSTRAINT %I CHECK (%I IS NOT NULL) NOT VALID', target, present.name,
        tenant_column);
    END IF;
    RETURN NEXT format('ALTER TABLE %s VALIDATE CONSTRAINT %I', target, present.name);
  END IF;
  IF kind <> 'reference' THEN
    FOR leaf IN
      SELECT f.relation FROM rowhouse.family(target) AS f JOIN pg_class AS c ON c.oid = f.relation AND c.relkind = 'r'
        ORDER BY f.depth DESC, f.relation
    LOOP
      RETURN QUERY SELECT rowhouse.index_statements(leaf, tenant_column, kind);
    END LOOP;
  END IF;
  RETURN NEXT format('SELECT rowhouse.protect(%L, %L, %L)', target, tenant_column, kind);
  IF present.name = 'rowhouse_tenant_check' THEN
    RETURN NEXT format('ALTER TABLE %s DROP CONSTRAINT %I', target, present.name);
  END IF;
END
$function$;
COMMENT ON FUNCTION rowhouse.protect_plan(regclass, name, text) IS
  'The statements that protect a table in use, to run one by one, each in a transaction of its own';
