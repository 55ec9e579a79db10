-- What the audit says of privileges, roles and ownership; each remedy is run. What takes a superuser to plant is in tests/audit.
\a
\set VERBOSITY terse
CREATE VIEW regress.findings AS SELECT * FROM rowhouse.audit_privileges()
  WHERE object !~ '^(schema:public|database:)' OR rule NOT IN ('schema-create', 'temporary-tables') ORDER BY rule COLLATE "C", object COLLATE "C", detail COLLATE "C";
CREATE ROLE regress_team;
CREATE ROLE regress_web LOGIN;
CREATE ROLE regress_admin;
CREATE ROLE regress_migrator LOGIN;
GRANT regress_team, regress_web, regress_admin, regress_migrator TO CURRENT_USER;
GRANT regress_team TO regress_web;
SET ROLE regress_owner;
CREATE TABLE app.invoice (id serial, company_id text NOT NULL, total integer, PRIMARY KEY (company_id, id));
CREATE TABLE app.payment (id serial, company_id text NOT NULL, total integer, PRIMARY KEY (company_id, id));
GRANT SELECT, INSERT, UPDATE, DELETE ON app.invoice, app.payment TO regress_team;
RESET ROLE;
GRANT USAGE ON SCHEMA app TO regress_team;
SELECT rowhouse.protect('app.invoice'), rowhouse.protect('app.payment'), rowhouse.grant_access('regress_app', 'app'), rowhouse.grant_access('regress_admin', 'admin');
-- A role that owns by membership and migrates, an admin and those who are one: nothing to say.
GRANT regress_owner TO regress_migrator;
GRANT regress_admin TO regress_migrator;
TABLE regress.findings;
-- Privileges past row security, for PUBLIC, to be handed on, and for what comes next.
SET ROLE regress_owner;
GRANT TRUNCATE, SELECT ON app.invoice TO PUBLIC;
GRANT TRIGGER ON app.invoice TO regress_team;
GRANT REFERENCES (id) ON app.payment TO regress_app;
GRANT UPDATE ON app.payment TO regress_app WITH GRANT OPTION;
GRANT CREATE ON SCHEMA app TO regress_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT, INSERT ON TABLES TO regress_team;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT TRUNCATE ON TABLES TO regress_app;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON SEQUENCES TO regress_app;
RESET ROLE;
GRANT CREATE ON SCHEMA app TO regress_app;
GRANT SELECT ON rowhouse.tenant, rowhouse.import_reject, rowhouse.seal_key, rowhouse.mark TO regress_app;
GRANT UPDATE (kind) ON rowhouse.access_grant TO PUBLIC;
GRANT CREATE ON SCHEMA rowhouse TO regress_web;
ALTER FUNCTION rowhouse.tenant_status(text) RESET search_path;
SELECT severity, rule, object, remedy FROM regress.findings;
SELECT rule, object, detail FROM regress.findings WHERE rule IN ('unbound-privileges', 'public-grant', 'grant-option', 'schema-create');
SELECT rule, object, regress.mend(severity, rule, object, remedy) FROM regress.findings WHERE rule <> 'default-privileges';
SELECT regress.try(remedy) FROM regress.findings;
TABLE regress.findings;
-- Roles: attributes, memberships, what an application owns.
GRANT regress_owner TO regress_web;
GRANT regress_admin TO regress_team;
ALTER ROLE regress_team CREATEDB;
GRANT CREATE ON SCHEMA app TO regress_app;
ALTER TABLE app.payment OWNER TO regress_app;
CREATE FUNCTION app.note_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER note_it BEFORE INSERT ON app.invoice FOR EACH ROW EXECUTE FUNCTION app.note_it();
ALTER FUNCTION app.note_it() OWNER TO regress_app;
REVOKE CREATE ON SCHEMA app FROM regress_app;
SET ROLE regress_app;
SELECT 1 AS made FROM lo_create(4711);
RESET ROLE;
SELECT severity, rule, object, detail FROM regress.findings;
SELECT rule, object, regress.mend(severity, rule, object, remedy) FROM regress.findings WHERE remedy IS NOT NULL;
-- One remedy's revoking is another's; the server warns of that in different words by version.
SET client_min_messages = error;
SELECT bool_and((regress.try(remedy)).state = '00000') AS ran FROM regress.findings WHERE remedy IS NOT NULL;
RESET client_min_messages;
SELECT severity, rule, object FROM regress.findings;
SELECT table_name FROM rowhouse.protected_tables ORDER BY 1;
SET ROLE regress_app;
SELECT lo_unlink(4711);
RESET ROLE;
-- No role but the owner, who can log in: an application that is one with it.
SELECT rowhouse.revoke_access('regress_app'), rowhouse.revoke_access('regress_admin');
DROP TABLE app.payment;
REVOKE ALL ON app.invoice FROM regress_team;
ALTER TABLE app.invoice OWNER TO regress_migrator;
SELECT severity, rule, object, detail FROM regress.findings;
DROP TABLE app.invoice;
DROP FUNCTION app.note_it();
DROP VIEW regress.findings;
REVOKE ALL ON SCHEMA app FROM regress_team;
DROP OWNED BY regress_admin, regress_team, regress_web, regress_migrator;
DROP ROLE regress_admin, regress_team, regress_web, regress_migrator;
