-- unprotect(): what protect() made goes, what was there before stays.
\a
SET ROLE regress_owner;
CREATE TABLE app.bare (id int, company_id text);
CREATE TABLE app.full (company_id text NOT NULL DEFAULT NULLIF(current_setting('rowhouse.tenant', true), ''), id int, PRIMARY KEY (company_id, id));
ALTER TABLE app.full ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON app.full USING (id > 0);
CREATE TABLE app.half (company_id uuid NOT NULL, id int);
ALTER TABLE app.half ENABLE ROW LEVEL SECURITY;
RESET ROLE;
CREATE VIEW regress.state AS
  SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, a.attname, a.attnotnull, pg_get_expr(d.adbin, d.adrelid) AS default_value,
      ARRAY(SELECT polname FROM pg_policy WHERE polrelid = c.oid ORDER BY 1) AS policies,
      ARRAY(SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = c.oid ORDER BY 1) AS indexes
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 LEFT JOIN pg_attrdef AS d ON adrelid = c.oid AND adnum = attnum
    WHERE c.relnamespace = 'app'::regnamespace AND c.relkind = 'r' ORDER BY relname, attname;
CREATE TABLE regress.before AS TABLE regress.state;
SELECT rowhouse.protect('app.bare'), rowhouse.protect('app.full'), rowhouse.protect('app.half');
TABLE regress.state EXCEPT TABLE regress.before ORDER BY 1, 4;
-- Called twice, it remembers what the first call found.
DROP POLICY rowhouse_access ON app.full;
SELECT rowhouse.protect('app.full'), rowhouse.protect('app.bare');
SELECT rowhouse.unprotect('app.bare'), rowhouse.unprotect('app.full'), rowhouse.unprotect('app.half');
SELECT count(*) AS changed FROM (TABLE regress.state EXCEPT TABLE regress.before) AS difference;
-- Once more is no harm.
SELECT rowhouse.unprotect('app.bare');
SELECT * FROM regress.try($$SELECT rowhouse.unprotect('rowhouse.tenant')$$);
-- What the user has changed since then is the user's.
SELECT rowhouse.protect('app.bare');
ALTER INDEX app.bare_company_id_idx RENAME TO my_index;
ALTER TABLE app.bare ALTER company_id SET DEFAULT 'acme';
SELECT rowhouse.unprotect('app.bare');
SELECT attname, attnotnull, default_value, policies, indexes FROM regress.state WHERE relname = 'bare';
-- A record that was lost, by a dump without comments: row security goes, but not from under policies that rely on it.
SELECT rowhouse.protect('app.half'), rowhouse.protect('app.full');
COMMENT ON POLICY rowhouse_isolation ON app.half IS NULL;
COMMENT ON POLICY rowhouse_isolation ON app.full IS 'Made by rowhouse.protect: nobody';
SELECT rowhouse.unprotect('app.half'), rowhouse.unprotect('app.full');
SELECT DISTINCT relname, relrowsecurity, relforcerowsecurity, policies FROM regress.state WHERE relname <> 'bare' ORDER BY 1;
SELECT rowhouse.protect('app.half');
CREATE POLICY later ON app.half USING (id > 0);
SELECT rowhouse.unprotect('app.half');
SELECT DISTINCT relname, relrowsecurity, policies FROM regress.state WHERE relname = 'half';
DROP POLICY later ON app.half;
-- A record that was forged reaches no index of another table.
SELECT rowhouse.protect('app.half');
COMMENT ON POLICY rowhouse_isolation ON app.half IS 'Made by rowhouse.protect: {"index": "my_index"}';
SELECT rowhouse.unprotect('app.half');
SELECT to_regclass('app.my_index') IS NOT NULL AS is_there;
-- An index that a partition had goes into the one that protect() makes above it, and stays when that one goes.
SET ROLE regress_owner;
CREATE TABLE app.parted (id int, company_id text) PARTITION BY RANGE (id);
CREATE TABLE app.low PARTITION OF app.parted FOR VALUES FROM (0) TO (10);
CREATE TABLE app.high PARTITION OF app.parted FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id);
CREATE TABLE app.higher PARTITION OF app.high FOR VALUES FROM (10) TO (20);
CREATE INDEX mine_low ON app.low (company_id);
CREATE INDEX mine_high ON app.high (company_id);
RESET ROLE;
CREATE VIEW regress.parts AS
  SELECT c.relname, x.indexrelid::regclass, x.indisvalid, (SELECT i.inhparent::regclass FROM pg_inherits AS i WHERE i.inhrelid = indexrelid)
    FROM pg_index AS x JOIN pg_class AS c ON c.oid = x.indrelid WHERE c.relnamespace = 'app'::regnamespace AND c.relname IN ('parted', 'low', 'high', 'higher');
TABLE regress.parts ORDER BY 1, 2;
SELECT rowhouse.protect('app.parted');
TABLE regress.parts ORDER BY 1, 2;
SELECT rowhouse.unprotect('app.parted');
SELECT relname, indexrelid::text, indisvalid, inhparent::text FROM regress.parts ORDER BY 1, 2;
DROP VIEW regress.parts;
DROP TABLE app.parted;
DROP VIEW regress.state;
DROP TABLE regress.before, app.bare, app.full, app.half;
