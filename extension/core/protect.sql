-- Protection of a table: its policies (policies.sql has their shape), and what they need to be right and fast: NOT
-- NULL, a default from the context and an index that leads with the tenant column.
--
-- On every protected table stand, with PUBLIC for the bound roles as long as the database has no exempt role,
--   rowhouse_access      PERMISSIVE   ALL      TO PUBLIC        own rows (reference: SELECT, any row)
--   rowhouse_defaults    PERMISSIVE   SELECT   TO PUBLIC        rows of no tenant             defaults
--   rowhouse_isolation   RESTRICTIVE  ALL      TO bound roles   what may be read; checks what is written
--   rowhouse_update      RESTRICTIVE  UPDATE   TO bound roles   what may be written           defaults, reference
--   rowhouse_delete      RESTRICTIVE  DELETE   TO bound roles   what may be written           defaults, reference
--   rowhouse_suspension  RESTRICTIVE  ALL      TO bound roles   not of a suspended tenant     while any is suspended
--   rowhouse_admin       PERMISSIVE   ALL      TO admin roles   true                          while there are any
--   rowhouse_dump        PERMISSIVE   SELECT   TO dump roles    true                          while there are any
--
-- Kinds of rows:
--   own         every row is one tenant's
--   defaults    rows without a tenant are for all to read, the others are one tenant's and shadow them
--   reference   rows are for all to read and, but for exempt roles, for none to write
-- Whatever the kind, nothing is read while no tenant is set.

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

-- From the catalogs alone: a table counts when the isolation policy stands and is in force. The kind of its rows
-- follows from what that policy lets tenants write beside what it lets them read.
CREATE OR REPLACE VIEW rowhouse.protected_tables AS
  SELECT c.oid::regclass AS table_name, a.attname AS tenant_column, a.atttypid::regtype AS tenant_type,
      CASE
        WHEN c.relispartition THEN 'partition'
        WHEN c.relkind = 'p' THEN 'partitioned table'
        WHEN EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhrelid = c.oid) THEN 'inheritance child'
        ELSE 'table'
      END AS kind,
      CASE
        WHEN pg_get_expr(p.polwithcheck, c.oid) = 'false' THEN 'reference'
        WHEN starts_with(reverse(pg_get_expr(p.polqual, c.oid)),
          reverse(' OR ' || pg_get_expr(p.polwithcheck, c.oid) || ')')) THEN 'defaults'
        ELSE 'own'
      END AS row_kind
    FROM pg_policy AS p
    JOIN pg_class AS c ON c.oid = p.polrelid
    LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
      AND EXISTS (SELECT FROM pg_depend AS d
                    WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass
                      AND d.refobjid = c.oid AND d.refobjsubid = a.attnum)
    WHERE p.polname = 'rowhouse_isolation' AND NOT p.polpermissive AND p.polcmd = '*'
      AND c.relrowsecurity AND c.relforcerowsecurity
      AND (a.attname IS NOT NULL OR pg_get_expr(p.polwithcheck, c.oid) = 'false');
COMMENT ON VIEW rowhouse.protected_tables IS 'Tables that rowhouse keeps apart by tenant, and the kind of their rows';

-- Refuses, by name and reason, what can't be protected: no table, or somebody else's, its children included.
CREATE OR REPLACE FUNCTION rowhouse.check_family(target regclass) RETURNS void
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  member record;
BEGIN
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
        HINT = 'Protect the tables it reads: a view obeys their policies by security_invoker, or when its owner is '
          'bound.';
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
END
$function$;

-- Shared rows that refer to a tenant's own would be deleted or changed with it, for all: foreign keys act past the
-- policies.
CREATE OR REPLACE FUNCTION rowhouse.check_shared_keys(target regclass, tenant_column name, row_kind text) RETURNS void
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  key record;
BEGIN
  SELECT k.conname, k.conrelid::regclass AS relation, k.confrelid::regclass AS referred INTO key
    FROM pg_constraint AS k
    JOIN rowhouse.protected_tables AS t ON t.table_name = k.confrelid AND t.row_kind = 'own'
    WHERE k.contype = 'f' AND k.conrelid IN (SELECT f.relation FROM rowhouse.family(target) AS f)
      AND (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))
      AND (check_shared_keys.row_kind = 'reference' OR NOT EXISTS (
        SELECT FROM pg_attribute AS a
          WHERE a.attrelid = k.conrelid AND a.attname = check_shared_keys.tenant_column AND a.attnum = ANY (k.conkey)))
    ORDER BY k.oid LIMIT 1;
  IF FOUND THEN
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = format('%s refers by %I to %s: a tenant who deletes or changes a row of its own there would do so here '
        'for all', key.relation, key.conname, key.referred),
      HINT = 'Let the foreign key do nothing (NO ACTION), or drop it: what all share refers to what all share.';
  END IF;
END
$function$;

-- The same for the table and its tenant column, which reference rows go without.
CREATE OR REPLACE FUNCTION rowhouse.check_target(target regclass, tenant_column name, row_kind text) RETURNS void
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  found_column record;
BEGIN
  IF row_kind IS NULL OR row_kind NOT IN ('own', 'reference', 'defaults') THEN
    RAISE invalid_parameter_value USING
      MESSAGE = format('there is no kind of rows %L', row_kind),
      HINT = 'own: one tenant''s; reference: for all to read; defaults: for all to read where they have no tenant.';
  ELSIF target IS NULL OR (tenant_column IS NULL AND row_kind <> 'reference') THEN
    RAISE null_value_not_allowed USING MESSAGE = 'protect wants a table and the name of its tenant column, got NULL';
  END IF;
  PERFORM rowhouse.check_family(target);
  IF row_kind <> 'own' THEN
    PERFORM rowhouse.check_shared_keys(target, tenant_column, row_kind);
  END IF;
  IF row_kind = 'reference' THEN
    RETURN;
  END IF;

  SELECT a.atttypid::regtype AS type, a.attgenerated <> '' OR a.attidentity <> '' AS is_generated,
      coalesce(l.collisdeterministic, true) AS is_deterministic, a.attnotnull AS is_not_null
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
  ELSIF found_column.is_not_null AND row_kind = 'defaults' THEN
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = format('column %I of %s is NOT NULL, so there can be no defaults, which are rows without a tenant',
        tenant_column, target),
      HINT = 'ALTER COLUMN ... DROP NOT NULL; in place of a primary key with the tenant take a UNIQUE one.';
  END IF;
END
$function$;

-- Rows that would belong to nobody, or to a tenant that can't be set: found before they become invisible. What
-- protect_plan() has prepared is not read again. MATERIALIZED, or the registry is asked for every row and not for every
-- tenant.
CREATE OR REPLACE FUNCTION rowhouse.check_rows(relation regclass, tenant_column name, row_kind text) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  found_rows bigint;
  sample text;
BEGIN
  IF row_kind = 'own' AND NOT rowhouse.holds_no_null(relation, tenant_column) THEN
    EXECUTE format('SELECT count(*) FROM ONLY %s WHERE %I IS NULL', relation, tenant_column) INTO found_rows;
    IF found_rows > 0 THEN
      RAISE not_null_violation USING
        MESSAGE = format('%s has %s rows without a tenant: %I is NULL', relation, found_rows, tenant_column),
        HINT = 'Give these rows a tenant or delete them, then protect the table again.';
    END IF;
  END IF;
  WITH used AS MATERIALIZED (SELECT u COLLATE "C" AS id FROM rowhouse.used_tenants(relation, tenant_column) AS u)
  SELECT count(*), string_agg(quote_literal(id), ', ' ORDER BY id) FILTER (WHERE place <= 3)
    INTO found_rows, sample
    FROM (SELECT id, row_number() OVER (ORDER BY id) AS place
            FROM used WHERE rowhouse.tenant_status(id) IS NULL) AS unknown;
  IF found_rows > 0 THEN
    RAISE foreign_key_violation USING
      MESSAGE = format('%s has rows of %s unknown tenants, such as %s', relation, found_rows, sample),
      HINT = format('Register them: SELECT rowhouse.create_tenant(id, true) FROM '
        '(SELECT DISTINCT %I::text FROM %s) AS used(id);', tenant_column, relation);
  END IF;
END
$function$;

-- The server chooses the name, so that it is free and fits into 63 bytes. An index of a partitioned table takes up those
-- like it that its partitions have; unprotect() gives them back.
CREATE OR REPLACE FUNCTION rowhouse.add_tenant_index(relation regclass, tenant_column name) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  -- What is there, but for what protect() has just made for the parts, which come first.
  present oid[] := ARRAY(
    SELECT i.indexrelid
      FROM pg_partition_tree(relation) AS part JOIN pg_index AS i ON i.indrelid = part.relid
        JOIN pg_index AS root ON root.indexrelid = coalesce(pg_partition_root(i.indexrelid), i.indexrelid)
        JOIN pg_class AS c ON c.oid = root.indexrelid
      WHERE rowhouse.made_by_protect(root.indrelid) ->> 'index' IS DISTINCT FROM c.relname);
  made_index regclass;
BEGIN
  EXECUTE format('CREATE INDEX ON %s (%I)', relation, tenant_column);
  made_index := (SELECT made FROM rowhouse.tenant_indexes(relation, tenant_column) AS made);
  RETURN jsonb_strip_nulls(jsonb_build_object(
    'index', (SELECT c.relname FROM pg_class AS c WHERE c.oid = made_index),
    'taken_up', (SELECT jsonb_agg(c.relname ORDER BY c.relname)
                   FROM pg_partition_tree(made_index) AS part JOIN pg_class AS c ON c.oid = part.relid
                   WHERE c.oid = ANY (present))));
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

-- The parts of protect_one(): what the tenant column needs. Each answers what it has made.
CREATE OR REPLACE FUNCTION rowhouse.make_not_null(relation regclass, tenant_column name) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF EXISTS (SELECT FROM pg_attribute AS a
               WHERE a.attrelid = relation AND a.attname = tenant_column AND a.attnotnull) THEN
    RETURN '{}';
  END IF;
  EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', relation, tenant_column);
  RETURN '{"not_null": true}';
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.make_default(relation regclass, tenant_column name) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  before record;
BEGIN
  SELECT rowhouse.tenant_setting(a.atttypid) AS setting, pg_get_expr(d.adbin, d.adrelid) AS default_value INTO before
    FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = relation AND a.attname = tenant_column;
  IF before.default_value IS NULL THEN
    EXECUTE format('ALTER TABLE ONLY %s ALTER COLUMN %I SET DEFAULT %s', relation, tenant_column, before.setting);
    RETURN '{"default": true}';
  ELSIF strpos(before.default_value, 'rowhouse.tenant') = 0 THEN
    RAISE NOTICE USING
      MESSAGE = format('column %I of %s keeps its default %s', tenant_column, relation, before.default_value),
      HINT = 'Drop the default and protect the table again to have new rows take the current tenant.';
  END IF;
  RETURN '{}';
END
$function$;

-- One table without its children. Called children first, so that each one's own state is known when its turn comes.
CREATE OR REPLACE FUNCTION rowhouse.protect_one(relation regclass, tenant_column name, row_kind text) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  made jsonb := rowhouse.made_by_protect(relation);
BEGIN
  -- A child that came after its parent was protected has its NOT NULL and DEFAULT from there.
  made := coalesce(made, (
      SELECT jsonb_build_object('enabled', NOT c.relrowsecurity, 'forced', NOT c.relforcerowsecurity)
        FROM pg_class AS c WHERE c.oid = relation)
    || coalesce((SELECT jsonb_object_agg(key, value)
                   FROM pg_inherits AS i, jsonb_each(rowhouse.made_by_protect(i.inhparent))
                   WHERE i.inhrelid = relation AND key IN ('not_null', 'default')), '{}'));

  -- Its owner has to see every row for the checks; forced again below, in the same transaction and under the same lock.
  EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', relation);
  IF row_kind <> 'reference' THEN
    PERFORM rowhouse.check_rows(relation, tenant_column, row_kind);
    IF row_kind = 'own' THEN
      made := made || rowhouse.make_not_null(relation, tenant_column);
    ELSE
      made := made || rowhouse.make_default_keys(relation, tenant_column, made -> 'keys');
    END IF;
    made := made || rowhouse.make_default(relation, tenant_column);
    IF NOT EXISTS (SELECT FROM rowhouse.tenant_indexes(relation, tenant_column)) THEN
      made := made || rowhouse.add_tenant_index(relation, tenant_column);
    END IF;
  END IF;

  PERFORM rowhouse.apply_grants(relation, row_kind);
  PERFORM rowhouse.apply_policies(relation, tenant_column, row_kind);
  EXECUTE format('COMMENT ON POLICY rowhouse_isolation ON %s IS %L', relation,
    'Made by rowhouse.protect: ' || made::text);
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', relation);
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.protect(
    target regclass, tenant_column name DEFAULT 'company_id', kind text DEFAULT 'own')
  RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  holder name := CASE WHEN kind <> 'reference' THEN tenant_column END;
  member regclass;
  other record;
BEGIN
  PERFORM rowhouse.check_target(target, tenant_column, kind);
  PERFORM rowhouse.enter_gate();
  SELECT t.table_name, t.tenant_column AS column, t.row_kind INTO other
    FROM rowhouse.protected_tables AS t JOIN rowhouse.family(target) AS f ON f.relation = t.table_name
    WHERE t.tenant_column IS DISTINCT FROM holder OR t.row_kind <> protect.kind
    ORDER BY f.depth, f.relation LIMIT 1;
  IF FOUND THEN
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = CASE WHEN other.row_kind = kind
        THEN format('%s is protected already, by its column %I', other.table_name, other.column)
        ELSE format('%s is protected already, its rows are of the kind %s', other.table_name, other.row_kind) END,
      HINT = format('Call rowhouse.unprotect(%L) first.', other.table_name);
  END IF;
  IF NOT EXISTS (SELECT FROM rowhouse.family(target) AS f
                   WHERE NOT rowhouse.is_protected(f.relation, holder, kind)) THEN
    RETURN;
  END IF;
  EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', target);
  FOR member IN SELECT f.relation FROM rowhouse.family(target) AS f ORDER BY f.depth DESC, f.relation LOOP
    PERFORM rowhouse.check_target(member, tenant_column, kind);
    IF NOT rowhouse.is_protected(member, holder, kind) THEN
      PERFORM rowhouse.protect_one(member, holder, kind);
    END IF;
  END LOOP;
END
$function$;
COMMENT ON FUNCTION rowhouse.protect(regclass, name, text) IS
  'Keeps the rows of a table, of its partitions and of its children to the current tenant; may be called again';
