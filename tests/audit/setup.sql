-- A correct set-up, with every kind of role, and the judge of faults.
CREATE ROLE audit_owner;
CREATE ROLE audit_app LOGIN;
CREATE ROLE audit_team;
CREATE ROLE audit_web LOGIN IN ROLE audit_team;
CREATE ROLE audit_admin LOGIN;
CREATE ROLE audit_bypass BYPASSRLS;
CREATE ROLE audit_super SUPERUSER LOGIN;
CREATE ROLE audit_replica REPLICATION;
CREATE SCHEMA app AUTHORIZATION audit_owner;
GRANT USAGE ON SCHEMA app TO audit_app, audit_team;
SET ROLE audit_owner;
CREATE TABLE app.invoice (company_id text NOT NULL, id serial, total integer, PRIMARY KEY (company_id, id));
CREATE TABLE app.line (company_id text NOT NULL, id integer, place integer, PRIMARY KEY (company_id, id, place),
  FOREIGN KEY (company_id, id) REFERENCES app.invoice ON DELETE CASCADE);
CREATE TABLE app.country (code text PRIMARY KEY);
RESET ROLE;
SELECT rowhouse.protect('app.invoice'), rowhouse.protect('app.line');
SELECT rowhouse.grant_access('audit_app', 'app'), rowhouse.grant_access('audit_admin', 'admin');
GRANT SELECT, INSERT, UPDATE, DELETE ON app.invoice, app.line TO audit_team;
GRANT USAGE ON app.invoice_id_seq TO audit_team;
GRANT SELECT ON app.country TO audit_app, audit_team;
SELECT rowhouse.protect('app.invoice'), rowhouse.protect('app.line');

CREATE TABLE fault (plant text, expected text, rule text, object text);

-- Plants a fault, says with which severity it was found and what its remedy did, and takes all of it back.
CREATE FUNCTION judge(fault fault) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  found_one record;
  worse text;
  outcome text;
BEGIN
  EXECUTE fault.plant;
  SELECT * INTO found_one FROM rowhouse.audit() AS a WHERE (a.rule, a.object) = (fault.rule, fault.object);
  IF found_one IS NULL OR found_one.severity IS NULL THEN
    outcome := 'not found';
  ELSIF found_one.remedy IS NULL THEN
    outcome := found_one.severity || ', no remedy';
  ELSE
    EXECUTE found_one.remedy;
    SELECT string_agg(concat_ws(' ', a.severity, a.rule, a.object), ', ') INTO worse FROM rowhouse.audit() AS a
      WHERE (a.rule, a.object) = (fault.rule, fault.object) OR a.severity <> 'info';
    outcome := found_one.severity || coalesce(', left ' || worse, ', mended');
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'RH001', MESSAGE = outcome;
EXCEPTION WHEN SQLSTATE 'RH001' THEN
  RETURN SQLERRM;
WHEN OTHERS THEN
  RETURN format('failed: %s %s', SQLSTATE, SQLERRM);
END $$;
