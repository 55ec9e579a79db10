-- Tables without row security that is asked, and views past it: what is found, and what looks alike and is sound.
\a
\set VERBOSITY terse
CREATE SCHEMA held AUTHORIZATION regress_owner;
CREATE SCHEMA closed AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA held TO regress_app;
SET ROLE regress_owner;
CREATE TABLE held.invoice (company_id text NOT NULL, id int PRIMARY KEY, total int);
CREATE TABLE held.unforced (company_id text NOT NULL, id int, total int);
CREATE TABLE held.rls_off (company_id text NOT NULL, id int, total int);
CREATE TABLE held.policies_off (company_id text NOT NULL, id int);
CREATE TABLE held.unreached (company_id text NOT NULL, id int);
CREATE TABLE held.ownerless (company_id text, id int);
CREATE TABLE held.link (invoice_id int REFERENCES held.invoice, tag text);
CREATE TABLE held.log (line text);
CREATE TABLE held.parted (company_id text NOT NULL, id int) PARTITION BY RANGE (id);
CREATE TABLE held.part_open PARTITION OF held.parted FOR VALUES FROM (1) TO (10);
CREATE TABLE held.part_shut PARTITION OF held.parted FOR VALUES FROM (10) TO (20);
CREATE TABLE held.base (company_id text NOT NULL, id int);
CREATE TABLE held.child_open () INHERITS (held.base);
CREATE TABLE held.child_shut () INHERITS (held.base);
CREATE TABLE closed.raw (company_id text NOT NULL, id int, total int);
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['invoice', 'unforced', 'policies_off', 'ownerless', 'parted', 'base'] LOOP
    EXECUTE format('CREATE POLICY own_rows ON held.%I USING (company_id = current_setting(''audited.tenant'', true))', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON held.%I TO regress_app', name);
    IF name <> 'policies_off' THEN
      EXECUTE format('ALTER TABLE held.%I ENABLE ROW LEVEL SECURITY', name);
    END IF;
    IF name <> 'unforced' THEN
      EXECUTE format('ALTER TABLE held.%I FORCE ROW LEVEL SECURITY', name);
    END IF;
  END LOOP;
END $$;
GRANT SELECT ON held.rls_off, held.link, held.part_open, held.child_open TO regress_app;
INSERT INTO held.rls_off VALUES ('acme', 1, 10), ('bolt', 2, 20);
INSERT INTO closed.raw VALUES ('acme', 1, 10), ('bolt', 2, 20);
INSERT INTO held.unforced VALUES ('acme', 1, 10), ('bolt', 2, 20);
-- Faults.
CREATE VIEW held.of_unforced AS SELECT * FROM held.unforced;
CREATE VIEW held.inner_one AS SELECT id, total FROM held.unforced;
CREATE VIEW held.outer_one AS SELECT * FROM held.inner_one;
CREATE VIEW held.counts AS SELECT count(*) AS n FROM held.unforced;
CREATE VIEW held.filters_other AS SELECT * FROM closed.raw WHERE id > 0;
CREATE VIEW held.no_barrier AS SELECT * FROM closed.raw WHERE company_id = current_setting('audited.tenant', true);
CREATE VIEW held.open_unset WITH (security_barrier) AS SELECT * FROM closed.raw WHERE company_id = coalesce(nullif(current_setting('audited.tenant', true), ''), company_id);
CREATE VIEW held.to_delete AS SELECT * FROM held.unforced;
CREATE MATERIALIZED VIEW held.stored AS SELECT * FROM held.unforced;
CREATE MATERIALIZED VIEW held.stored_sum AS SELECT sum(total) FROM held.unforced;
CREATE MATERIALIZED VIEW closed.stored AS SELECT company_id, sum(total) FROM held.unforced GROUP BY company_id;
CREATE VIEW held.of_stored AS SELECT * FROM closed.stored;
CREATE RULE sweeps AS ON INSERT TO held.log DO ALSO DELETE FROM held.unforced;
GRANT INSERT ON held.log TO regress_app;
GRANT DELETE ON held.to_delete TO regress_app;
GRANT SELECT ON held.of_unforced, held.outer_one, held.counts, held.filters_other, held.no_barrier, held.open_unset, held.stored, held.stored_sum, held.of_stored TO regress_app;
-- Look-alikes. (On servers without security_invoker the option's place is taken by a bound owner.)
CREATE VIEW held.sound_bound AS SELECT * FROM held.invoice;
CREATE VIEW held.sound_of_bound AS SELECT count(*) FROM held.sound_bound;
CREATE VIEW held.sound_barrier WITH (security_barrier = 1) AS SELECT * FROM closed.raw WHERE company_id = current_setting('audited.tenant', true);
CREATE VIEW held.sound_join WITH (security_barrier) AS SELECT r.total, i.id FROM closed.raw AS r JOIN held.invoice AS i USING (company_id) WHERE r.company_id = current_setting('audited.tenant', true);
CREATE VIEW held.sound_of_stored WITH (security_barrier) AS SELECT * FROM closed.stored WHERE company_id = current_setting('audited.tenant', true);
CREATE VIEW held.sound_ungranted AS SELECT * FROM held.unforced;
CREATE VIEW held.sound_invoker AS SELECT * FROM held.rls_off;
CREATE VIEW held.sound_of_invoker AS SELECT * FROM held.invoice;
DO $$ BEGIN
  IF current_setting('server_version_num')::int >= 150000 THEN
    CREATE OR REPLACE VIEW held.sound_invoker WITH (security_invoker = yes) AS SELECT * FROM held.unforced;
    CREATE OR REPLACE VIEW held.sound_of_invoker AS SELECT * FROM held.sound_invoker;
    GRANT SELECT ON held.sound_invoker, held.sound_of_invoker TO regress_app;
  END IF;
END $$;
GRANT SELECT ON held.sound_bound, held.sound_of_bound, held.sound_barrier, held.sound_join, held.sound_of_stored TO regress_app;
RESET ROLE;
CREATE SERVER regress_far FOREIGN DATA WRAPPER regress_wrapper;
CREATE FOREIGN TABLE held.far_away (company_id text) SERVER regress_far;
GRANT SELECT ON held.far_away TO regress_app;
SELECT * FROM regress.found('relations', '(held|closed)');
SELECT * FROM regress.found('policies', '(held|closed)');
SELECT * FROM regress.found('views', '(held|closed)');
-- Each proof, run as the finding spells it, shows what was said: rows of two tenants.
SELECT object, regress.proof_rows(detail) FROM rowhouse.audit_views() WHERE object ~ ':held\.(of_unforced|outer_one|filters_other|of_stored|stored)$' ORDER BY object COLLATE "C";
-- Marked on purpose, a thing is left alone by audit().
SELECT rowhouse.mark_shared('table:held.rls_off', 'for show');
SELECT count(*) FROM rowhouse.audit() WHERE object = 'table:held.rls_off' AND rule <> 'marked';
SELECT rowhouse.unmark('table:held.rls_off');
-- Every remedy runs, and leaves nothing to find.
SET client_min_messages = warning;
SELECT regress.mend_all('views', '(held|closed)'), regress.mend_all('relations', '(held|closed)');
SELECT * FROM regress.found('relations', '(held|closed)') WHERE severity <> 'info';
SELECT * FROM regress.found('policies', '(held|closed)') WHERE severity <> 'info';
SELECT * FROM regress.found('views', '(held|closed)') WHERE severity <> 'info';
DROP SERVER regress_far CASCADE;
DROP SCHEMA held, closed CASCADE;
