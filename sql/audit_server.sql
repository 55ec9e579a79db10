-- What the audit says of settings and of the server, as far as a database's owner can plant it; the rest is in tests/audit.
\a
\set VERBOSITY terse
CREATE VIEW regress.findings AS SELECT severity, rule, object, detail, remedy FROM rowhouse.audit_server()
  WHERE object = 'role:regress_app' OR severity <> 'info' ORDER BY object COLLATE "C", rule COLLATE "C", detail COLLATE "C";
SET ROLE regress_owner;
CREATE TABLE app.invoice (company_id text NOT NULL, id integer, PRIMARY KEY (company_id, id));
GRANT SELECT ON app.invoice TO regress_app;
RESET ROLE;
TABLE regress.findings;
ALTER ROLE regress_app SET row_security = off;
ALTER ROLE regress_app IN DATABASE rowhouse_regress SET search_path = app, pg_catalog;
ALTER DATABASE rowhouse_regress SET search_path = pg_catalog, app;
ALTER ROLE regress_app SET role = 'regress_owner';
TABLE regress.findings;
SELECT rule, object, regress.try(remedy) FROM regress.findings;
TABLE regress.findings;
ALTER DATABASE rowhouse_regress RESET search_path;
ALTER ROLE regress_app RESET role;
-- A publication names the tables it carries; a filter by tenant would be one.
SET client_min_messages = error;
CREATE PUBLICATION regress_bills FOR TABLE app.invoice;
RESET client_min_messages;
TABLE regress.findings;
SELECT rowhouse.mark_shared('publication:regress_bills', 'the warehouse keeps tenants apart itself');
SELECT severity, rule, object FROM rowhouse.audit() WHERE object = 'publication:regress_bills';
SELECT rowhouse.unmark('publication:regress_bills'), regress.mend(severity, rule, object, remedy) FROM regress.findings;
DROP PUBLICATION regress_bills;
-- Which settings hold the tenant, by the policies and by what they call.
SET ROLE regress_owner;
CREATE FUNCTION app.mine() RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('regress.company', true) $$;
ALTER TABLE app.invoice ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY mine ON app.invoice USING (company_id = app.mine()) WITH CHECK (company_id = current_setting('Regress.Claim.Tenant', true));
RESET ROLE;
SELECT setting FROM rowhouse.tenant_settings() AS setting ORDER BY setting COLLATE "C";
-- Known flaws by version: the last with a flaw, the first without.
SELECT version, string_agg(substring(flaw FROM 'CVE-[0-9-]+'), ' ' ORDER BY flaw COLLATE "C") AS flaws
  FROM unnest(ARRAY[140019, 140018, 140007, 150002, 150003, 150013, 150014, 160002, 160009, 160010, 170000, 170005, 170006, 180000]) AS version
  LEFT JOIN rowhouse.known_flaws(version) AS flaw ON true GROUP BY version ORDER BY version;
-- Posture, the same for all who may ask.
SELECT severity, rule, object, detail FROM rowhouse.audit_server() WHERE rule IN ('unsealed', 'shared-role', 'no-guard') ORDER BY rule;
DROP TABLE app.invoice;
DROP FUNCTION app.mine();
DROP VIEW regress.findings;
