-- The registry of tenants, and the tenant context: the setting rowhouse.tenant.
--
-- The setting is an ordinary one. Whoever may send SQL may also SET it, so it keeps apart the tenants of an application
-- that chooses the tenant itself; what stops a tenant who can send SQL of its own is the seal (seal.sql).

-- An id that is safe in a file name, a log line and a policy, and looks like no other id.
CREATE OR REPLACE FUNCTION rowhouse.check_tenant_id(id text) RETURNS text
  LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  problem text := CASE
    WHEN id IS NULL THEN 'is NULL'
    WHEN id = '' THEN 'is empty'
    WHEN octet_length(id) > 128 THEN format('is %s bytes long, at most 128 are allowed', octet_length(id))
    WHEN id ~ '^[-. ]' THEN 'starts with a dot, a hyphen or a blank'
    WHEN id ~ ' $' THEN 'ends with a blank'
    WHEN id ~ '[\u0001-\u001f\u007f]' THEN 'holds a control character'
    WHEN id ~ '[/\\]' THEN 'holds a slash'
    WHEN id ~ '[\u0080-\u00a0\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]' THEN 'holds an invisible character'
  END;
BEGIN
  IF problem IS NOT NULL THEN
    RAISE invalid_parameter_value USING
      MESSAGE = 'the tenant id ' || problem,
      HINT = 'A tenant id is 1 to 128 bytes without control characters, slashes or invisible characters, and starts '
        'with neither a dot, a hyphen nor a blank.';
  END IF;
  RETURN id;
END
$function$;
COMMENT ON FUNCTION rowhouse.check_tenant_id(text) IS
  'Returns a well-formed tenant id as it is; raises 22023 for any other';

CREATE TABLE IF NOT EXISTS rowhouse.tenant (
  id text CONSTRAINT tenant_pkey PRIMARY KEY
    CONSTRAINT tenant_id_valid CHECK (rowhouse.check_tenant_id(id) IS NOT NULL),
  status text NOT NULL DEFAULT 'active' CONSTRAINT tenant_status_valid CHECK (status IN ('active', 'suspended')),
  created_at timestamptz NOT NULL DEFAULT now(),
  cut_over_at timestamptz,
  needs_token boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE rowhouse.tenant IS 'The tenants that may be set as the current one';
COMMENT ON COLUMN rowhouse.tenant.cut_over_at IS
  'Since when the tenant lives here alone and its files are refused; NULL while they may be imported';
COMMENT ON COLUMN rowhouse.tenant.needs_token IS
  'Whether the database is sealed (seal_state), said in each row so that set_tenant() looks in one place';

-- Application roles set a tenant without being able to read the registry: this is all they learn of it, one id at a
-- time.
CREATE OR REPLACE FUNCTION rowhouse.tenant_status(id text) RETURNS text
  LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN (SELECT registered.status FROM rowhouse.tenant AS registered WHERE registered.id = tenant_status.id);
END
$function$;
COMMENT ON FUNCTION rowhouse.tenant_status(text) IS 'active, suspended, or NULL for a tenant that is not registered';

-- The usual answer to set_tenant(), by one row: the tenant is active and the database is not sealed.
CREATE OR REPLACE FUNCTION rowhouse.is_admitted(tenant text) RETURNS boolean
  LANGUAGE plpgsql STABLE SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  PERFORM FROM rowhouse.tenant AS registered
    WHERE registered.id = is_admitted.tenant AND registered.status = 'active' AND NOT registered.needs_token;
  RETURN FOUND;
END
$function$;

-- For the policies that owners make: those who may protect tables learn of it.
CREATE OR REPLACE FUNCTION rowhouse.suspended_tenants() RETURNS text[]
  LANGUAGE plpgsql STABLE SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN ARRAY(SELECT registered.id FROM rowhouse.tenant AS registered
                 WHERE registered.status = 'suspended' ORDER BY registered.id COLLATE "C");
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.create_tenant(id text, if_not_exists boolean DEFAULT false) RETURNS text
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  INSERT INTO rowhouse.tenant (id) VALUES (rowhouse.check_tenant_id(create_tenant.id)) ON CONFLICT DO NOTHING;
  IF NOT FOUND AND if_not_exists IS NOT TRUE THEN
    RAISE unique_violation USING
      MESSAGE = format('tenant "%s" exists already', create_tenant.id),
      HINT = 'Call rowhouse.create_tenant(id, true) to accept a tenant that exists.';
  END IF;
  RETURN create_tenant.id;
END
$function$;
COMMENT ON FUNCTION rowhouse.create_tenant(text, boolean) IS
  'Registers a tenant; raises 23505 when it exists, unless if_not_exists';

CREATE OR REPLACE FUNCTION rowhouse.list_tenants()
  RETURNS TABLE(id text, status text, created_at timestamptz, cut_over_at timestamptz)
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT registered.id, registered.status, registered.created_at, registered.cut_over_at
    FROM rowhouse.tenant AS registered ORDER BY registered.id COLLATE "C";
END;
COMMENT ON FUNCTION rowhouse.list_tenants() IS 'The registered tenants, by id';

-- Nothing for an active tenant, an error for any other.
CREATE OR REPLACE FUNCTION rowhouse.check_tenant_status(tenant text, status text) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF status = 'active' THEN
    RETURN;
  END IF;
  PERFORM rowhouse.check_tenant_id(tenant);
  IF status = 'suspended' THEN
    RAISE insufficient_privilege USING
      MESSAGE = format('tenant "%s" is suspended', tenant),
      HINT = 'rowhouse.resume_tenant() ends the suspension.';
  END IF;
  RAISE undefined_object USING
    MESSAGE = format('tenant "%s" is unknown', tenant),
    HINT = 'Register it with rowhouse.create_tenant().';
END
$function$;

-- In a sealed database the setting counts for nothing but the default of the tenant column, so those whom no policy
-- binds may go on setting it: imports do.
CREATE OR REPLACE FUNCTION rowhouse.check_unsealed() RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF NOT rowhouse.is_exempt() THEN
    RAISE insufficient_privilege USING
      MESSAGE = 'the database is sealed: the tenant can be set with a token alone',
      HINT = 'Call rowhouse.login() with a token.';
  END IF;
END
$function$;

-- Raises for a tenant that is not admitted, and lets exempt roles pass the seal.
CREATE OR REPLACE FUNCTION rowhouse.refuse_tenant(tenant text) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF rowhouse.is_sealed() THEN
    PERFORM rowhouse.check_unsealed();
  END IF;
  PERFORM rowhouse.check_tenant_status(tenant, rowhouse.tenant_status(tenant));
END
$function$;

-- Guaranteed: it returns with the tenant set, or raises and sets nothing. An error takes the transaction with it, and
-- with that every tenant set inside of it. What the server gives back on ROLLBACK, ROLLBACK TO and in an exception
-- block is the setting as it stood before: a tenant set for the session earlier, or before the savepoint, is then
-- current again. Code that catches the error calls reset_tenant() first thing.
--
-- Every transaction comes here, and SET search_path costs a function a sixth of its time. So it does without: it runs
-- with its caller's rights, and names everything with its schema, operators too. The usual way is one expression.
CREATE OR REPLACE FUNCTION rowhouse.set_tenant(tenant text, is_local boolean DEFAULT true) RETURNS text
  LANGUAGE plpgsql
AS $function$
BEGIN
  IF rowhouse.is_admitted(tenant) AND pg_catalog.current_setting('citus.propagate_set_commands', true) IS NULL THEN
    RETURN pg_catalog.set_config('rowhouse.tenant', tenant, is_local IS NOT FALSE);
  END IF;
  PERFORM rowhouse.refuse_tenant(tenant);
  IF rowhouse.has_citus() THEN
    RETURN rowhouse.propagate_tenant(tenant, is_local);
  END IF;
  RETURN pg_catalog.set_config('rowhouse.tenant', tenant, is_local IS NOT FALSE);
END
$function$;
COMMENT ON FUNCTION rowhouse.set_tenant(text, boolean) IS
  'Makes a tenant current for the transaction or the session; unknown 42704, suspended 42501, malformed 22023';

-- What the policies go by: the setting, or in a sealed database the ticket. Those whom no policy binds have the
-- setting.
CREATE OR REPLACE FUNCTION rowhouse.current_tenant() RETURNS text
  LANGUAGE plpgsql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  setting text := NULLIF(current_setting('rowhouse.tenant', true), '');
BEGIN
  IF NOT rowhouse.is_sealed() THEN
    RETURN setting;
  END IF;
  RETURN coalesce(rowhouse.login_tenant(), CASE WHEN rowhouse.is_exempt() THEN setting END);
END
$function$;
COMMENT ON FUNCTION rowhouse.current_tenant() IS 'The current tenant, or NULL';

-- The empty string and not RESET, which would bring back what ALTER ROLE ... SET or the connection string has put
-- there.
CREATE OR REPLACE FUNCTION rowhouse.reset_tenant() RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF current_setting('citus.propagate_set_commands', true) IS NOT NULL AND rowhouse.has_citus() THEN
    PERFORM rowhouse.propagate_tenant('', true);
  END IF;
  PERFORM set_config('rowhouse.tenant', '', false);
  PERFORM set_config('rowhouse.ticket', '', false);
END
$function$;
COMMENT ON FUNCTION rowhouse.reset_tenant() IS 'Unsets the tenant of the transaction and of the session';
