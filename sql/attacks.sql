-- A tenant who may send any SQL as the application's role, and wants what is its neighbour's. Each way is tried, and said to be
-- open or closed by what came of it. What is open here is so in the core: closing it elsewhere turns this test.
\a
\t
\set VERBOSITY terse
CREATE FUNCTION regress.attack(number int, way text, worked boolean) RETURNS text LANGUAGE sql AS
  $$ SELECT format('%s. %s: %s', number, way, CASE WHEN worked THEN 'open' WHEN NOT worked THEN 'closed' ELSE 'unknown' END) $$;
-- The same for a statement that the server should refuse, and for what has to work, since otherwise its refusal shows nothing.
CREATE FUNCTION regress.send(number int, way text, statement text DEFAULT NULL) RETURNS text LANGUAGE sql AS
  $$ SELECT regress.attack(number, way, state = '00000') || CASE WHEN state <> '00000' THEN ', ' || state ELSE '' END FROM regress.try(coalesce(statement, way)) $$;
CREATE FUNCTION regress.own(number int, way text, worked boolean) RETURNS text LANGUAGE sql AS
  $$ SELECT format('%s. %s: %s', number, way, CASE WHEN worked THEN 'works' ELSE 'fails' END) $$;
-- Whether the current role sees a row of bolt's.
CREATE FUNCTION regress.sees_bolt(relation text DEFAULT 'app.note') RETURNS boolean LANGUAGE plpgsql AS
  $$ DECLARE found_one boolean; BEGIN EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE company_id::text IN (''bolt'', ''2''))', relation) INTO found_one; RETURN found_one; END $$;
-- Tokens as an issuer makes them, and a database sealed and opened again.
CREATE FUNCTION regress.base64url(bytea) RETURNS text LANGUAGE sql AS $$SELECT translate(encode($1, 'base64'), E'+/=\n', '-_')$$;
CREATE FUNCTION regress.token(key text, tenant text, lives interval DEFAULT '1 hour') RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
  SELECT part || '.' || regress.base64url(sha256(rowhouse.pad_key(convert_to(key, 'UTF8'), 92) || sha256(rowhouse.pad_key(convert_to(key, 'UTF8'), 54) || convert_to(part, 'UTF8'))))
    FROM (VALUES (regress.base64url('{"alg":"HS256","typ":"JWT"}') || '.' || regress.base64url(convert_to(
      json_build_object('tenant', tenant, 'exp', floor(extract(epoch FROM clock_timestamp() + lives)))::text, 'UTF8')))) AS t(part) $$;
CREATE ROLE regress_admin;
GRANT regress_admin TO CURRENT_USER;
SELECT rowhouse.create_tenant('1') || rowhouse.create_tenant('2');
SET ROLE regress_owner;
CREATE TABLE app.note (company_id text, id int GENERATED ALWAYS AS IDENTITY, body text, PRIMARY KEY (company_id, id));
CREATE TABLE app.numbered (company_id bigint, id int);
INSERT INTO app.note (company_id, body) VALUES ('acme', 'a1'), ('acme', 'a2'), ('bolt', 'b3'), ('bolt', 'b4'), ('bolt', 'b5');
INSERT INTO app.numbered VALUES (1, 1), (2, 2);
RESET ROLE;
SELECT rowhouse.protect('app.note'), rowhouse.protect('app.numbered'), rowhouse.grant_access('regress_app', 'app'), rowhouse.grant_access('regress_admin', 'admin');
GRANT CREATE ON SCHEMA app TO regress_admin;

-- 1. SET or set_config() to another tenant.
SET ROLE regress_app;
SET rowhouse.tenant = 'bolt';
SELECT regress.attack(1, 'SET', regress.sees_bolt());
RESET rowhouse.tenant;
SELECT regress.attack(1, 'set_config', set_config('rowhouse.tenant', 'bolt', false) = 'bolt' AND regress.sees_bolt());
SELECT rowhouse.reset_tenant();
RESET ROLE;
SELECT rowhouse.seal() AS key \gset
SET ROLE regress_app;
SELECT rowhouse.login(regress.token(:'key', 'acme'), false);
SET rowhouse.tenant = 'bolt';
SELECT regress.own(1, 'one''s own rows, sealed', (SELECT count(*) FROM app.note) = 2);
SELECT regress.attack(1, 'SET, sealed', regress.sees_bolt());
SELECT regress.attack(1, 'a ticket of one''s own, sealed', set_config('rowhouse.ticket', replace(current_setting('rowhouse.ticket'), 'acme', 'bolt'), false) LIKE '% bolt' AND regress.sees_bolt());
SELECT rowhouse.reset_tenant();
RESET ROLE;
SELECT rowhouse.unseal();

-- 2. A tenant that can be set once a transaction: COMMIT, or ROLLBACK TO, and set again.
SET ROLE regress_app;
BEGIN;
SELECT rowhouse.set_tenant('acme');
COMMIT;
BEGIN;
SELECT rowhouse.set_tenant('bolt');
SELECT regress.attack(2, 'set again after COMMIT', regress.sees_bolt());
ROLLBACK;
RESET ROLE;
SELECT rowhouse.seal() AS key \gset
SET ROLE regress_app;
BEGIN;
SAVEPOINT before;
SELECT rowhouse.login(regress.token(:'key', 'acme'));
SELECT regress.send(2, 'set again, sealed', $$SELECT rowhouse.set_tenant('bolt')$$);
ROLLBACK TO before;
SELECT regress.send(2, 'set after ROLLBACK TO, sealed', $$SELECT rowhouse.set_tenant('bolt')$$);
COMMIT;
SELECT regress.send(2, 'set after COMMIT, sealed', $$SELECT rowhouse.set_tenant('bolt')$$);
SELECT regress.attack(2, 'what is left after COMMIT, sealed', (SELECT count(*) FROM app.note) > 0);
-- 3. A forged, cut or expired token.
SELECT regress.token(:'key', 'bolt') AS token \gset
SELECT regress.send(3, name || ' token, sealed', format('SELECT rowhouse.login(%L, false)', text))
  FROM (VALUES ('a forged', regress.token('guess', 'bolt')), ('a cut', left(:'token', -1)), ('an unsigned', left(:'token', -43)),
    ('an expired', regress.token(:'key', 'bolt', '-1 second')), ('no', NULL)) AS v(name, text);
SELECT regress.own(3, 'a good token, sealed', rowhouse.login(:'token') = 'bolt' AND regress.sees_bolt());
RESET ROLE;
SELECT rowhouse.unseal();
SELECT regress.send(3, 'a forged token, not sealed', format('SELECT rowhouse.login(%L, false)', :'token'));
-- 4. Replay of a token seen in pg_stat_activity takes two sessions: tests/isolation/specs/replay.spec.

-- 5. What one client of a pooled connection leaves behind, the next one has. Bolt leaves, acme comes.
SET ROLE regress_app;
SET rowhouse.tenant = 'bolt';
SELECT regress.attack(5, 'SET for the session', regress.sees_bolt());
DISCARD ALL;
SET ROLE regress_app;
SELECT regress.attack(5, 'SET for the session, DISCARD ALL', regress.sees_bolt());
SELECT rowhouse.set_tenant('bolt');
SELECT regress.attack(5, 'set_tenant outside of a transaction', regress.sees_bolt());
BEGIN;
SELECT rowhouse.set_tenant('bolt');
COMMIT;
SELECT regress.attack(5, 'set_tenant inside of one', regress.sees_bolt());
RESET ROLE;
SELECT rowhouse.seal() AS key \gset
SET ROLE regress_app;
SET rowhouse.tenant = 'bolt';
SELECT regress.attack(5, 'SET for the session, sealed', regress.sees_bolt());
SELECT rowhouse.login(regress.token(:'key', 'bolt'));
SELECT regress.attack(5, 'login, sealed', regress.sees_bolt());
SELECT rowhouse.login(regress.token(:'key', 'bolt'), false);
SELECT regress.attack(5, 'login for the session, sealed', regress.sees_bolt());
DISCARD ALL;
SET ROLE regress_app;
SELECT regress.attack(5, 'login for the session, sealed, DISCARD ALL', regress.sees_bolt());
RESET ROLE;
SELECT rowhouse.unseal();

-- 6. ALTER ROLE itself SET a tenant for sessions to come.
SET ROLE regress_app;
SELECT regress.send(6, 'ALTER ROLE SET', format('ALTER ROLE regress_app IN DATABASE %I SET rowhouse.tenant = %L', current_database(), 'bolt'));
RESET ROLE;
SELECT rowhouse.seal() AS key \gset
SET ROLE regress_app;
SELECT regress.send(6, 'ALTER ROLE SET, sealed', format('ALTER ROLE regress_app IN DATABASE %I SET rowhouse.ticket = %L', current_database(), 'bolt'));
SELECT regress.attack(6, 'what it would have set, sealed', set_config('rowhouse.tenant', 'bolt', false) = 'bolt' AND regress.sees_bolt());
SELECT rowhouse.reset_tenant();
RESET ROLE;
SELECT rowhouse.unseal();

-- 7. RESET ROLE and SET ROLE, where a login role becomes the application's: another role is no other tenant.
CREATE ROLE regress_gate LOGIN NOINHERIT;
GRANT regress_app TO regress_gate;
SELECT current_user AS installer \gset
\c - regress_gate
BEGIN;
SET LOCAL ROLE regress_app;
SELECT rowhouse.set_tenant('acme');
SELECT regress.own(7, 'the tenant''s own rows', (SELECT count(*) FROM app.note) = 2);
RESET ROLE;
SELECT regress.send(7, 'after RESET ROLE: ' || statement, statement) FROM unnest(ARRAY['SELECT FROM app.note', 'SET ROLE regress_admin', 'SET ROLE regress_owner']) AS statement;
SET ROLE regress_app;
SELECT regress.attack(7, 'SET ROLE', regress.sees_bolt());
COMMIT;
\c - :installer
DROP ROLE regress_gate;
SELECT rowhouse.seal() AS key \gset
SET ROLE regress_app;
BEGIN;
SELECT rowhouse.login(regress.token(:'key', 'acme'));
SET LOCAL ROLE regress_owner;
SELECT regress.attack(7, 'SET ROLE to the owner, sealed', regress.sees_bolt());
ROLLBACK;
RESET ROLE;
SELECT rowhouse.unseal();

-- 8. A second permissive policy: OR-ed to the first, AND-ed to the floor.
BEGIN;
SET LOCAL ROLE regress_owner;
CREATE POLICY wide ON app.note USING (true) WITH CHECK (true);
SET LOCAL ROLE regress_app;
SELECT rowhouse.set_tenant('acme');
SELECT regress.attack(8, 'a permissive policy more', regress.sees_bolt());
SELECT regress.send(8, 'making one', 'CREATE POLICY mine ON app.note USING (true)');
-- Without the floor it is open: what the floor is there for.
RESET ROLE;
DROP POLICY rowhouse_isolation ON app.note;
SET LOCAL ROLE regress_app;
SELECT regress.attack(8, 'a permissive policy more, the floor gone', regress.sees_bolt());
ROLLBACK;

-- 9. Views, materialized views and functions with the rights of an exempt role; those of the bound owner are safe.
SET ROLE regress_admin;
CREATE VIEW app.wide_view AS SELECT * FROM app.note;
CREATE MATERIALIZED VIEW app.wide_copy AS SELECT * FROM app.note;
CREATE FUNCTION app.wide_call() RETURNS SETOF app.note LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT * FROM app.note';
GRANT SELECT ON app.wide_view, app.wide_copy TO regress_app;
SET ROLE regress_owner;
CREATE VIEW app.own_view AS SELECT * FROM app.note;
CREATE FUNCTION app.own_call() RETURNS SETOF app.note LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT * FROM app.note';
GRANT SELECT ON app.own_view TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT rowhouse.set_tenant('acme');
SELECT regress.attack(9, name, regress.sees_bolt(relation)) FROM (VALUES ('an exempt role''s view', 'app.wide_view'), ('its materialized view', 'app.wide_copy'),
  ('its function', 'app.wide_call()'), ('the owner''s view', 'app.own_view'), ('the owner''s function', 'app.own_call()')) AS v(name, relation);
COMMIT;
RESET ROLE;
DROP VIEW app.wide_view, app.own_view;
DROP MATERIALIZED VIEW app.wide_copy;
DROP FUNCTION app.wide_call, app.own_call;

-- 10. A partition read directly, and one that came after protect().
SET ROLE regress_owner;
CREATE TABLE app.event (company_id text, day int) PARTITION BY RANGE (day);
CREATE TABLE app.event_1 PARTITION OF app.event FOR VALUES FROM (1) TO (2);
INSERT INTO app.event VALUES ('acme', 1), ('bolt', 1);
RESET ROLE;
SELECT rowhouse.protect('app.event');
SET ROLE regress_owner;
CREATE TABLE app.event_2 PARTITION OF app.event FOR VALUES FROM (2) TO (3);
INSERT INTO app.event_2 VALUES ('bolt', 2);
SET ROLE regress_app;
BEGIN;
SELECT rowhouse.set_tenant('acme');
SELECT regress.attack(10, 'a partition', regress.sees_bolt('app.event_1'));
SELECT regress.send(10, 'a newer one', 'SELECT FROM app.event_2');
COMMIT;
SET ROLE regress_owner;
GRANT SELECT ON app.event_2 TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT rowhouse.set_tenant('acme');
SELECT regress.attack(10, 'a newer one through its parent', regress.sees_bolt('app.event'));
SELECT regress.attack(10, 'a newer one, granted by hand', regress.sees_bolt('app.event_2'));
COMMIT;
RESET ROLE;
SELECT rowhouse.protect('app.event');
SET ROLE regress_app;
BEGIN;
SELECT rowhouse.set_tenant('acme');
SELECT regress.attack(10, 'a newer one, protected again', regress.sees_bolt('app.event_2'));
COMMIT;

-- 11. A new table without protection.
SET ROLE regress_owner;
CREATE TABLE app.fresh (company_id text);
INSERT INTO app.fresh VALUES ('acme'), ('bolt');
GRANT SELECT ON app.fresh TO regress_app;
SET ROLE regress_app;
SELECT regress.attack(11, 'a new table', regress.sees_bolt('app.fresh'));
RESET ROLE;
SELECT rowhouse.protect('app.fresh');
SET ROLE regress_app;
SELECT regress.attack(11, 'a new table, protected', regress.sees_bolt('app.fresh'));

-- 12, 13. A foreign key between tenants: asked whether a row is there, and, when it cascades, told to delete it.
SET ROLE regress_owner;
CREATE TABLE app.parent (company_id text, id int PRIMARY KEY, UNIQUE (company_id, id));
CREATE TABLE app.loose (company_id text, parent int REFERENCES app.parent ON DELETE CASCADE);
CREATE TABLE app.tight (company_id text, parent int, FOREIGN KEY (company_id, parent) REFERENCES app.parent (company_id, id) ON DELETE CASCADE);
INSERT INTO app.parent VALUES ('acme', 1), ('bolt', 2), ('bolt', 4);
RESET ROLE;
SELECT rowhouse.protect('app.parent'), rowhouse.protect('app.loose'), rowhouse.protect('app.tight');
CREATE FUNCTION regress.answers_differ(statement text, one int, other int) RETURNS boolean LANGUAGE plpgsql AS $$
  DECLARE a record; b record; BEGIN a := regress.try(format(statement, one)); b := regress.try(format(statement, other));
    RETURN (a.state, replace(a.message, one::text, 'N')) IS DISTINCT FROM (b.state, replace(b.message, other::text, 'N')); END $$;
BEGIN;
SET LOCAL ROLE regress_app;
SELECT rowhouse.set_tenant('acme');
SELECT regress.attack(12, 'existence by a foreign key without the tenant', regress.answers_differ('INSERT INTO app.loose VALUES (''acme'', %s)', 2, 3));
SELECT regress.attack(12, 'existence by one with the tenant', regress.answers_differ('INSERT INTO app.tight VALUES (''acme'', %s)', 2, 3));
SELECT regress.own(12, 'one''s own parent', (regress.try('INSERT INTO app.tight VALUES (''acme'', 1)')).state = '00000');
SELECT rowhouse.set_tenant('bolt');
INSERT INTO app.loose VALUES ('bolt', 1), ('bolt', 4);
INSERT INTO app.tight VALUES ('bolt', 4);
SELECT rowhouse.set_tenant('acme');
DELETE FROM app.parent;
SELECT rowhouse.set_tenant('bolt');
SELECT regress.attack(13, 'deleting by a foreign key that cascades, without the tenant', (SELECT count(*) FROM app.loose) < 2);
SELECT regress.attack(13, 'deleting by one with the tenant', (SELECT count(*) FROM app.tight) < 1);
ROLLBACK;

-- 14. Unique keys.
BEGIN;
SET LOCAL ROLE regress_app;
SELECT rowhouse.set_tenant('acme');
SELECT regress.attack(14, 'a key without the tenant', regress.answers_differ('INSERT INTO app.parent VALUES (''acme'', %s)', 2, 3));
SELECT regress.attack(14, 'ON CONFLICT DO NOTHING on it', regress.answers_differ('INSERT INTO app.parent VALUES (''acme'', %s) ON CONFLICT DO NOTHING', 4, 5));
SELECT regress.attack(14, 'a key with the tenant', regress.answers_differ('INSERT INTO app.note OVERRIDING SYSTEM VALUE VALUES (''acme'', %s) ON CONFLICT DO NOTHING', 3, 103));
ROLLBACK;
DROP FUNCTION regress.answers_differ;

-- 15. EXPLAIN ANALYZE counts the rows that the policy took away: it has 3.
CREATE FUNCTION regress.rows_removed(statement text) RETURNS bigint LANGUAGE plpgsql AS
  $$ DECLARE plan json; BEGIN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, FORMAT JSON) ' || statement INTO plan; RETURN plan -> 0 -> 'Plan' ->> 'Rows Removed by Filter'; END $$;
BEGIN;
SET LOCAL ROLE regress_app;
SET LOCAL enable_indexscan = off;
SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_indexonlyscan = off;
SELECT rowhouse.set_tenant('acme');
SELECT regress.attack(15, 'counting with EXPLAIN ANALYZE', coalesce(regress.rows_removed('SELECT FROM app.note') = 3, false));
COMMIT;
DROP FUNCTION regress.rows_removed;

-- 16. How many rows there are, from the catalogs.
SET ROLE regress_owner;
ANALYZE app.note;
SET ROLE regress_app;
SELECT regress.attack(16, 'pg_class.reltuples', (SELECT reltuples = 5 FROM pg_class WHERE oid = 'app.note'::regclass));
SELECT regress.attack(16, 'values in pg_stats', EXISTS (SELECT FROM pg_stats WHERE schemaname = 'app' AND tablename = 'note'));
SELECT regress.send(16, 'reading the sequence', 'SELECT last_value FROM app.note_id_seq');
SELECT regress.attack(16, 'pg_sequences', (SELECT coalesce(last_value = 5, false) FROM pg_sequences WHERE schemaname = 'app' AND sequencename = 'note_id_seq'));
SELECT regress.attack(16, 'the next value', nextval('app.note_id_seq') = 6);

-- 17. A function of one's own that tells what it is shown, in front of the policy; through the bound owner's view too.
RESET ROLE;
SET ROLE regress_owner;
CREATE VIEW app.own_view AS SELECT * FROM app.note;
GRANT SELECT ON app.own_view TO regress_app;
SET ROLE regress_app;
CREATE FUNCTION pg_temp.overhear(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
  $$ BEGIN PERFORM set_config('attack.heard', concat(current_setting('attack.heard', true), ' ', $1), false); RETURN true; END $$;
BEGIN;
SELECT rowhouse.set_tenant('acme');
SELECT count(*) FROM app.note WHERE pg_temp.overhear(body);
SELECT regress.attack(17, 'a function in WHERE', current_setting('attack.heard') LIKE '%b3%');
SELECT count(*) FROM app.own_view WHERE pg_temp.overhear(body);
SELECT regress.attack(17, 'through a view', current_setting('attack.heard') LIKE '%b3%');
SELECT regress.own(17, 'what is one''s own is heard', current_setting('attack.heard') LIKE '%a1%a1%');
COMMIT;
RESET ROLE;
DROP VIEW app.own_view;

-- 18. Errors that quote a value: where a plain view is the filter, and where a policy is.
SET ROLE regress_owner;
CREATE TABLE app.plain AS VALUES ('acme', '1'), ('bolt', 'b3');
CREATE VIEW app.filtered AS SELECT * FROM app.plain WHERE column1 = NULLIF(current_setting('rowhouse.tenant', true), '');
GRANT SELECT ON app.filtered TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT rowhouse.set_tenant('acme');
SELECT regress.attack(18, 'a cast that fails, in a filtering view', (regress.try('SELECT FROM app.filtered WHERE column2::int > 0')).message LIKE '%b3%');
SELECT regress.attack(18, 'a cast that fails, under the policy', (regress.try('SELECT FROM app.note WHERE body::int > 0')).message LIKE '%b3%');
SELECT regress.own(18, 'what is one''s own is quoted', (regress.try('SELECT FROM app.note WHERE body::int > 0')).message LIKE '%a1%');
COMMIT;
-- 19. Texts of statements, cancelling and terminating among sessions of one role: tests/isolation/specs/same_role.spec.

-- 20. A temporary table in front of a real one, for the next client of a pooled connection.
SET search_path = app;
BEGIN;
CREATE TEMPORARY TABLE note (company_id text, body text);
SELECT regress.attack(20, 'a temporary table', 'note'::regclass <> 'app.note'::regclass);
SET LOCAL search_path = app, pg_temp;
SELECT regress.attack(20, 'a temporary table, pg_temp last in the path', 'note'::regclass <> 'app.note'::regclass);
ROLLBACK;
RESET search_path;
RESET ROLE;
BEGIN;
SELECT format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()) \gexec
SET LOCAL ROLE regress_app;
SELECT regress.send(20, 'a temporary table, TEMPORARY revoked', 'CREATE TEMPORARY TABLE note ()');
ROLLBACK;

-- 21. A cursor WITH HOLD of bolt's, read by acme.
SET ROLE regress_app;
BEGIN;
SELECT rowhouse.set_tenant('bolt');
DECLARE held CURSOR WITH HOLD FOR SELECT company_id FROM app.note;
COMMIT;
BEGIN;
SELECT rowhouse.set_tenant('acme');
FETCH 1 FROM held \gset
SELECT regress.attack(21, 'a cursor WITH HOLD', :'company_id' = 'bolt');
COMMIT;
CLOSE ALL;
SELECT regress.send(21, 'a cursor WITH HOLD, CLOSE ALL', 'FETCH 1 FROM held');

-- 22. Large objects; LISTEN and advisory locks take two sessions: tests/isolation/specs/channels.spec.
BEGIN;
SELECT rowhouse.set_tenant('bolt');
SELECT lo_from_bytea(0, 'b3') AS object \gset
SELECT rowhouse.set_tenant('acme');
SELECT regress.send(22, 'a large object', format('SELECT lo_get(%s)', :'object'));
ROLLBACK;

-- 23. TRUNCATE, TRIGGER and REFERENCES know no rows.
RESET ROLE;
GRANT CREATE ON SCHEMA app TO regress_app;
SET ROLE regress_app;
SELECT regress.send(23, statement) FROM unnest(ARRAY['TRUNCATE app.note',
  'CREATE TRIGGER mine BEFORE INSERT ON app.note FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
  'CREATE TABLE app.mine (c text, i int, FOREIGN KEY (c, i) REFERENCES app.note)']) AS statement;
RESET ROLE;
REVOKE CREATE ON SCHEMA app FROM regress_app;
SET ROLE regress_app;
BEGIN;
SET LOCAL ROLE regress_owner;
GRANT TRUNCATE ON app.note TO regress_app;
SET LOCAL ROLE regress_app;
SELECT regress.send(23, 'TRUNCATE, granted by hand', 'TRUNCATE app.note');
ROLLBACK;

-- 24. COPY FROM and row_security = off.
BEGIN;
SELECT rowhouse.set_tenant('acme');
SET LOCAL row_security = off;
SELECT regress.send(24, 'row_security = off', 'SELECT FROM app.note');
SET LOCAL row_security = on;
SELECT regress.own(24, 'row_security = on', (regress.try('SELECT FROM app.note')).state = '00000');
\copy app.note FROM '/dev/null'
ROLLBACK;

-- 25. A publication asks no policy. The application can make none; the owner's sends every tenant's rows.
SELECT regress.send(25, statement) FROM unnest(ARRAY['CREATE PUBLICATION mine FOR TABLE app.note',
  'SELECT pg_create_logical_replication_slot(''mine'', ''pgoutput'')']) AS statement;
RESET ROLE;
SET client_min_messages = error;
CREATE PUBLICATION regress_publication FOR TABLE app.note;
RESET client_min_messages;
SELECT regress.attack(25, 'the owner''s publication, whose rows are all rows', to_jsonb(p) ->> 'rowfilter' IS NULL) FROM pg_publication_tables AS p WHERE p.pubname = 'regress_publication' AND p.tablename = 'note';
DROP PUBLICATION regress_publication;

-- 26. Other spellings of a tenant: the column's type reads them, the registry does not know them.
SET ROLE regress_app;
SELECT regress.send(26, format('SELECT rowhouse.set_tenant(%L)', id)) FROM unnest(ARRAY[' +0002 ', '02', '2 ', 'BOLT', 'bolt ', '%']) AS id;
SET rowhouse.tenant = ' +0002 ';
SELECT regress.attack(26, 'SET', regress.sees_bolt('app.numbered'));
RESET rowhouse.tenant;
RESET ROLE;
SELECT rowhouse.seal() AS key \gset
SET ROLE regress_app;
SELECT regress.send(26, format('a token for %L, sealed', id), format('SELECT rowhouse.login(%L)', regress.token(:'key', id))) FROM unnest(ARRAY[' +0002 ', '02', '2 ', 'BOLT', 'bolt ', '%']) AS id;
SELECT regress.own(26, 'a token for 2, sealed', rowhouse.login(regress.token(:'key', '2')) = '2');
SET rowhouse.tenant = ' +0002 ';
SELECT regress.attack(26, 'SET, sealed', regress.sees_bolt('app.numbered'));
RESET rowhouse.tenant;
RESET ROLE;
SELECT rowhouse.unseal();

-- 27. A server without its patches: a plan made for one role, with the policy below a subquery, used for another role
-- (CVE-2024-10976).
CREATE FUNCTION app.notes() RETURNS SETOF app.note STABLE LANGUAGE sql AS 'SELECT * FROM app.note';
PREPARE theirs AS WITH rows AS MATERIALIZED (SELECT * FROM app.notes()) SELECT count(*) AS seen FROM rows WHERE company_id = 'bolt';
SET plan_cache_mode = force_generic_plan;
SET ROLE regress_admin;
EXECUTE theirs \gset
SELECT regress.own(27, 'an exempt role''s plan', :seen = 3);
SET ROLE regress_app;
BEGIN;
SELECT rowhouse.set_tenant('acme');
EXECUTE theirs \gset
SELECT regress.attack(27, 'an exempt role''s plan', :seen > 0);
COMMIT;
RESET ROLE;
RESET plan_cache_mode;
DEALLOCATE theirs;
DROP FUNCTION app.notes, regress.attack, regress.send, regress.own, regress.sees_bolt, regress.token, regress.base64url;
DROP VIEW app.filtered;
DROP TABLE app.note, app.numbered, app.event, app.fresh, app.loose, app.tight, app.parent, app.plain;
SELECT rowhouse.revoke_access('regress_app'), rowhouse.revoke_access('regress_admin');
REVOKE ALL ON SCHEMA app FROM regress_admin;
DROP ROLE regress_admin;
DELETE FROM rowhouse.tenant WHERE id IN ('1', '2');
