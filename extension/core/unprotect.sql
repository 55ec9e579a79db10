-- Protection taken back: exactly what protect() has made, as far as nobody has changed it since.

-- Drops an index that protect() has made. A partitioned one takes those of its partitions along; the ones among them that
-- were there before are made again, those of the leaves first, so that the ones above them find them.
CREATE OR REPLACE FUNCTION rowhouse.drop_made_index(made_index regclass, taken_up jsonb) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  definitions text[] := ARRAY(
    SELECT replace(pg_get_indexdef(part.relid), ' ON ONLY ', ' ON ')
      FROM pg_partition_tree(made_index) AS part JOIN pg_class AS c ON c.oid = part.relid
      WHERE taken_up ? c.relname AND part.level > 0 ORDER BY part.level DESC, part.relid);
  definition text;
BEGIN
  EXECUTE format('DROP INDEX %s', made_index);
  FOREACH definition IN ARRAY definitions LOOP
    EXECUTE definition;
  END LOOP;
END
$function$;

-- One table without its children. NOT NULL is left to the caller.
CREATE OR REPLACE FUNCTION rowhouse.unprotect_one(relation regclass, made jsonb, tenant_column name) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  made_index regclass;
  default_value text;
BEGIN
  PERFORM rowhouse.drop_policies(relation);
  PERFORM rowhouse.take_back_grants(relation);
  SELECT pg_get_expr(d.adbin, d.adrelid) INTO default_value
    FROM pg_attrdef AS d JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    WHERE d.adrelid = relation AND a.attname = tenant_column;
  IF made ? 'default' AND strpos(default_value, 'rowhouse.tenant') > 0 THEN
    EXECUTE format('ALTER TABLE ONLY %s ALTER COLUMN %I DROP DEFAULT', relation, tenant_column);
  END IF;
  SELECT used INTO made_index
    FROM rowhouse.tenant_indexes(relation, tenant_column) AS used JOIN pg_class AS c ON c.oid = used
    WHERE c.relname = made ->> 'index' AND NOT c.relispartition;
  IF FOUND THEN
    PERFORM rowhouse.drop_made_index(made_index, made -> 'taken_up');
  END IF;
  PERFORM rowhouse.drop_default_keys(relation, tenant_column, made -> 'keys');
  -- Row security stays on as long as other policies rely on it.
  IF EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = relation) THEN
    RETURN;
  END IF;
  IF coalesce((made ->> 'forced')::boolean, true) THEN
    EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', relation);
  END IF;
  IF coalesce((made ->> 'enabled')::boolean, true) THEN
    EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', relation);
  END IF;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.unprotect(target regclass) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  parent regclass;
  tenant_column name;
  row_kind text;
  member record;
  keep_not_null regclass[] := '{}';
BEGIN
  SELECT t.tenant_column, t.row_kind INTO tenant_column, row_kind
    FROM rowhouse.protected_tables AS t WHERE t.table_name = target;
  IF NOT FOUND THEN
    RAISE NOTICE '% is not protected', target;
    RETURN;
  END IF;
  SELECT i.inhparent INTO parent
    FROM pg_inherits AS i JOIN rowhouse.protected_tables AS t ON t.table_name = i.inhparent
    WHERE i.inhrelid = target LIMIT 1;
  IF FOUND THEN
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = format('%s is protected as a part of %s', target, parent),
      HINT = format('Unprotect %s, or detach the part first.', parent);
  END IF;
  PERFORM rowhouse.check_family(target);
  IF rowhouse.is_distributed(target) THEN
    RAISE feature_not_supported USING
      MESSAGE = format('%s is distributed, and Citus lets no default of the tenant column go', target),
      HINT = format('SELECT undistribute_table(%L, cascade_via_foreign_keys => true); then unprotect it.',
        target::text);
  END IF;
  EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', target);

  -- Parents first: what they drop, they drop from their children, which then get back what they had of their own.
  FOR member IN
    SELECT f.relation, rowhouse.made_by_protect(f.relation) AS made,
        EXISTS (SELECT FROM rowhouse.protected_tables AS t WHERE t.table_name = f.relation) AS is_ours
      FROM rowhouse.family(target) AS f ORDER BY f.depth, f.relation
  LOOP
    CONTINUE WHEN NOT member.is_ours;
    PERFORM rowhouse.unprotect_one(member.relation, member.made, tenant_column);
    IF row_kind <> 'own' THEN
      CONTINUE;
    ELSIF NOT coalesce(member.made ? 'not_null', false) THEN
      keep_not_null := keep_not_null || member.relation;
    ELSIF EXISTS (SELECT FROM pg_attribute AS a
                    WHERE a.attrelid = member.relation AND a.attname = tenant_column AND a.attnotnull) THEN
      EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', member.relation, tenant_column);
    END IF;
  END LOOP;
  FOREACH parent IN ARRAY keep_not_null LOOP
    EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', parent, tenant_column);
  END LOOP;
END
$function$;
COMMENT ON FUNCTION rowhouse.unprotect(regclass) IS
  'Takes back what protect() made of a table, its partitions and its children';
