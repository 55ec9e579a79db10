-- What a database of version 0.1.0 may hold, by its own interface.
SELECT rowhouse.create_tenant('acme'), rowhouse.create_tenant('bolt'), rowhouse.create_tenant('rest');
CREATE SCHEMA app;
CREATE TABLE app.ticket (company_id text, id int, body text, PRIMARY KEY (company_id, id));
CREATE TABLE app.event (tenant_id uuid, id int) PARTITION BY HASH (id);
CREATE TABLE app.event_0 PARTITION OF app.event FOR VALUES WITH (MODULUS 1, REMAINDER 0);
INSERT INTO app.ticket SELECT tenant, id, 'text' FROM unnest(ARRAY['acme', 'bolt', 'rest']) AS tenant, generate_series(1, 3) AS id;
SELECT rowhouse.protect('app.ticket'), rowhouse.protect('app.event', 'tenant_id');
SELECT rowhouse.create_integrated_objects('app');
INSERT INTO rowhouse.import_chunk (tenant, source, source_table, digest) VALUES ('acme', 'a.db', 't', 'd');
INSERT INTO rowhouse.import_reject (tenant, source, source_table, sqlstate, reason) VALUES ('acme', 'a.db', 't', '22021', 'r');
SELECT rowhouse.grant_access('upgrade_app', 'app'), rowhouse.grant_access('upgrade_admin', 'admin'),
  rowhouse.grant_access('upgrade_dump', 'dump');
GRANT SELECT ON rowhouse.tenant TO upgrade_app;
SELECT rowhouse.suspend_tenant('rest');
