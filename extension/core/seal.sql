-- The sealed context. Unsealed, the tenant is whatever the setting rowhouse.tenant says. Sealed, it is what a token
-- says: a JWT (HS256) checked by login(), which leaves a ticket in the setting rowhouse.ticket, and every statement
-- checks that ticket again, once. Anybody may write both settings; only who has the key can write a ticket that counts.
--
-- HMAC-SHA-256 is sha256(outer || sha256(inner || message)), inner and outer being the key XOR a constant. They are
-- stored ready-made, which leaves two calls of the server's own sha256(): no other extension has a part in it, and no
-- function that somebody else could own. Tokens are signed so, since others make them. A ticket is made and read here
-- alone, with one call: sha384(inner || ticket). SHA-384 shows a part of its state only, so nobody can go on from the
-- hash of one message to that of a longer one, and that is what HMAC's second call is for.

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
ALTER TABLE rowhouse.seal_key ENABLE ROW LEVEL SECURITY;

-- One row while the database is sealed. It is dumped: a restored database stays sealed, and closed until rotate_key().
CREATE TABLE IF NOT EXISTS rowhouse.seal_state (
  sealed boolean CONSTRAINT seal_state_pkey PRIMARY KEY DEFAULT true CONSTRAINT seal_state_once CHECK (sealed),
  sealed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE rowhouse.seal_state IS 'Holds a row while the database is sealed';

CREATE OR REPLACE FUNCTION rowhouse.is_sealed() RETURNS boolean
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN EXISTS (SELECT FROM rowhouse.seal_state);
COMMENT ON FUNCTION rowhouse.is_sealed() IS 'True while the tenant can be set by login() alone';

-- Nobody registers a tenant meanwhile: it would not be told.
CREATE OR REPLACE FUNCTION rowhouse.tell_tenants() RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  LOCK TABLE rowhouse.tenant IN SHARE ROW EXCLUSIVE MODE;
  UPDATE rowhouse.tenant SET needs_token = NOT needs_token WHERE needs_token <> (SELECT rowhouse.is_sealed());
END
$function$;
ALTER TABLE rowhouse.tenant ALTER COLUMN needs_token SET DEFAULT rowhouse.is_sealed();
DO $tell$
BEGIN
  PERFORM rowhouse.tell_tenants();
END
$tell$;

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
  IF EXISTS (SELECT FROM rowhouse.protected_tables AS t WHERE rowhouse.is_distributed(t.table_name)) THEN
    RAISE feature_not_supported USING
      MESSAGE = 'tables are distributed, and Citus refuses policies that look up a login',
      HINT = 'Undistribute them first, or let no tenant send SQL of its own.';
  END IF;
  PERFORM rowhouse.tell_tenants();
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
  PERFORM rowhouse.tell_tenants();  -- a dump may have restored them before it restored the seal
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
  PERFORM rowhouse.tell_tenants();
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

-- Says what is wrong with the claims of a token that a key has signed.
CREATE OR REPLACE FUNCTION rowhouse.judge_claims(claims jsonb) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF jsonb_typeof(claims -> 'tenant') IS DISTINCT FROM 'string'
      OR jsonb_typeof(claims -> 'exp') IS DISTINCT FROM 'number' OR jsonb_typeof(claims -> 'nbf') <> 'number' THEN
    PERFORM rowhouse.refuse_token('malformed');
  ELSIF (claims ->> 'exp')::numeric <= extract(epoch FROM clock_timestamp()) THEN
    PERFORM rowhouse.refuse_token('expired');
  END IF;
  PERFORM rowhouse.refuse_token('early');
END
$function$;

-- The key that signed a token, among all that count; raises when none did. How long comparing takes tells nothing about
-- the right signature: both are hashed once more with the key.
CREATE OR REPLACE FUNCTION rowhouse.find_key(token text)
  RETURNS TABLE(id text, inner_pad bytea)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  header jsonb;
BEGIN
  RETURN QUERY
    SELECT k.id, k.inner_pad
      FROM rowhouse.seal_key AS k
      WHERE (k.expires_at IS NULL OR k.expires_at > clock_timestamp()) AND length(token) <= 4096
        AND sha256(k.outer_pad || convert_to(translate(encode(sha256(k.outer_pad || sha256(k.inner_pad
              || convert_to(left(token, -44), 'UTF8'))), 'base64'), '+/=', '-_'), 'UTF8'))
          = sha256(k.outer_pad || convert_to(right(token, 43), 'UTF8'))
      LIMIT 1;
  IF FOUND AND left(right(token, 44), 1) = '.' THEN
    header := rowhouse.token_part(split_part(token, '.', 1));
    IF header -> 'alg' = '"HS256"' AND NOT header ? 'crit' THEN
      RETURN;
    END IF;
  END IF;
  PERFORM rowhouse.judge_unsigned(token);
END
$function$;

-- Runs with its owner's rights, since nobody else may read the keys. Nothing of a token is decoded or believed before
-- its signature has been found right. Every transaction comes here, so the usual token, signed with the only key there
-- is, takes few statements and few hashes: 64 bits of hash are compared at once, the signatures only when those are
-- equal, and so their bytes are not found out one after the other either. (An assignment is cheaper than PERFORM.)
CREATE OR REPLACE FUNCTION rowhouse.login(token text, is_local boolean DEFAULT true) RETURNS text
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  signature text := right(token, 44);
  expected text;
  key_id text;
  inner_pad bytea;
  payload text := split_part(token, '.', 2);
  claims jsonb;
  tenant text;
  body text;
BEGIN
  SELECT k.id, k.inner_pad, '.' || translate(encode(
      sha256(k.outer_pad || sha256(k.inner_pad || convert_to(left(token, -44), 'UTF8'))), 'base64'), '+/=', '-_')
    INTO key_id, inner_pad, expected
    FROM rowhouse.seal_key AS k
    WHERE (k.expires_at IS NULL OR k.expires_at > clock_timestamp()) AND length(token) <= 4096;
  IF (hashtextextended(expected, 0) = hashtextextended(signature, 0) AND expected = signature
      AND starts_with(token, 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.')) IS NOT TRUE THEN
    SELECT found.id, found.inner_pad INTO key_id, inner_pad FROM rowhouse.find_key(token) AS found;
  END IF;

  -- No message of the parsers', which would quote the token.
  BEGIN
    claims := convert_from(decode(rpad(translate(payload, '-_', '+/'), (length(payload) + 3) / 4 * 4, '='), 'base64'),
      'UTF8')::jsonb;
  EXCEPTION WHEN data_exception OR program_limit_exceeded OR statement_too_complex THEN
    PERFORM rowhouse.refuse_token('malformed');
  END;
  IF (jsonb_typeof(claims -> 'tenant') = 'string'
      AND CASE jsonb_typeof(claims -> 'exp')
        WHEN 'number' THEN (claims ->> 'exp')::numeric > extract(epoch FROM clock_timestamp()) END
      AND CASE coalesce(jsonb_typeof(claims -> 'nbf'), '') WHEN '' THEN true
        WHEN 'number' THEN (claims ->> 'nbf')::numeric <= extract(epoch FROM clock_timestamp()) END) IS NOT TRUE THEN
    PERFORM rowhouse.judge_claims(claims);
  END IF;

  SELECT t.id INTO tenant FROM rowhouse.tenant AS t WHERE t.id = claims ->> 'tenant' AND t.status = 'active';
  IF tenant IS NULL THEN
    PERFORM rowhouse.check_tenant_status(claims ->> 'tenant', rowhouse.tenant_status(claims ->> 'tenant'));
  END IF;
  -- The tenant comes last: it may hold any character, the other parts hold no blank.
  body := key_id || ' ' || lpad(least(floor((claims ->> 'exp')::numeric), 99999999999)::text, 11, '0') || ' ' || tenant;
  body := set_config('rowhouse.ticket', encode(sha384(inner_pad || convert_to(body, 'UTF8')), 'hex') || ' ' || body,
    is_local IS NOT FALSE);
  RETURN set_config('rowhouse.tenant', tenant, is_local IS NOT FALSE);
END
$function$;
COMMENT ON FUNCTION rowhouse.login(text, boolean) IS
  'Makes the tenant of a token current; malformed 22023, forged 28P01, other algorithm, expired or early 28000';

-- The tenant that this session has logged in as, NULL without a ticket that counts: never an error, so that a statement
-- sees nothing. Asked by the policies of a sealed database. Key and tenant are read with the statement's own snapshot,
-- so a suspension or the end of a key counts from the next statement on. A signature over a ticket can't be had from
-- login(), nor one over a token from here: only tickets hold a blank. A ticket: signature in hex (96), blank, key (8),
-- blank, end in seconds since 1970 (11), blank, tenant.
CREATE OR REPLACE FUNCTION rowhouse.login_tenant() RETURNS text
  LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  ticket text := current_setting('rowhouse.ticket', true);
  signature text := left(ticket, 96);
  expected text;
  key_pad bytea;
  tenant text;
BEGIN
  SELECT k.inner_pad, t.id INTO key_pad, tenant
    FROM rowhouse.seal_key AS k, rowhouse.tenant AS t
    WHERE k.id = substr(ticket, 98, 8) AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
      AND t.id = substr(ticket, 119) AND t.status = 'active';
  expected := encode(sha384(key_pad || convert_to(substr(ticket, 98), 'UTF8')), 'hex');
  IF FOUND AND hashtextextended(expected, 0) = hashtextextended(signature, 0) AND expected = signature
      AND substr(ticket, 107, 11)::bigint > extract(epoch FROM clock_timestamp()) THEN
    RETURN tenant;
  END IF;
  RETURN NULL;
END
$function$;
COMMENT ON FUNCTION rowhouse.login_tenant() IS
  'The tenant that login() has checked, as the policies of a sealed database ask for it';
