-- The registry and the tenant context.
\a
\set VERBOSITY terse
-- What may name a tenant.
SELECT left(encode(convert_to(id, 'UTF8'), 'escape'), 16) AS id, t.state, t.message FROM unnest(ARRAY[
    'acme', 'Ärzte GmbH', '한국', 'a.b-c_d', repeat('x', 128), repeat('é', 64),
    NULL, '', repeat('x', 129), repeat('é', 65), '../x', 'a/b', 'a\b', '.x', '-x', ' x', 'x ', E'a\nb', E'a\x7Fb', E'a\u0085b',
    E'a\u00a0b', E'a\u200bb', E'a\u202eb', E'a\u2066b', E'\ufeffa']) AS id,
  regress.try(format('SELECT rowhouse.check_tenant_id(%L)', id)) AS t;
-- Registration.
SELECT rowhouse.create_tenant('corp');
SELECT * FROM regress.try($$SELECT rowhouse.create_tenant('corp')$$);
SELECT rowhouse.create_tenant('corp', true), rowhouse.create_tenant('corp', if_not_exists => true);
SELECT * FROM regress.try($$SELECT rowhouse.create_tenant('../etc')$$);
SELECT state, message FROM regress.try($$INSERT INTO rowhouse.tenant (id) VALUES ('../etc')$$);
SELECT * FROM regress.try($$INSERT INTO rowhouse.tenant (id, status) VALUES ('odd', 'asleep')$$);
SELECT * FROM regress.try($$SELECT rowhouse.suspend_tenant('nobody')$$);
SELECT id, status, created_at BETWEEN now() - interval '1 hour' AND now() AS is_recent FROM rowhouse.list_tenants();
-- Without a tenant.
SET ROLE regress_app;
SELECT rowhouse.current_tenant() IS NULL AS is_unset;
SET rowhouse.tenant = '';
SELECT rowhouse.current_tenant() IS NULL AS is_unset;
-- Until the transaction ends.
BEGIN;
SELECT rowhouse.set_tenant('acme'), rowhouse.current_tenant();
SELECT rowhouse.current_tenant();
COMMIT;
SELECT rowhouse.current_tenant() IS NULL AS is_unset;
BEGIN;
SELECT rowhouse.set_tenant('acme');
ROLLBACK;
SELECT rowhouse.current_tenant() IS NULL AS is_unset;
-- Outside of a transaction block it lasts for its own statement.
SELECT rowhouse.set_tenant('acme');
SELECT rowhouse.current_tenant() IS NULL AS is_unset;
-- NULL for is_local means the transaction, never the session.
SELECT rowhouse.set_tenant('acme', NULL);
SELECT rowhouse.current_tenant() IS NULL AS is_unset;
-- Savepoints give back what was current before.
BEGIN;
SELECT rowhouse.set_tenant('acme');
SAVEPOINT one;
SELECT rowhouse.set_tenant('bolt');
ROLLBACK TO one;
SELECT rowhouse.current_tenant();
SAVEPOINT two;
SELECT rowhouse.set_tenant('bolt');
RELEASE two;
SELECT rowhouse.current_tenant();
SELECT rowhouse.reset_tenant();
SELECT rowhouse.current_tenant() IS NULL AS is_unset;
COMMIT;
-- For the session, until it is reset; a transaction's own tenant does not outlive it.
SELECT rowhouse.set_tenant('acme', false);
SELECT rowhouse.current_tenant();
BEGIN;
SELECT rowhouse.set_tenant('bolt');
SELECT rowhouse.current_tenant();
COMMIT;
SELECT rowhouse.current_tenant();
BEGIN;
SELECT rowhouse.set_tenant('bolt', true);
SELECT rowhouse.reset_tenant();
COMMIT;
SELECT rowhouse.current_tenant() IS NULL AS is_unset;
-- Refused, and what was set in the transaction goes with it.
SELECT id, t.state, t.message FROM unnest(ARRAY['nobody', 'rival', '', NULL, ' acme', 'ACME', '../acme']) AS id,
  regress.try(format('SELECT rowhouse.set_tenant(%L)', id)) AS t;
BEGIN;
SELECT rowhouse.set_tenant('acme');
SELECT rowhouse.set_tenant('nobody');
SELECT rowhouse.current_tenant();
COMMIT;
SELECT rowhouse.current_tenant() IS NULL AS is_unset;
BEGIN;
SELECT rowhouse.set_tenant('acme', false);
SELECT rowhouse.set_tenant('rival', false);
COMMIT;
SELECT rowhouse.current_tenant() IS NULL AS is_unset;
-- What was set before the failed statement's transaction, or before its savepoint, the server gives back; reset ends it.
SELECT rowhouse.set_tenant('acme', false);
SELECT rowhouse.set_tenant('nobody', false);
SELECT rowhouse.current_tenant();
SELECT rowhouse.reset_tenant();
SELECT rowhouse.current_tenant() IS NULL AS is_unset;
-- A tenant suspended and resumed.
RESET ROLE;
SELECT rowhouse.suspend_tenant('corp');
SELECT state, message FROM regress.try($$SELECT rowhouse.set_tenant('corp')$$);
SELECT rowhouse.resume_tenant('corp');
SELECT state, message FROM regress.try($$SELECT rowhouse.set_tenant('corp')$$);
-- Nothing of the caller's gets into the functions: temporary objects, operators and functions earlier in the path.
CREATE SCHEMA regress_evil;
CREATE FUNCTION regress_evil.always(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR regress_evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = regress_evil.always);
CREATE FUNCTION regress_evil.current_setting(text, boolean) RETURNS text LANGUAGE sql AS $$SELECT 'bolt'::text$$;
CREATE FUNCTION regress_evil.set_config(text, text, boolean) RETURNS text LANGUAGE sql AS $$SELECT 'bolt'::text$$;
CREATE DOMAIN regress_evil.text AS pg_catalog.text CHECK (VALUE <> 'acme');
CREATE TEMPORARY TABLE tenant (id text, status text);
INSERT INTO tenant VALUES ('nobody', 'active');
SET search_path = regress_evil, pg_temp, pg_catalog;
SELECT message FROM regress.try($$SELECT rowhouse.set_tenant('nobody')$$);
BEGIN;
SELECT rowhouse.set_tenant('acme');
SELECT rowhouse.current_tenant();
COMMIT;
RESET search_path;
DROP TABLE pg_temp.tenant;
SET client_min_messages = warning;
DROP SCHEMA regress_evil CASCADE;
DELETE FROM rowhouse.tenant WHERE id = 'corp';
