-- A token for acme, an hour long, as an issuer who has the key makes it.
CREATE FUNCTION public.isolation_token(key text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  part text := translate(encode('{"alg":"HS256","typ":"JWT"}', 'base64'), E'+/=\n', '-_') || '.' || translate(encode(convert_to(
    json_build_object('tenant', 'acme', 'exp', floor(extract(epoch FROM clock_timestamp())) + 3600)::text, 'UTF8'), 'base64'), E'+/=\n', '-_');
BEGIN
  RETURN part || '.' || translate(encode(sha256(rowhouse.pad_key(convert_to(key, 'UTF8'), 92)
    || sha256(rowhouse.pad_key(convert_to(key, 'UTF8'), 54) || convert_to(part, 'UTF8'))), 'base64'), E'+/=\n', '-_');
END $$;
