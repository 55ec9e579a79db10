-- The conditions of the policies (policies.sql says which policy has which), as written and as the server prints them
-- back (pg_get_expr): a policy that prints otherwise is not ours or was altered.

-- The current tenant as a value of the column's type. The cast is on this side: a cast of the column would lose its
-- index.
CREATE OR REPLACE FUNCTION rowhouse.tenant_setting(tenant_type regtype) RETURNS text
  LANGUAGE sql STABLE
  RETURN 'NULLIF(current_setting(''rowhouse.tenant'', true), '''')'
    || CASE WHEN tenant_type <> 'text'::regtype THEN '::' || format_type(tenant_type, NULL) ELSE '' END;

-- The same in a sealed database, where it is a call, in a subselect to make it once a statement.
CREATE OR REPLACE FUNCTION rowhouse.tenant_value(tenant_type regtype) RETURNS text
  LANGUAGE sql STABLE
  RETURN CASE WHEN rowhouse.is_sealed()
    THEN '(SELECT rowhouse.login_tenant())'
      || CASE WHEN tenant_type <> 'text'::regtype THEN '::' || format_type(tenant_type, NULL) ELSE '' END
    ELSE rowhouse.tenant_setting(tenant_type) END;

CREATE OR REPLACE FUNCTION rowhouse.printed_value(tenant_type regtype) RETURNS text
  LANGUAGE sql STABLE
  RETURN (
    SELECT CASE WHEN tenant_type <> 'text'::regtype
        THEN format('(%s)::%s', value, format_type(tenant_type, NULL)) ELSE value END
      FROM (VALUES (CASE WHEN rowhouse.is_sealed() THEN '( SELECT rowhouse.login_tenant() AS login_tenant)'
          ELSE 'NULLIF(current_setting(''rowhouse.tenant''::text, true), ''''::text)' END)) AS printed(value));

-- A tenant's own rows. It stands in the policy as text and not as a call, so that it can be indexed and estimated,
-- depends on nothing, and works in a database restored without rowhouse.
CREATE OR REPLACE FUNCTION rowhouse.tenant_condition(tenant_column name, tenant_type regtype) RETURNS text
  LANGUAGE sql STABLE
  RETURN format('%I = %s', tenant_column, rowhouse.tenant_value(tenant_type));

CREATE OR REPLACE FUNCTION rowhouse.printed_condition(tenant_column name, tenant_type regtype) RETURNS text
  LANGUAGE sql STABLE
  RETURN format(CASE WHEN tenant_type = 'varchar'::regtype THEN '((%I)::text = (%s)::text)' ELSE '(%I = %s)' END,
    tenant_column, rowhouse.printed_value(tenant_type));

-- What a tenant reads and writes of a table by the kind of its rows, and what it reads of others' (shared), which is
-- nothing as long as no tenant is set.
CREATE OR REPLACE FUNCTION rowhouse.row_conditions(tenant_column name, tenant_type regtype, row_kind text,
    OUT reads text, OUT printed_reads text, OUT writes text, OUT printed_writes text, OUT shared text,
    OUT printed_shared text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  shared := format('%s IS NOT NULL', rowhouse.tenant_value('text'));
  printed_shared := format('(%s IS NOT NULL)', rowhouse.printed_value('text'));
  IF row_kind = 'reference' THEN
    reads := shared;
    printed_reads := printed_shared;
    writes := 'false';
    printed_writes := 'false';
    RETURN;
  END IF;
  writes := rowhouse.tenant_condition(tenant_column, tenant_type);
  printed_writes := rowhouse.printed_condition(tenant_column, tenant_type);
  IF row_kind = 'defaults' THEN
    shared := format('%I IS NULL AND %s', tenant_column, shared);
    printed_shared := format('((%I IS NULL) AND %s)', tenant_column, printed_shared);
    -- In the order in which the server puts permissive policies together: it then finds access and isolation equal, and
    -- asks once.
    reads := format('%s OR %s', shared, writes);
    printed_reads := format('(%s OR %s)', printed_shared, printed_writes);
  ELSE
    reads := writes;
    printed_reads := printed_writes;
  END IF;
END
$function$;

-- Own rows are judged by their tenant. Shared ones have none: there it is the session's that counts, written as the
-- column's type writes it.
CREATE OR REPLACE FUNCTION rowhouse.suspension_condition(tenant_column name, tenant_type regtype, row_kind text,
    OUT condition text, OUT printed text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  -- A reference table has no type of its own.
  session_type regtype := CASE WHEN tenant_type <> 'varchar'::regtype THEN tenant_type ELSE 'text' END;
  cast_back text := CASE WHEN session_type = 'text'::regtype THEN '' ELSE '::text' END;
  suspended text := rowhouse.suspended_literal(session_type);
BEGIN
  IF row_kind = 'own' THEN
    condition := format('NOT (%s ? %I::text)', suspended, tenant_column);
    printed := format(CASE WHEN tenant_type = 'text'::regtype THEN '(NOT (%s ? %I))' ELSE '(NOT (%s ? (%I)::text))' END,
      suspended, tenant_column);
  ELSE
    condition := format('NOT (%s ? %s%s)', suspended, rowhouse.tenant_value(session_type), cast_back);
    printed := format(CASE cast_back WHEN '' THEN '(NOT (%s ? %s))' ELSE '(NOT (%s ? (%s)::text))' END,
      suspended, rowhouse.printed_value(session_type));
  END IF;
  IF suspended IS NULL THEN
    condition := NULL;
  END IF;
END
$function$;

-- A tenant's id may be no value of a column's type: an integer column has no tenant "acme".
CREATE OR REPLACE FUNCTION rowhouse.fits_type(id text, tenant_type regtype) RETURNS boolean
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  EXECUTE format('SELECT $1::%s', format_type(tenant_type, NULL)) USING id;
  RETURN true;
EXCEPTION WHEN data_exception THEN
  RETURN false;
END
$function$;

-- The suspended tenants as keys of a jsonb literal, written as the column's type writes them; NULL when there are none.
-- A sealed database asks the registry itself in every statement. Keys are searched by halves, and the planner does not
-- look at each of them as it would with an array: 300 suspended tenants cost a statement no more than one.
CREATE OR REPLACE FUNCTION rowhouse.suspended_literal(tenant_type regtype) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  ids jsonb;
BEGIN
  IF rowhouse.is_sealed() THEN
    RETURN NULL;
  END IF;
  EXECUTE format('SELECT jsonb_object_agg(CASE WHEN rowhouse.fits_type(id, $1) THEN id::%s::text END, NULL)
      FROM unnest(rowhouse.suspended_tenants()) AS id WHERE rowhouse.fits_type(id, $1)', format_type(tenant_type, NULL))
    INTO ids USING tenant_type;
  RETURN CASE WHEN ids IS NOT NULL THEN format('%L::jsonb', ids) END;
END
$function$;

