-- tenant_usage and server_limits().
\a
SET ROLE regress_owner;
CREATE TABLE app.small (company_id text, id int);
CREATE TABLE app.event (company_id text, at date, body text) PARTITION BY RANGE (at);
CREATE TABLE app.event_2026 PARTITION OF app.event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO app.small SELECT 'acme', id FROM generate_series(1, 10) AS id;
INSERT INTO app.event SELECT tenant, '2026-05-05', repeat('x', 100) FROM unnest(ARRAY['acme', 'bolt']) AS tenant, generate_series(1, 5);
RESET ROLE;
CREATE ROLE regress_dump;
GRANT regress_dump TO CURRENT_USER;
SELECT rowhouse.protect('app.small'), rowhouse.protect('app.event'), rowhouse.grant_access('regress_app', 'app'), rowhouse.grant_access('regress_dump', 'dump');
-- Every tenant for those who see every tenant; partitions under their table, each row 24 bytes and its values.
SET ROLE regress_dump;
SELECT * FROM rowhouse.tenant_usage ORDER BY table_name::text, tenant;
-- Its own for a tenant, nothing without one, and no error for tables that are out of reach.
SET ROLE regress_app;
SELECT * FROM rowhouse.tenant_usage;
BEGIN;
SELECT rowhouse.set_tenant('bolt');
SELECT * FROM rowhouse.tenant_usage;
COMMIT;
SET ROLE regress_owner;
REVOKE SELECT ON app.event FROM regress_app;
RESET ROLE;
SET rowhouse.tenant = 'acme';
SET ROLE regress_app;
SELECT * FROM rowhouse.tenant_usage;
RESET rowhouse.tenant;
RESET ROLE;
-- What a server allows differs from one to the next; that it is said does not.
SELECT name, allowed IS NOT NULL AS is_known, consequence <> '' AS is_explained FROM rowhouse.server_limits();
SELECT l.name, l.allowed = r.rolsuper AS is_right FROM rowhouse.server_limits() AS l, pg_roles AS r WHERE r.rolname = current_user AND l.name IN ('superuser', 'leakproof');
SELECT rowhouse.revoke_access('regress_app'), rowhouse.revoke_access('regress_dump');
DROP TABLE app.small, app.event;
REVOKE ALL ON SCHEMA app FROM regress_dump;
DROP ROLE regress_dump;
