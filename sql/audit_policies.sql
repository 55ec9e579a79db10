-- Policies are tried, not read: planted faults, each named with its policy, and look-alikes that are none.
\a
\set VERBOSITY terse
CREATE SCHEMA faulty AUTHORIZATION regress_owner;
CREATE SCHEMA sound AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA faulty, sound TO regress_app;
-- A table with these policies, called p1, p2, ..., and open to the application.
CREATE PROCEDURE regress.make(schema text, name text, type text, policies text[]) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE %I.%I (company_id %s NOT NULL, id int, body text, status text, is_public boolean)', schema, name, type);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I.%I TO regress_app', schema, name);
  EXECUTE format('ALTER TABLE %I.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', schema, name);
  FOR n IN 1..cardinality(policies) LOOP
    EXECUTE format('CREATE POLICY p%s ON %I.%I %s', n, schema, name, policies[n]);
  END LOOP;
END $$;
-- What the audit says of one schema.
CREATE FUNCTION regress.found(part text, schema text) RETURNS TABLE(severity text, rule text, object text) LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format('SELECT f.severity, f.rule, f.object FROM rowhouse.audit_%s() AS f WHERE f.object ~ %L
      ORDER BY f.object COLLATE "C", f.rule COLLATE "C"', part, ':' || schema || '\.');
END $$;
-- The rows that a finding's proof shows, run as it stands.
CREATE FUNCTION regress.proof_rows(detail text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  steps text[] := string_to_array(substring(detail FROM 'Proof: (.*)$'), '; ');
  rows bigint;
BEGIN
  FOR n IN 1..cardinality(steps) - 1 LOOP
    EXECUTE replace(steps[n], 'SET ', 'SET LOCAL ');
  END LOOP;
  EXECUTE steps[cardinality(steps)] INTO rows;
  RESET ROLE;
  RETURN rows;
END $$;
-- Runs every remedy of a part; the number of those run.
CREATE FUNCTION regress.mend_all(part text, schema text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  remedies text[];
  remedy text;
BEGIN
  EXECUTE format('SELECT array_agg(f.remedy) FROM rowhouse.audit_%s() AS f WHERE f.object ~ %L AND f.remedy IS NOT NULL', part, ':' || schema || '\.') INTO remedies;
  FOREACH remedy IN ARRAY remedies LOOP
    EXECUTE remedy;
  END LOOP;
  RETURN cardinality(remedies);
END $$;
SET ROLE regress_owner;
CREATE FUNCTION faulty.nobody_set() RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN current_setting('audited.never', true) IS NULL; END $$;

CALL regress.make('faulty', 'constant', 'text', ARRAY['USING (true)']);
CALL regress.make('faulty', 'check_constant', 'text', ARRAY[$$USING (company_id = current_setting('audited.tenant', true)) WITH CHECK (true)$$]);
CALL regress.make('faulty', 'insert_constant', 'text', ARRAY[$$FOR SELECT USING (company_id = current_setting('audited.tenant', true))$$, 'FOR INSERT WITH CHECK (true)']);
CALL regress.make('faulty', 'or_true', 'text', ARRAY[$$USING (company_id = current_setting('audited.tenant', true) OR true)$$]);
CALL regress.make('faulty', 'or_unset', 'text', ARRAY[$$USING (current_setting('audited.tenant', true) IS NULL OR company_id = current_setting('audited.tenant', true))$$]);
CALL regress.make('faulty', 'or_empty', 'text', ARRAY[$$USING (current_setting('audited.tenant', true) = '' OR company_id = current_setting('audited.tenant', true))$$]);
CALL regress.make('faulty', 'coalesced', 'text', ARRAY[$$USING (company_id = COALESCE(NULLIF(current_setting('audited.tenant', true), ''), company_id))$$]);
CALL regress.make('faulty', 'unset_in_function', 'text', ARRAY[$$USING (company_id = current_setting('audited.tenant', true) OR faulty.nobody_set())$$]);
CALL regress.make('faulty', 'asks_who', 'text', ARRAY[$$USING (current_setting('audited.tenant', true) IS NOT NULL)$$]);
CALL regress.make('faulty', 'check_elsewhere', 'text', ARRAY[$$USING (company_id = current_setting('audited.tenant', true)) WITH CHECK (body IS NOT NULL)$$]);
CALL regress.make('faulty', 'second_for_update', 'text', ARRAY[$$USING (company_id = current_setting('audited.tenant', true))$$, $$FOR UPDATE USING (status = 'draft')$$]);
CALL regress.make('faulty', 'names_a_tenant', 'text', ARRAY[$$USING (company_id = current_setting('audited.tenant', true) OR company_id = 'acme')$$]);
CALL regress.make('faulty', 'names_a_number', 'int', ARRAY[$$USING (company_id = current_setting('audited.tenant', true)::int OR company_id = 7)$$]);
CALL regress.make('faulty', 'like_value', 'text', ARRAY[$$USING (company_id LIKE current_setting('audited.tenant', true))$$]);
CALL regress.make('faulty', 'regex_value', 'text', ARRAY[$$USING (company_id ~ current_setting('audited.tenant', true))$$]);
CALL regress.make('faulty', 'case_folded', 'text', ARRAY[$$USING (lower(company_id) = lower(current_setting('audited.tenant', true)))$$]);
CALL regress.make('faulty', 'prefix', 'text', ARRAY[$$USING (starts_with(company_id, current_setting('audited.tenant', true)))$$]);
CALL regress.make('faulty', 'substring', 'text', ARRAY[$$USING (strpos(current_setting('audited.tenant', true), company_id) > 0)$$]);
CALL regress.make('faulty', 'split_list', 'text', ARRAY[$$USING (company_id = ANY (string_to_array(current_setting('audited.tenant', true), ',')))$$]);
CALL regress.make('faulty', 'bypass_flag', 'text', ARRAY[$$USING (company_id = current_setting('audited.tenant', true) OR current_setting('audited.admin', true) = 'on')$$]);
CALL regress.make('faulty', 'magic_word', 'text', ARRAY[$$USING (company_id = current_setting('audited.tenant', true) OR current_setting('audited.tenant', true) = 'all')$$]);
CALL regress.make('faulty', 'second_for_select', 'text', ARRAY[$$USING (company_id = current_setting('audited.tenant', true))$$, $$FOR SELECT USING (status = 'published')$$]);
CALL regress.make('faulty', 'floor_for_others', 'text', ARRAY[$$AS RESTRICTIVE TO regress_owner USING (company_id = current_setting('audited.tenant', true))$$, $$USING (true)$$]);
CALL regress.make('faulty', 'greater', 'text', ARRAY[$$USING (company_id >= current_setting('audited.tenant', true))$$]);
CALL regress.make('faulty', 'delete_only', 'text', ARRAY[$$FOR SELECT USING (company_id = current_setting('audited.tenant', true))$$, 'FOR DELETE USING (id > 0)']);
CREATE TABLE faulty.parent (company_id text NOT NULL, id int PRIMARY KEY);
CREATE TABLE faulty.captured (company_id text NOT NULL, parent_id int);
CREATE TABLE faulty.for_nobody (company_id text, id int);
GRANT SELECT, INSERT ON faulty.parent, faulty.captured, faulty.for_nobody TO regress_app;
ALTER TABLE faulty.parent ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE faulty.captured ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE faulty.for_nobody ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON faulty.parent USING (company_id = current_setting('audited.tenant', true));
CREATE POLICY p ON faulty.captured USING (EXISTS (SELECT FROM faulty.parent AS p WHERE p.company_id = company_id));
CREATE POLICY p ON faulty.for_nobody USING (company_id = current_setting('audited.tenant', true) OR company_id IS NULL);
-- Memberships without row security: who may write them joins any tenant. Who only reads them does not.
CREATE TABLE faulty.member (company_id text NOT NULL, user_id int);
CREATE TABLE faulty.member_kept (company_id text NOT NULL, user_id int);
GRANT SELECT, INSERT ON faulty.member TO regress_app;
GRANT SELECT ON faulty.member_kept TO regress_app;
CALL regress.make('faulty', 'by_member', 'text', ARRAY[$$USING (company_id IN (SELECT m.company_id FROM faulty.member AS m WHERE m.user_id = NULLIF(current_setting('audited.user', true), '')::int))$$]);
CALL regress.make('faulty', 'by_member_kept', 'text', ARRAY[$$USING (company_id IN (SELECT m.company_id FROM faulty.member_kept AS m WHERE m.user_id = NULLIF(current_setting('audited.user', true), '')::int))$$]);
RESET ROLE;
SELECT * FROM regress.found('policies', 'faulty');
-- A proof, run as it stands.
SET audited.tenant = 'bolt';
SET ROLE regress_owner;
INSERT INTO faulty.second_for_select (company_id, status) VALUES ('bolt', 'published');
RESET ROLE;
RESET audited.tenant;
SELECT substring(detail FROM 'Proof: (.*)$') AS proof, remedy FROM rowhouse.audit_policies() WHERE object = 'policy:faulty.second_for_select.p2' \gset
BEGIN;
:proof;
ROLLBACK;
-- Every remedy runs, and leaves nothing to find.
SET client_min_messages = warning;
SELECT regress.mend_all('policies', 'faulty');
SELECT * FROM regress.found('policies', 'faulty') WHERE severity <> 'info';
BEGIN;
:proof;
ROLLBACK;
-- Look-alikes.
SET ROLE regress_owner;
CREATE FUNCTION sound.tenant_int() RETURNS int LANGUAGE sql STABLE AS $$ SELECT NULLIF(current_setting('audited.tenant', true), '')::int $$;
CREATE FUNCTION sound.tenant_pl() RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN NULLIF(current_setting('audited.tenant', true), ''); END $$;
CREATE TABLE sound.member (company_id text NOT NULL, user_id int NOT NULL);
CREATE TABLE sound.parent (company_id text NOT NULL, id int PRIMARY KEY);
CREATE TABLE sound.child (parent_id int REFERENCES sound.parent, body text);
CREATE TABLE sound.child_asking (parent_id int REFERENCES sound.parent, body text);
GRANT SELECT, INSERT ON sound.member, sound.parent, sound.child, sound.child_asking TO regress_app;
ALTER TABLE sound.member ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE sound.parent ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE sound.child ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE sound.child_asking ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON sound.member USING (user_id = NULLIF(current_setting('audited.user', true), '')::int);
CREATE POLICY p ON sound.parent USING (company_id = current_setting('audited.tenant', true));
CREATE POLICY p ON sound.child USING (EXISTS (SELECT FROM sound.parent AS p WHERE p.id = parent_id));
CREATE POLICY p ON sound.child_asking USING (EXISTS (SELECT FROM sound.parent AS p
  WHERE p.id = child_asking.parent_id AND p.company_id = current_setting('audited.tenant', true)));
CALL regress.make('sound', 'plain', 'text', ARRAY[$$USING (company_id = current_setting('audited.tenant', true))$$]);
CALL regress.make('sound', 'onearg', 'text', ARRAY[$$USING (company_id = current_setting('audited.tenant'))$$]);
CALL regress.make('sound', 'int', 'int', ARRAY[$$USING (company_id = NULLIF(current_setting('audited.tenant', true), '')::int)$$]);
CALL regress.make('sound', 'big', 'bigint', ARRAY[$$USING (company_id = (SELECT current_setting('audited.tenant', true)::bigint))$$]);
CALL regress.make('sound', 'uid', 'uuid', ARRAY[$$USING (company_id = (SELECT current_setting('audited.tenant', true))::uuid)$$]);
CALL regress.make('sound', 'uidt', 'uuid', ARRAY[$$USING (company_id::text = current_setting('audited.tenant', true))$$]);
CALL regress.make('sound', 'vc', 'varchar(40)', ARRAY[$$USING (company_id = current_setting('audited.tenant', true))$$]);
CALL regress.make('sound', 'vcs', 'varchar(3)', ARRAY[$$USING (company_id = current_setting('audited.tenant', true))$$]);
CALL regress.make('sound', 'fn', 'int', ARRAY[$$USING (company_id = sound.tenant_int())$$]);
CALL regress.make('sound', 'fnpl', 'text', ARRAY[$$USING (company_id = (SELECT sound.tenant_pl()))$$]);
CALL regress.make('sound', 'jwt', 'text', ARRAY[$$USING (company_id = (current_setting('request.jwt.claims', true)::json ->> 'company_id'))$$]);
CALL regress.make('sound', 'jwt2', 'uuid', ARRAY[$$USING (company_id = ((NULLIF(current_setting('request.jwt.claims', true), '')::jsonb -> 'app_metadata') ->> 'tenant')::uuid)$$]);
CALL regress.make('sound', 'jwt3', 'uuid', ARRAY[$$USING (company_id = (current_setting('request.jwt.claims', true)::jsonb #>> '{app_metadata,org}')::uuid)$$]);
CALL regress.make('sound', 'percmd', 'text', ARRAY[$$FOR SELECT USING (company_id = current_setting('audited.tenant', true))$$,$$FOR INSERT WITH CHECK (company_id = current_setting('audited.tenant', true))$$,$$FOR UPDATE USING (company_id = current_setting('audited.tenant', true))$$,$$FOR DELETE USING (company_id = current_setting('audited.tenant', true))$$]);
CALL regress.make('sound', 'named', 'text', ARRAY[$$TO regress_app USING (company_id = current_setting('audited.tenant', true))$$]);
CALL regress.make('sound', 'floor', 'text', ARRAY[$$USING (true)$$, $$AS RESTRICTIVE USING (company_id = current_setting('audited.tenant', true))$$]);
CALL regress.make('sound', 'two', 'text', ARRAY[$$USING (company_id = current_setting('audited.tenant', true) AND id = current_setting('audited.user')::int)$$]);
CALL regress.make('sound', 'dom', 'text', ARRAY[$$USING (company_id = current_setting('audited.tenant', true) AND is_public = false AND status <> 'deleted')$$]);
CALL regress.make('sound', 'bymember', 'text', ARRAY[$$USING (company_id IN (SELECT m.company_id FROM sound.member m WHERE m.user_id = NULLIF(current_setting('audited.user', true), '')::int))$$]);
RESET ROLE;
SELECT * FROM regress.found('policies', 'sound');
-- What the form alone shows.
SET ROLE regress_owner;
CREATE TABLE sound.lookup (name text, company text);
CREATE TABLE sound.lookup_of_function (name text, company text);
CREATE TABLE sound.lookup_read_only (name text, company text);
GRANT SELECT ON sound.lookup, sound.lookup_of_function, sound.lookup_read_only TO regress_app;
GRANT INSERT ON sound.lookup TO regress_app;
GRANT UPDATE (company) ON sound.lookup_of_function TO regress_app;
CREATE FUNCTION sound.mine() RETURNS text LANGUAGE sql STABLE AS $$ SELECT company FROM sound.lookup_of_function WHERE name = current_setting('audited.user', true) $$;
CALL regress.make('sound', 'formed', 'text', ARRAY['AS RESTRICTIVE USING (true)',
  $$USING (company_id IN (SELECT company FROM sound.lookup WHERE name = current_setting('audited.user', true)))$$,
  $$USING (company_id IN (SELECT company FROM sound.lookup_read_only WHERE name = current_setting('audited.user', true)))$$,
  $$AS RESTRICTIVE USING (company_id = current_setting('application_name'))$$, $$TO postgres USING (company_id = 'x')$$,
  'USING (company_id = sound.mine())', 'USING (company_id = current_user)', 'FOR DELETE USING (false)']);
CALL regress.make('sound', 'recursive', 'text', ARRAY[$$USING (company_id = current_setting('audited.tenant', true) AND id IN (SELECT r.id FROM sound.recursive AS r))$$]);
RESET ROLE;
SELECT * FROM regress.found('policies', 'sound.(formed|recursive)');
-- A grant by hand that the floor does not know, while there are exempt roles.
DROP TABLE sound.formed, sound.recursive;
CREATE TABLE sound.kept (company_id text NOT NULL);
CREATE ROLE regress_dumper;
SELECT rowhouse.protect('sound.kept'), rowhouse.grant_access('regress_dumper', 'dump');
SELECT * FROM regress.found('policies', 'sound') WHERE severity <> 'info';
GRANT SELECT ON sound.kept TO regress_app;
SELECT * FROM regress.found('policies', 'sound') WHERE severity <> 'info';
SELECT regress.mend_all('policies', 'sound');
SELECT * FROM regress.found('policies', 'sound') WHERE severity <> 'info';
-- The floor dropped, or made to hold nothing.
DROP POLICY rowhouse_isolation ON sound.kept;
SELECT * FROM regress.found('policies', 'sound') WHERE severity <> 'info';
SELECT regress.mend_all('policies', 'sound');
ALTER POLICY rowhouse_isolation ON sound.kept USING (true) WITH CHECK (true);
SELECT * FROM regress.found('policies', 'sound') WHERE severity <> 'info';
SELECT regress.mend_all('policies', 'sound');
SELECT * FROM regress.found('policies', 'sound') WHERE severity <> 'info';
SELECT rowhouse.revoke_access('regress_dumper');
REVOKE ALL ON SCHEMA sound FROM regress_dumper;
DROP SCHEMA faulty, sound CASCADE;
DROP ROLE regress_dumper;
