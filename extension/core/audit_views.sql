CREATE OR REPLACE FUNCTION rowhouse.audit_view_ways()
  RETURNS TABLE(relation oid, asked oid, runner oid, privileges text[])
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
END
$function$;
