-- rowhouse 0.1.0: keeps every tenant to its own rows.
--
-- One source for CREATE EXTENSION and for plain psql, so: no psql meta-command, every name with its schema, nothing
-- that asks for a superuser. The plain script may be run again; as an extension the server itself refuses what is not
-- its own.

-- The names below mean pg_catalog's, whatever path the installing session has.
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL client_min_messages = warning;

-- Refuse to build on what somebody else has put into the schema: a table of theirs would see our rows.
DO $check$
DECLARE
  stranger text;
BEGIN
  IF EXISTS (SELECT FROM pg_extension WHERE extname = 'rowhouse') AND to_regnamespace('rowhouse') IS NOT NULL THEN
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = 'rowhouse is already here as an extension, or its schema is in the way of one',
      HINT = 'Use ALTER EXTENSION rowhouse UPDATE, or drop the schema rowhouse before CREATE EXTENSION.';
  END IF;
  SELECT owner::regrole INTO stranger
    FROM (SELECT nspowner FROM pg_namespace WHERE nspname = 'rowhouse'
          UNION SELECT relowner FROM pg_class WHERE relnamespace = to_regnamespace('rowhouse')
          UNION SELECT proowner FROM pg_proc WHERE pronamespace = to_regnamespace('rowhouse')) AS present(owner)
    WHERE owner <> (SELECT oid FROM pg_roles WHERE rolname = current_user)
    LIMIT 1;
  IF FOUND THEN
    RAISE insufficient_privilege USING
      MESSAGE = format('the schema rowhouse is there and holds objects of role %s', stranger),
      HINT = 'Install as the role that owns the schema, or look at what is in it and drop it.';
  END IF;
  PERFORM set_config('rowhouse_install.is_new', (to_regnamespace('rowhouse') IS NULL)::text, true);
END
$check$;

CREATE SCHEMA IF NOT EXISTS rowhouse;
COMMENT ON SCHEMA rowhouse IS 'Tenants, tenant context and row-level protection';
GRANT USAGE ON SCHEMA rowhouse TO PUBLIC;

CREATE OR REPLACE FUNCTION rowhouse.version() RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN '0.1.0'::text;
COMMENT ON FUNCTION rowhouse.version() IS 'The installed version of rowhouse';
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
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE rowhouse.tenant IS 'The tenants that may be set as the current one';
REVOKE ALL ON rowhouse.tenant FROM PUBLIC;

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

-- The same for set_tenant(), in one query: sealed before anything else.
CREATE OR REPLACE FUNCTION rowhouse.tenant_admission(id text) RETURNS text
  LANGUAGE plpgsql STABLE SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN (SELECT CASE WHEN EXISTS (SELECT FROM rowhouse.seal_state) THEN 'sealed'
            ELSE (SELECT registered.status FROM rowhouse.tenant AS registered
                    WHERE registered.id = tenant_admission.id) END);
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

CREATE OR REPLACE FUNCTION rowhouse.list_tenants() RETURNS TABLE(id text, status text, created_at timestamptz)
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT registered.id, registered.status, registered.created_at
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

-- Guaranteed: it returns with the tenant set, or raises and sets nothing. An error takes the transaction with it, and
-- with that every tenant set inside of it. What the server gives back on ROLLBACK, ROLLBACK TO and in an exception
-- block is the setting as it stood before: a tenant set for the session earlier, or before the savepoint, is then
-- current again. Code that catches the error calls reset_tenant() first thing.
CREATE OR REPLACE FUNCTION rowhouse.set_tenant(tenant text, is_local boolean DEFAULT true) RETURNS text
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  status text := rowhouse.tenant_admission(tenant);
BEGIN
  IF status = 'sealed' THEN
    PERFORM rowhouse.check_unsealed();
    status := rowhouse.tenant_status(tenant);
  END IF;
  IF status = 'active' THEN
    RETURN set_config('rowhouse.tenant', tenant, coalesce(is_local, true));
  END IF;
  PERFORM rowhouse.check_tenant_status(tenant, status);
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
  PERFORM set_config('rowhouse.tenant', '', false);
  PERFORM set_config('rowhouse.ticket', '', false);
END
$function$;
COMMENT ON FUNCTION rowhouse.reset_tenant() IS 'Unsets the tenant of the transaction and of the session';
-- Roles: app is bound by the policies, admin reaches every tenant, dump reads everything and writes nothing. The two
-- exempt kinds are named in policies of their own (policies.sql), so they need no BYPASSRLS.

CREATE TABLE IF NOT EXISTS rowhouse.access_grant (
  role regrole CONSTRAINT access_grant_pkey PRIMARY KEY,
  kind text NOT NULL CONSTRAINT access_grant_kind_valid CHECK (kind IN ('app', 'admin', 'dump')),
  granted_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE rowhouse.access_grant IS 'Who was given access, of which kind; tables protected later follow it';
REVOKE ALL ON rowhouse.access_grant FROM PUBLIC;

-- What a kind holds on a table and on the sequences of its columns. TRUNCATE, TRIGGER and REFERENCES know no rows;
-- SELECT on a sequence tells how many rows all tenants have made together.
CREATE OR REPLACE FUNCTION rowhouse.kind_privileges(kind text, is_sequence boolean) RETURNS text
  LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN kind = 'dump' THEN 'SELECT' WHEN NOT is_sequence THEN 'SELECT, INSERT, UPDATE, DELETE'
    WHEN kind = 'admin' THEN 'USAGE, SELECT' ELSE 'USAGE' END;

-- A protected table, its schema and its columns' sequences, for one role; never for the owner, who has them.
CREATE OR REPLACE FUNCTION rowhouse.grant_on(relation regclass, role regrole, kind text) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  owner oid;
  space record;
  sequence regclass;
BEGIN
  SELECT c.relowner INTO owner FROM pg_class AS c WHERE c.oid = relation;
  IF owner = role THEN
    RETURN;
  END IF;
  SELECT n.oid, n.nspname, n.nspowner INTO space
    FROM pg_namespace AS n JOIN pg_class AS c ON c.relnamespace = n.oid WHERE c.oid = relation;
  IF has_schema_privilege(role, space.oid, 'USAGE') THEN
    NULL;
  ELSIF pg_has_role(space.nspowner, 'USAGE') THEN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %s', space.nspname, role);
  ELSE
    RAISE WARNING USING
      MESSAGE = format('role %s has no way into schema %I', role, space.nspname),
      HINT = format('Have its owner %s run: GRANT USAGE ON SCHEMA %I TO %s;', space.nspowner::regrole, space.nspname,
        role);
  END IF;
  EXECUTE format('GRANT %s ON %s TO %s', rowhouse.kind_privileges(kind, false), relation, role);
  FOR sequence IN SELECT owned FROM rowhouse.owned_sequences(relation) AS owned LOOP
    EXECUTE format('GRANT %s ON SEQUENCE %s TO %s', rowhouse.kind_privileges(kind, true), sequence, role);
  END LOOP;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.owned_sequences(relation regclass) RETURNS SETOF regclass
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT d.objid::regclass
    FROM pg_depend AS d JOIN pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
      AND d.refobjid = owned_sequences.relation AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
    ORDER BY d.objid;
END;

CREATE OR REPLACE FUNCTION rowhouse.revoke_on(relation regclass, role regrole) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  sequence regclass;
BEGIN
  IF role = (SELECT c.relowner FROM pg_class AS c WHERE c.oid = relation) THEN
    RETURN;
  END IF;
  EXECUTE format('REVOKE ALL ON %s FROM %s', relation, role);
  FOR sequence IN SELECT owned FROM rowhouse.owned_sequences(relation) AS owned LOOP
    EXECUTE format('REVOKE ALL ON SEQUENCE %s FROM %s', sequence, role);
  END LOOP;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.apply_grants(relation regclass) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  PERFORM rowhouse.grant_on(relation, g.role, g.kind)
    FROM rowhouse.access_grant AS g JOIN pg_roles AS r ON r.oid = g.role ORDER BY g.role;
  IF EXISTS (SELECT FROM rowhouse.access_grant AS g JOIN pg_roles AS r ON r.oid = g.role WHERE g.kind <> 'app')
      AND 0 = ANY (rowhouse.bound_roles(relation)) THEN
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = format('PUBLIC holds privileges on %s, so that nobody can be exempt from its policies', relation),
      HINT = format('REVOKE ALL ON %s FROM PUBLIC; and give application roles access with rowhouse.grant_access().',
        relation);
  END IF;
END
$function$;

-- Without row security the table shows every tenant's rows to whoever may read it.
CREATE OR REPLACE FUNCTION rowhouse.take_back_grants(relation regclass) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  PERFORM rowhouse.revoke_on(relation, g.role) FROM rowhouse.access_grant AS g JOIN pg_roles AS r ON r.oid = g.role;
END
$function$;

-- rowhouse's own tables and functions. The seal's keys are no part of a dump: their table has row security and no
-- policy.
CREATE OR REPLACE FUNCTION rowhouse.grant_on_rowhouse(role regrole, kind text) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA rowhouse TO %s', role);
  IF kind = 'admin' THEN
    EXECUTE format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA rowhouse TO %s', role);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON rowhouse.tenant, rowhouse.import_chunk, '
      'rowhouse.import_reject TO %s', role);
  ELSIF kind = 'dump' THEN
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA rowhouse TO %s', role);
    EXECUTE format('GRANT SELECT ON ALL SEQUENCES IN SCHEMA rowhouse TO %s', role);
  END IF;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.check_access(role regrole, kind text) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  bypasses boolean := (SELECT r.rolsuper OR r.rolbypassrls FROM pg_roles AS r WHERE r.oid = role);
  clash record;
BEGIN
  IF bypasses AND kind = 'app' THEN
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = format('role %s passes over row security, so no policy binds it', role),
      HINT = format('ALTER ROLE %s NOSUPERUSER NOBYPASSRLS; or choose another role for the application.', role);
  END IF;
  SELECT t.table_name, holder::regrole AS holder INTO clash
    FROM rowhouse.protected_tables AS t, unnest(rowhouse.bound_roles(t.table_name)) AS holder
    WHERE check_access.kind <> 'app' AND NOT bypasses AND holder <> 0 AND pg_has_role(role, holder, 'USAGE')
    ORDER BY t.table_name::oid, holder LIMIT 1;
  IF FOUND THEN
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = format('role %s has the privileges of %s, whom the policies of %s bind', role, clash.holder,
        clash.table_name),
      HINT = format('REVOKE %s FROM %s; or choose a role of its own for this.', clash.holder, role);
  END IF;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.grant_access(role name, kind text) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  target regrole;
BEGIN
  IF kind IS NULL OR kind NOT IN ('app', 'admin', 'dump') THEN
    RAISE invalid_parameter_value USING
      MESSAGE = format('there is no kind of access %L', kind),
      HINT = 'app is bound by the policies, admin reaches every tenant, dump reads every tenant.';
  END IF;
  SELECT r.oid INTO target FROM pg_roles AS r WHERE r.rolname = grant_access.role;
  IF NOT FOUND THEN
    RAISE undefined_object USING
      MESSAGE = format('role %L does not exist', role),
      HINT = 'Make it with CREATE ROLE first.';
  END IF;
  PERFORM rowhouse.lock_protected();
  IF EXISTS (SELECT FROM rowhouse.access_grant AS g WHERE g.role = target AND g.kind <> grant_access.kind) THEN
    PERFORM rowhouse.revoke_access(role);
  END IF;
  DELETE FROM rowhouse.access_grant AS g WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = g.role);
  INSERT INTO rowhouse.access_grant (role, kind) VALUES (target, grant_access.kind) ON CONFLICT DO NOTHING;
  PERFORM rowhouse.check_access(target, kind);
  PERFORM rowhouse.grant_on_rowhouse(target, kind);
  PERFORM rowhouse.apply_grants(t.table_name) FROM rowhouse.protected_tables AS t;
  PERFORM rowhouse.refresh_policies();
END
$function$;
COMMENT ON FUNCTION rowhouse.grant_access(name, text) IS
  'app: bound by the policies; admin: reads and writes every tenant; dump: reads every tenant; tables to come too';

-- USAGE on schemas stays: by itself it opens nothing, and others may have granted it.
CREATE OR REPLACE FUNCTION rowhouse.revoke_access(role name) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  target regrole;
BEGIN
  SELECT g.role INTO target
    FROM rowhouse.access_grant AS g JOIN pg_roles AS r ON r.oid = g.role WHERE r.rolname = revoke_access.role;
  IF NOT FOUND THEN
    RAISE undefined_object USING
      MESSAGE = format('role %L was given no access', role),
      HINT = 'TABLE rowhouse.access_grant; shows who was.';
  END IF;
  PERFORM rowhouse.lock_protected();
  DELETE FROM rowhouse.access_grant AS g WHERE g.role = target;
  EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA rowhouse FROM %s', target);
  EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA rowhouse FROM %s', target);
  EXECUTE format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA rowhouse FROM %s', target);
  EXECUTE format('REVOKE ALL ON SCHEMA rowhouse FROM %s', target);
  PERFORM rowhouse.revoke_on(t.table_name, target) FROM rowhouse.protected_tables AS t;
  PERFORM rowhouse.refresh_policies();
END
$function$;
COMMENT ON FUNCTION rowhouse.revoke_access(name) IS
  'Takes back what grant_access() has given, on every protected table';
-- The sealed context. Unsealed, the tenant is whatever the setting rowhouse.tenant says. Sealed, it is what a token
-- says: a JWT (HS256) checked by login(), which leaves a ticket in the setting rowhouse.ticket, and every statement
-- checks that ticket again, once. Anybody may write both settings; only who has the key can write a ticket that counts.
--
-- HMAC-SHA-256 is sha256(outer || sha256(inner || message)), inner and outer being the key XOR a constant. They are
-- stored ready-made, which leaves two calls of the server's own sha256(): no other extension has a part in it, and no
-- function that somebody else could own.

-- Row security without a policy: its owner reads it; a role that may read all tables for a dump finds it empty.
CREATE TABLE IF NOT EXISTS rowhouse.seal_key (
  id text CONSTRAINT seal_key_pkey PRIMARY KEY,
  inner_pad bytea NOT NULL,
  outer_pad bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz
);
COMMENT ON TABLE rowhouse.seal_key IS 'Keys that tokens are checked against, for no role but the owner';
COMMENT ON COLUMN rowhouse.seal_key.expires_at IS
  'End of grace of a key that was rotated out; NULL for the current one';
REVOKE ALL ON rowhouse.seal_key FROM PUBLIC;
ALTER TABLE rowhouse.seal_key ENABLE ROW LEVEL SECURITY;

-- One row while the database is sealed. It is dumped: a restored database stays sealed, and closed until rotate_key().
CREATE TABLE IF NOT EXISTS rowhouse.seal_state (
  sealed boolean CONSTRAINT seal_state_pkey PRIMARY KEY DEFAULT true CONSTRAINT seal_state_once CHECK (sealed),
  sealed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE rowhouse.seal_state IS 'Holds a row while the database is sealed';
REVOKE ALL ON rowhouse.seal_state FROM PUBLIC;

CREATE OR REPLACE FUNCTION rowhouse.is_sealed() RETURNS boolean
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN EXISTS (SELECT FROM rowhouse.seal_state);
COMMENT ON FUNCTION rowhouse.is_sealed() IS 'True while the tenant can be set by login() alone';

CREATE OR REPLACE FUNCTION rowhouse.pad_key(key bytea, pad integer) RETURNS bytea
  LANGUAGE plpgsql IMMUTABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  padded bytea := key || decode(repeat('00', 64 - octet_length(key)), 'hex');
BEGIN
  FOR place IN 0..63 LOOP
    padded := set_byte(padded, place, get_byte(padded, place) # pad);
  END LOOP;
  RETURN padded;
END
$function$;

-- 256 bits from the server's strong source, in 43 characters; those characters are the key, as they stand.
CREATE OR REPLACE FUNCTION rowhouse.make_key() RETURNS text
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  random bytea := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
  key text := translate(encode(sha256(random), 'base64'), '+/=', '-_');
BEGIN
  INSERT INTO rowhouse.seal_key (id, inner_pad, outer_pad)
    VALUES (left(gen_random_uuid()::text, 8), rowhouse.pad_key(convert_to(key, 'UTF8'), 54),
      rowhouse.pad_key(convert_to(key, 'UTF8'), 92));
  RETURN key;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.seal() RETURNS text
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  key text;
BEGIN
  PERFORM rowhouse.lock_protected();
  INSERT INTO rowhouse.seal_state DEFAULT VALUES ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = 'the database is sealed already',
      HINT = 'rowhouse.rotate_key() makes a new key; rowhouse.unseal() opens the seal.';
  END IF;
  DELETE FROM rowhouse.seal_key;
  key := rowhouse.make_key();
  PERFORM rowhouse.refresh_policies();
  RETURN key;
END
$function$;
COMMENT ON FUNCTION rowhouse.seal() IS
  'From now on the tenant is set by login() alone; returns the key to sign tokens with, which is shown this once';

-- Tokens and logins of the old key count until they expire or the grace is over, whichever is first.
CREATE OR REPLACE FUNCTION rowhouse.rotate_key(grace interval DEFAULT '1 hour') RETURNS text
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF grace IS NULL OR grace < interval '0' THEN
    RAISE invalid_parameter_value USING
      MESSAGE = 'the grace of the old key is NULL or negative',
      HINT = 'Zero ends the old key at once.';
  END IF;
  LOCK TABLE rowhouse.access_grant IN EXCLUSIVE MODE;
  IF NOT rowhouse.is_sealed() THEN
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = 'the database is not sealed, so there is no key to rotate',
      HINT = 'Call rowhouse.seal() first.';
  END IF;
  UPDATE rowhouse.seal_key SET expires_at = least(expires_at, clock_timestamp() + grace);
  DELETE FROM rowhouse.seal_key WHERE expires_at <= clock_timestamp();
  RETURN rowhouse.make_key();
END
$function$;
COMMENT ON FUNCTION rowhouse.rotate_key(interval) IS
  'A new key, shown this once; the old one counts until the grace is over';

CREATE OR REPLACE FUNCTION rowhouse.unseal() RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  PERFORM rowhouse.lock_protected();
  DELETE FROM rowhouse.seal_state;
  IF NOT FOUND THEN
    RAISE object_not_in_prerequisite_state USING MESSAGE = 'the database is not sealed';
  END IF;
  DELETE FROM rowhouse.seal_key;
  PERFORM rowhouse.refresh_policies();
END
$function$;
COMMENT ON FUNCTION rowhouse.unseal() IS 'The setting rowhouse.tenant counts again; the keys are destroyed';

-- What a part of a token holds, NULL unless it is a JSON object. No message of the parser's, which would quote the
-- token.
CREATE OR REPLACE FUNCTION rowhouse.token_part(part text) RETURNS jsonb
  LANGUAGE plpgsql IMMUTABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  content jsonb;
BEGIN
  content := convert_from(decode(rpad(translate(part, '-_', '+/'), (length(part) + 3) / 4 * 4, '='), 'base64'),
    'UTF8')::jsonb;
  RETURN CASE WHEN jsonb_typeof(content) = 'object' THEN content END;
EXCEPTION WHEN data_exception OR program_limit_exceeded OR statement_too_complex THEN
  RETURN NULL;
END
$function$;

-- Why a token is refused, as SQLSTATE and message; the signature is looked at before anything is believed.
CREATE OR REPLACE FUNCTION rowhouse.refuse_token(problem text) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RAISE EXCEPTION USING
    ERRCODE = CASE problem WHEN 'malformed' THEN '22023' WHEN 'forged' THEN '28P01' ELSE '28000' END,
    MESSAGE = CASE problem
      WHEN 'malformed' THEN 'the token is malformed'
      WHEN 'forged' THEN 'the token is not signed with this database''s key'
      WHEN 'algorithm' THEN 'the token names another algorithm than HS256'
      WHEN 'expired' THEN 'the token has expired'
      WHEN 'early' THEN 'the token is not valid yet'
    END,
    HINT = CASE problem
      WHEN 'malformed' THEN 'A token is a JWT with the claims tenant (text), exp and if wanted nbf (seconds from 1970).'
      WHEN 'forged' THEN 'Sign it with the key that rowhouse.seal() or the last rowhouse.rotate_key() returned.'
      WHEN 'algorithm' THEN 'Sign it with HMAC-SHA-256 and say so: {"alg":"HS256"}.'
      WHEN 'early' THEN 'Compare the clocks of the issuer and of the database.'
      ELSE 'Get a new token.'
    END;
END
$function$;

-- Says what is wrong with a token that no key has signed.
CREATE OR REPLACE FUNCTION rowhouse.judge_unsigned(token text) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  header jsonb;
BEGIN
  IF NOT rowhouse.is_sealed() THEN
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = 'the database is not sealed, so there are no tokens',
      HINT = 'Use rowhouse.set_tenant(), or have the owner call rowhouse.seal().';
  ELSIF token IS NULL OR length(token) > 4096 OR token !~ '^[A-Za-z0-9_-]+[.][A-Za-z0-9_-]+[.][A-Za-z0-9_-]*$' THEN
    PERFORM rowhouse.refuse_token('malformed');
  END IF;
  header := rowhouse.token_part(split_part(token, '.', 1));
  IF header IS NULL OR header ? 'crit' THEN
    PERFORM rowhouse.refuse_token('malformed');
  ELSIF header -> 'alg' IS DISTINCT FROM '"HS256"' THEN
    PERFORM rowhouse.refuse_token('algorithm');
  END IF;
  PERFORM rowhouse.refuse_token('forged');
END
$function$;

-- Runs with its owner's rights, since nobody else may read the keys. Nothing of a token is decoded or believed before
-- its signature has been found right. Both signatures are hashed once more with the key before they are compared: how
-- long that takes tells nothing about the right one.
CREATE OR REPLACE FUNCTION rowhouse.login(token text, is_local boolean DEFAULT true) RETURNS text
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  signed bytea := convert_to(left(token, -44), 'UTF8');
  header text := split_part(token, '.', 1);
  payload text := translate(split_part(token, '.', 2), '-_', '+/');
  key record;
  claims jsonb;
  expiry numeric;
  tenant text;
  tenant_status text;
  body text;
  local_only boolean := coalesce(is_local, true);
  now_is numeric := extract(epoch FROM clock_timestamp());
BEGIN
  SELECT k.id, k.inner_pad, k.outer_pad INTO key
    FROM rowhouse.seal_key AS k
    WHERE (k.expires_at IS NULL OR k.expires_at > clock_timestamp()) AND length(token) <= 4096
      AND sha256(k.outer_pad || convert_to(translate(
            encode(sha256(k.outer_pad || sha256(k.inner_pad || signed)), 'base64'), '+/=', '-_'), 'UTF8'))
        = sha256(k.outer_pad || convert_to(right(token, 43), 'UTF8'))
    LIMIT 1;
  IF NOT FOUND OR left(right(token, 44), 1) <> '.' OR header <> 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9' AND (
      rowhouse.token_part(header) -> 'alg' IS DISTINCT FROM '"HS256"' OR rowhouse.token_part(header) ? 'crit') THEN
    PERFORM rowhouse.judge_unsigned(token);
  END IF;

  -- No message of the parsers', which would quote the token.
  BEGIN
    claims := convert_from(decode(rpad(payload, (length(payload) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb;
  EXCEPTION WHEN data_exception OR program_limit_exceeded OR statement_too_complex THEN
    PERFORM rowhouse.refuse_token('malformed');
  END;
  IF jsonb_typeof(claims -> 'tenant') IS DISTINCT FROM 'string'
      OR jsonb_typeof(claims -> 'exp') IS DISTINCT FROM 'number' OR jsonb_typeof(claims -> 'nbf') <> 'number' THEN
    PERFORM rowhouse.refuse_token('malformed');
  END IF;
  expiry := (claims ->> 'exp')::numeric;
  tenant := claims ->> 'tenant';
  IF expiry <= now_is THEN
    PERFORM rowhouse.refuse_token('expired');
  ELSIF (claims ->> 'nbf')::numeric > now_is THEN
    PERFORM rowhouse.refuse_token('early');
  END IF;
  SELECT registered.status INTO tenant_status FROM rowhouse.tenant AS registered WHERE registered.id = tenant;
  IF tenant_status IS DISTINCT FROM 'active' THEN
    PERFORM rowhouse.check_tenant_status(tenant, tenant_status);
  END IF;

  -- The tenant comes last: it may hold any character, the other parts hold no blank.
  body := key.id || ' ' || lpad(least(floor(expiry), 99999999999)::text, 11, '0') || ' ' || tenant;
  PERFORM set_config('rowhouse.ticket',
    encode(sha256(key.outer_pad || sha256(key.inner_pad || convert_to(body, 'UTF8'))), 'hex') || ' ' || body,
    local_only);
  RETURN set_config('rowhouse.tenant', tenant, local_only);
END
$function$;
COMMENT ON FUNCTION rowhouse.login(text, boolean) IS
  'Makes the tenant of a token current; malformed 22023, forged 28P01, other algorithm, expired or early 28000';

-- The tenant that this session has logged in as, NULL without a ticket that counts: never an error, so that a statement
-- sees nothing. Asked by the policies of a sealed database. Key and tenant are read with the statement's own snapshot,
-- so a suspension or the end of a key counts from the next statement on. A signature over a ticket can't be had from
-- login(), nor one over a token from here: only tickets hold a blank. A ticket: signature in hex (64), blank, key (8),
-- blank, end in seconds since 1970 (11), blank, tenant.
CREATE OR REPLACE FUNCTION rowhouse.login_tenant() RETURNS text
  LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  ticket text := current_setting('rowhouse.ticket', true);
  key record;
BEGIN
  SELECT k.inner_pad, k.outer_pad, t.id INTO key
    FROM rowhouse.seal_key AS k, rowhouse.tenant AS t
    WHERE k.id = substr(ticket, 66, 8) AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
      AND t.id = substr(ticket, 87) AND t.status = 'active';
  IF FOUND AND sha256(key.outer_pad || convert_to(encode(sha256(key.outer_pad
          || sha256(key.inner_pad || convert_to(substr(ticket, 66), 'UTF8'))), 'hex'), 'UTF8'))
        = sha256(key.outer_pad || convert_to(substr(ticket, 1, 64), 'UTF8'))
      AND substr(ticket, 75, 11)::bigint > extract(epoch FROM clock_timestamp()) THEN
    RETURN key.id;
  END IF;
  RETURN NULL;
END
$function$;
COMMENT ON FUNCTION rowhouse.login_tenant() IS
  'The tenant that login() has checked, as the policies of a sealed database ask for it';
-- The policies of a protected table: what they say, whom they bind, and how they are made to say it.
--
-- Whom they bind: PostgreSQL ANDs a RESTRICTIVE policy TO PUBLIC for every role, so nobody could be let past it but by
-- BYPASSRLS (not to be had on managed servers) or by a flag in the condition (which loses the index). So the floor
-- rowhouse_isolation is TO PUBLIC only as long as the database has no exempt role. From the first grant_access(role,
-- 'admin' | 'dump') on it names the roles it binds: the table's owner and every role that holds a privilege on the
-- table, exempt ones left out. Whoever reaches the table through a grant that is not an exempt role's is then under the
-- floor, since the server asks the same question for a privilege and for a policy: does this role have the privileges
-- of that one? A role both bound and exempt is bound. PUBLIC itself holding privileges on a table and exempt roles rule
-- each other out: that is an error. rowhouse_access stays TO PUBLIC, so a role granted something by hand later is kept
-- to the current tenant as before; it comes under the floor when grant_access() or protect() is called again
-- (is_protected() says no until then).

-- The current tenant as a value of the column's type. The cast is on this side: a cast of the column would lose its
-- index.
CREATE OR REPLACE FUNCTION rowhouse.tenant_setting(tenant_type regtype) RETURNS text
  LANGUAGE sql STABLE
  RETURN 'NULLIF(current_setting(''rowhouse.tenant'', true), '''')'
    || CASE WHEN tenant_type <> 'text'::regtype THEN '::' || format_type(tenant_type, NULL) ELSE '' END;

-- The condition of both policies. It stands there as text and not as a call, so that it can be indexed and estimated,
-- depends on nothing, and works in a database restored without rowhouse. In a sealed database it is a call, in a
-- subselect to make it once a statement.
CREATE OR REPLACE FUNCTION rowhouse.tenant_condition(tenant_column name, tenant_type regtype) RETURNS text
  LANGUAGE sql STABLE
  RETURN format('%I = ', tenant_column) || CASE WHEN rowhouse.is_sealed()
    THEN '(SELECT rowhouse.login_tenant())'
      || CASE WHEN tenant_type <> 'text'::regtype THEN '::' || format_type(tenant_type, NULL) ELSE '' END
    ELSE rowhouse.tenant_setting(tenant_type) END;

-- The condition as the server prints it back (pg_get_expr); a policy that prints otherwise is not ours or was altered.
CREATE OR REPLACE FUNCTION rowhouse.printed_condition(tenant_column name, tenant_type regtype) RETURNS text
  LANGUAGE sql STABLE
  RETURN (
    SELECT CASE tenant_type
        WHEN 'text'::regtype THEN format('(%I = %s)', tenant_column, tenant)
        WHEN 'varchar'::regtype THEN format('((%I)::text = ((%s)::character varying)::text)', tenant_column, tenant)
        ELSE format('(%I = (%s)::%s)', tenant_column, tenant, format_type(tenant_type, NULL))
      END
      FROM (VALUES (CASE WHEN rowhouse.is_sealed() THEN '( SELECT rowhouse.login_tenant() AS login_tenant)'
          ELSE 'NULLIF(current_setting(''rowhouse.tenant''::text, true), ''''::text)' END)) AS printed(tenant));

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

-- The floor needs somebody to bind. Where only exempt roles reach a table it is this one, whose members could read the
-- database's files anyway.
CREATE OR REPLACE FUNCTION rowhouse.bound_roles(relation regclass) RETURNS oid[]
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  bound oid[];
BEGIN
  IF NOT EXISTS (SELECT FROM rowhouse.access_grant AS g JOIN pg_roles AS r ON r.oid = g.role WHERE g.kind <> 'app') THEN
    RETURN ARRAY[0::oid];
  END IF;
  SELECT array_agg(DISTINCT holder ORDER BY holder) INTO bound
    FROM (SELECT c.relowner FROM pg_class AS c WHERE c.oid = relation
          UNION SELECT a.grantee FROM pg_class AS c, aclexplode(c.relacl) AS a WHERE c.oid = relation
          UNION SELECT a.grantee FROM pg_attribute AS t, aclexplode(t.attacl) AS a WHERE t.attrelid = relation)
      AS holders(holder)
    WHERE NOT EXISTS (SELECT FROM rowhouse.access_grant AS g WHERE g.role = holder AND g.kind <> 'app');
  RETURN coalesce(bound, ARRAY['pg_execute_server_program'::regrole::oid]);
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.exempt_roles(wanted_kind text) RETURNS oid[]
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT array_agg(r.oid ORDER BY r.oid)
    FROM rowhouse.access_grant AS g JOIN pg_roles AS r ON r.oid = g.role WHERE g.kind = wanted_kind;
END;

-- Whether the current role passes over the policies, or has an admin's on every table it can reach.
CREATE OR REPLACE FUNCTION rowhouse.is_exempt() RETURNS boolean
  LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT bool_or(r.rolsuper OR r.rolbypassrls) OR EXISTS (
      SELECT FROM rowhouse.access_grant AS g JOIN pg_roles AS a ON a.oid = g.role
        WHERE g.kind = 'admin' AND pg_has_role(g.role, 'USAGE'))
    FROM pg_roles AS r WHERE r.rolname = current_user;
END;

CREATE OR REPLACE FUNCTION rowhouse.policy_names() RETURNS name[]
  LANGUAGE sql IMMUTABLE
  RETURN ARRAY['rowhouse_access', 'rowhouse_isolation', 'rowhouse_suspension', 'rowhouse_admin',
               'rowhouse_dump']::name[];

-- What has to stand on a table: condition as written and as printed back.
CREATE OR REPLACE FUNCTION rowhouse.wanted_policies(relation regclass, tenant_column name)
  RETURNS TABLE(name name, permissive boolean, command "char", roles oid[], condition text, printed text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  type regtype;
  equal text;
  printed_equal text;
  suspended text;
  bound oid[] := rowhouse.bound_roles(relation);
BEGIN
  SELECT a.atttypid INTO type FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = tenant_column;
  equal := rowhouse.tenant_condition(tenant_column, type);
  printed_equal := rowhouse.printed_condition(tenant_column, type);
  suspended := rowhouse.suspended_literal(type);
  RETURN QUERY
    SELECT wanted.* FROM (VALUES
        ('rowhouse_access'::name, true, '*'::"char", ARRAY[0::oid], equal, printed_equal),
        ('rowhouse_isolation', false, '*', bound, equal, printed_equal),
        ('rowhouse_suspension', false, '*', bound, format('NOT (%s ? %I::text)', suspended, tenant_column),
          format(CASE WHEN type = 'text'::regtype THEN '(NOT (%s ? %I))' ELSE '(NOT (%s ? (%I)::text))' END,
            suspended, tenant_column)),
        ('rowhouse_admin', true, '*', rowhouse.exempt_roles('admin'), 'true', 'true'),
        ('rowhouse_dump', true, 'r', rowhouse.exempt_roles('dump'), 'true', 'true'))
      AS wanted(name, permissive, command, roles, condition, printed)
    WHERE wanted.roles IS NOT NULL AND (wanted.name <> 'rowhouse_suspension' OR suspended IS NOT NULL);
END
$function$;

-- What of it does not stand there, or stands there and should not: empty when the table is as it has to be.
CREATE OR REPLACE FUNCTION rowhouse.stale_policies(relation regclass, tenant_column name) RETURNS SETOF name
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    SELECT coalesce(wanted.name, present.polname)
      FROM rowhouse.wanted_policies(relation, tenant_column) AS wanted
      FULL JOIN (SELECT * FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = ANY (rowhouse.policy_names()))
        AS present ON present.polname = wanted.name
      WHERE (wanted.permissive, wanted.command, wanted.printed,
             CASE WHEN wanted.command = '*' THEN wanted.printed END) IS DISTINCT FROM
            (present.polpermissive, present.polcmd, pg_get_expr(present.polqual, relation),
             pg_get_expr(present.polwithcheck, relation))
        OR NOT (wanted.roles <@ present.polroles AND present.polroles <@ wanted.roles);
END
$function$;

-- Leaves alone what is right already. The table is locked by the caller.
CREATE OR REPLACE FUNCTION rowhouse.apply_policies(relation regclass, tenant_column name) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  stale name[] := ARRAY(SELECT rowhouse.stale_policies(relation, tenant_column));
  remembered text;
  policy record;
BEGIN
  SELECT obj_description(p.oid, 'pg_policy') INTO remembered
    FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = 'rowhouse_isolation';
  FOR policy IN SELECT p.polname FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = ANY (stale) LOOP
    EXECUTE format('DROP POLICY %I ON %s', policy.polname, relation);
  END LOOP;
  FOR policy IN SELECT * FROM rowhouse.wanted_policies(relation, tenant_column) AS w WHERE w.name = ANY (stale) LOOP
    EXECUTE format('CREATE POLICY %I ON %s AS %s FOR %s TO %s USING (%s) %s', policy.name, relation,
      CASE WHEN policy.permissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
      CASE policy.command WHEN 'r' THEN 'SELECT' ELSE 'ALL' END,
      (SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC' ELSE role::regrole::text END, ', ')
         FROM unnest(policy.roles) AS role),
      policy.condition,
      CASE policy.command WHEN 'r' THEN '' ELSE format('WITH CHECK (%s)', policy.condition) END);
  END LOOP;
  IF 'rowhouse_isolation' = ANY (stale) AND remembered IS NOT NULL THEN
    EXECUTE format('COMMENT ON POLICY rowhouse_isolation ON %s IS %L', relation, remembered);
  END IF;
END
$function$;

-- A whole, valid b-tree that leads with the column: one that serves every query of one tenant.
CREATE OR REPLACE FUNCTION rowhouse.tenant_indexes(relation regclass, tenant_column name) RETURNS SETOF regclass
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT i.indexrelid::regclass
    FROM pg_index AS i
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attname = tenant_column AND a.attnum = i.indkey[0]
    JOIN pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_am AS am ON am.oid = c.relam
    WHERE i.indrelid = tenant_indexes.relation AND i.indisvalid AND i.indpred IS NULL AND am.amname = 'btree';
END;

-- True when there is nothing left for protect() to do.
CREATE OR REPLACE FUNCTION rowhouse.is_protected(relation regclass, tenant_column name) RETURNS boolean
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN EXISTS (
      SELECT FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = tenant_column
        WHERE c.oid = relation AND c.relrowsecurity AND c.relforcerowsecurity AND a.attnotnull AND a.atthasdef)
    AND EXISTS (SELECT FROM rowhouse.tenant_indexes(relation, tenant_column))
    AND NOT EXISTS (SELECT FROM rowhouse.stale_policies(relation, tenant_column));
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.check_owns_protected() RETURNS void
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  foreign_table record;
BEGIN
  SELECT t.table_name, c.relowner::regrole AS owner INTO foreign_table
    FROM rowhouse.protected_tables AS t JOIN pg_class AS c ON c.oid = t.table_name
    WHERE NOT pg_has_role(c.relowner, 'USAGE') ORDER BY t.table_name::oid LIMIT 1;
  IF FOUND THEN
    RAISE insufficient_privilege USING
      MESSAGE = format('must be owner of table %s', foreign_table.table_name),
      HINT = format('Its owner is %s; every protected table takes part.', foreign_table.owner);
  END IF;
END
$function$;

-- The gate before everything that changes the policies of all tables: protect() holds it shared to the end of its
-- transaction, so no table slips between. Whoever only reads who has access neither waits nor is waited for. It runs
-- with its owner's rights because a lock of this kind takes more than SELECT.
CREATE OR REPLACE FUNCTION rowhouse.enter_gate() RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  LOCK TABLE rowhouse.access_grant IN ROW SHARE MODE;
END
$function$;

-- The gate closed, then the tables, by OID, all of them or none: it waits a tenth of a second for a lock, and lets go
-- of what it has before it tries again. So a transaction that uses tables in another order is not made to wait in a
-- circle, and one that takes long holds nobody up but us. lock_timeout, where it is set, ends the attempts.
CREATE OR REPLACE FUNCTION rowhouse.lock_protected(with_tables boolean DEFAULT true) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  patience text := current_setting('lock_timeout');
  give_up timestamptz := CASE WHEN patience <> '0' THEN clock_timestamp() + patience::interval END;
  member regclass;
BEGIN
  LOCK TABLE rowhouse.access_grant IN EXCLUSIVE MODE;
  IF NOT with_tables THEN
    RETURN;
  END IF;
  PERFORM rowhouse.check_owns_protected();
  LOOP
    BEGIN
      PERFORM set_config('lock_timeout', '100ms', true);
      FOR member IN SELECT t.table_name FROM rowhouse.protected_tables AS t ORDER BY t.table_name::oid LOOP
        EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', member);
      END LOOP;
      PERFORM set_config('lock_timeout', patience, true);
      RETURN;
    EXCEPTION WHEN lock_not_available THEN
      IF clock_timestamp() > give_up THEN
        RAISE lock_not_available USING
          MESSAGE = format('%s is in use by transactions that do not end', member),
          HINT = 'Try again later, or set lock_timeout to a longer time.';
      END IF;
    END;
    PERFORM pg_sleep(0.02 + 0.05 * random());
  END LOOP;
END
$function$;

-- Every protected table anew, after lock_protected().
CREATE OR REPLACE FUNCTION rowhouse.refresh_policies() RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  member record;
BEGIN
  FOR member IN SELECT t.table_name, t.tenant_column FROM rowhouse.protected_tables AS t ORDER BY t.table_name::oid LOOP
    PERFORM rowhouse.apply_policies(member.table_name, member.tenant_column);
  END LOOP;
END
$function$;
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
-- Suspend, resume, rename, drop: changes that reach every protected table, in one transaction. All of them pass the
-- gate and lock the tables in one order (lock_protected), so that they wait for transactions in progress and for each
-- other, never in a circle. They are for the owner of the protected tables.

-- Unsealed, suspended tenants stand in a policy of their own, there only while any tenant is suspended: whatever a
-- session has set, it sees and writes no row of theirs as soon as the suspension is committed, and no statement pays
-- for it otherwise. Sealed, every statement asks the registry, and no table is locked.
CREATE OR REPLACE FUNCTION rowhouse.change_tenant_status(tenant text, new_status text) RETURNS text
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  PERFORM rowhouse.lock_protected(with_tables => NOT rowhouse.is_sealed());
  UPDATE rowhouse.tenant AS registered SET status = new_status WHERE registered.id = change_tenant_status.tenant;
  IF NOT FOUND THEN
    PERFORM rowhouse.check_tenant_status(tenant, NULL);
  END IF;
  IF NOT rowhouse.is_sealed() THEN
    PERFORM rowhouse.refresh_policies();
  END IF;
  RETURN tenant;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.suspend_tenant(tenant text) RETURNS text
  LANGUAGE sql
  SET search_path = pg_catalog, pg_temp
  RETURN rowhouse.change_tenant_status(tenant, 'suspended');
COMMENT ON FUNCTION rowhouse.suspend_tenant(text) IS
  'Once committed, no statement that begins sees or writes a row of this tenant; its rows stay';

CREATE OR REPLACE FUNCTION rowhouse.resume_tenant(tenant text) RETURNS text
  LANGUAGE sql
  SET search_path = pg_catalog, pg_temp
  RETURN rowhouse.change_tenant_status(tenant, 'active');
COMMENT ON FUNCTION rowhouse.resume_tenant(text) IS 'Ends a suspension';

-- Protected tables to begin with: partitions and children come with their parents. Tables that refer to others first,
-- so that rows can be deleted in this order.
CREATE OR REPLACE FUNCTION rowhouse.tables_to_change()
  RETURNS TABLE(table_name regclass, tenant_column name, tenant_type regtype)
  LANGUAGE sql STABLE
BEGIN ATOMIC
  WITH RECURSIVE refers(origin, target) AS (
    SELECT k.conrelid, k.confrelid FROM pg_constraint AS k WHERE k.contype = 'f' AND k.conrelid <> k.confrelid
    UNION
    SELECT refers.origin, k.confrelid
      FROM refers JOIN pg_constraint AS k ON k.conrelid = refers.target AND k.contype = 'f'
  )
  SELECT t.table_name, t.tenant_column, t.tenant_type
    FROM rowhouse.protected_tables AS t
    WHERE NOT EXISTS (SELECT FROM pg_inherits AS i JOIN rowhouse.protected_tables AS p ON p.table_name = i.inhparent
                        WHERE i.inhrelid = t.table_name)
    ORDER BY (SELECT count(*) FROM refers WHERE refers.origin = t.table_name) DESC, t.table_name::oid;
END;

-- FORCE keeps the owner of the tables from rows that have to be changed; it comes back in the same transaction, under
-- the same lock.
CREATE OR REPLACE FUNCTION rowhouse.force_row_security(tables regclass[], wanted boolean) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  member regclass;
BEGIN
  FOREACH member IN ARRAY tables LOOP
    EXECUTE format('ALTER TABLE %s %s FORCE ROW LEVEL SECURITY', member, CASE WHEN wanted THEN '' ELSE 'NO' END);
  END LOOP;
END
$function$;

-- Foreign keys between tables are checked when all of them are changed; answers those that have to be put back.
CREATE OR REPLACE FUNCTION rowhouse.defer_foreign_keys(tables regclass[]) RETURNS oid[]
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  keys oid[];
  key record;
BEGIN
  SELECT coalesce(array_agg(k.oid ORDER BY k.oid), '{}') INTO keys
    FROM pg_constraint AS k
    WHERE k.contype = 'f' AND NOT k.condeferrable AND k.conparentid = 0 AND k.confrelid = ANY (tables)
      AND k.conrelid = ANY (tables);
  FOR key IN SELECT k.conrelid::regclass AS relation, k.conname FROM pg_constraint AS k WHERE k.oid = ANY (keys) LOOP
    EXECUTE format('ALTER TABLE %s ALTER CONSTRAINT %I DEFERRABLE INITIALLY DEFERRED', key.relation, key.conname);
  END LOOP;
  SET CONSTRAINTS ALL DEFERRED;
  RETURN keys;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.check_foreign_keys(keys oid[]) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  key record;
BEGIN
  SET CONSTRAINTS ALL IMMEDIATE;
  FOR key IN SELECT k.conrelid::regclass AS relation, k.conname FROM pg_constraint AS k WHERE k.oid = ANY (keys) LOOP
    EXECUTE format('ALTER TABLE %s ALTER CONSTRAINT %I NOT DEFERRABLE', key.relation, key.conname);
  END LOOP;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.count_rows(tenant text, relation regclass, tenant_column name, tenant_type regtype)
  RETURNS bigint
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  rows bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM %s WHERE %I = $1::%s', relation, tenant_column, tenant_type)
    INTO rows USING tenant;
  RETURN rows;
END
$function$;

-- Rows of a tenant by table, those that hold any. After lock_protected() and without FORCE: nobody else adds one.
CREATE OR REPLACE FUNCTION rowhouse.count_tenant_rows(tenant text, tables regclass[])
  RETURNS TABLE(table_name regclass, tenant_column name, tenant_type regtype, rows bigint)
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    SELECT place.relation, place.tenant_column, place.tenant_type, counted.rows
      FROM (SELECT t.number, t.relation, a.attname, a.atttypid::regtype
              FROM unnest(tables) WITH ORDINALITY AS t(relation, number)
              JOIN pg_policy AS p ON p.polrelid = t.relation AND p.polname = 'rowhouse_isolation'
              JOIN pg_attribute AS a ON a.attrelid = t.relation AND a.attnum > 0
              WHERE rowhouse.fits_type(tenant, a.atttypid)
                AND EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid
                              AND d.refobjid = t.relation AND d.refobjsubid = a.attnum)
            UNION ALL
            SELECT number, relation::regclass, 'tenant', 'text'::regtype
              FROM unnest(ARRAY[10000000, 10000001], ARRAY['rowhouse.import_chunk', 'rowhouse.import_reject'])
                AS ledger(number, relation))
        AS place(number, relation, tenant_column, tenant_type),
      rowhouse.count_rows(tenant, place.relation, place.tenant_column, place.tenant_type) AS counted(rows)
      WHERE counted.rows > 0
      ORDER BY place.number;
END
$function$;

-- Runs a statement for each table that holds rows of a tenant, with table, column and type as %1$s, %2$I and %3$s and
-- the ids as $1 and $2, and proves that none holds one afterwards: a trigger or rule may have had other ideas.
CREATE OR REPLACE FUNCTION rowhouse.change_tenant_rows(tenant text, new_tenant text, statement text)
  RETURNS TABLE(table_name regclass, rows bigint)
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  all_tables regclass[] := ARRAY(SELECT t.table_name FROM rowhouse.protected_tables AS t ORDER BY t.table_name::oid);
  tables regclass[] := ARRAY(SELECT t.table_name FROM rowhouse.tables_to_change() AS t);
  keys oid[];
  found record;
BEGIN
  PERFORM rowhouse.force_row_security(all_tables, false);
  keys := rowhouse.defer_foreign_keys(all_tables);
  FOR found IN SELECT * FROM rowhouse.count_tenant_rows(tenant, tables) LOOP
    EXECUTE format(statement, found.table_name, found.tenant_column, found.tenant_type) USING tenant, new_tenant;
    table_name := found.table_name;
    rows := found.rows;
    RETURN NEXT;
  END LOOP;
  PERFORM rowhouse.check_foreign_keys(keys);
  SELECT string_agg(format('%s (%s)', c.table_name, c.rows), ', ') AS list INTO found
    FROM rowhouse.count_tenant_rows(tenant, tables) AS c;
  IF found.list IS NOT NULL THEN
    RAISE triggered_data_change_violation USING
      MESSAGE = format('rows of tenant "%s" are still there: %s', tenant, found.list),
      HINT = 'Look for triggers and rules of these tables that put rows back or keep them; nothing has been changed.';
  END IF;
  PERFORM rowhouse.force_row_security(all_tables, true);
END
$function$;

-- The registered tenant, locked to the end of the transaction.
CREATE OR REPLACE FUNCTION rowhouse.lock_tenant(tenant text) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  PERFORM rowhouse.lock_protected();
  PERFORM FROM rowhouse.tenant AS registered WHERE registered.id = lock_tenant.tenant FOR UPDATE;
  IF NOT FOUND THEN
    PERFORM rowhouse.check_tenant_status(tenant, NULL);
  END IF;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.rename_tenant(id text, new_id text)
  RETURNS TABLE(table_name regclass, rows bigint)
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  PERFORM rowhouse.lock_tenant(id);
  PERFORM rowhouse.check_tenant_id(new_id);
  IF EXISTS (SELECT FROM rowhouse.tenant AS registered WHERE registered.id = new_id) THEN
    RAISE unique_violation USING
      MESSAGE = format('tenant "%s" exists already', new_id),
      HINT = 'Choose an id that is free; two tenants are not merged by this.';
  END IF;
  UPDATE rowhouse.tenant AS registered SET id = new_id WHERE registered.id = rename_tenant.id;
  RETURN QUERY SELECT changed.table_name, changed.rows
    FROM rowhouse.change_tenant_rows(id, new_id, 'UPDATE %1$s SET %2$I = $2::%3$s WHERE %2$I = $1::%3$s') AS changed;
  PERFORM rowhouse.refresh_policies();
END
$function$;
COMMENT ON FUNCTION rowhouse.rename_tenant(text, text) IS
  'Gives a tenant and all its rows another id; returns the rows changed by table';

CREATE OR REPLACE FUNCTION rowhouse.refuse_rows(tenant text) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  all_tables regclass[] := ARRAY(SELECT t.table_name FROM rowhouse.protected_tables AS t ORDER BY t.table_name::oid);
  tables regclass[] := ARRAY(SELECT t.table_name FROM rowhouse.tables_to_change() AS t);
  held text;
BEGIN
  PERFORM rowhouse.force_row_security(all_tables, false);
  SELECT string_agg(format('%s (%s)', kept.table_name, kept.rows), ', ') INTO held
    FROM rowhouse.count_tenant_rows(tenant, tables) AS kept;
  PERFORM rowhouse.force_row_security(all_tables, true);
  IF held IS NOT NULL THEN
    RAISE dependent_objects_still_exist USING
      MESSAGE = format('tenant "%s" has rows: %s', tenant, held),
      HINT = format('rowhouse.drop_tenant(%L, purge => true) deletes them too.', tenant);
  END IF;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.drop_tenant(id text, purge boolean DEFAULT false)
  RETURNS TABLE(table_name regclass, rows bigint)
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  PERFORM rowhouse.lock_tenant(id);
  DELETE FROM rowhouse.tenant AS registered WHERE registered.id = drop_tenant.id;
  IF purge IS NOT TRUE THEN
    PERFORM rowhouse.refuse_rows(id);
  END IF;
  RETURN QUERY SELECT changed.table_name, changed.rows
    FROM rowhouse.change_tenant_rows(id, NULL, 'DELETE FROM %1$s WHERE %2$I = $1::%3$s') AS changed;
  PERFORM rowhouse.refresh_policies();
END
$function$;
COMMENT ON FUNCTION rowhouse.drop_tenant(text, boolean) IS
  'Removes a tenant; with purge its rows too, returned by table; without, 2BP01 while it has any';
-- What tenants use, and what this server lets rowhouse do.

-- With the caller's rights: a bound role sees its current tenant, an admin or dump role every tenant. It reads every
-- row.
CREATE OR REPLACE FUNCTION rowhouse.measure_usage()
  RETURNS TABLE(tenant text, table_name regclass, rows bigint, bytes bigint)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  target record;
BEGIN
  FOR target IN
    SELECT t.table_name, t.tenant_column,
        (SELECT string_agg(format('coalesce(pg_column_size(%I), 0)', a.attname), ' + ')
           FROM pg_attribute AS a WHERE a.attrelid = t.table_name AND a.attnum > 0 AND NOT a.attisdropped) AS size
      FROM rowhouse.protected_tables AS t
      WHERE has_table_privilege(t.table_name, 'SELECT')
        AND NOT EXISTS (SELECT FROM pg_inherits AS i JOIN rowhouse.protected_tables AS p ON p.table_name = i.inhparent
                          WHERE i.inhrelid = t.table_name)
      ORDER BY t.table_name::oid
  LOOP
    RETURN QUERY EXECUTE format(
      'SELECT %1$I::text, %2$s::regclass, count(*), sum(24 + %3$s)::bigint FROM %4$s
         GROUP BY %1$I ORDER BY %1$I::text COLLATE "C"',
      target.tenant_column, target.table_name::oid, target.size, target.table_name);
  END LOOP;
END
$function$;

CREATE OR REPLACE VIEW rowhouse.tenant_usage AS
  SELECT tenant, table_name, rows, bytes FROM rowhouse.measure_usage();
COMMENT ON VIEW rowhouse.tenant_usage IS
  'Rows and bytes of each tenant by protected table, counted when asked; bytes as stored, without indexes';

-- For the role that asks.
CREATE OR REPLACE FUNCTION rowhouse.server_limits() RETURNS TABLE(name text, allowed boolean, consequence text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  me record;
  version integer := current_setting('server_version_num')::integer;
  -- What providers give in place of a superuser.
  is_delegate boolean := EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname IN ('rds_superuser', 'cloudsqlsuperuser')
    AND pg_has_role(r.oid, 'USAGE'));
BEGIN
  SELECT r.rolsuper, r.rolbypassrls, r.rolcreaterole INTO me FROM pg_roles AS r WHERE r.rolname = current_user;
  RETURN QUERY SELECT limits.name, limits.allowed, CASE WHEN limits.allowed THEN limits.yes ELSE limits.no END
    FROM (VALUES
      ('superuser', me.rolsuper,
        'policies do not bind this role: let no application use it',
        'nothing is missing: the core asks for no superuser'),
      ('leakproof', me.rolsuper,
        'functions can be marked LEAKPROOF, for every database user at once: rowhouse does not',
        'LIKE, jsonb, full text and trigram searches on protected tables use no index'),
      ('event triggers', me.rolsuper OR is_delegate,
        'new tables without protection can be refused as they are made',
        'new tables without protection are found afterwards, not refused'),
      ('bypassrls', me.rolsuper OR (version >= 160000 AND me.rolcreaterole AND me.rolbypassrls),
        'not needed: exempt roles are named in policies, see rowhouse.grant_access()',
        'exempt roles are named in policies: a dump wants rowhouse.grant_access(role, ''dump'') and '
          'pg_dump --enable-row-security'),
      ('pg_tle', EXISTS (SELECT FROM pg_available_extensions AS e WHERE e.name = 'pg_tle'),
        'the core can be installed as an extension without a file beside the server',
        'the core comes as an extension from files, or as the plain script'),
      ('native library', EXISTS (SELECT FROM pg_available_extensions AS e WHERE e.name = 'rowhouse_native'),
        'rowhouse_native can be loaded: SQLite foreign tables, import inside the server',
        'no SQLite foreign tables and no import inside the server: the command imports over the network'),
      ('lz4', EXISTS (SELECT FROM pg_settings AS s
                        WHERE s.name = 'default_toast_compression' AND 'lz4' = ANY (s.enumvals)),
        'long documents are compressed with lz4',
        'long documents are compressed with pglz, which takes about twice as long to write'),
      ('pgcrypto', EXISTS (SELECT FROM pg_available_extensions AS e WHERE e.name = 'pgcrypto'),
        'not needed: tokens are checked with the server''s own sha256()',
        'nothing is missing: tokens are checked with the server''s own sha256()'))
      AS limits(name, allowed, yes, no);
END
$function$;
COMMENT ON FUNCTION rowhouse.server_limits() IS 'What this server allows the current role, and what follows from it';
-- The table of integrated objects: tickets, articles and whatever else a platform has, one row an object, by tenant.

CREATE OR REPLACE FUNCTION rowhouse.create_integrated_objects(schema name DEFAULT 'public') RETURNS regclass
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  target text;
  -- Halves the time of writing long documents; not every server is built with it.
  compression text := CASE WHEN EXISTS (
      SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals))
    THEN 'COMPRESSION lz4' ELSE '' END;
  missing text;
BEGIN
  IF to_regnamespace(quote_ident(schema)) IS NULL THEN
    RAISE invalid_schema_name USING
      MESSAGE = format('schema %s does not exist', coalesce(quote_ident(schema), 'NULL')),
      HINT = 'Create it with CREATE SCHEMA first.';
  END IF;
  target := format('%I.integrated_objects', schema);
  IF to_regclass(target) IS NULL THEN
    EXECUTE format($table$
      CREATE TABLE %1$s (
        id bigint GENERATED BY DEFAULT AS IDENTITY,
        original_id text NOT NULL,
        company_id text NOT NULL,
        platform text NOT NULL DEFAULT 'freshdesk',
        object_type text NOT NULL DEFAULT 'integrated_ticket',
        original_data jsonb %2$s,
        integrated_content text %2$s,
        summary text %2$s,
        metadata jsonb %2$s,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT integrated_objects_pkey PRIMARY KEY (company_id, id),
        CONSTRAINT integrated_objects_original_key UNIQUE (company_id, platform, object_type, original_id)
      )$table$, target, compression);
    EXECUTE format('CREATE INDEX integrated_objects_recent_idx ON %s (company_id, created_at DESC, id)', target);
    EXECUTE format('COMMENT ON TABLE %s IS %L', target, 'Objects of every platform, one row an object, by tenant');
  END IF;

  SELECT string_agg(wanted.name || ' ' || wanted.type, ', ' ORDER BY wanted.place) INTO missing
    FROM (VALUES (1, 'id', 'bigint'), (2, 'original_id', 'text'), (3, 'company_id', 'text'), (4, 'platform', 'text'),
                 (5, 'object_type', 'text'), (6, 'original_data', 'jsonb'), (7, 'integrated_content', 'text'),
                 (8, 'summary', 'text'), (9, 'metadata', 'jsonb'), (10, 'created_at', 'timestamp with time zone'),
                 (11, 'updated_at', 'timestamp with time zone')) AS wanted(place, name, type)
    WHERE NOT EXISTS (SELECT FROM pg_attribute AS a
                        WHERE a.attrelid = to_regclass(target) AND a.attname = wanted.name AND NOT a.attisdropped
                          AND format_type(a.atttypid, a.atttypmod) = wanted.type);
  IF missing IS NOT NULL THEN
    RAISE duplicate_table USING
      MESSAGE = format('%s exists already and lacks %s', target, missing),
      HINT = 'Rename that table, or name another schema.';
  END IF;
  PERFORM rowhouse.protect(target::regclass, 'company_id');
  RETURN target::regclass;
END
$function$;
COMMENT ON FUNCTION rowhouse.create_integrated_objects(name) IS
  'Makes the protected table integrated_objects in a schema, if it is not there already';
-- The import protocol: a ledger of the chunks that were copied, the rows that could not be kept, and a way into a
-- protected table for roles bound by row security, for which the server refuses COPY FROM.
--
-- Chunk, rows and rejects are written in one transaction, so that an import can be cut off anywhere and be run again.

CREATE TABLE IF NOT EXISTS rowhouse.import_chunk (
  id bigint GENERATED BY DEFAULT AS IDENTITY CONSTRAINT import_chunk_pkey PRIMARY KEY,
  tenant text NOT NULL,
  source text NOT NULL,
  source_table text NOT NULL,
  target_schema name,
  target_table name,
  key_from text NOT NULL DEFAULT '',
  key_to text,
  rows bigint,
  rejected bigint,
  digest text NOT NULL,
  imported_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT import_chunk_range_key UNIQUE (tenant, source, source_table, key_from)
);
COMMENT ON TABLE rowhouse.import_chunk IS 'What was copied: one row a range of keys of a table of a source file';
COMMENT ON COLUMN rowhouse.import_chunk.source IS 'Name of the source file, without its folder';
COMMENT ON COLUMN rowhouse.import_chunk.key_from IS
  'First key of the range; the empty string for the start of the table';
COMMENT ON COLUMN rowhouse.import_chunk.digest IS 'Digest of the source rows of the range';

CREATE TABLE IF NOT EXISTS rowhouse.import_reject (
  id bigint GENERATED BY DEFAULT AS IDENTITY CONSTRAINT import_reject_pkey PRIMARY KEY,
  tenant text NOT NULL,
  source text NOT NULL,
  source_table text NOT NULL,
  key text,
  column_name text,
  storage_class text,
  value bytea,
  value_text text GENERATED ALWAYS AS (encode(substring(value FROM 1 FOR 200), 'escape')) STORED,
  sqlstate text NOT NULL,
  reason text NOT NULL,
  rejected_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS import_reject_source_idx ON rowhouse.import_reject (tenant, source, source_table);
COMMENT ON TABLE rowhouse.import_reject IS 'Source rows that could not be kept faithfully, and why';
COMMENT ON COLUMN rowhouse.import_reject.key IS
  'The row''s key in the source: its rowid, or a JSON array of key values';
COMMENT ON COLUMN rowhouse.import_reject.column_name IS 'The column at fault; NULL for the row as a whole';
COMMENT ON COLUMN rowhouse.import_reject.value IS 'The value as found in the source';
COMMENT ON COLUMN rowhouse.import_reject.value_text IS 'The first 200 bytes of the value, readable';

-- Both hold what belongs to every tenant.
REVOKE ALL ON rowhouse.import_chunk, rowhouse.import_reject FROM PUBLIC;

-- Columns of a table as a stage has them: types, collations and defaults, no constraint, nothing generated.
CREATE OR REPLACE FUNCTION rowhouse.stage_columns(relation regclass) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN (
    SELECT string_agg(concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
        'COLLATE ' || NULLIF(a.attcollation, 0)::regcollation, 'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid)),
        ', ' ORDER BY a.attnum)
      FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '');
END
$function$;

-- A table left in the session by whoever used it before is taken only if nothing of theirs would run or stay in it.
CREATE OR REPLACE FUNCTION rowhouse.import_stage(target regclass) RETURNS text
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  -- A session may change its role between imports: a stage is its role's own.
  name text := format('rowhouse_stage_%s_%s', target::oid, quote_ident(current_user)::regrole::oid);
  stage text := 'pg_temp.' || name;
  columns text := rowhouse.stage_columns(target);
BEGIN
  IF columns IS NULL THEN
    RAISE undefined_table USING
      MESSAGE = format('there is no table %s to import into', coalesce(target::text, 'NULL')),
      HINT = 'Make the target table first.';
  END IF;
  IF EXISTS (SELECT FROM pg_class AS c
               WHERE c.oid = to_regclass(stage) AND c.relkind = 'r' AND c.relowner = quote_ident(current_user)::regrole
                 AND NOT (c.relhastriggers OR c.relhasrules OR c.relhasindex OR c.relrowsecurity OR c.relhassubclass)
                 AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = c.oid)
                 AND NOT EXISTS (SELECT FROM pg_attribute AS a
                                   WHERE a.attrelid = c.oid AND a.attnum > 0 AND (a.attnotnull OR a.attgenerated <> ''))
                 AND rowhouse.stage_columns(c.oid) = columns) THEN
    EXECUTE 'TRUNCATE ' || stage;
  ELSE
    IF to_regclass(stage) IS NOT NULL THEN
      EXECUTE 'DROP TABLE ' || stage;
    END IF;
    EXECUTE format('CREATE TEMPORARY TABLE %I (%s) ON COMMIT DELETE ROWS', name, columns);
  END IF;
  RETURN stage;
END
$function$;
COMMENT ON FUNCTION rowhouse.import_stage(regclass) IS
  'An empty temporary table with the columns of a table, for COPY; a column left out takes the default of the table';

-- ON CONFLICT DO NOTHING also passes over a row whose key another tenant has: it would be lost without a word. So where
-- a unique key goes without the tenant, every staged row has to be found again, by one key or another.
CREATE OR REPLACE FUNCTION rowhouse.check_merged(stage regclass, target regclass, tenant_column name) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  keys record;
  lost bigint;
BEGIN
  SELECT bool_or(NOT has_tenant) AS reach_others, bool_or(is_partial) AS are_partial,
      string_agg(coalesce(same, 'true'), ' OR ') AS same, string_agg(coalesce(complete, 'true'), ' OR ') AS complete
    INTO keys
    FROM (SELECT bool_or(a.attname IS NOT DISTINCT FROM tenant_column) AS has_tenant,
              bool_or(k.attnum = 0 OR i.indpred IS NOT NULL) AS is_partial,
              '(' || string_agg(format('kept.%1$I = staged.%1$I', a.attname), ' AND ')
                FILTER (WHERE is_other) || ')' AS same,
              '(' || string_agg(format('staged.%I IS NOT NULL', a.attname), ' AND ')
                FILTER (WHERE is_other) || ')' AS complete
            FROM pg_index AS i CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
            LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0
            CROSS JOIN LATERAL (SELECT a.attname <> tenant_column) AS part(is_other)
            WHERE i.indrelid = target AND i.indisunique AND k.place <= i.indnkeyatts
            GROUP BY i.indexrelid) AS unique_key;
  IF keys.reach_others IS NOT TRUE THEN
    RETURN;
  ELSIF keys.are_partial THEN
    RAISE feature_not_supported USING
      MESSAGE = format('%s has a unique index without the tenant, and one that is partial or on an expression', target),
      HINT = format('Make %I a part of every unique index.', tenant_column);
  END IF;
  EXECUTE format('SELECT count(*) FROM %s AS staged WHERE (%s) AND NOT EXISTS
      (SELECT FROM %s AS kept WHERE (%s) AND kept.%I::text = (SELECT rowhouse.current_tenant()))',
    stage, keys.complete, target, keys.same, tenant_column) INTO lost;
  IF lost > 0 THEN
    RAISE unique_violation USING
      MESSAGE = format('%s rows for %s have a key that another tenant uses', lost, target),
      HINT = format('Make %I a part of every unique key.', tenant_column);
  END IF;
END
$function$;

-- Identity columns can't be given a NULL, so rows with and rows without one go in separately.
CREATE OR REPLACE FUNCTION rowhouse.merge_statement(
    stage regclass, target regclass, tenant_column name, with_identity boolean)
  RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN (
    SELECT format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s WHERE %s ON CONFLICT DO NOTHING',
        target,
        string_agg(format('%I', a.attname), ', ' ORDER BY a.attnum) FILTER (WHERE a.attidentity = '' OR with_identity),
        string_agg(CASE WHEN a.attname = tenant_column
            THEN format('coalesce(%I, $1::%s)', a.attname, format_type(a.atttypid, NULL))
            ELSE format('%I', a.attname) END,
          ', ' ORDER BY a.attnum) FILTER (WHERE a.attidentity = '' OR with_identity),
        stage,
        coalesce(
          string_agg(format('%I IS NULL', a.attname), '') FILTER (WHERE a.attidentity <> '' AND NOT with_identity),
          string_agg(format('%I IS NOT NULL', a.attname), '') FILTER (WHERE a.attidentity <> '' AND with_identity),
          'true'))
      FROM pg_attribute AS a
      WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '');
END
$function$;

-- The tenant column and identity columns are filled in where the stage has NULL; any other NULL is a NULL. The tenant
-- stays current until the transaction ends. A row of another tenant ends the merge with 42501, for exempt roles too.
CREATE OR REPLACE FUNCTION rowhouse.import_merge(stage text, target regclass, tenant text)
  RETURNS TABLE(inserted bigint, present bigint)
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  staged regclass := to_regclass(stage);
  tenant_column name;
  tenant_type regtype;
  strangers bigint;
  with_identity boolean;
  pass_rows bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = staged AND c.relkind = 'r'
                   AND c.relnamespace = pg_my_temp_schema() AND c.relowner = quote_ident(current_user)::regrole) THEN
    RAISE undefined_table USING
      MESSAGE = 'the stage to merge from is not a temporary table of this session',
      HINT = 'Take the name that rowhouse.import_stage() returns.';
  END IF;
  SELECT t.tenant_column, t.tenant_type INTO tenant_column, tenant_type
    FROM rowhouse.protected_tables AS t WHERE t.table_name = target;
  IF NOT FOUND THEN
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = format('%s is not protected: its rows would belong to nobody', coalesce(target::text, 'NULL')),
      HINT = 'Call rowhouse.protect() on it first.';
  END IF;
  PERFORM rowhouse.set_tenant(tenant);
  EXECUTE format('SELECT count(*), count(*) FILTER (WHERE %I <> $1::%s) FROM %s', tenant_column, tenant_type, staged)
    INTO present, strangers USING tenant;
  IF strangers > 0 THEN
    RAISE insufficient_privilege USING
      MESSAGE = format('%s rows for %s belong to another tenant than the one imported', strangers, target),
      HINT = 'Import each tenant under its own name.';
  END IF;

  inserted := 0;
  FOR with_identity IN
    SELECT unnest(ARRAY[true, false]) FROM pg_attribute AS a WHERE a.attrelid = target AND a.attidentity <> ''
    UNION ALL
    SELECT false WHERE NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = target AND a.attidentity <> '')
  LOOP
    EXECUTE rowhouse.merge_statement(staged, target, tenant_column, with_identity) USING tenant;
    GET DIAGNOSTICS pass_rows = ROW_COUNT;
    inserted := inserted + pass_rows;
  END LOOP;
  present := present - inserted;
  IF present > 0 THEN
    PERFORM rowhouse.check_merged(staged, target, tenant_column);
  END IF;
  EXECUTE format('TRUNCATE %s', staged);
  RETURN NEXT;
END
$function$;
COMMENT ON FUNCTION rowhouse.import_merge(text, regclass, text) IS
  'Moves the rows of a stage into a protected table as one tenant''s; rows that are there already stay as they are';
-- Who may call what. Functions run with their caller's rights, but for those that read the registry or the seal's keys
-- for callers who may not: tenant_status, tenant_admission, suspended_tenants, login, login_tenant; and enter_gate,
-- which takes a lock. PUBLIC sets, reads and resets the tenant; all else is for the owner and for whom the owner grants
-- it: by rowhouse.grant_access(), or
--   GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA rowhouse TO role;   -- a role that protects tables of its own, or imports

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA rowhouse FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
  rowhouse.version(), rowhouse.check_tenant_id(text), rowhouse.tenant_status(text), rowhouse.set_tenant(text, boolean),
  rowhouse.tenant_admission(text), rowhouse.check_tenant_status(text, text), rowhouse.check_unsealed(),
  rowhouse.is_sealed(), rowhouse.is_exempt(), rowhouse.current_tenant(), rowhouse.reset_tenant(),
  rowhouse.login(text, boolean), rowhouse.login_tenant(), rowhouse.measure_usage() TO PUBLIC;
GRANT SELECT ON rowhouse.protected_tables, rowhouse.access_grant, rowhouse.seal_state, rowhouse.tenant_usage TO PUBLIC;

-- Default privileges let roles into every new table; the rows of these belong to every tenant. Later grants are left
-- alone.
DO $tables$
DECLARE
  entry record;
BEGIN
  FOR entry IN
    SELECT DISTINCT c.oid::regclass AS relation, a.grantee::regrole AS grantee
      FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS a
      WHERE c.relnamespace = to_regnamespace('rowhouse') AND a.grantee NOT IN (0, c.relowner)
        AND current_setting('rowhouse_install.is_new')::boolean
  LOOP
    EXECUTE format('REVOKE ALL ON %s FROM %s', entry.relation, entry.grantee);
  END LOOP;
END
$tables$;

-- As an extension: the rows of these tables are the user's, and belong into a dump.
DO $dump$
DECLARE
  relation regclass;
BEGIN
  IF EXISTS (SELECT FROM pg_extension WHERE extname = 'rowhouse') THEN
    FOREACH relation IN ARRAY ARRAY['rowhouse.tenant', 'rowhouse.import_chunk', 'rowhouse.import_chunk_id_seq',
                                    'rowhouse.import_reject', 'rowhouse.import_reject_id_seq',
                                    'rowhouse.seal_state']::regclass[]
    LOOP
      PERFORM pg_extension_config_dump(relation, '');
    END LOOP;
    -- Not the seal's keys: who reads a dump is not to sign tokens.
    PERFORM pg_extension_config_dump('rowhouse.access_grant', 'WHERE role IN (SELECT oid FROM pg_roles)');
  END IF;
END
$dump$;
