-- Rows for throw-away tenants, in tables that nobody has described: made up from column types, keys and constraints.

-- As protected, else by its name; NULL for a table without one.
CREATE OR REPLACE FUNCTION rowhouse.prove_tenant_column(relation regclass) RETURNS name
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN (
    SELECT a.attname
      FROM pg_attribute AS a
      LEFT JOIN rowhouse.protected_tables AS p ON p.table_name = a.attrelid
      WHERE a.attrelid = prove_tenant_column.relation AND a.attnum > 0 AND NOT a.attisdropped
        AND CASE WHEN p.table_name IS NOT NULL THEN a.attname = p.tenant_column
          ELSE a.attname = ANY (rowhouse.tenant_column_names()) END
      ORDER BY array_position(ARRAY['company_id', 'tenant_id']::name[], a.attname), a.attnum LIMIT 1);
END
$function$;

-- A value of a type as text, another one each time where the type has enough of them.
CREATE OR REPLACE FUNCTION rowhouse.prove_value(type oid, modifier integer) RETURNS text
  LANGUAGE plpgsql VOLATILE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  known record;
  noise text := md5(random()::text || clock_timestamp()::text);
BEGIN
  SELECT t.typname, t.typtype, t.typcategory, t.typbasetype, t.typtypmod, t.typrelid INTO known
    FROM pg_type AS t WHERE t.oid = type;
  IF known.typtype = 'd' THEN
    RETURN rowhouse.prove_value(known.typbasetype, greatest(known.typtypmod, modifier));
  ELSIF known.typtype = 'e' THEN
    RETURN (SELECT e.enumlabel FROM pg_enum AS e WHERE e.enumtypid = type ORDER BY e.enumsortorder LIMIT 1);
  ELSIF known.typtype = 'c' THEN
    RETURN '(' || repeat(',', (SELECT c.relnatts - 1 FROM pg_class AS c WHERE c.oid = known.typrelid)) || ')';
  ELSIF known.typtype = 'r' THEN
    RETURN (SELECT format('["%s","%s"]', bound, bound)
              FROM (SELECT rowhouse.prove_value(r.rngsubtype, -1) AS bound FROM pg_range AS r
                      WHERE r.rngtypid = type) AS made);
  ELSIF known.typtype = 'm' OR known.typcategory = 'A' THEN
    RETURN '{}';
  END IF;
  RETURN CASE known.typname
    WHEN 'text' THEN 'prove ' || noise
    WHEN 'citext' THEN 'prove ' || noise
    WHEN 'name' THEN 'prove ' || noise
    WHEN 'varchar' THEN CASE WHEN modifier > 4 THEN left(noise, modifier - 4) ELSE 'prove ' || noise END
    WHEN 'bpchar' THEN left(noise, greatest(modifier - 4, 1))
    WHEN 'char' THEN left(noise, 1)
    WHEN 'int2' THEN (16384 + floor(random() * 16000))::text
    WHEN 'int4' THEN (1073741824 + floor(random() * 1073000000))::text
    WHEN 'int8' THEN (4611686018427387904 + floor(random() * 4e18)::bigint)::text
    WHEN 'numeric' THEN CASE WHEN modifier < 4 THEN floor(random() * 1e15)::numeric
      ELSE floor(random() * power(10, least(((modifier - 4) >> 16) - ((modifier - 4) & 2047), 15)))::numeric END::text
    WHEN 'float4' THEN floor(random() * 1e6)::text
    WHEN 'float8' THEN floor(random() * 1e15)::text
    WHEN 'money' THEN '1'
    WHEN 'bool' THEN 'true'
    WHEN 'date' THEN (date '2000-01-01' + floor(random() * 9000)::integer)::text
    WHEN 'timestamp' THEN (timestamp '2000-01-01' + random() * interval '9000 days')::text
    WHEN 'timestamptz' THEN (timestamptz '2000-01-01 00:00+00' + random() * interval '9000 days')::text
    WHEN 'time' THEN '12:00'
    WHEN 'timetz' THEN '12:00+00'
    WHEN 'interval' THEN floor(random() * 1000) || ' seconds'
    WHEN 'uuid' THEN gen_random_uuid()::text
    WHEN 'json' THEN '{}'
    WHEN 'jsonb' THEN '{}'
    WHEN 'xml' THEN '<prove/>'
    WHEN 'bytea' THEN '\x' || noise
    WHEN 'inet' THEN format('10.%s.%s.%s', floor(random() * 256), floor(random() * 256), floor(random() * 256))
    WHEN 'cidr' THEN format('10.%s.%s.0/24', floor(random() * 256), floor(random() * 256))
    WHEN 'macaddr' THEN left(noise, 12)
    WHEN 'macaddr8' THEN left(noise, 16)
    WHEN 'bit' THEN repeat('0', greatest(modifier, 1))
    WHEN 'varbit' THEN '0'
    WHEN 'tsvector' THEN 'prove'
    WHEN 'tsquery' THEN 'prove'
    WHEN 'jsonpath' THEN '$'
    WHEN 'pg_lsn' THEN '0/0'
    WHEN 'point' THEN '(0,0)'
    WHEN 'box' THEN '((0,0),(1,1))'
    WHEN 'lseg' THEN '((0,0),(1,1))'
    WHEN 'line' THEN '{1,0,0}'
    WHEN 'path' THEN '((0,0),(1,1))'
    WHEN 'polygon' THEN '((0,0),(1,1))'
    WHEN 'circle' THEN '<(0,0),1>'
    WHEN 'oid' THEN '1'
    ELSE ''
  END;
END
$function$;

-- Values that the constraints of a column name: what is equal to them or at least as large first, and one beside a
-- bound that itself is out. Partition bounds count as constraints, those of any partition for the whole.
CREATE OR REPLACE FUNCTION rowhouse.prove_hints(relation regclass, attribute smallint, only_bounds boolean)
  RETURNS text[]
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  col record;
BEGIN
  SELECT quote_ident(a.attname) AS name, t.typcategory AS category, a.atttypid AS type INTO col
    FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
    WHERE a.attrelid = relation AND a.attnum = attribute;
  IF NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.contypid = col.type OR k.conrelid = relation
                   AND k.contype = 'c' AND attribute = ANY (k.conkey))
      AND NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = relation AND (c.relispartition OR c.relkind = 'p')) THEN
    RETURN NULL;
  END IF;
  RETURN (
    WITH part(piece) AS (
      SELECT piece
        FROM rowhouse.family(relation) AS f,
          regexp_split_to_table(pg_get_partition_constraintdef(f.relation), ' AND | OR ') AS piece
        WHERE f.relation = prove_hints.relation OR EXISTS (SELECT FROM pg_partitioned_table AS t
                                                             WHERE t.partrelid = prove_hints.relation)
      UNION ALL
      SELECT piece
        FROM pg_constraint AS k, regexp_split_to_table(pg_get_constraintdef(k.oid), ' AND | OR ') AS piece
        WHERE NOT only_bounds AND k.contype = 'c' AND k.conrelid = relation AND attribute = ANY (k.conkey)
      UNION ALL
      SELECT replace(piece, 'VALUE', col.name)
        FROM pg_constraint AS k, regexp_split_to_table(pg_get_constraintdef(k.oid), ' AND | OR ') AS piece
        WHERE NOT only_bounds AND k.contypid = col.type
    ), literal(value, bound) AS (
      SELECT coalesce(replace(seen[1], '''''', ''''), seen[2]),
          CASE WHEN piece ~ '<(?![>=])' THEN -1 WHEN piece ~ '(?<![<])>(?!=)' THEN 1 ELSE 0 END
        FROM part, regexp_matches(piece, '''((?:[^'']|'''')*)''|(?<![\w.''])(-?\d+(?:\.\d+)?)(?![\w''])', 'g') AS seen
        WHERE piece ~ ('(^|\W)' || regexp_replace(col.name, '(\W)', '\\\1', 'g') || '(\W|$)')
    )
    SELECT array_agg(CASE
        WHEN bound <> 0 AND col.category = 'N' AND value ~ '^-?\d+(\.\d+)?$' THEN (value::numeric + bound)::text
        WHEN bound <> 0 AND col.category = 'D' THEN (value::timestamp + bound * interval '1 day')::text
        ELSE value END ORDER BY abs(bound), bound)
      FROM literal);
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END
$function$;

-- Part of what has to be unique and of no foreign key: a NULL there would keep silent about the key.
CREATE OR REPLACE FUNCTION rowhouse.prove_is_keyed(relation oid, attribute smallint) RETURNS boolean
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN EXISTS (
      SELECT FROM pg_index AS i
        WHERE i.indrelid = relation AND (i.indisunique OR i.indisexclusion)
          AND (attribute = ANY (i.indkey) OR EXISTS (
            SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
              AND d.refclassid = 'pg_class'::regclass AND d.refobjid = relation AND d.refobjsubid = attribute)))
    AND NOT EXISTS (SELECT FROM pg_constraint AS k
                      WHERE k.conrelid = relation AND k.contype = 'f' AND attribute = ANY (k.conkey));
END
$function$;

-- A row as {"column": "text"}. Given columns are as given; the rest is left to defaults and NULL where that goes, but
-- for numbers from sequences: prove() takes none of them. Each variant follows another of the constraints' hints.
CREATE OR REPLACE FUNCTION rowhouse.prove_row(relation regclass, given jsonb, variant integer) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  col record;
  hints text[];
  made jsonb := '{}';
BEGIN
  FOR col IN
    SELECT a.attname, a.attnum, a.atttypid, a.atttypmod,
        a.attnotnull OR t.typnotnull OR rowhouse.prove_is_keyed(a.attrelid, a.attnum) AS required,
        pg_get_expr(d.adbin, d.adrelid) AS default_value, a.attidentity <> '' AS is_identity
      FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
      LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        AND NOT given ? a.attname
  LOOP
    hints := rowhouse.prove_hints(relation, col.attnum, variant = 0);
    CONTINUE WHEN NOT col.is_identity AND coalesce(strpos(col.default_value, 'nextval(') = 0,
      NOT col.required AND hints IS NULL);
    made := made || jsonb_build_object(col.attname, CASE
      WHEN hints IS NOT NULL THEN hints[greatest(variant - 1, 0) % cardinality(hints) + 1]
      ELSE rowhouse.prove_value(col.atttypid, col.atttypmod) END);
  END LOOP;
  RETURN made || given;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.prove_insert(made jsonb) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN (
    SELECT format('INSERT INTO {T} (%s) OVERRIDING SYSTEM VALUE VALUES (%s)',
        string_agg(quote_ident(key), ', ' ORDER BY key), string_agg(quote_nullable(value), ', ' ORDER BY key))
      FROM jsonb_each_text(made));
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.prove_owner(relation regclass) RETURNS oid
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT c.relowner FROM pg_class AS c WHERE c.oid = relation;
END;

-- The columns of a foreign key, filled so that they refer to a row of the tenant's: one that is there, or a new one.
CREATE OR REPLACE FUNCTION rowhouse.prove_refer(key oid, given jsonb, tenant text, context jsonb, depth integer)
  RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  parent regclass;
  tenant_column name;
  wanted jsonb;
  look text;
  found_row text;
BEGIN
  SELECT k.confrelid::regclass, rowhouse.prove_tenant_column(k.confrelid::regclass),
      jsonb_object_agg(p.attname, given ->> c.attname) FILTER (WHERE given ? c.attname),
      format('SELECT jsonb_build_object(%s)::text FROM %s',
        string_agg(format('%L, %I::text', c.attname, p.attname), ', '), k.confrelid::regclass)
    INTO parent, tenant_column, wanted, look
    FROM pg_constraint AS k, unnest(k.conkey, k.confkey) AS pair(child, parent)
    JOIN pg_attribute AS c ON c.attnum = pair.child JOIN pg_attribute AS p ON p.attnum = pair.parent
    WHERE k.oid = key AND c.attrelid = k.conrelid AND p.attrelid = k.confrelid
    GROUP BY k.oid;
  wanted := coalesce(wanted, '{}')
    || CASE WHEN tenant_column IS NULL THEN '{}' ELSE jsonb_build_object(tenant_column, tenant) END;
  look := look || coalesce(' WHERE ' || (SELECT string_agg(format('%I = %L', e.key, e.value), ' AND ')
                                           FROM jsonb_each_text(wanted) AS e), '') || ' LIMIT 1';
  IF NOT rowhouse.prove_may_act(rowhouse.prove_owner(parent)) THEN
    PERFORM rowhouse.prove_refuse(format('needs a row of %s, whose owner is %s', parent,
      rowhouse.prove_owner(parent)::regrole));
  END IF;
  found_row := (rowhouse.prove_act(rowhouse.prove_owner(parent), context, look, true)).value;
  IF found_row IS NULL THEN
    PERFORM rowhouse.prove_seed(parent, wanted, tenant, context, depth + 1);
    found_row := (rowhouse.prove_act(rowhouse.prove_owner(parent), context, look, true)).value;
  END IF;
  RETURN coalesce(found_row::jsonb, '{}');
END
$function$;

-- Puts a row of the tenant's into a table, as its owner, and before it the rows it has to refer to. Answers what it
-- takes to make more of them: {"given", "variant", "row"}.
CREATE OR REPLACE FUNCTION rowhouse.prove_seed(relation regclass, given jsonb, tenant text, context jsonb,
    depth integer DEFAULT 0) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  key record;
  all_given jsonb := given;
  made jsonb;
  hit record;
BEGIN
  IF depth > 5 THEN
    PERFORM rowhouse.prove_refuse('its foreign keys go too deep, or in a circle');
  END IF;
  -- A key with a column that may be NULL asks for nothing. It is filled all the same where that goes: views may join
  -- by it.
  FOR key IN
    SELECT k.oid, NOT EXISTS (
          SELECT FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum = ANY (k.conkey)
            AND NOT a.attnotnull AND NOT given ? a.attname) AS is_needed
      FROM pg_constraint AS k
      WHERE k.conrelid = relation AND k.contype = 'f' AND k.confrelid <> relation
      ORDER BY k.oid
  LOOP
    CONTINUE WHEN NOT key.is_needed AND depth > 0;
    BEGIN
      all_given := rowhouse.prove_refer(key.oid, all_given, tenant, context, depth) || all_given;
    EXCEPTION WHEN SQLSTATE 'RW002' THEN
      IF key.is_needed THEN
        RAISE;
      END IF;
    END;
  END LOOP;
  FOR variant IN 0..5 LOOP
    made := rowhouse.prove_row(relation, all_given, variant);
    SELECT * INTO hit FROM rowhouse.prove_act(rowhouse.prove_owner(relation), context,
      replace(rowhouse.prove_insert(made), '{T}', relation::text));
    IF hit.state = '00000' AND hit.touched = 1 THEN
      RETURN jsonb_build_object('given', all_given, 'variant', variant, 'row', made);
    END IF;
    EXIT WHEN hit.state <> '23514' AND hit.state !~ '^22';
  END LOOP;
  PERFORM rowhouse.prove_refuse(format('no row could be made in %s: %s', relation, hit.message));
END
$function$;

-- An id that nobody has, of the column's type, and in a partition one that falls into it.
CREATE OR REPLACE FUNCTION rowhouse.prove_tenant(relation regclass, tenant_column name) RETURNS text
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  col record;
  ids text[];
  bounds text := pg_get_partition_constraintdef(relation);
  fitting text;
BEGIN
  SELECT a.atttypid, a.atttypmod, format_type(a.atttypid, a.atttypmod) AS type INTO col
    FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = tenant_column;
  ids := ARRAY(SELECT replace(rowhouse.prove_value(col.atttypid, col.atttypmod), 'prove ', 'prove-')
                 FROM generate_series(1, CASE WHEN bounds IS NULL THEN 1 ELSE 200 END));
  IF bounds IS NOT NULL THEN
    fitting := (rowhouse.prove_act(rowhouse.prove_owner(relation), NULL, format(
      'SELECT id FROM unnest(%L::text[]) AS id, LATERAL (SELECT id::%s AS %I) AS made WHERE %s LIMIT 1',
      ids, col.type, tenant_column, bounds), true)).value;
  END IF;
  RETURN coalesce(fitting, ids[1]);
END
$function$;
