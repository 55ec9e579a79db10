-- The sealed context, as the tenant who wants the neighbour's rows.
\a
\set VERBOSITY terse
SET ROLE regress_owner;
CREATE TABLE app.note (company_id text, id int, PRIMARY KEY (company_id, id));
CREATE TABLE app.numbered (company_id bigint, id int);
INSERT INTO app.note VALUES ('acme', 1), ('acme', 2), ('bolt', 3);
INSERT INTO app.numbered VALUES (7, 1), (8, 2);
RESET ROLE;
SELECT rowhouse.create_tenant('7'), rowhouse.create_tenant('8');
SELECT rowhouse.protect('app.note'), rowhouse.protect('app.numbered'), rowhouse.grant_access('regress_app', 'app');
-- Tokens as an issuer makes them.
CREATE FUNCTION regress.base64url(bytea) RETURNS text LANGUAGE sql AS $$SELECT translate(encode($1, 'base64'), E'+/=\n', '-_')$$;
CREATE FUNCTION regress.hmac(key bytea, message bytea) RETURNS bytea LANGUAGE sql AS
  $$SELECT sha256(rowhouse.pad_key(key, 92) || sha256(rowhouse.pad_key(key, 54) || message))$$;
CREATE FUNCTION regress.sign(key text, claims text, header text DEFAULT '{"alg":"HS256","typ":"JWT"}') RETURNS text LANGUAGE sql AS $$
  SELECT part || '.' || regress.base64url(regress.hmac(convert_to(key, 'UTF8'), convert_to(part, 'UTF8')))
    FROM (VALUES (regress.base64url(convert_to(header, 'UTF8')) || '.' || regress.base64url(convert_to(claims, 'UTF8')))) AS t(part) $$;
CREATE FUNCTION regress.token(key text, tenant text, lives interval DEFAULT '1 hour') RETURNS text LANGUAGE sql AS
  $$SELECT regress.sign(key, json_build_object('tenant', tenant, 'exp', floor(extract(epoch FROM clock_timestamp() + lives)))::text)$$;
CREATE FUNCTION regress.plan(statement text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE line text; plan text := ''; BEGIN FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || statement LOOP plan := plan || line; END LOOP; RETURN plan; END $$;
GRANT EXECUTE ON FUNCTION rowhouse.pad_key(bytea, integer) TO regress_app;
-- RFC 4231, case 2.
SELECT encode(regress.hmac('Jefe', 'what do ya want for nothing?'), 'hex') = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843' AS is_hmac;
SELECT * FROM regress.try($$SELECT rowhouse.login('a.b.c')$$);
SELECT state, message FROM regress.try($$SELECT rowhouse.rotate_key()$$);
SELECT state, message FROM regress.try($$SELECT rowhouse.unseal()$$);
SELECT rowhouse.seal() AS key \gset
SELECT :'key' ~ '^[A-Za-z0-9_-]{43}$' AS is_key, rowhouse.is_sealed();
SELECT * FROM regress.try($$SELECT rowhouse.seal()$$);
SELECT polrelid::regclass, polname, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid) FROM pg_policy WHERE polname LIKE 'rowhouse%' ORDER BY 1, 2;
SELECT rowhouse.is_protected('app.note', 'company_id'), rowhouse.is_protected('app.numbered', 'company_id');
SELECT regress.token(:'key', 'acme') AS acme, regress.token(:'key', 'bolt') AS bolt, regress.token(:'key', '7') AS seven \gset
-- With a token.
SET ROLE regress_app;
BEGIN;
SELECT rowhouse.login(:'acme');
SELECT * FROM app.note ORDER BY id;
INSERT INTO app.note (id) VALUES (4) RETURNING *;
SELECT statement, t.state, t.message FROM unnest(ARRAY[$$INSERT INTO app.note VALUES ('bolt', 9)$$, $$UPDATE app.note SET company_id = 'bolt'$$, $$DELETE FROM app.note WHERE company_id = 'bolt'$$]) AS statement,
  regress.try(statement) AS t;
SELECT rowhouse.current_tenant();
SELECT rowhouse.login(:'seven');
SELECT * FROM app.numbered;
ROLLBACK;
SELECT count(*) FROM app.note;
SELECT rowhouse.current_tenant() IS NULL AS is_unset;
-- Without: nothing that can be sent changes the tenant.
SELECT * FROM regress.try($$SELECT rowhouse.set_tenant('bolt')$$);
SET rowhouse.tenant = 'bolt';
SELECT count(*), rowhouse.current_tenant() FROM app.note;
SELECT state FROM regress.try($$INSERT INTO app.note VALUES ('bolt', 9)$$);
BEGIN;
SELECT rowhouse.login(:'acme');
SET LOCAL rowhouse.tenant = 'bolt';
SELECT set_config('rowhouse.tenant', 'bolt', true);
SELECT company_id, rowhouse.current_tenant() FROM app.note GROUP BY 1;
SELECT state FROM regress.try($$INSERT INTO app.note (id) VALUES (9)$$);
-- A ticket altered, cut, for another tenant under the same signature, a longer life, or none at all.
SELECT current_setting('rowhouse.ticket') AS ticket \gset
SELECT count(*) FROM app.note;
SELECT set_config('rowhouse.ticket', forged, true) IS NULL AS is_set, (SELECT count(*) FROM app.note) AS seen
  FROM (VALUES (replace(:'ticket', 'acme', 'bolt')), (:'ticket' || 'x'), (left(:'ticket', -1)), (overlay(:'ticket' PLACING '99999999999' FROM 107)),
    (repeat('0', 96) || substr(:'ticket', 97)), ('bolt'), (''), (repeat('x', 100000)), (:'bolt'), (:'acme')) AS t(forged);
SELECT set_config('rowhouse.ticket', :'ticket', true) IS NOT NULL AS is_back;
SELECT count(*) FROM app.note;
RESET rowhouse.ticket;
SELECT count(*) FROM app.note;
COMMIT;
RESET rowhouse.tenant;
-- Names of the tenant's own in front of the server's and of rowhouse's.
CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT ''\x''::bytea';
CREATE FUNCTION pg_temp.login_tenant() RETURNS text LANGUAGE sql AS $$SELECT 'bolt'$$;
CREATE TEMPORARY TABLE seal_key (id text, inner_pad bytea, outer_pad bytea, expires_at timestamptz);
CREATE TEMPORARY TABLE tenant (id text, status text);
INSERT INTO tenant VALUES ('bolt', 'active');
SET search_path = pg_temp, rowhouse, pg_catalog;
BEGIN;
SELECT rowhouse.login(:'acme');
SELECT company_id FROM app.note GROUP BY 1;
ROLLBACK;
RESET search_path;
DROP TABLE pg_temp.seal_key, pg_temp.tenant;
-- The key: nowhere to be read.
SELECT statement, t.state, t.message FROM unnest(ARRAY['TABLE rowhouse.seal_key', 'SELECT rowhouse.seal()', 'SELECT rowhouse.rotate_key()', 'SELECT rowhouse.unseal()', 'SELECT rowhouse.make_key()',
  'DELETE FROM rowhouse.seal_state', 'INSERT INTO rowhouse.seal_key VALUES (''x'', '''', '''')']) AS statement, regress.try(statement) AS t;
SELECT count(*) AS places FROM (SELECT prosrc FROM pg_proc UNION ALL SELECT query FROM pg_stat_activity UNION ALL SELECT setting FROM pg_settings
  UNION ALL SELECT pg_get_expr(polqual, polrelid) FROM pg_policy UNION ALL SELECT current_setting('rowhouse.ticket', true)) AS t(text) WHERE text LIKE '%' || :'key' || '%';
-- Every refusal says which, and never the token.
CREATE FUNCTION pg_temp.part(token text, number int) RETURNS text LANGUAGE sql AS 'SELECT split_part($1, ''.'', $2)';
SELECT what, t.state, t.message, length(pg_temp.part(token, 2)) > 9 AND strpos(t.message || t.hint, pg_temp.part(token, 2)) > 0 AS is_quoted FROM (VALUES
    ('null', NULL), ('empty', ''), ('words', 'no token'), ('two parts', left(:'acme', -44)), ('four parts', :'acme' || '.x'), ('long', repeat('a', 5000) || '.b.c'),
    ('cut', left(:'acme', -1)), ('signature', overlay(:'acme' PLACING CASE right(:'acme', 2) WHEN 'xA' THEN 'yA' ELSE 'xA' END FROM length(:'acme') - 1)), ('no signature', pg_temp.part(:'acme', 1) || '.' || pg_temp.part(:'acme', 2) || '.'),
    ('payload', pg_temp.part(:'acme', 1) || '.' || pg_temp.part(:'bolt', 2) || '.' || pg_temp.part(:'acme', 3)),
    ('other key', regress.token('guess', 'bolt')), ('empty key', regress.token('', 'bolt')), ('expired', regress.token(:'key', 'acme', '-1 second')),
    ('early', regress.sign(:'key', json_build_object('tenant', 'acme', 'exp', 99999999999, 'nbf', floor(extract(epoch FROM clock_timestamp())) + 60)::text)),
    ('none', regress.sign(:'key', '{"tenant":"acme","exp":99999999999}', '{"alg":"none"}')), ('none, unsigned', regress.base64url('{"alg":"none"}') || '.' || pg_temp.part(:'acme', 2) || '.'),
    ('hs512', regress.sign(:'key', '{"tenant":"acme","exp":99999999999}', '{"alg":"HS512","typ":"JWT"}')), ('case', regress.sign(:'key', '{"tenant":"acme","exp":99999999999}', '{"alg":"hs256"}')),
    ('no alg', regress.sign(:'key', '{"tenant":"acme","exp":99999999999}', '{}')), ('header', regress.sign(:'key', '{"tenant":"acme","exp":99999999999}', 'HS256')),
    ('critical', regress.sign(:'key', '{"tenant":"acme","exp":99999999999}', '{"alg":"HS256","crit":["x"]}')),
    ('no exp', regress.sign(:'key', '{"tenant":"acme"}')), ('exp text', regress.sign(:'key', '{"tenant":"acme","exp":"99999999999"}')), ('nbf text', regress.sign(:'key', '{"tenant":"acme","exp":99999999999,"nbf":"1"}')),
    ('no tenant', regress.sign(:'key', '{"exp":99999999999}')), ('tenant number', regress.sign(:'key', '{"tenant":7,"exp":99999999999}')), ('not json', regress.sign(:'key', 'tenant=acme')),
    ('array', regress.sign(:'key', '["acme"]')), ('zero', regress.sign(:'key', '{"tenant":"acme\u0000","exp":99999999999}')),
    ('unknown', regress.token(:'key', 'nobody')), ('suspended', regress.token(:'key', 'rival')), ('odd', regress.token(:'key', '../x')),
    ('exp in 3000 years', regress.sign(:'key', '{"tenant":"acme","exp":1e300}')), ('other order', regress.sign(:'key', '{"exp":99999999999.5,"nbf":1.5,"tenant":"acme","x":{}}', '{"typ":"JWT","alg":"HS256","kid":"1"}'))) AS v(what, token),
  regress.try(format('SELECT rowhouse.login(%L)', token)) AS t;
SELECT count(*) FROM app.note;
-- After an error nobody is logged in; savepoints give back what was.
BEGIN;
SELECT rowhouse.login(:'acme');
SAVEPOINT one;
SELECT rowhouse.login(:'bolt');
SELECT count(*) FROM app.note;
ROLLBACK TO one;
SELECT count(*) FROM app.note;
SELECT rowhouse.reset_tenant();
SELECT count(*) FROM app.note;
ROLLBACK;
-- For the session; one plan for every tenant; workers.
PREPARE mine AS SELECT company_id, count(*) FROM app.note GROUP BY 1;
SET plan_cache_mode = force_generic_plan;
SELECT rowhouse.login(:'acme', false);
EXECUTE mine;
SELECT rowhouse.login(:'bolt', false);
EXECUTE mine;
SELECT rowhouse.reset_tenant();
EXECUTE mine;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET enable_indexonlyscan = off;
SET enable_bitmapscan = off;
SET enable_indexscan = off;
SELECT rowhouse.login(:'acme', false);
SELECT regress.plan('SELECT count(*) FROM app.note') ~ 'Gather.*Parallel Seq Scan' AS is_parallel;
SELECT count(*) FROM app.note;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET enable_indexonlyscan;
RESET enable_bitmapscan;
RESET enable_indexscan;
RESET plan_cache_mode;
-- The ticket is checked once a statement, and the condition finds its index.
SET enable_seqscan = off;
SELECT regress.plan('SELECT FROM app.note WHERE id = 1') ~ 'Index Cond: .*company_id = .*InitPlan' AS is_initplan;
RESET enable_seqscan;
-- Suspended, and at once; the end of a key, at once or after its grace.
BEGIN;
SELECT count(*) FROM app.note;
RESET ROLE;
SELECT rowhouse.suspend_tenant('acme');
SET LOCAL ROLE regress_app;
SELECT count(*) FROM app.note;
SELECT state, message FROM regress.try(format('SELECT rowhouse.login(%L)', :'acme'));
ROLLBACK;
SELECT count(*) FROM app.note;
RESET ROLE;
SELECT rowhouse.rotate_key() AS second \gset
SET ROLE regress_app;
SELECT count(*) FROM app.note;
SELECT rowhouse.login(:'bolt', false), rowhouse.login(regress.token(:'second', 'acme'), false);
RESET ROLE;
SELECT state, message FROM regress.try($$SELECT rowhouse.rotate_key('-1 s')$$);
SELECT rowhouse.rotate_key('0') AS third \gset
SELECT count(*) AS keys, count(expires_at) AS ending FROM rowhouse.seal_key;
SET ROLE regress_app;
SELECT count(*) FROM app.note;
SELECT token, t.state, t.message FROM (VALUES ('first', :'acme'), ('second', regress.token(:'second', 'acme')), ('third', regress.token(:'third', 'acme'))) AS v(name, token_text),
  LATERAL (SELECT name AS token) AS n, regress.try(format('SELECT rowhouse.login(%L)', token_text)) AS t;
SELECT rowhouse.login(regress.token(:'third', 'acme'), false);
RESET ROLE;
-- A token that another program signed.
INSERT INTO rowhouse.seal_key (id, inner_pad, outer_pad) VALUES ('00000000', rowhouse.pad_key('known-key', 54), rowhouse.pad_key('known-key', 92));
SET ROLE regress_app;
SELECT rowhouse.login('eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0ZW5hbnQiOiJhY21lIiwiZXhwIjo0MTAyNDQ0ODAwfQ.v2varE9BVAVfPN9VsD2PdrtKP3DuEIOxpzBQ0nAvuEI');
-- A ticket ends with its token, and with its key.
CREATE FUNCTION pg_temp.ticket(expires text, key text DEFAULT '00000000') RETURNS text LANGUAGE sql AS $$
  SELECT set_config('rowhouse.ticket', encode(sha384(rowhouse.pad_key('known-key', 54) || convert_to(body, 'UTF8')), 'hex') || ' ' || body, false)
    FROM (VALUES (key || ' ' || lpad(expires, 11, '0') || ' acme')) AS t(body) $$;
SELECT pg_temp.ticket('99999999999') IS NULL AS is_set;
SELECT count(*) FROM app.note;
SELECT pg_temp.ticket(floor(extract(epoch FROM clock_timestamp()))::text) IS NULL AS is_set;
SELECT count(*) FROM app.note;
SELECT pg_temp.ticket('99999999999', '0000000f') IS NULL AS is_set;
SELECT count(*) FROM app.note;
RESET ROLE;
-- Protected while sealed; an admin imports; restored without its keys the database stays closed until there is a new one.
SET ROLE regress_owner;
CREATE TABLE app.later (company_id varchar(20), id int);
INSERT INTO app.later VALUES ('acme', 1), ('bolt', 2);
RESET ROLE;
CREATE ROLE regress_admin;
GRANT regress_admin TO CURRENT_USER;
SELECT rowhouse.protect('app.later'), rowhouse.grant_access('regress_admin', 'admin');
SELECT rowhouse.is_protected('app.later', 'company_id');
SET ROLE regress_admin;
BEGIN;
SELECT rowhouse.set_tenant('bolt'), rowhouse.current_tenant();
INSERT INTO app.later (id) VALUES (3) RETURNING *;
ROLLBACK;
RESET ROLE;
DELETE FROM rowhouse.seal_key;
SET ROLE regress_app;
SELECT state, message FROM regress.try(format('SELECT rowhouse.login(%L)', regress.token(:'third', 'acme')));
SELECT count(*) FROM app.later;
RESET ROLE;
SELECT rowhouse.rotate_key() AS fourth \gset
SET ROLE regress_app;
BEGIN;
SELECT rowhouse.login(regress.token(:'fourth', 'acme'));
SELECT * FROM app.later;
COMMIT;
RESET ROLE;
-- set_tenant() refuses tenants registered since, and those that a dump has restored before it restored the seal.
SELECT rowhouse.create_tenant('late');
UPDATE rowhouse.tenant SET needs_token = false WHERE id = 'acme';
SELECT rowhouse.rotate_key() IS NOT NULL AS is_rotated;
SET ROLE regress_app;
SELECT tenant, t.state FROM unnest(ARRAY['acme', 'late']) AS tenant, regress.try(format('SELECT rowhouse.set_tenant(%L)', tenant)) AS t;
RESET ROLE;
DELETE FROM rowhouse.tenant WHERE id = 'late';
-- Opened again.
SELECT rowhouse.unseal();
SELECT rowhouse.is_sealed(), (SELECT count(*) FROM rowhouse.seal_key) AS keys, rowhouse.is_protected('app.note', 'company_id');
SET ROLE regress_app;
SELECT count(*) FROM app.note;
BEGIN;
SELECT rowhouse.set_tenant('acme');
SELECT * FROM app.later;
COMMIT;
RESET ROLE;
SELECT rowhouse.revoke_access('regress_app'), rowhouse.revoke_access('regress_admin');
REVOKE EXECUTE ON FUNCTION rowhouse.pad_key(bytea, integer) FROM regress_app;
DROP FUNCTION regress.base64url, regress.hmac, regress.sign, regress.token, regress.plan;
DROP TABLE app.note, app.numbered, app.later;
DELETE FROM rowhouse.tenant WHERE id IN ('7', '8');
REVOKE ALL ON SCHEMA app FROM regress_admin;
DROP ROLE regress_admin;
