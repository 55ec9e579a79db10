-- prove(): silent on what is right, and on what is wrong the right attempt says so; nothing is left behind.
\a
\t
\set VERBOSITY terse
SET ROLE regress_owner;
CREATE TYPE app.mood AS ENUM ('fine', 'bad');
CREATE DOMAIN app.amount AS numeric(8, 2) CHECK (VALUE > 0);
CREATE TABLE app.customer (company_id text, id int GENERATED ALWAYS AS IDENTITY, name varchar(20) NOT NULL, PRIMARY KEY (company_id, id));
CREATE TABLE app.invoice (company_id text, id bigserial, customer int NOT NULL, total app.amount NOT NULL, mood app.mood NOT NULL, paid boolean NOT NULL, tags text[] NOT NULL, at timestamptz NOT NULL,
  doc jsonb NOT NULL, span int4range NOT NULL, host inet NOT NULL, raw bytea NOT NULL, status text NOT NULL CHECK (status IN ('open', 'closed')), twice numeric GENERATED ALWAYS AS (total * 2) STORED,
  PRIMARY KEY (company_id, id), FOREIGN KEY (company_id, customer) REFERENCES app.customer ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE app.event (tenant_id uuid, day date NOT NULL, what text) PARTITION BY RANGE (day);
CREATE TABLE app.event_1 PARTITION OF app.event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE app.hashed (company_id text, what text) PARTITION BY HASH (company_id);
CREATE TABLE app.hashed_0 PARTITION OF app.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE app.hashed_1 PARTITION OF app.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE app.animal (company_id bigint, name text);
CREATE TABLE app.dog (breed text) INHERITS (app.animal);
CREATE TABLE app.country (code text, name text);
CREATE TABLE app.template (company_id text, name text NOT NULL, body text, UNIQUE (company_id, name));
CREATE VIEW app.totals AS SELECT customer, sum(total) AS total FROM app.invoice GROUP BY 1;
INSERT INTO app.customer (company_id, name) VALUES ('acme', 'a'), ('bolt', 'b');
INSERT INTO app.invoice SELECT c, nextval('app.invoice_id_seq'), CASE c WHEN 'acme' THEN 1 ELSE 2 END, 1, 'fine', true, '{}', now(), '{}', '[1,2)', '10.0.0.1', '', 'open' FROM unnest(ARRAY['acme', 'bolt']) AS c;
INSERT INTO app.country VALUES ('xx', 'nowhere');
INSERT INTO app.template VALUES (NULL, 'hello', 'x');
RESET ROLE;
SELECT rowhouse.protect('app.customer'), rowhouse.protect('app.invoice'), rowhouse.protect('app.event', 'tenant_id'), rowhouse.protect('app.animal'), rowhouse.protect('app.hashed'),
  rowhouse.protect('app.country', kind => 'reference'), rowhouse.protect('app.template', kind => 'defaults'), rowhouse.grant_access('regress_app', 'app');
SET ROLE regress_owner;
GRANT SELECT ON app.totals TO regress_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.event_1, app.hashed_1 TO regress_app;
RESET ROLE;
SELECT rowhouse.protect('app.event', 'tenant_id'), rowhouse.protect('app.hashed');
-- What is here before, to be compared.
CREATE FUNCTION regress.traces() RETURNS text LANGUAGE sql AS $$
  SELECT concat_ws(' ', (SELECT count(*) FROM rowhouse.tenant), (SELECT count(*) FROM pg_class WHERE relnamespace <> 'pg_toast'::regnamespace), (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_roles),
    (SELECT md5(string_agg(nspname || coalesce(nspacl::text, ''), ' ' ORDER BY nspname)) FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'), (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_cursors),
    current_setting('role'), current_setting('lock_timeout'), current_setting('search_path'), current_setting('rowhouse.tenant', true)) $$;
CREATE FUNCTION regress.sequences() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(concat(sequencename, last_value), ' ' ORDER BY 1) FROM pg_sequences WHERE schemaname = 'app' $$;
SELECT 'x' || pg_relation_size('app.invoice') AS size, regress.sequences() AS sequences \gset
BEGIN;
SELECT regress.traces() AS before \gset
SELECT attack, object, outcome, detail FROM rowhouse.prove('app.invoice');
-- Nothing is left: no tenant, row, function, table, setting, statement, lock, and no number taken from a sequence.
SELECT rtrim(regress.traces()) = rtrim(:'before') AS is_clean, count(*) AS locks FROM pg_locks WHERE pid = pg_backend_pid() AND relation IN (SELECT oid FROM pg_class WHERE relnamespace = 'app'::regnamespace);
COMMIT;
SELECT regress.sequences() = :'sequences' AS is_same, 'x' || pg_relation_size('app.invoice') = :'size' AS is_as_large;
-- All tables at once: nothing leaks.
CREATE TEMPORARY TABLE seen AS SELECT * FROM rowhouse.prove();
SELECT object, outcome, count(*) FROM seen GROUP BY 1, 2 ORDER BY object COLLATE "C", outcome;
SELECT attack, object, detail FROM seen WHERE outcome <> 'held' AND attack NOT IN ('read, no tenant ever set', 'count rows by EXPLAIN ANALYZE');
-- The same, sealed.
SELECT length(rowhouse.seal()) > 0 AS is_sealed;
SELECT attack, object, outcome, detail FROM rowhouse.prove('app.customer');
SELECT object, outcome, count(*) FROM rowhouse.prove() GROUP BY 1, 2 ORDER BY object COLLATE "C", outcome;
SELECT rowhouse.unseal();

-- Planted faults: a table with a policy for each, and what is found.
SET ROLE regress_owner;
CREATE FUNCTION app.plant(name text, condition text, checks text DEFAULT NULL, body text DEFAULT 'PRIMARY KEY (company_id, id)') RETURNS text LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE format('CREATE TABLE app.%I (company_id text, id int NOT NULL, body text, %s)', name, body);
  EXECUTE format('INSERT INTO app.%I (company_id, id, body) VALUES (''acme'', 1, ''a''), (''bolt'', 2, ''b'')', name);
  EXECUTE format('ALTER TABLE app.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
  EXECUTE format('CREATE POLICY own ON app.%I USING (%s) WITH CHECK (%s)', name, condition, coalesce(checks, condition));
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON app.%I TO regress_app', name);
  RETURN name; END $$;
\set mine 'company_id = NULLIF(current_setting(''rowhouse.tenant'', true), '''')'
CREATE FUNCTION app.whoever() RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN current_setting('rowhouse.tenant', true); END $$;
SELECT app.plant('right', :'mine');
SELECT app.plant('right_by_hand', 'company_id = NULLIF(current_setting(''app.by_hand'', true), '''')');
SELECT app.plant('off', :'mine');
ALTER TABLE app.off DISABLE ROW LEVEL SECURITY;
SELECT app.plant('wide', :'mine');
CREATE POLICY wide ON app.wide FOR SELECT USING (true);
SELECT app.plant('unchecked', :'mine', 'true');
SELECT app.plant('check_of_update', :'mine');
CREATE POLICY moves ON app.check_of_update FOR UPDATE USING (true) WITH CHECK (true);
SELECT app.plant('deletes', :'mine');
CREATE POLICY deletes ON app.deletes FOR DELETE USING (true);
SELECT app.plant('folded', 'company_id = app.whoever()');
SELECT app.plant('one_key', :'mine', body => 'PRIMARY KEY (id)');
SELECT app.plant('one_key_taken', :'mine', body => 'PRIMARY KEY (id)');
CREATE POLICY takes ON app.one_key_taken FOR UPDATE USING (true);
CREATE POLICY sees ON app.one_key_taken FOR SELECT USING (true);
SELECT app.plant('parent', :'mine', body => 'PRIMARY KEY (company_id, id), UNIQUE (id)');
SELECT app.plant('child', :'mine', body => 'FOREIGN KEY (id) REFERENCES app.parent (id) ON DELETE CASCADE');
SELECT app.plant('truncatable', :'mine');
GRANT TRUNCATE ON app.truncatable TO regress_app;
SELECT app.plant('open_when_unset', 'company_id = current_setting(''app.of'', true) OR current_setting(''app.of'', true) IS NULL');
SELECT app.plant('open_when_empty', 'company_id = current_setting(''rowhouse.tenant'', true) OR coalesce(current_setting(''rowhouse.tenant'', true), '''') = ''''');
SELECT app.plant('pattern', 'company_id LIKE current_setting(''rowhouse.tenant'', true)');
SELECT app.plant('any_case', 'lower(company_id) = lower(current_setting(''rowhouse.tenant'', true))');
SELECT app.plant('trimmed', 'company_id = rtrim(current_setting(''rowhouse.tenant'', true))');
SELECT app.plant('listed', 'company_id = ANY (string_to_array(current_setting(''rowhouse.tenant'', true), '',''))');
SELECT app.plant('beginning', 'starts_with(company_id, NULLIF(current_setting(''rowhouse.tenant'', true), ''''))');
SELECT app.plant('nobodys', '(company_id IS NULL OR ' || :'mine' || ')', body => 'UNIQUE (company_id, id)');
SELECT app.plant('viewed', :'mine');
ALTER TABLE app.viewed NO FORCE ROW LEVEL SECURITY;
CREATE VIEW app.viewed_view AS SELECT count(*) FROM app.viewed;
CREATE MATERIALIZED VIEW app.viewed_copy AS SELECT * FROM app.viewed;
GRANT SELECT ON app.viewed_view, app.viewed_copy TO regress_app;
SELECT app.plant('filtered', :'mine');
ALTER TABLE app.filtered NO FORCE ROW LEVEL SECURITY;
SELECT format('CREATE VIEW app.filtered_view AS SELECT company_id, body FROM app.filtered WHERE %s', :'mine') \gexec
GRANT SELECT ON app.filtered_view TO regress_app;
SELECT app.plant('lower_key', :'mine');
CREATE UNIQUE INDEX ON app.lower_key (lower(body));
SELECT app.plant('null_key', :'mine', body => 'UNIQUE (body)');
SELECT app.plant('excluded', :'mine', body => 'at int4range NOT NULL DEFAULT ''empty'', EXCLUDE USING gist (at WITH &&)');
ALTER TABLE app.excluded ALTER at DROP DEFAULT;
SELECT app.plant('triggered', :'mine');
ALTER TABLE app.triggered NO FORCE ROW LEVEL SECURITY;
CREATE FUNCTION app.clear() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $$ BEGIN DELETE FROM app.triggered WHERE company_id <> OLD.company_id; RETURN NULL; END $$;
CREATE TRIGGER clear AFTER DELETE ON app.triggered FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION app.clear();
SELECT app.plant('echoes', :'mine');
ALTER TABLE app.echoes NO FORCE ROW LEVEL SECURITY;
CREATE FUNCTION app.echo() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $$ BEGIN UPDATE app.echoes SET body = concat(NEW.id, id); RETURN NULL; END $$;
CREATE TRIGGER echo AFTER INSERT ON app.echoes FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION app.echo();
SELECT app.plant('refers', :'mine', body => 'PRIMARY KEY (company_id, id), parent int REFERENCES app.parent (id) ON DELETE SET NULL');
ALTER TABLE app.refers ALTER CONSTRAINT refers_parent_fkey DEFERRABLE INITIALLY DEFERRED;
SELECT app.plant('counted', :'mine');
CREATE SEQUENCE app.counted_seq OWNED BY app.counted.id;
GRANT SELECT ON SEQUENCE app.counted_seq TO regress_app;
CREATE TABLE app.parted (company_id text, id int) PARTITION BY LIST (id);
CREATE TABLE app.part PARTITION OF app.parted FOR VALUES IN (1, 2);
INSERT INTO app.parted VALUES ('acme', 1), ('bolt', 2);
ALTER TABLE app.parted ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT format('CREATE POLICY own ON app.parted USING (%s)', :'mine') \gexec
GRANT ALL ON app.part TO regress_app;
GRANT SELECT ON app.parted TO regress_app;
RESET ROLE;
\c -
SELECT name, coalesce(string_agg(attack || CASE WHEN object LIKE 'table:%' THEN '' ELSE ' (' || split_part(object, ':', 1) || ')' END, ', ' ORDER BY attack COLLATE "C"), 'nothing')
  FROM unnest(ARRAY['right', 'right_by_hand', 'off', 'wide', 'unchecked', 'check_of_update', 'deletes', 'folded', 'one_key', 'one_key_taken', 'child', 'truncatable', 'open_when_unset', 'open_when_empty', 'pattern', 'any_case', 'trimmed',
    'listed', 'beginning', 'nobodys', 'viewed', 'filtered', 'lower_key', 'null_key', 'excluded', 'triggered', 'echoes', 'refers', 'counted', 'parted']) WITH ORDINALITY AS t(name, place)
  LEFT JOIN LATERAL rowhouse.prove(('app.' || name)::regclass) ON outcome = 'leaked' GROUP BY place, name ORDER BY place;
SELECT outcome, count(*) FROM rowhouse.prove('app.right_by_hand') GROUP BY 1 ORDER BY 1;
-- All tables: what came below one after protect(), and one whose protection is out of force.
SET ROLE regress_owner;
CREATE TABLE app.event_2 PARTITION OF app.event FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
GRANT SELECT ON app.event_2 TO regress_app;
ALTER TABLE app.animal DISABLE ROW LEVEL SECURITY;
RESET ROLE;
-- A reference table that somebody let the application clear.
SET ROLE regress_owner;
DROP POLICY rowhouse_delete ON app.country;
CREATE POLICY clears ON app.country FOR DELETE USING (true);
GRANT DELETE ON app.country TO regress_app;
RESET ROLE;
SELECT object, count(*) FROM rowhouse.prove() WHERE outcome = 'leaked' GROUP BY 1 ORDER BY object COLLATE "C";
SELECT attack, object, detail FROM rowhouse.prove('app.country') WHERE outcome = 'leaked';
SELECT rowhouse.protect('app.country', kind => 'reference'), rowhouse.protect('app.animal'), rowhouse.protect('app.event', 'tenant_id');
-- A permissive policy under the floor opens nothing.
SET ROLE regress_owner;
CREATE POLICY wide ON app.customer USING (true) WITH CHECK (true);
RESET ROLE;
SELECT count(*) FILTER (WHERE outcome = 'leaked') AS leaked, count(*) FILTER (WHERE outcome = 'held') > 20 AS held FROM rowhouse.prove('app.customer');
-- Without TEMPORARY for the application; nothing is left of what that takes.
SELECT format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()) \gexec
SELECT regress.traces() AS before \gset
SELECT count(*) FILTER (WHERE outcome = 'leaked') AS leaked, count(*) FILTER (WHERE outcome = 'held') > 20 AS held FROM rowhouse.prove('app.customer');
SELECT rtrim(regress.traces()) = rtrim(:'before') AS is_clean;
SELECT format('GRANT TEMPORARY ON DATABASE %I TO PUBLIC', current_database()) \gexec
-- Code of the table's owner runs as the role that attempts, and gets no further.
SET ROLE regress_owner;
CREATE FUNCTION app.climb() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF current_user NOT IN ('regress_owner', 'regress_app') THEN RAISE 'became %', current_user; END IF;
  IF NEW.id = 0 THEN RESET ROLE; ELSE PERFORM set_config('role', 'none', true); END IF;
  RAISE 'climbed to %', current_user; END $$;
CREATE TRIGGER climb BEFORE INSERT ON app.customer FOR EACH ROW EXECUTE FUNCTION app.climb();
RESET ROLE;
SELECT attack, outcome, detail FROM rowhouse.prove('app.customer') WHERE attack = 'everything';
SET ROLE regress_owner;
CREATE OR REPLACE FUNCTION app.climb() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE other oid; BEGIN
  FOR other IN SELECT oid FROM pg_proc WHERE proname LIKE 'prove\_as\_%' AND proowner <> (SELECT oid FROM pg_roles WHERE rolname = current_user) LOOP
    EXECUTE format('SELECT %s(NULL, ''SELECT 1'', true)', other::regproc); END LOOP;
  RETURN NEW; END $$;
RESET ROLE;
SELECT outcome, count(*) > 0 AS some, min(detail) FILTER (WHERE detail LIKE '%permission denied for function prove_as_%') LIKE '%permission denied%' AS is_kept_off FROM rowhouse.prove('app.customer') GROUP BY 1 ORDER BY 1;
SET ROLE regress_owner;
CREATE OR REPLACE FUNCTION app.climb() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE format('CREATE FUNCTION pg_temp.prove_as_%s(jsonb, text, boolean, OUT state text, OUT message text, OUT touched bigint, OUT value text) LANGUAGE sql AS $f$SELECT ''00000'', current_user, 1::bigint, ''1''$f$', 'regress_app'::regrole::oid);
  RETURN NEW; END $$;
RESET ROLE;
SELECT attack, outcome, regexp_replace(detail, '_\d+', '_OID') FROM rowhouse.prove('app.customer') WHERE attack = 'everything';
SET ROLE regress_owner;
DROP TRIGGER climb ON app.customer;
-- What can't be tried says why: a table that takes no made-up row, one whose rows need each other, what is no table.
CREATE TABLE app.odd (company_id text, id int CHECK (id * 3 = 21) NOT NULL);
CREATE TABLE app.person (company_id text PRIMARY KEY, boss text NOT NULL REFERENCES app.person);
RESET ROLE;
SELECT rowhouse.protect('app.odd'), rowhouse.protect('app.person');
SELECT object, outcome, detail FROM rowhouse.prove('app.odd') WHERE attack = 'everything';
SELECT object, outcome, detail FROM rowhouse.prove('app.person') WHERE attack = 'everything';
SELECT object, outcome, detail FROM rowhouse.prove('app.country') ;
SELECT object, outcome, detail FROM rowhouse.prove('app.totals'::regclass);
SELECT rowhouse.revoke_access('regress_app');
-- Without an application's role: login roles that hold something, else the owner, bound or not.
SELECT outcome, count(*) FROM rowhouse.prove('app.customer') GROUP BY 1 ORDER BY 1;
SELECT DISTINCT split_part(detail, ':', 1) FROM rowhouse.prove('app.customer') WHERE outcome = 'held';
SET ROLE regress_owner;
ALTER TABLE app.viewed NO FORCE ROW LEVEL SECURITY;
RESET ROLE;
SELECT attack FROM rowhouse.prove('app.viewed') WHERE outcome = 'leaked' AND attack LIKE 'read%';
CREATE ROLE regress_login LOGIN;
GRANT regress_login TO CURRENT_USER;
GRANT USAGE ON SCHEMA app TO regress_login;
SET ROLE regress_owner;
GRANT SELECT ON app.customer TO regress_login;
RESET ROLE;
SELECT outcome, count(*), min(detail) FILTER (WHERE outcome = 'not applicable') FROM rowhouse.prove('app.customer') GROUP BY 1 ORDER BY 1;
DROP OWNED BY regress_login;
DROP ROLE regress_login;
SET client_min_messages = error;
DROP OWNED BY regress_owner CASCADE;
GRANT CREATE, USAGE ON SCHEMA app TO regress_owner;
DROP FUNCTION regress.traces, regress.sequences;
