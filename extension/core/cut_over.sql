-- Cut-over: from then on a tenant lives here, and its SQLite files are not imported any more. Imports of one tenant wait
-- for each other by an advisory lock; each of them asks under that lock.
CREATE OR REPLACE FUNCTION rowhouse.lock_imports(tenant text) RETURNS void
  LANGUAGE sql
BEGIN ATOMIC
  SELECT pg_advisory_xact_lock(hashtextextended('rowhouse.import.' || lock_imports.tenant, 0));
END;

CREATE OR REPLACE FUNCTION rowhouse.cut_over_tenant(tenant text) RETURNS timestamptz
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  since timestamptz;
BEGIN
  PERFORM rowhouse.lock_imports(tenant);
  UPDATE rowhouse.tenant AS registered SET cut_over_at = coalesce(registered.cut_over_at, now())
    WHERE registered.id = cut_over_tenant.tenant RETURNING registered.cut_over_at INTO since;
  IF NOT FOUND THEN
    PERFORM rowhouse.check_tenant_status(tenant, NULL);
  END IF;
  RETURN since;
END
$function$;
COMMENT ON FUNCTION rowhouse.cut_over_tenant(text) IS
  'The tenant lives in PostgreSQL from now on: its files are refused until rowhouse.reopen_tenant(); returns since when';

CREATE OR REPLACE FUNCTION rowhouse.reopen_tenant(tenant text) RETURNS text
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  PERFORM rowhouse.lock_imports(tenant);
  UPDATE rowhouse.tenant AS registered SET cut_over_at = NULL WHERE registered.id = reopen_tenant.tenant;
  IF NOT FOUND THEN
    PERFORM rowhouse.check_tenant_status(tenant, NULL);
  END IF;
  RETURN tenant;
END
$function$;
COMMENT ON FUNCTION rowhouse.reopen_tenant(text) IS
  'Takes a cut-over back: files of the tenant may be imported again; its rows stay as they are';

-- With its owner's rights: a role that imports need not read the registry.
CREATE OR REPLACE FUNCTION rowhouse.check_importable(tenant text) RETURNS void
  LANGUAGE plpgsql STABLE SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  since timestamptz := (SELECT registered.cut_over_at FROM rowhouse.tenant AS registered
                          WHERE registered.id = check_importable.tenant);
BEGIN
  IF since IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'RH003',
      MESSAGE = format('tenant "%s" lives in PostgreSQL since %s: its files are not imported any more', tenant,
        to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
      HINT = 'Put the file away, nothing reads it. rowhouse tenant reopen, or rowhouse.reopen_tenant(), takes the '
        'cut-over back.';
  END IF;
END
$function$;
COMMENT ON FUNCTION rowhouse.check_importable(text) IS 'Raises RH003 for a tenant that was cut over';
