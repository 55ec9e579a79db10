-- Policies tried on made-up rows under made-up sessions: what audit_policies.sql judges by. Nothing of the tables is
-- read: the row a policy is asked about is made from JSON, and so are the rows of every table that it reads, which
-- stand in front of the real ones as WITH queries of the same name.
--
-- Two tenants, A and B. Every column of A's rows holds A's value of its type (1, 'qa', ...), every column of B's rows
-- B's, so that keys of different tables meet.

-- The type behind domains.
CREATE OR REPLACE FUNCTION rowhouse.base_type(type oid) RETURNS oid
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  base oid := type;
BEGIN
  WHILE base <> 0 LOOP
    type := base;
    SELECT t.typbasetype INTO base FROM pg_type AS t WHERE t.oid = type;
  END LOOP;
  RETURN type;
END
$function$;

-- A tenant's value of a type. Texts are words, numbers or UUIDs, for policies that cast them. A second fill has flags
-- and times the other way round.
CREATE OR REPLACE FUNCTION rowhouse.sample_scalar(type oid, tenant text, texts text, fill integer) RETURNS jsonb
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN (
    SELECT CASE
        WHEN t.typcategory = 'S' OR t.typname IN ('citext', 'uuid') THEN to_jsonb(
          CASE CASE t.typname WHEN 'uuid' THEN 'uuid' ELSE texts END
          WHEN 'number' THEN CASE tenant WHEN 'A' THEN '1' ELSE '2' END
          WHEN 'uuid' THEN CASE tenant WHEN 'A' THEN 'aaaaaaaa-0000-4000-8000-00000000000a'
            ELSE 'bbbbbbbb-0000-4000-8000-00000000000b' END
          WHEN 'word' THEN CASE tenant WHEN 'A' THEN 'qa' ELSE 'zb' END
          ELSE CASE tenant WHEN 'A' THEN texts ELSE 'zb' END END)
        WHEN t.typcategory = 'N' THEN to_jsonb(CASE tenant WHEN 'A' THEN 1 ELSE 2 END)
        WHEN t.typcategory = 'B' THEN to_jsonb(fill = 1)
        WHEN t.typcategory = 'D' THEN to_jsonb(CASE fill WHEN 1 THEN '2999-01-01' ELSE '1999-01-01' END)
        WHEN t.typcategory = 'E' THEN (
          SELECT to_jsonb((array_agg(e.enumlabel ORDER BY e.enumsortorder))[CASE tenant WHEN 'A' THEN 1 ELSE 2 END])
            FROM pg_enum AS e WHERE e.enumtypid = t.oid)
        WHEN t.typname IN ('json', 'jsonb') THEN '{}'
      END
      FROM pg_type AS t WHERE t.oid = rowhouse.base_type(sample_scalar.type));
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.sample_value(type oid, tenant text, texts text, fill integer) RETURNS jsonb
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN (
    SELECT CASE WHEN t.typcategory = 'A' AND t.typelem <> 0
        THEN jsonb_build_array(rowhouse.sample_scalar(t.typelem, tenant, texts, fill))
        ELSE rowhouse.sample_scalar(t.oid, tenant, texts, fill) END
      FROM pg_type AS t WHERE t.oid = sample_value.type);
END
$function$;

-- A tenant's row as JSON.
CREATE OR REPLACE FUNCTION rowhouse.sample_row(relation oid, tenant text, texts text, fill integer) RETURNS jsonb
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN (
    SELECT coalesce(jsonb_object_agg(a.attname, rowhouse.sample_value(a.atttypid, tenant, texts, fill)), '{}')
      FROM pg_attribute AS a
      WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped);
END
$function$;

-- A word in every column of texts, or of enums that know it, but the tenant's.
CREATE OR REPLACE FUNCTION rowhouse.columns_that_hold(relation oid, tenant_column name, word text) RETURNS jsonb
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN (
    SELECT coalesce(jsonb_object_agg(a.attname, word), '{}')
      FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
      WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> tenant_column
        AND (t.typcategory = 'S'
          OR EXISTS (SELECT FROM pg_enum AS e WHERE e.enumtypid = a.atttypid AND e.enumlabel = word)));
END
$function$;

-- The policies that apply to a role, as the server chooses them; but for those made for exempt roles alone: who has the
-- privileges of such a role is a finding about roles.
CREATE OR REPLACE FUNCTION rowhouse.policies_for(relation oid, role oid) RETURNS oid[]
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN (
    SELECT coalesce(array_agg(p.oid ORDER BY p.oid), '{}')
      FROM pg_policy AS p
      WHERE p.polrelid = relation AND EXISTS (
        SELECT FROM unnest(p.polroles) AS bound(role)
          WHERE bound.role = 0 OR (policies_for.role <> 0 AND pg_has_role(policies_for.role, bound.role, 'USAGE')
            AND (NOT p.polpermissive OR NOT rowhouse.is_unjudged(bound.role)))));
END
$function$;

-- What these policies say together about a command, of rows there (USING) or to be (WITH CHECK).
CREATE OR REPLACE FUNCTION rowhouse.joint_condition(relation oid, policies oid[], command "char", is_check boolean)
  RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN (
    SELECT coalesce('(' || string_agg('coalesce(' || said.condition || ', false)', ' OR ' ORDER BY p.oid)
          FILTER (WHERE p.polpermissive) || ')', 'false')
        || coalesce(' AND ' || string_agg('coalesce(' || said.condition || ', false)', ' AND ' ORDER BY p.oid)
          FILTER (WHERE NOT p.polpermissive), '')
      FROM pg_policy AS p
      CROSS JOIN LATERAL (SELECT pg_get_expr(
          CASE WHEN is_check THEN coalesce(p.polwithcheck, p.polqual) ELSE p.polqual END, p.polrelid))
        AS said(condition)
      WHERE p.polrelid = relation AND p.oid = ANY (policies) AND p.polcmd IN ('*', command)
        AND said.condition IS NOT NULL);
END
$function$;

-- The relations these policies read beside their own table, and those that the policies of these read.
CREATE OR REPLACE FUNCTION rowhouse.relations_read(policies oid[], role oid) RETURNS oid[]
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN (
    WITH RECURSIVE read(policy, relation) AS (
      SELECT p.oid, d.refobjid
        FROM pg_policy AS p JOIN pg_depend AS d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid
          AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> p.polrelid
        WHERE p.oid = ANY (policies)
      UNION
      SELECT p.oid, d.refobjid
        FROM read JOIN pg_policy AS p ON p.polrelid = read.relation
        JOIN pg_depend AS d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid
          AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> p.polrelid
        WHERE p.oid = ANY (rowhouse.policies_for(read.relation, relations_read.role))
    )
    SELECT coalesce(array_agg(DISTINCT read.relation), '{}') FROM read);
END
$function$;

-- Functions, and those of users' that they name in their bodies, to the last.
CREATE OR REPLACE FUNCTION rowhouse.functions_called_by(functions oid[]) RETURNS oid[]
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  called oid[] := functions;
  bodies text;
  more oid[] := functions;
BEGIN
  WHILE more <> '{}' LOOP
    SELECT string_agg(rowhouse.function_body(p.oid), ' ') INTO bodies FROM pg_proc AS p WHERE p.oid = ANY (more);
    more := ARRAY(SELECT p.oid FROM pg_proc AS p
                    WHERE p.oid >= 16384 AND strpos(bodies, p.proname || '(') > 0 AND p.oid <> ALL (called));
    called := called || more;
  END LOOP;
  RETURN called;
END
$function$;

-- Functions of users' that these policies call, and the functions that these name in their bodies.
CREATE OR REPLACE FUNCTION rowhouse.functions_called(policies oid[]) RETURNS oid[]
  LANGUAGE sql STABLE
  RETURN rowhouse.functions_called_by(ARRAY(SELECT DISTINCT d.refobjid FROM pg_depend AS d
    WHERE d.classid = 'pg_policy'::regclass AND d.objid = ANY (policies) AND d.refclassid = 'pg_proc'::regclass));

CREATE OR REPLACE FUNCTION rowhouse.function_body(function oid) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN (
    SELECT CASE WHEN l.lanname IN ('c', 'internal') THEN '' ELSE coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) END
      FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang WHERE p.oid = function_body.function);
END
$function$;

-- A relation's name as the server prints it, without its schema: what a WITH query can stand in front of.
CREATE OR REPLACE FUNCTION rowhouse.strip_schemas(expression text, relations oid[]) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  named record;
BEGIN
  FOR named IN
    SELECT format('%I.%I', n.nspname, c.relname) AS full_name, quote_ident(c.relname) AS short_name
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = ANY (relations)
  LOOP
    expression := regexp_replace(expression,
      '(^|[^[:alnum:]_.$"])' || regexp_replace(named.full_name, '([^[:alnum:]_])', '\\\1', 'g') || '(?![[:alnum:]_$"])',
      '\1' || replace(named.short_name, '\', '\\'), 'g');
  END LOOP;
  RETURN expression;
END
$function$;

-- A relation's columns, to make its rows from JSON without a right to the relation.
CREATE OR REPLACE FUNCTION rowhouse.row_shape(relation oid) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN (
    SELECT format('%I(%s)', (SELECT c.relname FROM pg_class AS c WHERE c.oid = row_shape.relation),
        string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod))
          || CASE WHEN l.oid IS NULL THEN '' ELSE format(' COLLATE %I.%I', n.nspname, l.collname) END,
          ', ' ORDER BY a.attnum))
      FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
      LEFT JOIN pg_collation AS l ON l.oid = a.attcollation AND a.attcollation <> t.typcollation
      LEFT JOIN pg_namespace AS n ON n.oid = l.collnamespace
      WHERE a.attrelid = row_shape.relation AND a.attnum > 0 AND NOT a.attisdropped);
END
$function$;

-- The WITH queries: of each relation the rows of these tenants, as far as its policies show them to the role. NULL when
-- two relations have one name.
CREATE OR REPLACE FUNCTION rowhouse.made_up_relations(relations oid[], role oid, texts text, tenants text[])
  RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  answer text;
BEGIN
  IF (SELECT count(*) <> count(DISTINCT c.relname) FROM pg_class AS c WHERE c.oid = ANY (relations)) THEN
    RETURN NULL;
  END IF;
  SELECT string_agg(format(
      '%I AS MATERIALIZED (SELECT * FROM pg_catalog.jsonb_to_recordset(%L) AS %s WHERE %s)', c.relname,
      (SELECT coalesce(jsonb_agg(rowhouse.sample_row(c.oid, who.tenant, texts, 1)), '[]')
         FROM unnest(tenants) AS who(tenant)),
      rowhouse.row_shape(c.oid),
      CASE WHEN c.relkind IN ('r', 'p') AND c.relrowsecurity
          AND (role = 0 OR NOT rowhouse.passes_policies(role, c.oid))
        THEN rowhouse.strip_schemas(
          rowhouse.joint_condition(c.oid, rowhouse.policies_for(c.oid, role), 'r', false), relations) ELSE 'true' END),
      ', ' ORDER BY c.oid) INTO answer
    FROM pg_class AS c WHERE c.oid = ANY (relations);
  RETURN coalesce('WITH RECURSIVE ' || answer || ' ', '');
END
$function$;
