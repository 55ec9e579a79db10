-- Suspend, rename, drop: every protected table and both import tables in one transaction.
\a
\set VERBOSITY terse
SELECT rowhouse.create_tenant('old'), rowhouse.create_tenant('7');
SET ROLE regress_owner;
CREATE TABLE app.person (company_id text, id int, PRIMARY KEY (company_id, id));
-- Restricting, deferrable and cascading keys; a partition for each tenant; a child; a column of another type.
CREATE TABLE app.ticket (company_id text, id int, person int, parent int, PRIMARY KEY (company_id, id),
  FOREIGN KEY (company_id, person) REFERENCES app.person, FOREIGN KEY (company_id, parent) REFERENCES app.ticket);
CREATE TABLE app.reply (company_id text, id int, ticket int, CONSTRAINT reply_ticket FOREIGN KEY (company_id, ticket) REFERENCES app.ticket ON DELETE RESTRICT);
CREATE TABLE app.log (company_id text, id int) PARTITION BY LIST (company_id);
CREATE TABLE app.log_old PARTITION OF app.log FOR VALUES IN ('old');
CREATE TABLE app.log_rest PARTITION OF app.log DEFAULT;
CREATE TABLE app.numbered (company_id bigint, id int);
INSERT INTO app.person SELECT tenant, id FROM unnest(ARRAY['old', 'acme']) AS tenant, generate_series(1, 3) AS id;
INSERT INTO app.ticket VALUES ('old', 1, 1, NULL), ('old', 2, 2, 1), ('acme', 1, 3, 1);
INSERT INTO app.reply VALUES ('old', 1, 1), ('old', 2, 2), ('acme', 1, 1);
INSERT INTO app.log VALUES ('old', 1), ('acme', 1);
INSERT INTO app.numbered VALUES (7, 1);
GRANT ALL ON ALL TABLES IN SCHEMA app TO regress_app;
RESET ROLE;
SELECT rowhouse.protect('app.' || name) FROM unnest(ARRAY['person', 'ticket', 'reply', 'log', 'numbered']) AS name;
INSERT INTO rowhouse.import_chunk (tenant, source, source_table, digest) VALUES ('old', 'o.db', 't', 'd'), ('acme', 'a.db', 't', 'd');
INSERT INTO rowhouse.import_reject (tenant, source, source_table, sqlstate, reason) VALUES ('old', 'o.db', 't', '22021', 'r');
INSERT INTO rowhouse.import_table VALUES ('old', 'o.db', 't', 'app', 'ticket', '', '[]');
-- Referenced tables before those that refer to them; a circle, and a table that refers to itself, end.
SELECT * FROM rowhouse.key_family('app.reply') ORDER BY depth, relation::text;
BEGIN;
ALTER TABLE app.person ADD COLUMN reply int, ADD FOREIGN KEY (company_id, reply) REFERENCES app.ticket;
SELECT * FROM rowhouse.key_family('app.person') ORDER BY depth, relation::text;
ROLLBACK;
CREATE VIEW regress.catalog AS
  SELECT 'constraint' AS what, conrelid::regclass::text || ' ' || conname AS name, condeferrable::text || condeferred AS state FROM pg_constraint WHERE connamespace = 'app'::regnamespace
  UNION ALL SELECT 'trigger', tgrelid::regclass::text || ' ' || tgfoid::regproc, tgdeferrable::text || tginitdeferred FROM pg_trigger WHERE tgisinternal
  UNION ALL SELECT 'table', oid::regclass::text, relrowsecurity::text || relforcerowsecurity FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p')
  UNION ALL SELECT 'policy', polrelid::regclass::text || ' ' || polname, pg_get_expr(polqual, polrelid) FROM pg_policy;
CREATE TABLE regress.before AS TABLE regress.catalog;
-- A suspension binds whatever is set, in the transaction that has set it before as well.
BEGIN;
SET LOCAL ROLE regress_app;
SELECT rowhouse.set_tenant('old');
SELECT count(*) FROM app.ticket;
RESET ROLE;
SELECT rowhouse.suspend_tenant('old');
SET LOCAL ROLE regress_app;
SELECT (SELECT count(*) FROM app.ticket) AS tickets, (SELECT count(*) FROM app.log_old) AS logged;
SELECT state, message FROM regress.try($$INSERT INTO app.log VALUES ('old', 9)$$);
SET LOCAL rowhouse.tenant = 'acme';
SELECT count(*) FROM app.ticket;
COMMIT;
SELECT rowhouse.suspend_tenant('7');
SET ROLE regress_app;
SET rowhouse.tenant = '7';
SELECT count(*) FROM app.numbered;
SET rowhouse.tenant = '007';
SELECT count(*) FROM app.numbered;
RESET rowhouse.tenant;
RESET ROLE;
SELECT rowhouse.resume_tenant('old'), rowhouse.resume_tenant('7');
SELECT * FROM regress.before EXCEPT TABLE regress.catalog;
-- Renamed everywhere, keys and partitions included; the neighbour is as it was.
SELECT * FROM regress.try($$SELECT rowhouse.rename_tenant('old', 'acme')$$);
SELECT state, message FROM regress.try($$SELECT rowhouse.rename_tenant('old', '../x')$$);
SELECT state, message FROM regress.try($$SELECT rowhouse.rename_tenant('nobody', 'new')$$);
SELECT * FROM rowhouse.rename_tenant('old', 'new') ORDER BY table_name::text COLLATE "C";
SELECT * FROM regress.before EXCEPT TABLE regress.catalog;
SELECT id FROM rowhouse.list_tenants() WHERE id IN ('old', 'new');
BEGIN;
SET LOCAL ROLE regress_app;
SELECT rowhouse.set_tenant('new');
SELECT (SELECT count(*) FROM app.person) AS people, (SELECT count(*) FROM app.reply) AS replies, (SELECT tableoid::regclass FROM app.log) AS partition;
SELECT rowhouse.set_tenant('acme');
SELECT (SELECT count(*) FROM app.person) AS people, (SELECT count(*) FROM app.reply) AS replies;
COMMIT;
SELECT * FROM rowhouse.rename_tenant('7', '8');
SELECT state, message FROM regress.try($$SELECT rowhouse.rename_tenant('8', 'eight')$$);
-- A tenant with rows is not dropped by accident.
SELECT * FROM regress.try($$SELECT rowhouse.drop_tenant('new')$$);
SELECT state FROM regress.try($$SELECT rowhouse.drop_tenant('new', NULL)$$);
-- A trigger that keeps rows is found out, and nothing has happened.
CREATE FUNCTION app.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
GRANT EXECUTE ON FUNCTION app.keep() TO regress_owner;
SET ROLE regress_owner;
CREATE TRIGGER keep BEFORE DELETE ON app.reply FOR EACH ROW WHEN (OLD.id = 2) EXECUTE FUNCTION app.keep();
RESET ROLE;
SELECT state LIKE '23%' AS is_refused, message LIKE '%"reply_ticket"%' AS by_key FROM regress.try($$SELECT rowhouse.drop_tenant('new', purge => true)$$);
DROP TRIGGER keep ON app.reply;
CREATE TRIGGER keep BEFORE DELETE ON app.log_rest FOR EACH ROW EXECUTE FUNCTION app.keep();
SELECT * FROM regress.try($$SELECT rowhouse.drop_tenant('new', purge => true)$$);
SELECT * FROM regress.before EXCEPT TABLE regress.catalog;
DROP TRIGGER keep ON app.log_rest;
-- Purged.
SELECT * FROM rowhouse.drop_tenant('new', purge => true) ORDER BY table_name::text COLLATE "C";
SELECT count(*) AS is_registered FROM rowhouse.tenant WHERE id = 'new';
SELECT * FROM regress.before EXCEPT TABLE regress.catalog;
SELECT tenant, table_name, rows FROM rowhouse.tenant_usage WHERE tenant = 'new';
SELECT tenant, count(*) FROM rowhouse.import_chunk GROUP BY tenant;
SELECT state, message FROM regress.try($$SELECT rowhouse.drop_tenant('new')$$);
SELECT * FROM rowhouse.drop_tenant('8', true);
-- None of it for application roles, whatever they were granted by hand.
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA rowhouse TO regress_app;
SET ROLE regress_app;
SELECT call, t.state, t.message FROM unnest(ARRAY['suspend_tenant(''acme'')', 'rename_tenant(''acme'', ''x'')', 'drop_tenant(''acme'', true)', 'seal()', 'rotate_key()', 'unseal()',
  'grant_access(''regress_app'', ''admin'')']) AS call, regress.try('SELECT rowhouse.' || call) AS t;
RESET ROLE;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA rowhouse FROM regress_app;
DROP FUNCTION app.keep;
DROP VIEW regress.catalog;
DROP TABLE regress.before, app.person, app.ticket, app.reply, app.log, app.numbered;
DELETE FROM rowhouse.import_chunk;
