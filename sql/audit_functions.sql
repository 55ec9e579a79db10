-- Functions that run as their owner, and functions that policies call: what is found, and what looks alike and is sound.
\a
\set VERBOSITY terse
CREATE SCHEMA called AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA called TO regress_app;
SET ROLE regress_owner;
CREATE TABLE called.invoice (company_id text NOT NULL, id int, total int);
CREATE TABLE called.unforced (company_id text NOT NULL, id int, total int);
CREATE TABLE called.member (company_id text NOT NULL, user_id int);
CREATE TABLE called.plain (code text);
ALTER TABLE called.invoice ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE called.unforced ENABLE ROW LEVEL SECURITY;
ALTER TABLE called.member ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON called.invoice USING (company_id = current_setting('audited.tenant', true));
CREATE POLICY own_rows ON called.unforced USING (company_id = current_setting('audited.tenant', true));
CREATE POLICY own_rows ON called.member USING (company_id = current_setting('audited.tenant', true));
GRANT SELECT, INSERT ON called.invoice, called.unforced TO regress_app;
INSERT INTO called.unforced VALUES ('acme', 1, 10), ('bolt', 2, 20);
-- Faults. The owner is not bound on the unforced tables.
CREATE FUNCTION called.all_rows() RETURNS SETOF called.unforced LANGUAGE sql SECURITY DEFINER SET search_path = called, pg_temp AS 'SELECT * FROM unforced';
CREATE FUNCTION called.parsed() RETURNS bigint LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC SELECT count(*) FROM called.unforced; END;
CREATE FUNCTION called.by_argument(company text) RETURNS SETOF called.unforced LANGUAGE sql SECURITY DEFINER SET search_path = called, pg_temp
  AS 'SELECT * FROM unforced WHERE company_id = company';
CREATE FUNCTION called.in_plpgsql() RETURNS SETOF called.unforced LANGUAGE plpgsql SECURITY DEFINER SET search_path = called, pg_temp
  AS 'BEGIN RETURN QUERY SELECT * FROM called.unforced; END';
CREATE FUNCTION called.tells_existence(n int) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = called, pg_temp
  AS 'BEGIN RETURN EXISTS (SELECT FROM called.unforced WHERE id = n); END';
CREATE PROCEDURE called.sweeps(n int) LANGUAGE plpgsql SECURITY DEFINER SET search_path = called, pg_temp AS 'BEGIN DELETE FROM unforced WHERE id = n; END';
CREATE FUNCTION called.in_trigger() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = called, pg_temp
  AS 'BEGIN UPDATE unforced SET total = 0; RETURN NEW; END';
CREATE TRIGGER in_trigger BEFORE INSERT ON called.invoice FOR EACH ROW EXECUTE FUNCTION called.in_trigger();
-- Text of the caller's is executed.
CREATE FUNCTION called.runs_any(statement text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = called, pg_temp AS 'BEGIN EXECUTE statement; END';
CREATE FUNCTION called.runs_sorted(text) RETURNS SETOF called.plain LANGUAGE plpgsql SECURITY DEFINER SET search_path = called, pg_temp
  AS $$ BEGIN RETURN QUERY EXECUTE 'SELECT * FROM called.plain ORDER BY ' || lower($1); END $$;
CREATE FUNCTION called.runs_formatted(name text, condition text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = called, pg_temp
  AS $$ DECLARE n bigint; BEGIN EXECUTE format('SELECT count(*) FROM %I WHERE %s', name, condition) INTO n; RETURN n; END $$;
CREATE FUNCTION called.runs_built(filters text[], OUT n bigint) LANGUAGE plpgsql SECURITY DEFINER SET search_path = called, pg_temp
  AS $$ DECLARE query text := 'SELECT count(*) FROM plain WHERE true'; word text; BEGIN FOREACH word IN ARRAY filters LOOP query := query || ' AND ' || word; END LOOP; EXECUTE query INTO n; END $$;
CREATE FUNCTION called.runs_setting() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = called, pg_temp AS $$ BEGIN EXECUTE 'SELECT ' || current_setting('audited.sum'); END $$;
CREATE FUNCTION called.runs_as_xml(query text) RETURNS xml LANGUAGE sql SECURITY DEFINER SET search_path = called, pg_temp AS $$ SELECT query_to_xml(query, true, false, '') $$;
CREATE FUNCTION called.runs_checked(name text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = called, pg_temp
  AS $$ BEGIN IF name NOT IN ('plain', 'other') THEN RAISE 'no'; END IF; EXECUTE 'SELECT count(*) FROM ' || name; END $$;
CREATE FUNCTION called.no_path() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
CREATE FUNCTION called.temp_first() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = called, pg_catalog AS 'SELECT 1';
CREATE FUNCTION called.said_immutable() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT current_setting('audited.tenant', true) $$;
CREATE FUNCTION called.left_volatile() RETURNS text LANGUAGE sql AS $$ SELECT current_setting('audited.tenant', true) $$;
CREATE POLICY immutable_floor ON called.invoice AS RESTRICTIVE USING (company_id = called.said_immutable());
CREATE POLICY volatile_floor ON called.invoice AS RESTRICTIVE USING (company_id = called.left_volatile());
-- Look-alikes.
CREATE FUNCTION called.sound_members() RETURNS SETOF text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = called, pg_temp
  AS $$ SELECT company_id FROM member WHERE user_id = NULLIF(current_setting('audited.user', true), '')::int $$;
CREATE FUNCTION called.sound_may_see(company text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
  AS $$ SELECT EXISTS (SELECT FROM called.member AS m WHERE m.company_id = company AND m.user_id = NULLIF(current_setting('audited.user', true), '')::int) $$;
CREATE FUNCTION called.sound_filter() RETURNS SETOF called.unforced LANGUAGE plpgsql SECURITY DEFINER SET search_path = called, pg_temp
  AS $$ BEGIN RETURN QUERY SELECT * FROM unforced WHERE company_id = current_setting('audited.tenant', true); END $$;
CREATE FUNCTION called.sound_bound() RETURNS SETOF called.invoice LANGUAGE sql SECURITY DEFINER SET search_path = called, pg_temp AS 'SELECT * FROM invoice';
CREATE FUNCTION called.sound_invoker() RETURNS SETOF called.unforced LANGUAGE sql AS 'SELECT * FROM called.unforced';
CREATE FUNCTION called.sound_revoked() RETURNS SETOF called.unforced LANGUAGE sql SECURITY DEFINER SET search_path = called, pg_temp AS 'SELECT * FROM unforced';
REVOKE ALL ON FUNCTION called.sound_revoked() FROM PUBLIC;
CREATE FUNCTION called.sound_unrelated() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = called, pg_temp AS 'SELECT count(*) FROM plain';
CREATE FUNCTION called.sound_log() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = called, pg_temp
  AS $$ BEGIN INSERT INTO unforced VALUES (NEW.company_id, NEW.id, 0); RETURN NEW; END $$;
CREATE TRIGGER sound_log AFTER INSERT ON called.invoice FOR EACH ROW EXECUTE FUNCTION called.sound_log();
CREATE FUNCTION called.sound_formatted(name text, value text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = called, pg_temp
  AS $$ BEGIN EXECUTE format('SELECT %I, 100 %% 7 FROM plain '
    'WHERE %1$I = %2$L -- %s', name, value); END $$;
CREATE FUNCTION called.sound_quoted(name text, value text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = called, pg_temp
  AS $$ DECLARE part text := quote_ident(lower(name)); BEGIN EXECUTE 'SELECT ' || part || ' FROM plain WHERE code = ' || quote_nullable(value); END $$;
CREATE FUNCTION called.sound_using(value text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = called, pg_temp
  AS $$ DECLARE n bigint; BEGIN EXECUTE 'SELECT count(*) FROM plain WHERE code = $1' INTO n USING value || '; -- value'; END $$;
CREATE FUNCTION called.sound_relation(target regclass, name text, rows int) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = called, pg_temp
  AS $$ BEGIN EXECUTE 'SELECT FROM ' || target || ' LIMIT ' || rows; EXECUTE format('ANALYZE %s', name::regclass); END $$;
CREATE FUNCTION called.sound_choice(sort text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = called, pg_temp
  AS $$ BEGIN EXECUTE 'SELECT * FROM plain ORDER BY ' || CASE WHEN sort = 'down' THEN 'code DESC' ELSE 'code' END; END $$;
CREATE FUNCTION called.sound_words(statement text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = called, pg_temp
  AS $$ BEGIN /* EXECUTE statement; */ RETURN 'EXECUTE ' || statement; END -- EXECUTE statement;
$$;
CREATE FUNCTION called.sound_any_invoker(statement text) RETURNS void LANGUAGE plpgsql AS 'BEGIN EXECUTE statement; END';
CREATE FUNCTION called.sound_any_revoked(statement text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = called, pg_temp AS 'BEGIN EXECUTE statement; END';
REVOKE ALL ON FUNCTION called.sound_any_revoked(text) FROM PUBLIC;
RESET ROLE;
SELECT * FROM regress.found('functions', 'called');
-- The proof of one, as the application: another tenant's rows.
SELECT object, regress.proof_rows(replace(detail, 'SELECT * FROM', 'SELECT count(*) FROM')) FROM rowhouse.audit_functions() WHERE object = 'function:called.all_rows';
-- Said of the caller's text: who, what, whom.
SELECT regexp_replace(detail, 'oid = .*', 'oid = ...') AS detail FROM rowhouse.audit_functions() WHERE object IN ('function:called.runs_any', 'function:called.runs_checked') ORDER BY object;
-- What a policy calls runs as the role that is judged, and can't become the auditor: the lock before it tries is taken, the one behind is not.
SET ROLE regress_owner;
CREATE FUNCTION called.hostile() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_lock(4711);
  PERFORM set_config('role', 'none', false);
  PERFORM pg_advisory_lock(4712);
  RETURN true;
END $$;
CREATE TABLE called.trap (company_id text NOT NULL);
CREATE TABLE called.trap_of_the_servers_own (company_id text NOT NULL);
ALTER TABLE called.trap ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE called.trap_of_the_servers_own ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY springs ON called.trap USING (called.hostile());
CREATE POLICY springs ON called.trap_of_the_servers_own USING (CASE WHEN set_config('role', 'none', false) = 'none' THEN pg_try_advisory_lock(4712) END);
GRANT SELECT ON called.trap, called.trap_of_the_servers_own TO regress_app;
RESET ROLE;
SELECT * FROM regress.found('policies', 'called');
SELECT objid, current_user = session_user AS still_itself FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() ORDER BY objid;
SELECT pg_advisory_unlock_all();
DROP TABLE called.trap, called.trap_of_the_servers_own;
-- Every remedy runs, and leaves nothing to find.
SELECT regress.mend_all('functions', 'called');
SELECT * FROM regress.found('functions', 'called') WHERE severity <> 'info';
SET client_min_messages = warning;
DROP SCHEMA called CASCADE;
