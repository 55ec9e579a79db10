CREATE OR REPLACE FUNCTION rowhouse.audit_policy_forms()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
END
$function$;
