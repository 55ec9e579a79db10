-- A tenant that lives here: marked, shown, refused by imports, taken back.
\a
\set VERBOSITY terse
SELECT rowhouse.create_tenant('moved'), rowhouse.create_tenant('staying');
SELECT rowhouse.cut_over_tenant('moved') = now() AS is_now;
SELECT id, cut_over_at IS NOT NULL AS is_cut_over FROM rowhouse.list_tenants() WHERE id IN ('moved', 'staying');
SELECT state, regexp_replace(message, '\d{4}-.*Z', 'TIME') AS message FROM regress.try($$SELECT rowhouse.check_importable('moved')$$);
SELECT rowhouse.check_importable('staying'), rowhouse.check_importable('nobody');
-- Once more, it keeps its time; renamed, it stays cut over.
UPDATE rowhouse.tenant SET cut_over_at = '2024-01-01 00:00+00' WHERE id = 'moved';
SELECT rowhouse.cut_over_tenant('moved') = '2024-01-01 00:00+00' AS is_kept;
SELECT count(*) FROM rowhouse.rename_tenant('moved', 'settled');
SELECT * FROM regress.try($$SELECT rowhouse.check_importable('settled')$$);
-- It is a tenant like any other to its sessions.
BEGIN;
SET LOCAL ROLE regress_app;
SELECT rowhouse.set_tenant('settled');
SELECT t.state, t.message FROM unnest(ARRAY['SELECT rowhouse.cut_over_tenant(''settled'')', 'SELECT rowhouse.reopen_tenant(''settled'')',
    'SELECT rowhouse.check_importable(''settled'')']) AS statement, regress.try(statement) AS t;
COMMIT;
SELECT rowhouse.reopen_tenant('settled');
SELECT rowhouse.check_importable('settled');
SELECT state, message FROM regress.try($$SELECT rowhouse.cut_over_tenant('nobody')$$);
SELECT state, message FROM regress.try($$SELECT rowhouse.reopen_tenant('nobody')$$);
SELECT count(*) FROM rowhouse.drop_tenant('settled');
SELECT count(*) FROM rowhouse.drop_tenant('staying');
