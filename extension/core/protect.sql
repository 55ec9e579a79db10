-- Protection of a table: its policies (policies.sql has their shape), and what they need to be right and fast: NOT
-- NULL, a default from the context and an index that leads with the tenant column.
--
-- On every protected table stand
--   rowhouse_access      PERMISSIVE   ALL     TO PUBLIC          column = tenant
--   rowhouse_isolation   RESTRICTIVE  ALL     TO PUBLIC, or to the bound roles by name       column = tenant
--   rowhouse_suspension  RESTRICTIVE  ALL     as rowhouse_isolation    column not among the suspended   while any is
--   rowhouse_admin       PERMISSIVE   ALL     TO admin roles     true                        while there are any
--   rowhouse_dump        PERMISSIVE   SELECT  TO dump roles      true                        while there are any

-- A table, its partitions and its inheritance children to the last; depth 0 is the table itself.
CREATE OR REPLACE FUNCTION rowhouse.family(target regclass) RETURNS TABLE(relation regclass, depth integer)
  LANGUAGE sql STABLE
BEGIN ATOMIC
  WITH RECURSIVE member(relation, depth) AS (
    SELECT target, 0
    UNION
    SELECT child.inhrelid::regclass, member.depth + 1
      FROM member JOIN pg_inherits AS child ON child.inhparent = member.relation
  )
  SELECT member.relation, max(member.depth) FROM member GROUP BY member.relation;
END;

-- What protect() itself made of a table stands in the comment on its policy, where it lives and is dumped with it.
CREATE OR REPLACE FUNCTION rowhouse.made_by_protect(relation regclass) RETURNS jsonb
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT substring(obj_description(p.oid, 'pg_policy') FROM '^Made by rowhouse.protect: (\{.*\})$')::jsonb
    FROM pg_policy AS p WHERE p.polrelid = made_by_protect.relation AND p.polname = 'rowhouse_isolation';
END;

-- From the catalogs alone: a table counts when the isolation policy stands and is in force.
CREATE OR REPLACE VIEW rowhouse.protected_tables AS
  SELECT c.oid::regclass AS table_name, a.attname AS tenant_column, a.atttypid::regtype AS tenant_type,
      CASE
        WHEN c.relispartition THEN 'partition'
        WHEN c.relkind = 'p' THEN 'partitioned table'
        WHEN EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhrelid = c.oid) THEN 'inheritance child'
        ELSE 'table'
      END AS kind
    FROM pg_policy AS p
    JOIN pg_class AS c ON c.oid = p.polrelid
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE p.polname = 'rowhouse_isolation' AND NOT p.polpermissive AND p.polcmd = '*'
      AND c.relrowsecurity AND c.relforcerowsecurity
      AND EXISTS (SELECT FROM pg_depend AS d
                    WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass
                      AND d.refobjid = c.oid AND d.refobjsubid = a.attnum);
COMMENT ON VIEW rowhouse.protected_tables IS 'Tables that rowhouse keeps apart by tenant';

-- Refuses, by name and reason, what can't be protected; answers the type of the tenant column.
CREATE OR REPLACE FUNCTION rowhouse.check_target(target regclass, tenant_column name) RETURNS regtype
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  member record;
  found_column record;
BEGIN
  IF target IS NULL OR tenant_column IS NULL THEN
    RAISE null_value_not_allowed USING MESSAGE = 'protect wants a table and the name of its tenant column, got NULL';
  END IF;
  FOR member IN
    SELECT f.relation, f.depth, c.relkind, c.relowner, c.relnamespace::regnamespace::text AS schema
      FROM rowhouse.family(target) AS f LEFT JOIN pg_class AS c ON c.oid = f.relation ORDER BY f.depth, f.relation
  LOOP
    IF member.relkind IS NULL THEN
      RAISE undefined_table USING MESSAGE = format('there is no table with the OID %s', member.relation);
    ELSIF member.relkind = 'f' THEN
      RAISE wrong_object_type USING
        MESSAGE = format('%s is a foreign table, for which the server has no row security', member.relation),
        HINT = CASE member.depth WHEN 0 THEN 'Copy its rows into a table and protect that.'
          ELSE format('Detach it from %s and copy its rows into a table.', target) END;
    ELSIF member.relkind IN ('v', 'm') THEN
      RAISE wrong_object_type USING
        MESSAGE = format('%s is a view, for which the server has no row security', member.relation),
        HINT = 'Protect the tables it reads: a view obeys their policies by security_invoker, or when its owner is bound.';
    ELSIF member.relkind NOT IN ('r', 'p') THEN
      RAISE wrong_object_type USING MESSAGE = format('%s is not a table', member.relation);
    ELSIF member.schema IN ('pg_catalog', 'information_schema', 'pg_toast', 'rowhouse') THEN
      RAISE wrong_object_type USING
        MESSAGE = format('%s is a table of the server''s or of rowhouse''s own', member.relation),
        HINT = 'Protect tables of your own.';
    ELSIF NOT pg_has_role(member.relowner, 'USAGE') THEN
      RAISE insufficient_privilege USING
        MESSAGE = format('must be owner of table %s', member.relation),
        HINT = format('Its owner is %s.', member.relowner::regrole);
    END IF;
  END LOOP;

  SELECT a.atttypid::regtype AS type, a.attgenerated <> '' OR a.attidentity <> '' AS is_generated,
      coalesce(l.collisdeterministic, true) AS is_deterministic
    INTO found_column
    FROM pg_attribute AS a LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
    WHERE a.attrelid = target AND a.attname = tenant_column AND a.attnum > 0 AND NOT a.attisdropped;
  IF NOT FOUND THEN
    RAISE undefined_column USING
      MESSAGE = format('column %I of %s does not exist', tenant_column, target),
      HINT = 'Name the column that holds the tenant as the second argument.';
  ELSIF found_column.type <> ALL (ARRAY['text', 'varchar', 'uuid', 'integer', 'bigint']::regtype[]) THEN
    RAISE datatype_mismatch USING
      MESSAGE = format('column %I of %s is of type %s', tenant_column, target, found_column.type),
      HINT = 'A tenant column is text, varchar, uuid, integer or bigint.';
  ELSIF NOT found_column.is_deterministic THEN
    RAISE datatype_mismatch USING
      MESSAGE = format('column %I of %s has a nondeterministic collation: different tenants could compare equal',
        tenant_column, target),
      HINT = 'Give the column a deterministic collation, such as "C".';
  ELSIF found_column.is_generated THEN
    RAISE wrong_object_type USING
      MESSAGE = format('column %I of %s is generated', tenant_column, target),
      HINT = 'A tenant column is one that can be written.';
  END IF;
  RETURN found_column.type;
END
$function$;

-- Rows that would belong to nobody, or to a tenant that can't be set: found before they become invisible.
CREATE OR REPLACE FUNCTION rowhouse.check_rows(relation regclass, tenant_column name) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  found_rows bigint;
  sample text;
BEGIN
  EXECUTE format('SELECT count(*) FROM ONLY %s WHERE %I IS NULL', relation, tenant_column) INTO found_rows;
  IF found_rows > 0 THEN
    RAISE not_null_violation USING
      MESSAGE = format('%s has %s rows without a tenant: %I is NULL', relation, found_rows, tenant_column),
      HINT = 'Give these rows a tenant or delete them, then protect the table again.';
  END IF;
  EXECUTE format(
    'SELECT count(*), string_agg(quote_literal(id), '', '' ORDER BY id) FILTER (WHERE place <= 3)
       FROM (SELECT id, row_number() OVER (ORDER BY id) AS place
               FROM (SELECT DISTINCT (%2$I)::text COLLATE "C" AS id FROM ONLY %1$s) AS used
               WHERE rowhouse.tenant_status(id) IS NULL) AS unknown', relation, tenant_column)
    INTO found_rows, sample;
  IF found_rows > 0 THEN
    RAISE foreign_key_violation USING
      MESSAGE = format('%s has rows of %s unknown tenants, such as %s', relation, found_rows, sample),
      HINT = format('Register them: SELECT rowhouse.create_tenant(id, true) FROM '
        '(SELECT DISTINCT %I::text FROM %s) AS used(id);', tenant_column, relation);
  END IF;
END
$function$;

-- The server chooses the name, so that it is free and fits into 63 bytes.
CREATE OR REPLACE FUNCTION rowhouse.make_tenant_index(relation regclass, tenant_column name) RETURNS name
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  EXECUTE format('CREATE INDEX ON %s (%I)', relation, tenant_column);
  RETURN (SELECT c.relname
            FROM rowhouse.tenant_indexes(relation, tenant_column) AS made JOIN pg_class AS c ON c.oid = made);
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.drop_policies(relation regclass) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  policy name;
BEGIN
  FOR policy IN
    SELECT p.polname FROM pg_policy AS p
      WHERE p.polrelid = relation AND p.polname = ANY (rowhouse.policy_names())
  LOOP
    EXECUTE format('DROP POLICY %I ON %s', policy, relation);
  END LOOP;
END
$function$;

-- One table without its children. Called children first, so that each one's own state is known when its turn comes.
CREATE OR REPLACE FUNCTION rowhouse.protect_one(relation regclass, tenant_column name) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  made jsonb := rowhouse.made_by_protect(relation);
  before record;
BEGIN
  SELECT c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced, a.attnotnull AS not_null,
      rowhouse.tenant_setting(a.atttypid) AS setting, pg_get_expr(d.adbin, d.adrelid) AS default_value
    INTO before
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = tenant_column
    LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.oid = relation;
  -- A child that came after its parent was protected has its NOT NULL and DEFAULT from there.
  made := coalesce(made, jsonb_build_object('enabled', NOT before.enabled, 'forced', NOT before.forced)
    || coalesce((SELECT jsonb_object_agg(key, value)
                   FROM pg_inherits AS i, jsonb_each(rowhouse.made_by_protect(i.inhparent))
                   WHERE i.inhrelid = relation AND key IN ('not_null', 'default')), '{}'));

  -- Its owner has to see every row for the checks; forced again below, in the same transaction and under the same lock.
  EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', relation);
  PERFORM rowhouse.check_rows(relation, tenant_column);
  IF NOT before.not_null THEN
    EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', relation, tenant_column);
    made := made || '{"not_null": true}';
  END IF;
  IF before.default_value IS NULL THEN
    EXECUTE format('ALTER TABLE ONLY %s ALTER COLUMN %I SET DEFAULT %s', relation, tenant_column, before.setting);
    made := made || '{"default": true}';
  ELSIF strpos(before.default_value, 'rowhouse.tenant') = 0 THEN
    RAISE NOTICE USING
      MESSAGE = format('column %I of %s keeps its default %s', tenant_column, relation, before.default_value),
      HINT = 'Drop the default and protect the table again to have new rows take the current tenant.';
  END IF;
  IF NOT EXISTS (SELECT FROM rowhouse.tenant_indexes(relation, tenant_column)) THEN
    made := made || jsonb_build_object('index', rowhouse.make_tenant_index(relation, tenant_column));
  END IF;

  PERFORM rowhouse.apply_grants(relation);
  PERFORM rowhouse.apply_policies(relation, tenant_column);
  EXECUTE format('COMMENT ON POLICY rowhouse_isolation ON %s IS %L', relation,
    'Made by rowhouse.protect: ' || made::text);
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', relation);
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.protect(target regclass, tenant_column name DEFAULT 'company_id') RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  member regclass;
  other name;
BEGIN
  PERFORM rowhouse.check_target(target, tenant_column);
  PERFORM rowhouse.enter_gate();
  SELECT t.tenant_column INTO other
    FROM rowhouse.protected_tables AS t WHERE t.table_name = target AND t.tenant_column <> protect.tenant_column;
  IF FOUND THEN
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = format('%s is protected already, by its column %I', target, other),
      HINT = format('Call rowhouse.unprotect(%L) first.', target);
  END IF;
  IF NOT EXISTS (SELECT FROM rowhouse.family(target) AS f
                   WHERE NOT rowhouse.is_protected(f.relation, tenant_column)) THEN
    RETURN;
  END IF;
  EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', target);
  FOR member IN SELECT f.relation FROM rowhouse.family(target) AS f ORDER BY f.depth DESC, f.relation LOOP
    PERFORM rowhouse.check_target(member, tenant_column);
    IF NOT rowhouse.is_protected(member, tenant_column) THEN
      PERFORM rowhouse.protect_one(member, tenant_column);
    END IF;
  END LOOP;
END
$function$;
COMMENT ON FUNCTION rowhouse.protect(regclass, name) IS
  'Keeps the rows of a table, of its partitions and of its children to the current tenant; may be called again';

-- One table without its children: what protect() has made, as far as it is still there. NOT NULL is left to the caller.
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
    EXECUTE format('DROP INDEX %s', made_index);
  END IF;
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
  member record;
  keep_not_null regclass[] := '{}';
BEGIN
  SELECT t.tenant_column INTO tenant_column FROM rowhouse.protected_tables AS t WHERE t.table_name = target;
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
  PERFORM rowhouse.check_target(target, tenant_column);
  EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', target);

  -- Parents first: what they drop, they drop from their children, which then get back what they had of their own.
  FOR member IN
    SELECT f.relation, rowhouse.made_by_protect(f.relation) AS made,
        EXISTS (SELECT FROM rowhouse.protected_tables AS t WHERE t.table_name = f.relation) AS is_ours
      FROM rowhouse.family(target) AS f ORDER BY f.depth, f.relation
  LOOP
    CONTINUE WHEN NOT member.is_ours;
    PERFORM rowhouse.unprotect_one(member.relation, member.made, tenant_column);
    IF NOT coalesce(member.made ? 'not_null', false) THEN
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
