-- grant_access(): who is bound, who is exempt and by what; tables that come later; what is taken back.
\a
\set VERBOSITY terse
CREATE ROLE regress_admin;
CREATE ROLE regress_dump;
CREATE ROLE regress_hand;
GRANT regress_admin, regress_dump, regress_hand TO CURRENT_USER;
SET ROLE regress_owner;
CREATE TABLE app.note (id serial, company_id text, body text, PRIMARY KEY (company_id, id));
INSERT INTO app.note (company_id, body) VALUES ('acme', 'a1'), ('acme', 'a2'), ('bolt', 'b1'), ('rival', 'r1');
RESET ROLE;
SELECT rowhouse.protect('app.note');
SELECT rowhouse.grant_access('regress_app', 'app'), rowhouse.grant_access('regress_app', 'app');
CREATE VIEW regress.policies AS
  SELECT polname, polpermissive AS permissive, polcmd AS command, pg_get_expr(polqual, polrelid) = pg_get_expr(polwithcheck, polrelid) AS is_same,
      ARRAY(SELECT CASE role WHEN 0 THEN 'public' ELSE role::regrole::text END FROM unnest(polroles) AS role ORDER BY 1) AS roles
    FROM pg_policy WHERE polrelid = 'app.note'::regclass ORDER BY polname;
-- Without an exempt role the floor is everybody's.
TABLE regress.policies;
-- With one it names those it binds.
SELECT rowhouse.grant_access('regress_admin', 'admin'), rowhouse.grant_access('regress_dump', 'dump');
TABLE regress.policies;
SELECT rowhouse.is_protected('app.note', 'company_id');
SELECT * FROM rowhouse.protected_tables;
SELECT role, string_agg(privilege, ' ') FROM unnest(ARRAY['regress_app', 'regress_admin', 'regress_dump']) AS role,
  unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS privilege
  WHERE has_table_privilege(role, 'app.note', privilege) GROUP BY role ORDER BY role;
SELECT role, string_agg(privilege, ' ') FROM unnest(ARRAY['regress_app', 'regress_admin', 'regress_dump']) AS role,
  unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) AS privilege WHERE has_sequence_privilege(role, 'app.note_id_seq', privilege) GROUP BY role ORDER BY role;
-- What each sees, with a tenant and without, and the owner too.
CREATE FUNCTION regress.sees(role text, tenant text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  seen text;
BEGIN
  EXECUTE format('SET LOCAL ROLE %I', role);
  PERFORM set_config('rowhouse.tenant', tenant, true);
  EXECUTE 'SELECT string_agg(body, '' '' ORDER BY body) FROM app.note' INTO seen;
  RESET ROLE;
  RETURN seen;
END $$;
SELECT role, regress.sees(role, '') AS without, regress.sees(role, 'acme') AS acme, regress.sees(role, 'rival') AS rival
  FROM unnest(ARRAY['regress_app', 'regress_owner', 'regress_admin', 'regress_dump']) AS role;
SET ROLE regress_admin;
SELECT statement, t.state, t.message FROM unnest(ARRAY[
    $$UPDATE app.note SET body = body || '!'$$, $$INSERT INTO app.note (company_id, body) VALUES ('bolt', 'new')$$,
    $$INSERT INTO app.note (body) VALUES ('nobody''s')$$, $$DELETE FROM app.note WHERE body = 'new'$$, $$TRUNCATE app.note$$,
    $$ALTER TABLE app.note DISABLE ROW LEVEL SECURITY$$, $$SELECT rowhouse.create_tenant('made')$$, $$DELETE FROM rowhouse.tenant WHERE id = 'made'$$,
    $$TABLE rowhouse.import_chunk$$, $$TABLE rowhouse.seal_key$$, $$SELECT rowhouse.grant_access('regress_hand', 'admin')$$]) AS statement,
  regress.try(statement) AS t;
SET ROLE regress_dump;
SELECT statement, t.state, t.message FROM unnest(ARRAY[
    $$SELECT FROM app.note$$, $$UPDATE app.note SET body = ''$$, $$DELETE FROM app.note$$, $$INSERT INTO app.note (company_id) VALUES ('acme')$$,
    $$SELECT FROM app.note FOR UPDATE$$, $$SELECT FROM app.note_id_seq$$, $$TABLE rowhouse.seal_key$$]) AS statement,
  regress.try(statement) AS t;
RESET ROLE;
-- A policy added later widens for none of the bound, although the floor no longer says PUBLIC.
SET ROLE regress_owner;
CREATE POLICY everything ON app.note USING (true);
RESET ROLE;
SELECT role, regress.sees(role, '') AS without, regress.sees(role, 'acme') AS acme FROM unnest(ARRAY['regress_app', 'regress_owner']) AS role;
DROP POLICY everything ON app.note;
-- Who is granted something by hand is kept to the tenant, and comes under the floor when the table is protected again.
SET ROLE regress_owner;
GRANT SELECT ON app.note TO regress_hand;
GRANT USAGE ON SCHEMA app TO regress_hand;
RESET ROLE;
GRANT USAGE ON SCHEMA app TO regress_hand;
SELECT regress.sees('regress_hand', '') AS without, regress.sees('regress_hand', 'acme') AS acme, rowhouse.is_protected('app.note', 'company_id');
SELECT rowhouse.protect('app.note');
SELECT polname, roles FROM regress.policies WHERE polname = 'rowhouse_isolation';
-- Bound and exempt at once is bound; so that is refused where it would surprise.
GRANT regress_admin TO regress_app;
SELECT regress.sees('regress_app', '') AS without, regress.sees('regress_app', 'acme') AS acme;
REVOKE regress_admin FROM regress_app;
GRANT regress_app TO regress_hand;
SELECT state, message, hint FROM regress.try($$SELECT rowhouse.grant_access('regress_hand', 'dump')$$);
REVOKE regress_app FROM regress_hand;
-- Other refusals.
CREATE FUNCTION regress.one_exempt() RETURNS name LANGUAGE sql AS $$SELECT rolname FROM pg_roles WHERE rolsuper ORDER BY oid LIMIT 1$$;
SELECT call, t.state, replace(t.message, regress.one_exempt(), 'SUPER') AS message FROM unnest(ARRAY[
    $$'nobody', 'app'$$, $$'regress_hand', 'all'$$, $$'regress_hand', NULL$$, $$NULL, 'app'$$, $$'public', 'dump'$$, $$regress.one_exempt(), 'app'$$]) AS call,
  regress.try(format('SELECT rowhouse.grant_access(%s)', call)) AS t;
SET ROLE regress_owner;
CREATE TABLE app.open (company_id text, id int);
GRANT SELECT ON app.open TO PUBLIC;
RESET ROLE;
SELECT * FROM regress.try($$SELECT rowhouse.protect('app.open')$$);
-- A table protected later gets the same; unprotect() takes all of it away.
SET ROLE regress_owner;
REVOKE ALL ON app.open FROM PUBLIC;
RESET ROLE;
SELECT rowhouse.protect('app.open');
SELECT polname, ARRAY(SELECT role::regrole::text FROM unnest(polroles) AS role WHERE role <> 0 ORDER BY 1) AS roles FROM pg_policy WHERE polrelid = 'app.open'::regclass ORDER BY 1;
SELECT array_agg(grantee::regrole::text || ' ' || privilege_type ORDER BY 1) FROM pg_class, aclexplode(relacl) WHERE oid = 'app.open'::regclass AND grantee <> relowner;
SELECT rowhouse.unprotect('app.open');
SELECT count(*) AS policies FROM pg_policy WHERE polrelid = 'app.open'::regclass;
SELECT count(*) AS grants FROM pg_class, aclexplode(relacl) WHERE oid = 'app.open'::regclass AND grantee <> relowner;
-- Another kind in place of the first; roles that are dropped; the owner as an admin, of a table nobody else has.
SELECT rowhouse.grant_access('regress_dump', 'app');
SELECT has_table_privilege('regress_dump', 'app.note', 'INSERT') AS writes, regress.sees('regress_dump', '') AS without;
SELECT rowhouse.revoke_access('regress_dump'), rowhouse.revoke_access('regress_admin');
SELECT state, message FROM regress.try($$SELECT rowhouse.revoke_access('regress_admin')$$);
TABLE regress.policies;
REVOKE ALL ON SCHEMA app FROM regress_dump, regress_admin;
DROP ROLE regress_dump, regress_admin;
SELECT rowhouse.revoke_access('regress_app'), rowhouse.grant_access('regress_owner', 'admin');
SET ROLE regress_owner;
REVOKE ALL ON app.note FROM regress_hand;
RESET ROLE;
SELECT rowhouse.protect('app.note');
TABLE regress.policies;
SELECT regress.sees('regress_owner', '');
SELECT rowhouse.revoke_access('regress_owner');
SELECT regress.sees('regress_owner', '') IS NULL AS is_bound, (SELECT count(*) FROM rowhouse.access_grant) AS grants;
DROP VIEW regress.policies;
DROP FUNCTION regress.sees, regress.one_exempt;
DROP TABLE app.note, app.open;
REVOKE ALL ON SCHEMA app FROM regress_hand;
DROP ROLE regress_hand;
GRANT USAGE ON SCHEMA app TO regress_app;
