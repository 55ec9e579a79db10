-- What rowhouse uses of pg_tle, where there is none: the same calls, whose scripts become files of the private server. The
-- server then runs them as it runs pg_tle's, in one go and with the caller's rights: no COMMIT, and for a role that is no
-- superuser no LEAKPROOF, no C, no event trigger.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pgtle_admin') THEN
    CREATE ROLE pgtle_admin;
  END IF;
END
$$;
GRANT USAGE ON SCHEMA pgtle TO pgtle_admin;

CREATE FUNCTION pgtle.write_file(name text, content text) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  object oid := lo_from_bytea(0, convert_to(content, 'UTF8'));
BEGIN
  PERFORM lo_export(object, (SELECT setting FROM pg_config WHERE pg_config.name = 'SHAREDIR') || '/extension/' || write_file.name);
  PERFORM lo_unlink(object);
END
$$;

CREATE FUNCTION pgtle.set_default_version(name text, version text) RETURNS boolean
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM pgtle.write_file(name || '.control', format(E'default_version = %L\nrelocatable = false\nsuperuser = false\n', version));
  RETURN true;
END
$$;

CREATE FUNCTION pgtle.install_extension(name text, version text, description text, ext text, requires text[] DEFAULT NULL)
  RETURNS boolean
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF EXISTS (SELECT FROM pg_available_extensions AS a WHERE a.name = install_extension.name) THEN
    RAISE duplicate_object USING MESSAGE = format('extension %L is there already', name);
  END IF;
  PERFORM pgtle.write_file(format('%s--%s.sql', name, version), ext), pgtle.set_default_version(name, version);
  RETURN true;
END
$$;

CREATE FUNCTION pgtle.install_update_path(name text, fromvers text, tovers text, ext text) RETURNS boolean
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM pgtle.write_file(format('%s--%s--%s.sql', name, fromvers, tovers), ext);
  RETURN true;
END
$$;

CREATE FUNCTION pgtle.available_extensions(OUT name name, OUT default_version text, OUT comment text) RETURNS SETOF record
  LANGUAGE sql STABLE
  SET search_path = pg_catalog, pg_temp
AS $$ SELECT name, default_version, comment FROM pg_available_extensions WHERE name = 'rowhouse' $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pgtle FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgtle TO pgtle_admin;
