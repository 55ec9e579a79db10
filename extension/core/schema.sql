-- rowhouse @VERSION@: keeps every tenant to its own rows.
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
  RETURN '@VERSION@'::text;
COMMENT ON FUNCTION rowhouse.version() IS 'The installed version of rowhouse';
