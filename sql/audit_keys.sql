-- What the audit says of keys, foreign keys, sequences and tenant columns; each remedy is run.
\a
\set VERBOSITY terse
CREATE VIEW regress.findings AS SELECT severity, rule, object, remedy FROM rowhouse.audit_keys() ORDER BY rule COLLATE "C", object COLLATE "C";
SET ROLE regress_owner;
CREATE TABLE app.person (
  id bigserial PRIMARY KEY, company_id text NOT NULL, email text UNIQUE, phone text, nick text, badge uuid UNIQUE,
  token text UNIQUE DEFAULT md5(random()::text), stay int4range, CONSTRAINT person_stay EXCLUDE USING gist (stay WITH &&));
CREATE UNIQUE INDEX person_phone ON app.person (lower(phone)) WHERE phone <> '';
CREATE UNIQUE INDEX person_nick ON app.person (nick) INCLUDE (company_id) WHERE company_id IS NOT NULL;
CREATE TABLE app.bill (
  number integer PRIMARY KEY, company_id text NOT NULL DEFAULT 'acme', person_id bigint REFERENCES app.person ON DELETE CASCADE,
  corrects integer REFERENCES app.bill ON UPDATE RESTRICT DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE app.line (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), company_id text NOT NULL, number integer REFERENCES app.bill ON DELETE CASCADE,
  part_of uuid REFERENCES app.line, place integer, UNIQUE (number, place));
CREATE TABLE app.day (company_id text, day date, hour integer, UNIQUE (day, hour)) PARTITION BY RANGE (day);
CREATE TABLE app.day_first PARTITION OF app.day FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE UNIQUE INDEX day_first_hour ON app.day_first (hour);
CREATE TABLE app.total (company_id text GENERATED ALWAYS AS (lower(name)) STORED, name text, PRIMARY KEY (company_id));
GRANT ALL ON app.person, app.bill, app.line, app.day, app.day_first, app.total, app.person_id_seq TO regress_app;
RESET ROLE;
-- A natural key is a warning, a counted or random one info; a foreign key that can destroy is an error.
TABLE regress.findings;
SELECT detail FROM rowhouse.audit_keys() WHERE object IN ('constraint:app.bill.bill_person_id_fkey', 'constraint:app.bill.bill_corrects_fkey',
  'constraint:app.person.person_email_key', 'sequence:app.person_id_seq') ORDER BY object COLLATE "C";
SELECT rule, object, regress.mend(severity, rule, object, remedy) FROM regress.findings WHERE remedy IS NOT NULL;
-- One after the other: nothing above info is left but what has no remedy.
SELECT coalesce(regress.try(f.remedy), NULL) FROM regress.findings AS f WHERE remedy NOT LIKE '%CONCURRENTLY%';
SELECT severity, rule, object FROM regress.findings WHERE severity <> 'info';
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid IN ('app.bill'::regclass, 'app.line'::regclass) AND contype = 'f'
  ORDER BY conname;
DROP TABLE app.person, app.bill, app.line, app.day, app.total;
-- MATCH FULL wants all columns or none: with a tenant that is always there it would refuse rows that refer to nothing.
SET ROLE regress_owner;
CREATE TABLE app.room (company_id text NOT NULL, house integer, number integer, code integer UNIQUE, PRIMARY KEY (house, number));
CREATE TABLE app.stay (company_id text NOT NULL, code integer REFERENCES app.room (code) MATCH FULL, house integer, number integer,
  FOREIGN KEY (house, number) REFERENCES app.room MATCH FULL);
GRANT SELECT, INSERT ON app.room, app.stay TO regress_app;
RESET ROLE;
SELECT object, remedy FROM regress.findings WHERE object ~ ':app.(stay|room).';
SELECT regress.try(remedy) FROM regress.findings WHERE object ~ ':app.(stay|room).' AND remedy IS NOT NULL;
SELECT * FROM regress.try($$INSERT INTO app.stay VALUES ('acme')$$);
DROP TABLE app.stay, app.room;
-- Nothing to say: keys with the tenant, in any place or expression, or for one tenant alone; tables that nobody writes.
SET ROLE regress_owner;
CREATE TABLE app.person (
  id bigint GENERATED ALWAYS AS IDENTITY, company_id text NOT NULL DEFAULT current_setting('rowhouse.tenant', true), email text, nick text,
  boss bigint, PRIMARY KEY (company_id, id), UNIQUE (email, company_id), FOREIGN KEY (boss, company_id) REFERENCES app.person (id, company_id));
CREATE UNIQUE INDEX ON app.person ((company_id || ':' || nick));
CREATE UNIQUE INDEX ON app.person (nick) WHERE company_id IS NULL;
CREATE UNIQUE INDEX ON app.person (nick) WHERE company_id = 'acme' AND nick <> '';
CREATE TABLE app.country (code text PRIMARY KEY, name text UNIQUE);
CREATE TABLE app.visit (company_id text, person bigint, country text REFERENCES app.country ON DELETE CASCADE, number integer,
  PRIMARY KEY (company_id, person, country), FOREIGN KEY (company_id, person) REFERENCES app.person ON DELETE CASCADE);
CREATE TABLE app.visit_note (company_id text, person bigint, country text, note text, PRIMARY KEY (company_id, person, country),
  FOREIGN KEY (company_id, person, country) REFERENCES app.visit ON DELETE CASCADE);
CREATE TABLE app.sealed (number integer PRIMARY KEY, company_id text);
CREATE INDEX ON app.sealed (company_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON app.person, app.country, app.visit, app.visit_note TO regress_app;
GRANT SELECT ON app.sealed TO regress_app;
GRANT USAGE ON app.person_id_seq TO regress_app;
RESET ROLE;
TABLE regress.findings;
DROP TABLE app.visit_note, app.visit, app.country, app.person, app.sealed;
DROP VIEW regress.findings;
