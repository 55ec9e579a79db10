-- The audit's frame: marks, a part that fails, order. What each part finds is tested by topic.
\a
\set VERBOSITY terse
SET ROLE regress_owner;
CREATE TABLE app.country (company_id text, name text);
RESET ROLE;
SELECT statement, t.state, t.message FROM unnest(ARRAY[
    $$SELECT rowhouse.mark_shared('table:app.country', 'the same for every tenant')$$,
    $$SELECT rowhouse.mark_shared('table:app.country', 'read by every tenant, written by none')$$,
    $$SELECT rowhouse.mark_shared('column:app.country.name', 'for show')$$,
    $$SELECT rowhouse.mark_shared('role:regress_owner', 'for show')$$,
    $$SELECT rowhouse.mark_shared('extension:plpgsql', 'for show')$$,
    $$SELECT rowhouse.mark_shared('table:app.country', ' ')$$, $$SELECT rowhouse.mark_shared(NULL, 'why')$$,
    $$SELECT rowhouse.mark_shared('app.country', 'why')$$, $$SELECT rowhouse.mark_shared('view:app.country', 'why')$$,
    $$SELECT rowhouse.mark_shared('table:app.nowhere', 'why')$$, $$SELECT rowhouse.unmark('extension:plpgsql')$$,
    $$SELECT rowhouse.unmark('extension:plpgsql')$$]) AS statement, regress.try(statement) AS t;
-- A marked table is judged by nobody; a mark that lost its object is a warning, and its remedy takes it away.
SELECT relation::regclass FROM rowhouse.audit_tenant_tables() WHERE relation = 'app.country'::regclass;
ALTER TABLE app.country RENAME COLUMN name TO title;
SELECT severity, rule, object, detail, remedy FROM rowhouse.audit() WHERE rule LIKE 'mark%';
SELECT rowhouse.unmark('column:app.country.name'), rowhouse.unmark('role:regress_owner');
SELECT severity, rule, object, detail, remedy FROM rowhouse.audit() WHERE rule LIKE 'mark%';
SELECT rowhouse.unmark('table:app.country');
-- A part that fails is named, and hides none of the others.
BEGIN;
SELECT rowhouse.mark_shared('table:app.country', 'still listed');
CREATE OR REPLACE FUNCTION rowhouse.audit_keys() RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no such catalog''; END';
SELECT severity, rule, object, detail FROM rowhouse.audit() WHERE rule IN ('marked', 'not-looked-at') AND object ~ 'country|audit_keys';
ROLLBACK;
-- Errors first, and no part fails.
SELECT * FROM rowhouse.audit() WHERE rule = 'not-looked-at' AND object LIKE 'function:rowhouse.%';
SELECT count(*) FILTER (WHERE place < before) AS out_of_order
  FROM (SELECT place, lag(place) OVER (ORDER BY row) AS before
          FROM (SELECT array_position(ARRAY['error', 'warning', 'info'], severity) AS place, row
                  FROM rowhouse.audit() WITH ORDINALITY AS a(severity, rule, object, detail, remedy, row)) AS placed) AS pairs;
DROP TABLE app.country;
