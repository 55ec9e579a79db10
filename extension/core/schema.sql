-- rowhouse @VERSION@: keeps every tenant to its own rows.
--
-- One source for CREATE EXTENSION, for ALTER EXTENSION UPDATE and for plain psql, so: no psql meta-command, every name
-- with its schema, nothing that asks for a superuser, and all of it may be run over an earlier version or once more. As
-- an extension the server itself refuses what is not its own.

-- The names below mean pg_catalog's, whatever path the installing session has.
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL client_min_messages = warning;

-- Refuse to build on what somebody else has put into the schema: a table of theirs would see our rows.
DO $check$
DECLARE
  by_script boolean := current_setting('rowhouse_install.by_script', true) = 'yes';
  space oid := to_regnamespace('rowhouse');
  extension oid := (SELECT oid FROM pg_extension WHERE extname = 'rowhouse');
  stranger text;
BEGIN
  -- An update finds the schema, a member of the extension.
  IF extension IS NOT NULL AND space IS NOT NULL AND (by_script IS TRUE OR NOT EXISTS (
      SELECT FROM pg_depend WHERE classid = 'pg_namespace'::regclass AND objid = space
        AND refclassid = 'pg_extension'::regclass AND refobjid = extension AND deptype = 'e')) THEN
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
  -- For privileges.sql, which closes the relations that this run makes.
  PERFORM set_config('rowhouse_install.earlier_relations',
    ARRAY(SELECT oid FROM pg_class WHERE relnamespace = space)::text, true);
END
$check$;

CREATE SCHEMA IF NOT EXISTS rowhouse;
COMMENT ON SCHEMA rowhouse IS 'Tenants, tenant context and row-level protection';

CREATE OR REPLACE FUNCTION rowhouse.version() RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN '@VERSION@'::text;
COMMENT ON FUNCTION rowhouse.version() IS 'The installed version of rowhouse';
