-- adopt(): gives a table that is there its tenant column, the rows their tenant, the keys the tenant in front, and
-- protects it. One list of statements, that a dry run shows and a real run executes: all tables concerned locked and
-- their FORCE lifted, so that their owner sees every row; the column; the rows; the keys; FORCE again; protect().

-- Refuses what can't be adopted.
CREATE OR REPLACE FUNCTION rowhouse.check_adoption(target regclass, tenant_column name) RETURNS void
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  before record;
  waiting regclass;
  dependent record;
BEGIN
  IF target IS NULL OR tenant_column IS NULL THEN
    RAISE null_value_not_allowed USING MESSAGE = 'adopt wants a table and the name of its tenant column, got NULL';
  END IF;
  PERFORM rowhouse.check_family(target);
  SELECT (SELECT i.inhparent::regclass FROM pg_inherits AS i WHERE i.inhrelid = c.oid AND c.relispartition) AS whole,
      t.tenant_column AS column, t.row_kind
    INTO before
    FROM pg_class AS c LEFT JOIN rowhouse.protected_tables AS t ON t.table_name = c.oid WHERE c.oid = target;
  IF before.whole IS NOT NULL THEN
    RAISE wrong_object_type USING
      MESSAGE = format('%s is a part of %s', target, before.whole),
      HINT = format('Adopt the whole: SELECT rowhouse.adopt(%L);', before.whole);
  ELSIF before.row_kind <> 'own' OR before.column <> tenant_column THEN
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = format('%s is protected already, %s', target, CASE WHEN before.row_kind <> 'own'
        THEN 'its rows are of the kind ' || before.row_kind ELSE format('by its column %I', before.column) END),
      HINT = format('Call rowhouse.unprotect(%L) first, or name the column it is protected by.', target);
  END IF;
  SELECT k.relation INTO waiting
    FROM rowhouse.keys_to_adopt(target, tenant_column) AS k
    JOIN pg_attribute AS a ON a.attrelid = k.relation
      AND a.attname = rowhouse.own_tenant_column(k.relation, tenant_column) AND NOT a.attnotnull
    WHERE k.relation NOT IN (SELECT f.relation FROM rowhouse.family(target) AS f) LIMIT 1;
  IF FOUND THEN
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = format('%s refers to %s, whose rows may still be without a tenant', target, waiting),
      HINT = format('First: SELECT rowhouse.adopt(%L, %L);', waiting,
        rowhouse.own_tenant_column(waiting, tenant_column));
  END IF;
  -- A view that groups by a primary key, above all.
  SELECT k.conname, k.conrelid::regclass AS relation, pg_describe_object(d.classid, d.objid, 0) AS what INTO dependent
    FROM rowhouse.keys_to_adopt(target, tenant_column) AS u
    JOIN pg_constraint AS k ON k.conindid = u.index AND k.contype IN ('p', 'u')
    JOIN pg_depend AS d ON d.refclassid = 'pg_constraint'::regclass AND d.refobjid = k.oid AND d.deptype = 'n'
      AND d.classid <> 'pg_constraint'::regclass
    WHERE u.obstacle IS NULL ORDER BY d.objid LIMIT 1;
  IF FOUND THEN
    RAISE dependent_objects_still_exist USING
      MESSAGE = format('%s depends on key %I of %s, which is to be made anew', dependent.what, dependent.conname,
        dependent.relation),
      HINT = 'Drop it before and make it again afterwards.';
  END IF;
END
$function$;

-- Every table that is read or changed, by OID.
CREATE OR REPLACE FUNCTION rowhouse.tables_of_adoption(target regclass, tenant_column name, path oid[])
  RETURNS regclass[]
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  tables regclass[];
  foreign_table record;
BEGIN
  SELECT array_agg(DISTINCT t.oid::regclass ORDER BY t.oid::regclass) INTO tables
    FROM (SELECT target::oid
          UNION SELECT k.confrelid FROM pg_constraint AS k WHERE k.oid = ANY (path)
          UNION SELECT part.oid
            FROM rowhouse.keys_to_adopt(target, tenant_column) AS u
            LEFT JOIN pg_constraint AS k ON k.contype = 'f' AND k.conparentid = 0 AND k.conindid = u.index
            CROSS JOIN LATERAL (VALUES (u.relation::oid), (k.conrelid)) AS part(oid)
            WHERE u.obstacle IS NULL AND part.oid IS NOT NULL) AS t(oid);
  SELECT c.oid::regclass AS name, c.relowner::regrole AS owner INTO foreign_table
    FROM pg_class AS c WHERE c.oid = ANY (tables) AND NOT pg_has_role(c.relowner, 'USAGE') ORDER BY c.oid LIMIT 1;
  IF FOUND THEN
    RAISE insufficient_privilege USING
      MESSAGE = format('must be owner of table %s, which hangs together with %s by foreign keys', foreign_table.name,
        target),
      HINT = format('Its owner is %s.', foreign_table.owner);
  END IF;
  RETURN tables;
END
$function$;

-- What stays as it is, and why.
CREATE OR REPLACE FUNCTION rowhouse.tell_leftovers(target regclass, tenant_column name) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  left_over record;
BEGIN
  FOR left_over IN SELECT * FROM rowhouse.keys_to_adopt(target, tenant_column) AS k WHERE k.obstacle IS NOT NULL LOOP
    RAISE NOTICE USING
      MESSAGE = format('key %s stays as it is: %s refers to it and has no tenant column %I yet', left_over.index,
        left_over.obstacle, tenant_column),
      HINT = 'It is rebuilt when that table is adopted.';
  END LOOP;
  FOR left_over IN
    SELECT k.conname, k.confrelid::regclass AS referred
      FROM pg_constraint AS k
      WHERE k.conrelid = target AND k.contype = 'f' AND k.confrelid <> k.conrelid
        AND rowhouse.own_tenant_column(k.confrelid, tenant_column) IS NULL
        AND NOT EXISTS (SELECT FROM rowhouse.protected_tables AS t WHERE t.table_name = k.confrelid)
        AND NOT rowhouse.is_marked(rowhouse.relation_object(k.confrelid))
      ORDER BY k.oid
  LOOP
    RAISE NOTICE USING
      MESSAGE = format('foreign key %I stays as it is: %s has no tenant column %I', left_over.conname,
        left_over.referred, tenant_column),
      HINT = format('Adopt that table too; or if its rows are for all: SELECT rowhouse.protect(%L, '
        'kind => ''reference'');', left_over.referred);
  END LOOP;
  FOR left_over IN
    SELECT k.conname, k.conrelid::regclass AS relation FROM pg_constraint AS k
      WHERE k.contype = 'x' AND k.conparentid = 0
        AND k.conrelid IN (SELECT f.relation FROM rowhouse.family(target) AS f)
      ORDER BY k.oid
  LOOP
    RAISE NOTICE USING
      MESSAGE = format('exclusion constraint %I of %s stays as it is: a tenant''s rows may exclude another''s',
        left_over.conname, left_over.relation),
      HINT = format('Make it anew with %I WITH = in front, which takes the extension btree_gist.', tenant_column);
  END LOOP;
END
$function$;

-- The column, if it is not there, and the rows' tenant. Triggers of the users' sleep meanwhile: no row is changed in
-- what it says.
CREATE OR REPLACE FUNCTION rowhouse.fill_statements(target regclass, tenant_column name, path oid[], tenant text)
  RETURNS SETOF text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  present record;
  source record;
  fill text;
  trigger record;
BEGIN
  SELECT a.attnotnull AS is_complete INTO present
    FROM pg_attribute AS a WHERE a.attrelid = target AND a.attname = tenant_column AND NOT a.attisdropped;
  IF present.is_complete THEN
    RETURN;
  END IF;
  SELECT a.attname, a.attrelid::regclass AS relation, format_type(a.atttypid, a.atttypmod)
      || coalesce(' COLLATE ' || NULLIF(a.attcollation, t.typcollation)::regcollation, '') AS type
    INTO source
    FROM pg_constraint AS k
    JOIN pg_attribute AS a ON a.attrelid = k.confrelid
      AND a.attname = rowhouse.own_tenant_column(k.confrelid, tenant_column)
    JOIN pg_type AS t ON t.oid = a.atttypid
    WHERE k.oid = path[cardinality(path)];

  IF present IS NULL AND tenant IS NOT NULL THEN
    RETURN NEXT format('ALTER TABLE %s ADD COLUMN %I text DEFAULT %L', target, tenant_column, tenant);
    RETURN NEXT format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', target, tenant_column);
  ELSIF present IS NULL THEN
    RETURN NEXT format('ALTER TABLE %s ADD COLUMN %I %s', target, tenant_column, source.type);
  END IF;
  IF source.attname IS NOT NULL THEN
    SELECT format('UPDATE %s AS p0 SET %I = p%s.%I FROM %s WHERE %s AND p0.%I IS NULL', target, tenant_column,
        cardinality(path), source.attname, j.tables, j.conditions, tenant_column)
      INTO fill FROM rowhouse.path_joins(path) AS j;
  ELSIF present IS NOT NULL AND tenant IS NOT NULL THEN
    fill := format('UPDATE %s SET %I = %L WHERE %I IS NULL', target, tenant_column, tenant, tenant_column);
  END IF;
  IF fill IS NOT NULL THEN
    FOR trigger IN
      SELECT format('ALTER TABLE ONLY %s DISABLE TRIGGER %I', t.tgrelid::regclass, t.tgname) AS off
        FROM pg_trigger AS t JOIN rowhouse.family(target) AS f ON f.relation = t.tgrelid
        WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') ORDER BY t.oid
    LOOP
      RETURN NEXT trigger.off;
    END LOOP;
    RETURN NEXT fill;
    FOR trigger IN
      SELECT format('ALTER TABLE ONLY %s ENABLE %sTRIGGER %I', t.tgrelid::regclass,
          CASE t.tgenabled WHEN 'A' THEN 'ALWAYS ' ELSE '' END, t.tgname) AS back
        FROM pg_trigger AS t JOIN rowhouse.family(target) AS f ON f.relation = t.tgrelid
        WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') ORDER BY t.oid
    LOOP
      RETURN NEXT trigger.back;
    END LOOP;
  END IF;
  RETURN NEXT format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', target, tenant_column);
END
$function$;

-- Rows that refer to another tenant's would stop the new foreign keys half-way.
CREATE OR REPLACE FUNCTION rowhouse.check_crossings(target regclass, tenant_column name) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  key record;
  crossing text;
  rows bigint;
BEGIN
  FOR key IN
    SELECT k.oid, k.conname, k.conrelid::regclass AS relation, k.confrelid::regclass AS referred,
        rowhouse.coming_tenant_column(k.conrelid, target, tenant_column) AS own,
        rowhouse.coming_tenant_column(k.confrelid, target, tenant_column) AS other
      FROM rowhouse.keys_to_adopt(target, tenant_column) AS u
      JOIN pg_constraint AS k ON k.contype = 'f' AND k.conparentid = 0 AND k.conindid = u.index
      WHERE u.obstacle IS NULL AND k.convalidated ORDER BY k.oid
  LOOP
    crossing := format('FROM %s AS p0 JOIN %s AS p1 ON %s WHERE p0.%I <> p1.%I', key.relation, key.referred,
      rowhouse.key_condition(key.oid, 'p0', 'p1'), key.own, key.other);
    EXECUTE 'SELECT count(*) ' || crossing INTO rows;
    IF rows > 0 THEN
      RAISE foreign_key_violation USING
        MESSAGE = format('%s rows of %s refer by %I to rows of other tenants in %s', rows, key.relation, key.conname,
          key.referred),
        HINT = format('Mend them; once the table has its tenant column they are: SELECT p0.* %s', crossing);
    END IF;
  END LOOP;
END
$function$;

-- Rows that nothing says the tenant of, found before anything is changed.
CREATE OR REPLACE FUNCTION rowhouse.check_fill(target regclass, tenant_column name, path oid[], tenant text)
  RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  is_there boolean := rowhouse.own_tenant_column(target, tenant_column) IS NOT NULL;
  rows bigint;
BEGIN
  IF tenant IS NOT NULL THEN
    RETURN;
  ELSIF cardinality(path) > 0 THEN
    PERFORM rowhouse.check_path(target, tenant_column, path);
    RETURN;
  ELSIF NOT is_there THEN
    RAISE undefined_column USING
      MESSAGE = format('no foreign key leads from %s to a table with %I', target, tenant_column),
      HINT = 'Adopt a table that it refers to first; or say whose rows they are: tenant => ...';
  END IF;
  EXECUTE format('SELECT count(*) FROM %s WHERE %I IS NULL', target, tenant_column) INTO rows;
  IF rows > 0 THEN
    RAISE not_null_violation USING
      MESSAGE = format('%s has %s rows without a tenant, and no foreign key leads to one', target, rows),
      HINT = 'Say whose rows they are: tenant => ...';
  END IF;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.adopt(target regclass, tenant_column name DEFAULT 'company_id',
    through name[] DEFAULT NULL, tenant text DEFAULT NULL, dry_run boolean DEFAULT false)
  RETURNS SETOF text
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  path oid[] := '{}';
  tables regclass[];
  forced regclass[];
  opening text[];
  filling text[];
  closing text[];
  statement text;
BEGIN
  PERFORM rowhouse.check_adoption(target, tenant_column);
  -- No key and no part may come to it while the statements are made.
  IF dry_run IS NOT TRUE THEN
    PERFORM rowhouse.enter_gate();
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', target);
  END IF;
  IF through IS NOT NULL AND tenant IS NOT NULL THEN
    RAISE invalid_parameter_value USING
      MESSAGE = 'adopt takes the rows'' tenant through foreign keys or is told one for all, not both';
  ELSIF tenant IS NOT NULL AND rowhouse.tenant_status(tenant) IS NULL THEN
    PERFORM rowhouse.check_tenant_status(tenant, NULL);
  ELSIF through IS NOT NULL THEN
    path := rowhouse.named_path(target, tenant_column, through);
  ELSIF tenant IS NULL AND NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = target
                                         AND a.attname = tenant_column AND a.attnotnull) THEN
    path := rowhouse.shortest_path(target, tenant_column);
  END IF;
  tables := rowhouse.tables_of_adoption(target, tenant_column, path);
  forced := ARRAY(SELECT c.oid::regclass FROM pg_class AS c WHERE c.oid = ANY (tables) AND c.relforcerowsecurity
                    ORDER BY c.oid);
  opening := ARRAY['SELECT rowhouse.enter_gate()',
      format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', array_to_string(tables, ', '))]
    || ARRAY(SELECT format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', t.name) FROM unnest(forced) AS t(name));
  filling := ARRAY(SELECT rowhouse.fill_statements(target, tenant_column, path, tenant));
  closing := ARRAY(SELECT rowhouse.rebuild_keys(target, tenant_column))
    || ARRAY(SELECT format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t.name) FROM unnest(forced) AS t(name))
    || format('SELECT rowhouse.protect(%L, %L)', target, tenant_column);
  PERFORM rowhouse.tell_leftovers(target, tenant_column);

  IF dry_run IS NOT TRUE THEN
    FOREACH statement IN ARRAY opening LOOP
      EXECUTE statement;
    END LOOP;
    PERFORM rowhouse.check_fill(target, tenant_column, path, tenant);
    FOREACH statement IN ARRAY filling LOOP
      EXECUTE statement;
    END LOOP;
    PERFORM rowhouse.check_crossings(target, tenant_column);
    FOREACH statement IN ARRAY closing LOOP
      EXECUTE statement;
    END LOOP;
  ELSIF NOT EXISTS (SELECT FROM unnest(tables) AS t(name) WHERE row_security_active(t.name)) THEN
    PERFORM rowhouse.check_fill(target, tenant_column, path, tenant);
  END IF;
  RETURN QUERY SELECT unnest(opening || filling || closing);
END
$function$;
COMMENT ON FUNCTION rowhouse.adopt(regclass, name, name[], text, boolean) IS
  'Gives a table its tenant column, filled through foreign keys or with one tenant, rebuilds the keys as (tenant, ...) '
  'and protects it; returns the statements, which a dry run only shows';
