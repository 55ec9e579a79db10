-- Kinds of rows beside own ones: reference rows that all tenants read, defaults that a tenant shadows.
\a
\set VERBOSITY terse
CREATE ROLE regress_admin;
GRANT regress_admin TO CURRENT_USER;
SET ROLE regress_owner;
CREATE TABLE app.currency (code text PRIMARY KEY, label text);
INSERT INTO app.currency VALUES ('EUR', 'Euro'), ('SEK', 'Krona');
CREATE TABLE app.setting (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, company_id text, name text NOT NULL, value text,
  currency text REFERENCES app.currency, UNIQUE (company_id, name));
INSERT INTO app.setting (company_id, name, value) VALUES (NULL, 'color', 'grey'), (NULL, 'size', 'm'), ('acme', 'color', 'red'), ('bolt', 'size', 'xl'), ('rival', 'color', 'black');
RESET ROLE;
CREATE VIEW regress.state AS
  SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, a.attname, a.attnotnull, a.atthasdef,
      ARRAY(SELECT polname FROM pg_policy WHERE polrelid = c.oid ORDER BY 1) AS policies,
      ARRAY(SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = c.oid ORDER BY 1) AS indexes
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relnamespace = 'app'::regnamespace AND c.relkind IN ('r', 'p');
CREATE TABLE regress.before AS TABLE regress.state;
SELECT rowhouse.protect('app.currency', kind => 'reference'), rowhouse.protect('app.setting', 'company_id', 'defaults');
SELECT * FROM rowhouse.protected_tables ORDER BY table_name::text;
SELECT tablename, policyname, permissive, cmd, qual, with_check FROM pg_policies WHERE schemaname = 'app' ORDER BY 1, 2;
SELECT DISTINCT relname, indexes FROM regress.state ORDER BY 1;
-- Called again it changes nothing; the kind is not changed in passing, and one taken for another is repaired.
CREATE TEMPORARY TABLE seen AS SELECT oid FROM pg_policy;
SELECT rowhouse.protect('app.currency', kind => 'reference'), rowhouse.protect('app.setting', kind => 'defaults');
SELECT count(*) AS changed FROM pg_policy WHERE oid NOT IN (TABLE seen);
SELECT call, t.* FROM unnest(ARRAY[$$'app.currency'$$, $$'app.setting'$$, $$'app.setting', kind => 'reference'$$, $$'app.setting', 'name', 'defaults'$$,
    $$'app.setting', kind => 'theirs'$$, $$'app.setting', kind => NULL$$]) AS call, regress.try(format('SELECT rowhouse.protect(%s)', call)) AS t;
ALTER POLICY rowhouse_update ON app.currency USING (true);
DROP POLICY rowhouse_delete ON app.currency;
SELECT rowhouse.is_protected('app.currency', NULL) AS currency, rowhouse.is_protected('app.setting', 'company_id') AS setting;
SELECT rowhouse.protect('app.currency', kind => 'reference');
SELECT rowhouse.is_protected(table_name, tenant_column), rowhouse.stale_policies(table_name, tenant_column, row_kind) FROM rowhouse.protected_tables;
-- What app roles hold: of reference rows nothing but SELECT. The owner and a role with everything by hand are held by the policies.
SELECT rowhouse.grant_access('regress_app', 'app'), rowhouse.grant_access('regress_admin', 'admin');
SELECT relation, string_agg(privilege, ' ') FROM unnest(ARRAY['app.currency', 'app.setting']) AS relation, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
  WHERE has_table_privilege('regress_app', relation, privilege) GROUP BY 1 ORDER BY 1;
SET ROLE regress_owner;
GRANT ALL ON app.currency, app.setting TO regress_app;
CREATE POLICY everything ON app.currency USING (true);
CREATE POLICY everything ON app.setting USING (true);
RESET ROLE;
CREATE VIEW regress.attempts AS SELECT number, statement, expected FROM (VALUES
  (1, 'SELECT FROM app.currency', 2), (2, 'SELECT FROM app.currency FOR UPDATE', 0), (3, $$INSERT INTO app.currency VALUES ('USD', 'Dollar')$$, NULL),
  (4, $$UPDATE app.currency SET label = ''$$, 0), (5, 'DELETE FROM app.currency', 0), (6, $$INSERT INTO app.currency VALUES ('EUR', '') ON CONFLICT (code) DO UPDATE SET label = ''$$, NULL),
  (7, 'SELECT FROM app.setting', 3), (8, 'SELECT FROM app.setting FOR SHARE', 1), (9, $$INSERT INTO app.setting (company_id, name) VALUES (NULL, 'x')$$, NULL),
  (10, $$INSERT INTO app.setting (company_id, name) VALUES ('bolt', 'x')$$, NULL), (11, $$UPDATE app.setting SET value = ''$$, 1),
  (12, $$UPDATE app.setting SET value = '' WHERE company_id IS NULL$$, 0), (13, 'UPDATE app.setting SET company_id = NULL', NULL), (14, 'DELETE FROM app.setting', 1),
  (15, $$INSERT INTO app.setting (name, currency) VALUES ('unit', 'EUR')$$, 1), (16, $$INSERT INTO app.setting (name, currency) VALUES ('unit', 'XXX')$$, NULL),
  (17, $$INSERT INTO app.setting (name) VALUES ('color') ON CONFLICT (company_id, name) DO UPDATE SET value = 'blue'$$, 1)) AS a(number, statement, expected);
GRANT SELECT ON regress.attempts TO PUBLIC;
-- As a tenant; as one that is suspended and as none, who see nothing; as an admin, to whom the same does what it says.
CREATE FUNCTION regress.attempt(role text, tenant text) RETURNS TABLE(number int, outcome text) LANGUAGE plpgsql AS $$
DECLARE
  attempt record;
BEGIN
  FOR attempt IN TABLE regress.attempts ORDER BY 1 LOOP
    number := attempt.number;
    BEGIN
      EXECUTE format('SET LOCAL ROLE %I', role);
      PERFORM set_config('rowhouse.tenant', tenant, true);
      outcome := (SELECT state || ' ' || CASE WHEN state = '00000' THEN message ELSE '' END FROM regress.try(attempt.statement));
      RAISE EXCEPTION SQLSTATE 'RB000';
    EXCEPTION WHEN SQLSTATE 'RB000' THEN
      RETURN NEXT;
    END;
  END LOOP;
END $$;
SELECT a.number, a.statement, app.outcome AS acme, o.outcome AS owner, r.outcome AS rival, n.outcome AS none, d.outcome AS admin,
    app.outcome = o.outcome AND app.outcome LIKE coalesce('00000 ' || a.expected || ' rows', '_____ ') AS is_right
  FROM regress.attempts AS a JOIN regress.attempt('regress_app', 'acme') AS app USING (number) JOIN regress.attempt('regress_owner', 'acme') AS o USING (number)
  JOIN regress.attempt('regress_app', 'rival') AS r USING (number) JOIN regress.attempt('regress_app', '') AS n USING (number) JOIN regress.attempt('regress_admin', '') AS d USING (number)
  ORDER BY 1;
SET ROLE regress_owner;
DROP POLICY everything ON app.currency;
DROP POLICY everything ON app.setting;
RESET ROLE;
-- One default a key; an admin without a tenant writes defaults.
SET ROLE regress_admin;
SELECT statement, t.state, t.message FROM unnest(ARRAY[$$INSERT INTO app.setting (name, value) VALUES ('lang', 'en') RETURNING company_id$$,
    $$INSERT INTO app.setting (name, value) VALUES ('lang', 'de')$$, $$UPDATE app.currency SET label = 'Euro!' WHERE code = 'EUR'$$]) AS statement, regress.try(statement) AS t;
RESET ROLE;
-- What counts of both for a tenant: its own row before the default.
SELECT rowhouse.create_effective_view('app.setting');
CREATE FUNCTION regress.effective(role text, tenant text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  seen text;
BEGIN
  EXECUTE format('SET LOCAL ROLE %I', role);
  PERFORM set_config('rowhouse.tenant', tenant, true);
  SELECT string_agg(concat_ws(':', name, value), ' ' ORDER BY name) INTO seen FROM app.setting_effective;
  RESET ROLE;
  RETURN seen;
END $$;
SELECT role, tenant, regress.effective(role, tenant) FROM unnest(ARRAY['regress_app', 'regress_owner', 'regress_admin']) AS role, unnest(ARRAY['acme', 'bolt', 'rival', '']) AS tenant
  WHERE (role, tenant) <> ('regress_admin', 'rival');
-- Before PostgreSQL 15 the view asks as the table's owner, whom the policies bind, for the exempt as well.
CREATE FUNCTION regress.exempt_sees(seen text, told text) RETURNS boolean LANGUAGE sql RETURN seen IS NOT DISTINCT FROM CASE WHEN current_setting('server_version_num')::int >= 150000 THEN told END;
SELECT regress.exempt_sees(regress.effective('regress_admin', 'rival'), 'color:black lang:en size:m') AS suspended;
SELECT call, t.* FROM unnest(ARRAY[$$'app.setting', ARRAY['nothing']$$, $$'app.currency'$$, $$NULL$$]) AS call, regress.try(format('SELECT rowhouse.create_effective_view(%s)', call)) AS t;
-- Life of a tenant: reference rows are nobody's, defaults are not a tenant's.
SET ROLE regress_admin;
SELECT rowhouse.create_tenant('short');
INSERT INTO app.setting (company_id, name) VALUES ('short', 'color');
RESET ROLE;
SELECT * FROM rowhouse.rename_tenant('short', 'long');
SELECT * FROM rowhouse.drop_tenant('long', purge => true);
SET ROLE regress_admin;
SELECT count(*) AS defaults, (SELECT count(*) FROM app.currency) AS currencies FROM app.setting WHERE company_id IS NULL;
SELECT tenant, table_name, rows FROM rowhouse.tenant_usage ORDER BY 1;
RESET ROLE;
SELECT state, message, hint FROM regress.try($$SELECT rowhouse.import_merge(rowhouse.import_stage('app.currency'), 'app.currency', 'acme')$$);
-- A dump holds all of it.
CREATE ROLE regress_dump;
GRANT regress_dump TO CURRENT_USER;
SELECT rowhouse.grant_access('regress_dump', 'dump');
SET ROLE regress_dump;
SELECT (SELECT count(*) FROM app.setting) AS settings, (SELECT count(*) FROM app.currency) AS currencies;
RESET ROLE;
SELECT rowhouse.revoke_access('regress_dump');
REVOKE ALL ON SCHEMA app FROM regress_dump;
DROP ROLE regress_dump;
-- Sealed: a setting is no tenant.
CREATE TEMPORARY TABLE key AS SELECT rowhouse.seal();
SELECT bool_and(rowhouse.is_protected(table_name, tenant_column)) FROM rowhouse.protected_tables;
SELECT a.number, a.outcome FROM regress.attempt('regress_app', 'acme') AS a WHERE number IN (1, 7, 15);
SELECT regress.effective('regress_app', 'acme') AS set, regress.exempt_sees(regress.effective('regress_admin', 'bolt'), 'color:grey lang:en size:xl') AS admin;
SELECT rowhouse.unseal(), rowhouse.revoke_access('regress_admin'), rowhouse.revoke_access('regress_app');
-- Taken back exactly.
SELECT rowhouse.unprotect('app.currency'), rowhouse.unprotect('app.setting');
SELECT count(*) AS changed FROM (TABLE regress.state EXCEPT TABLE regress.before) AS difference;
DROP VIEW app.setting_effective;
-- Every type of tenant column, a suspended tenant by its value and not by its spelling; partitions; keys of all shapes.
SET ROLE regress_owner;
CREATE TABLE app.by_number (company_id bigint, name text);
CREATE TABLE app.by_name (company_id varchar(20), name text, kind text, UNIQUE (name, company_id), UNIQUE (company_id));
CREATE UNIQUE INDEX ON app.by_name (company_id, lower(name) COLLATE "C" text_pattern_ops DESC) INCLUDE (kind);
CREATE TABLE app.by_part (company_id text, at int, name text, UNIQUE (company_id, at)) PARTITION BY LIST (company_id);
CREATE TABLE app.by_part_acme PARTITION OF app.by_part FOR VALUES IN ('acme');
CREATE TABLE app.by_part_rest PARTITION OF app.by_part DEFAULT;
CREATE TABLE app.by_uuid (company_id uuid);
INSERT INTO app.by_number VALUES (7, 'own'), (NULL, 'default');
INSERT INTO app.by_part VALUES ('acme', 1, 'own'), (NULL, 1, 'default'), (NULL, 1, 'twice');
CREATE TABLE app.fixed (company_id text NOT NULL, name text);
GRANT SELECT ON app.by_number, app.by_part, app.by_part_rest TO regress_app;
RESET ROLE;
SELECT rowhouse.create_tenant('7'), rowhouse.create_tenant('8');
SELECT * FROM regress.try($$SELECT rowhouse.protect('app.fixed', kind => 'defaults')$$);
SELECT * FROM regress.try($$SELECT rowhouse.protect('app.by_part', kind => 'defaults')$$);
DELETE FROM app.by_part WHERE name = 'twice';
SELECT rowhouse.protect(name::regclass, kind => 'defaults') FROM unnest(ARRAY['app.by_number', 'app.by_name', 'app.by_part', 'app.by_uuid']) AS name;
SELECT indexdef FROM pg_indexes WHERE schemaname = 'app' AND indexdef LIKE '%WHERE%' ORDER BY 1;
SELECT table_name, rowhouse.is_protected(table_name, tenant_column) FROM rowhouse.protected_tables ORDER BY table_name::text;
SET ROLE regress_app;
SET rowhouse.tenant = '007';
SELECT name FROM app.by_number ORDER BY 1;
SET rowhouse.tenant = 'acme';
SELECT name FROM app.by_part ORDER BY 1;
RESET rowhouse.tenant;
SELECT count(*) FROM app.by_part_rest;
RESET ROLE;
SELECT rowhouse.suspend_tenant('7');
SELECT tablename, qual FROM pg_policies WHERE policyname = 'rowhouse_suspension' AND tablename ~ 'by_n|uuid' ORDER BY 1;
SELECT bool_and(rowhouse.is_protected(table_name, tenant_column)) FROM rowhouse.protected_tables;
SET ROLE regress_app;
SET rowhouse.tenant = '007';
SELECT name FROM app.by_number;
SET rowhouse.tenant = '8';
SELECT name FROM app.by_number;
RESET rowhouse.tenant;
RESET ROLE;
SELECT * FROM regress.try($$SELECT rowhouse.create_effective_view('app.by_number')$$);
SELECT rowhouse.create_effective_view('app.by_name', ARRAY['name', 'kind']);
-- Shared rows do not hang on a tenant's own: a tenant could delete them for all.
SET ROLE regress_owner;
CREATE TABLE app.mine (company_id text, id int PRIMARY KEY, UNIQUE (company_id, id));
CREATE TABLE app.shared (company_id text, mine int, CONSTRAINT shared_mine FOREIGN KEY (mine) REFERENCES app.mine ON DELETE CASCADE);
RESET ROLE;
SELECT rowhouse.protect('app.mine');
SELECT kind, t.* FROM unnest(ARRAY['reference', 'defaults', 'own']) AS kind, regress.try(format('SELECT rowhouse.protect(%L, kind => %L)', 'app.shared', kind)) AS t;
SELECT rowhouse.unprotect('app.shared');
SET ROLE regress_owner;
ALTER TABLE app.shared DROP CONSTRAINT shared_mine, ADD FOREIGN KEY (company_id, mine) REFERENCES app.mine (company_id, id) ON DELETE CASCADE;
RESET ROLE;
SELECT kind, t.state FROM unnest(ARRAY['reference', 'defaults']) AS kind, regress.try(format('SELECT rowhouse.protect(%L, kind => %L)', 'app.shared', kind)) AS t;
SELECT rowhouse.drop_tenant('7', purge => true), rowhouse.drop_tenant('8', purge => true);
DROP FUNCTION regress.attempt, regress.effective, regress.exempt_sees;
DROP VIEW regress.attempts, regress.state;
DROP TABLE regress.before, app.shared, app.mine, app.setting, app.currency, app.fixed, app.by_part, app.by_uuid;
DROP TABLE app.by_name, app.by_number CASCADE;
REVOKE ALL ON SCHEMA app FROM regress_admin;
DROP ROLE regress_admin;
GRANT USAGE ON SCHEMA app TO regress_app;
