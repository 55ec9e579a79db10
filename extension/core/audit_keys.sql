-- The audit of keys: what tells a tenant that another one has a row, or lets it destroy one. Keys, foreign keys and
-- sequences are checked for all tenants at once, past every policy.

-- Whether a value of another tenant's can't be guessed (random), or says nothing but that a number was used (counter).
CREATE OR REPLACE FUNCTION rowhouse.key_nature(relation oid, attnums smallint[]) RETURNS text
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT CASE
      WHEN bool_or(a.atttypid = 'uuid'::regtype
        OR pg_get_expr(d.adbin, d.adrelid) ~ '(gen_random_|uuid_generate_v[14]|uuidv[47]|random\()') THEN 'random'
      WHEN bool_or(a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) ~ '^nextval\(') THEN 'counter'
      ELSE 'natural' END
    FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = key_nature.relation AND a.attnum = ANY (attnums);
END;

-- Foreign keys that lead from one tenant table to another, with the tenant's column on either side.
CREATE OR REPLACE FUNCTION rowhouse.tenant_foreign_keys()
  RETURNS TABLE(key oid, child oid, parent oid, child_tenant smallint, parent_tenant smallint, has_tenant boolean)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    WITH held AS MATERIALIZED (SELECT * FROM rowhouse.audit_tenant_tables())
    SELECT k.oid, k.conrelid, k.confrelid, c.tenant_attnum, p.tenant_attnum,
        EXISTS (SELECT FROM unnest(k.conkey, k.confkey) AS pair(from_column, to_column)
                  WHERE pair.from_column = c.tenant_attnum AND pair.to_column = p.tenant_attnum)
      FROM pg_constraint AS k
      JOIN held AS c ON c.relation = k.conrelid
      JOIN held AS p ON p.relation = k.confrelid
      WHERE k.contype = 'f' AND k.conparentid = 0;
END
$function$;

-- The same foreign key with the tenant in front, as ALTER TABLE takes it; NULL where there is no such thing, or none by
-- itself: MATCH FULL of several columns takes a CHECK beside it.
CREATE OR REPLACE FUNCTION rowhouse.foreign_key_with_tenant(key oid, child_tenant smallint, parent_tenant smallint)
  RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  k record;
  tenant pg_attribute;
  referred_tenant pg_attribute;
BEGIN
  SELECT c.*, (to_jsonb(c) ->> 'conperiod')::boolean AS period INTO k FROM pg_constraint AS c WHERE c.oid = key;
  SELECT * INTO tenant FROM pg_attribute AS a WHERE a.attrelid = k.conrelid AND a.attnum = child_tenant;
  SELECT * INTO referred_tenant FROM pg_attribute AS a WHERE a.attrelid = k.confrelid AND a.attnum = parent_tenant;
  IF k.period OR rowhouse.clears_all_columns(k.confupdtype, k.confdeltype) OR child_tenant = ANY (k.conkey)
      OR parent_tenant = ANY (k.confkey) OR tenant.atttypid IS DISTINCT FROM referred_tenant.atttypid
      OR tenant.atttypid IS NULL OR (k.confmatchtype = 'f' AND cardinality(k.conkey) > 1) THEN
    RETURN NULL;
  END IF;
  RETURN rowhouse.foreign_key_clause(key, tenant.attname, referred_tenant.attname);
END
$function$;

-- One statement list: a key for the new foreign key to point to, where there is none yet, and the foreign key anew.
CREATE OR REPLACE FUNCTION rowhouse.foreign_key_remedy(key oid, child_tenant smallint, parent_tenant smallint)
  RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  k pg_constraint;
  definition text := rowhouse.foreign_key_with_tenant(key, child_tenant, parent_tenant);
  has_key boolean;
BEGIN
  IF definition IS NULL THEN
    RETURN NULL;
  END IF;
  SELECT * INTO k FROM pg_constraint AS c WHERE c.oid = key;
  SELECT EXISTS (
      SELECT FROM pg_index AS i
        WHERE i.indrelid = k.confrelid AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL
          AND i.indexprs IS NULL AND i.indnkeyatts = cardinality(k.confkey) + 1
          AND (i.indkey::smallint[])[0:i.indnkeyatts - 1] <@ (parent_tenant || k.confkey)) INTO has_key;
  RETURN CASE WHEN has_key THEN '' ELSE format('ALTER TABLE %s ADD UNIQUE (%s); ', k.confrelid::regclass,
      rowhouse.column_list(k.confrelid, parent_tenant || k.confkey)) END
    || format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %2$I %s', k.conrelid::regclass, k.conname, definition);
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.audit_foreign_keys()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  suspects oid[] := rowhouse.audit_suspects(or_others => true);
  entry record;
  writer text;
  destroyer text;
BEGIN
  FOR entry IN
    SELECT f.*, k.conname, rowhouse.column_list(k.conrelid, k.conkey) AS columns, k.confkey,
        rowhouse.key_nature(k.confrelid, k.confkey) = 'random' AS is_random,
        EXISTS (SELECT FROM rowhouse.protected_tables AS t
                  WHERE t.table_name = f.parent AND t.row_kind = 'defaults') AS has_defaults,
        concat_ws(' or ', CASE WHEN k.confdeltype IN ('c', 'n', 'd') THEN 'DELETE' END,
          CASE WHEN k.confupdtype IN ('c', 'n', 'd') THEN 'UPDATE' END) AS actions
      FROM rowhouse.tenant_foreign_keys() AS f JOIN pg_constraint AS k ON k.oid = f.key
      WHERE NOT f.has_tenant AND f.child_tenant IS NOT NULL AND f.parent_tenant IS NOT NULL
  LOOP
    writer := rowhouse.audit_who_reaches(suspects, entry.child, 'INSERT, UPDATE');
    destroyer := CASE WHEN entry.actions <> '' THEN
      rowhouse.audit_who_reaches(suspects, entry.parent, replace(entry.actions, ' or ', ', ')) END;
    CONTINUE WHEN writer IS NULL AND destroyer IS NULL;
    severity := CASE WHEN destroyer IS NOT NULL AND NOT entry.is_random THEN 'error'
      WHEN destroyer IS NOT NULL OR NOT (entry.is_random OR entry.has_defaults) THEN 'warning' ELSE 'info' END;
    rule := 'foreign-key-without-tenant';
    object := rowhouse.part_object('constraint', entry.child, entry.conname);
    detail := format('(%s) of %s may point to a row of another tenant''s in %s, since foreign keys know no policy. ',
      entry.columns, entry.child::regclass, entry.parent::regclass)
      || CASE WHEN destroyer IS NOT NULL
        THEN format('%s may %s there, and whatever row points to that one is changed or removed too, whosever it is. '
          'Proof: SET ROLE %1$s; as one tenant, %2$s a row of %3$s that a row of another tenant''s in %4$s points to.',
          destroyer, entry.actions, entry.parent::regclass, entry.child::regclass)
        ELSE format('Whether a key is taken shows: 23503, or not; and a row that is pointed to can''t be deleted by '
          'its owner. Proof: SET ROLE %s; as one tenant, INSERT INTO %s a row that points to another tenant''s row in '
          '%s: it is accepted.', writer, entry.child::regclass, entry.parent::regclass) END
      || CASE WHEN entry.is_random THEN ' The keys are random, so they have to be known.' ELSE '' END;
    remedy := CASE WHEN severity <> 'info'
      THEN rowhouse.foreign_key_remedy(entry.key, entry.child_tenant, entry.parent_tenant) END;
    RETURN NEXT;
  END LOOP;
END
$function$;

-- Unique and exclusion indexes of tenant tables that compare the rows of all tenants with each other; not the parts
-- that partitions have in their parent's.
CREATE OR REPLACE FUNCTION rowhouse.keys_without_tenant()
  RETURNS TABLE(index oid, relation oid, key oid, key_name name, attnums smallint[], tenant_attnum smallint)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    WITH held AS MATERIALIZED (SELECT * FROM rowhouse.audit_tenant_tables())
    SELECT i.indexrelid, i.indrelid, k.oid, k.conname, shape.attnums, t.tenant_attnum
      FROM held AS t
      JOIN pg_index AS i ON i.indrelid = t.relation AND (i.indisunique OR i.indisexclusion)
      LEFT JOIN pg_constraint AS k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
      LEFT JOIN pg_attribute AS a ON a.attrelid = t.relation AND a.attnum = t.tenant_attnum
      CROSS JOIN LATERAL (SELECT (i.indkey::smallint[])[0:i.indnkeyatts - 1] AS attnums) AS shape
      WHERE t.kind IN ('r', 'p') AND NOT EXISTS (SELECT FROM pg_inherits AS h WHERE h.inhrelid = i.indexrelid)
        AND NOT EXISTS (
          SELECT FROM unnest(shape.attnums, k.conexclop) AS c(attnum, operator)
            LEFT JOIN pg_operator AS o ON o.oid = c.operator
            WHERE c.attnum = t.tenant_attnum AND coalesce(o.oprname = '=', true))
        -- A key of the parent's rows: whose they are, the parent says.
        AND NOT (t.tenant_attnum IS NULL AND EXISTS (
          SELECT FROM pg_constraint AS f JOIN held AS p ON p.relation = f.confrelid
            WHERE f.contype = 'f' AND f.conrelid = t.relation AND f.conkey && shape.attnums))
        -- An expression of the tenant, or a condition that leaves one tenant or none.
        AND (a.attname IS NULL OR NOT (
          coalesce(pg_get_expr(i.indexprs, i.indrelid), '') ~ format('(^|\W)%s(\W|$)', a.attname)
          OR coalesce(pg_get_expr(i.indpred, i.indrelid), '')
             ~ format('(^|\W)%s\)?(::\w+)?\)? (= [^ ]+($|\)| AND )|IS NULL)', a.attname)));
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.key_remedy(index oid, key oid, tenant_attnum smallint) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  i record;
  k pg_constraint;
  tenant text;
  before text := '';
  after text := '';
  referrer record;
BEGIN
  SELECT x.indrelid, c.relname, pg_get_indexdef(x.indexrelid) AS definition INTO i
    FROM pg_index AS x JOIN pg_class AS c ON c.oid = x.indexrelid WHERE x.indexrelid = index;
  SELECT * INTO k FROM pg_constraint AS c WHERE c.oid = key;
  tenant := rowhouse.column_list(i.indrelid, ARRAY[tenant_attnum]);
  IF tenant IS NULL OR (k.contype = 'x' AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'btree_gist')) THEN
    RETURN NULL;
  END IF;
  -- Foreign keys that point to this key are dropped with it and come back with the tenant.
  FOR referrer IN
    SELECT f.conrelid::regclass AS child, f.conname,
        rowhouse.foreign_key_with_tenant(f.oid, t.child_tenant, t.parent_tenant) AS definition
      FROM pg_constraint AS f LEFT JOIN rowhouse.tenant_foreign_keys() AS t ON t.key = f.oid
      WHERE f.contype = 'f' AND f.conindid = index AND f.conparentid = 0 ORDER BY f.oid
  LOOP
    IF referrer.definition IS NULL THEN
      RETURN NULL;
    END IF;
    before := before || format('ALTER TABLE %s DROP CONSTRAINT %I; ', referrer.child, referrer.conname);
    after := after || format('; ALTER TABLE %s ADD CONSTRAINT %I %s', referrer.child, referrer.conname,
      referrer.definition);
  END LOOP;
  RETURN before || CASE
      WHEN key IS NOT NULL THEN format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %2$I %s',
        i.indrelid::regclass,
        k.conname, regexp_replace(pg_get_constraintdef(key), '\(',
          '(' || tenant || CASE k.contype WHEN 'x' THEN ' WITH =, ' ELSE ', ' END))
      ELSE format('DROP INDEX %s; %s', index::regclass,
        regexp_replace(replace(i.definition, ' ON ONLY ', ' ON '), ' USING btree \(',
          ' USING btree (' || tenant || ', '))
    END || after;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.audit_unique_keys()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  suspects oid[] := rowhouse.audit_suspects(or_others => true);
  entry record;
  writer text;
  columns text;
BEGIN
  FOR entry IN
    SELECT w.*, rowhouse.key_nature(w.relation, w.attnums) AS nature FROM rowhouse.keys_without_tenant() AS w
  LOOP
    writer := rowhouse.audit_who_reaches(suspects, entry.relation, 'INSERT, UPDATE');
    CONTINUE WHEN writer IS NULL;
    columns := (SELECT string_agg(pg_get_indexdef(entry.index, place, true), ', ' ORDER BY place)
                  FROM generate_series(1, cardinality(entry.attnums)) AS place);
    severity := CASE entry.nature WHEN 'natural' THEN 'warning' ELSE 'info' END;
    rule := 'key-without-tenant';
    object := CASE WHEN entry.key IS NULL THEN rowhouse.relation_object(entry.index)
      ELSE rowhouse.part_object('constraint', entry.relation, entry.key_name) END;
    detail := format('The key (%s) of %s compares the rows of all tenants, past every policy: a value that another '
        'tenant has is refused with %s (by ON CONFLICT DO NOTHING silently), so it shows who has what. ', columns,
        entry.relation::regclass, CASE WHEN (SELECT x.indisexclusion FROM pg_index AS x
          WHERE x.indexrelid = entry.index)
          THEN '23P01' ELSE '23505' END)
      || CASE entry.nature WHEN 'random' THEN 'The values are random, so there is little to guess.'
           WHEN 'counter' THEN 'The values are counted, so all it shows is how far.'
           ELSE format('Proof: SET ROLE %s; as one tenant, INSERT INTO %s a row with the (%s) of another tenant''s.',
             writer, entry.relation::regclass, columns) END;
    remedy := CASE entry.nature WHEN 'natural'
      THEN rowhouse.key_remedy(entry.index, entry.key, entry.tenant_attnum) END;
    RETURN NEXT;
  END LOOP;
END
$function$;

-- Speed, and new rows that go to a tenant of their own choosing.
CREATE OR REPLACE FUNCTION rowhouse.audit_tenant_columns()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    SELECT 'info', 'no-tenant-index', rowhouse.relation_object(t.relation),
        format('No index of %s begins with %I: every statement reads the rows of all tenants to find those of one.',
          t.relation::regclass, t.tenant_column),
        format('CREATE INDEX %sON %s (%I)', CASE t.kind WHEN 'p' THEN '' ELSE 'CONCURRENTLY ' END, t.relation::regclass,
          t.tenant_column)
      FROM rowhouse.audit_tenant_tables() AS t JOIN pg_class AS c ON c.oid = t.relation
      WHERE t.kind IN ('r', 'p', 'm') AND t.tenant_column IS NOT NULL AND NOT c.relispartition
        AND NOT EXISTS (SELECT FROM rowhouse.tenant_indexes(t.relation, t.tenant_column))
    UNION ALL
    SELECT 'info', 'tenant-default', rowhouse.part_object('column', t.relation, t.tenant_column),
        CASE WHEN a.attgenerated <> '' THEN format('The tenant of a row is computed (%s): whoever writes the other '
            'columns chooses it, and only the policies'' checks hold.', defaults.value)
          ELSE format('A row written without a tenant is given to %s, whoever writes it.', defaults.value) END,
        CASE WHEN a.attgenerated = '' THEN format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', t.relation::regclass,
          t.tenant_column) END
      FROM rowhouse.audit_tenant_tables() AS t
      JOIN pg_attribute AS a ON a.attrelid = t.relation AND a.attnum = t.tenant_attnum
      JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      CROSS JOIN LATERAL (SELECT pg_get_expr(d.adbin, d.adrelid)) AS defaults(value)
      WHERE t.kind IN ('r', 'p') AND (a.attgenerated <> '' OR defaults.value !~ '\(|^NULL(::|$)|CURRENT_|SESSION_USER');
END
$function$;

-- Sequences behind tenant tables' columns. USAGE is what inserting takes; SELECT shows the last number given to anyone,
-- UPDATE sets it.
CREATE OR REPLACE FUNCTION rowhouse.audit_sequences()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    WITH held AS MATERIALIZED (SELECT t.relation FROM rowhouse.audit_tenant_tables() AS t),
    judged AS MATERIALIZED (SELECT i.identity FROM rowhouse.audit_identities() AS i),
    used AS (
      SELECT d.objid AS sequence, held.relation
        FROM held JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = held.relation
          AND d.refobjsubid > 0 AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
      UNION
      SELECT d.refobjid, held.relation
        FROM held JOIN pg_attrdef AS f ON f.adrelid = held.relation
        JOIN pg_depend AS d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
          AND d.refclassid = 'pg_class'::regclass
    ), opened AS (
      SELECT used.sequence, min(used.relation::regclass::text COLLATE "C") AS relation,
          string_agg(DISTINCT a.privilege_type, ' and ' ORDER BY a.privilege_type) AS privileges,
          string_agg(DISTINCT rowhouse.role_name(a.grantee), ', ' ORDER BY rowhouse.role_name(a.grantee)) AS grantees
        FROM used JOIN pg_class AS s ON s.oid = used.sequence AND s.relkind = 'S'
        CROSS JOIN aclexplode(s.relacl) AS a
        WHERE a.privilege_type IN ('SELECT', 'UPDATE') AND a.grantee <> s.relowner
          AND a.grantee IN (SELECT judged.identity FROM judged)
        GROUP BY used.sequence
    )
    SELECT 'warning', 'sequence-open', rowhouse.relation_object(o.sequence),
        format('Open to %s by %s, and it numbers the rows of all tenants in %s: SELECT tells how many there are, '
          'UPDATE lets one tenant stop the others'' inserts. Proof: SET ROLE %s; %s', o.grantees, o.privileges,
            o.relation,
          rowhouse.proof_role(o.grantees), CASE WHEN o.privileges ~ 'SELECT' THEN format('SELECT last_value FROM %s',
            o.sequence::regclass) ELSE format('SELECT setval(%L, 1)', o.sequence::regclass) END),
        format('GRANT USAGE ON SEQUENCE %s TO %s; REVOKE SELECT, UPDATE ON SEQUENCE %1$s FROM %2$s',
          o.sequence::regclass,
          o.grantees)
      FROM opened AS o;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.audit_keys()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT * FROM rowhouse.audit_unique_keys()
  UNION ALL SELECT * FROM rowhouse.audit_foreign_keys()
  UNION ALL SELECT * FROM rowhouse.audit_tenant_columns()
  UNION ALL SELECT * FROM rowhouse.audit_sequences();
END;
