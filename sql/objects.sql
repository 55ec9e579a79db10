-- The table of integrated objects.
\a
SELECT rowhouse.create_integrated_objects('app');
SELECT rowhouse.create_integrated_objects('app');
\d app.integrated_objects
SELECT attname, attcompression = CASE WHEN 'lz4' = ANY (enumvals) THEN 'l' ELSE '' END AS is_best FROM pg_attribute, pg_settings
  WHERE attrelid = 'app.integrated_objects'::regclass AND attnum > 0 AND atttypid IN ('jsonb'::regtype, 'text'::regtype)
    AND attname NOT IN ('company_id', 'original_id', 'platform', 'object_type') AND name = 'default_toast_compression';
SELECT * FROM rowhouse.protected_tables;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.integrated_objects TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT rowhouse.set_tenant('acme');
INSERT INTO app.integrated_objects (original_id, original_data) VALUES ('5001', '{"id": 5001}')
  RETURNING id, company_id, platform, object_type, created_at = now() AS is_now, updated_at = created_at AS is_same;
-- The natural key holds within a tenant...
SELECT state, message FROM regress.try($$INSERT INTO app.integrated_objects (original_id) VALUES ('5001')$$);
SELECT state FROM regress.try($$INSERT INTO app.integrated_objects (original_id, object_type) VALUES ('5001', 'article')$$);
-- ...and no longer, nor does the id.
SELECT rowhouse.set_tenant('bolt');
INSERT INTO app.integrated_objects (id, original_id) VALUES (1, '5001') RETURNING id, company_id, original_id;
SELECT count(*) FROM app.integrated_objects;
SELECT state, message FROM regress.try($$INSERT INTO app.integrated_objects (original_id, company_id) VALUES ('5002', 'acme')$$);
COMMIT;
RESET ROLE;
-- Schemas: the default one, unusual names, none.
SELECT rowhouse.create_integrated_objects();
DROP TABLE public.integrated_objects;
CREATE SCHEMA "Über ""Daten""; --";
SELECT rowhouse.create_integrated_objects('Über "Daten"; --');
SELECT rowhouse.create_integrated_objects(schema => 'Über "Daten"; --');
DROP SCHEMA "Über ""Daten""; --" CASCADE;
SELECT * FROM regress.try($$SELECT rowhouse.create_integrated_objects('nowhere')$$);
SELECT * FROM regress.try($$SELECT rowhouse.create_integrated_objects(NULL)$$);
-- A name that is taken.
CREATE SCHEMA regress_taken;
CREATE TABLE regress_taken.integrated_objects (id bigint, company_id varchar, original_id text);
SELECT * FROM regress.try($$SELECT rowhouse.create_integrated_objects('regress_taken')$$);
DROP SCHEMA regress_taken CASCADE;
-- Who may not create in a schema does not through this either.
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA rowhouse TO regress_app;
DROP TABLE app.integrated_objects;
SET ROLE regress_app;
SELECT state, message FROM regress.try($$SELECT rowhouse.create_integrated_objects('app')$$);
RESET ROLE;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA rowhouse FROM regress_app;
