-- The five types of a tenant column: the policy is a plain equality on the column, which an index serves.
\a
SELECT rowhouse.create_tenant(id) FROM unnest(ARRAY['7', '9', '2f0ad5a0-5b8e-4c6a-9a53-5c0c6c1d0001', '2f0ad5a0-5b8e-4c6a-9a53-5c0c6c1d0002']) AS id;
SET ROLE regress_owner;
CREATE TABLE app.by_text (company_id text, id int);
CREATE TABLE app.by_varchar (company_id varchar(40), id int);
CREATE TABLE app.by_uuid (company_id uuid, id int);
CREATE TABLE app.by_integer (company_id integer, id int);
CREATE TABLE app.by_bigint (company_id bigint, id int);
INSERT INTO app.by_text VALUES ('7', 1), ('9', 2);
INSERT INTO app.by_varchar VALUES ('7', 1), ('9', 2);
INSERT INTO app.by_integer VALUES (7, 1), (9, 2);
INSERT INTO app.by_bigint VALUES (7, 1), (9, 2);
INSERT INTO app.by_uuid VALUES ('2f0ad5a0-5b8e-4c6a-9a53-5c0c6c1d0001', 1), ('2F0AD5A0-5B8E-4C6A-9A53-5C0C6C1D0002', 2);
RESET ROLE;
SELECT rowhouse.protect(('app.by_' || type)::regclass) FROM unnest(ARRAY['text', 'varchar', 'uuid', 'integer', 'bigint']) AS type;
SELECT * FROM rowhouse.protected_tables ORDER BY table_name::text;
SELECT tablename, permissive, roles, cmd, qual, with_check = qual AS same_check FROM pg_policies WHERE schemaname = 'app' ORDER BY 1, 2, policyname;
-- Protected once, for every type: the second call leaves the policies alone.
CREATE TEMPORARY TABLE seen AS SELECT oid FROM pg_policy;
SELECT count(rowhouse.protect(table_name)::text) FROM rowhouse.protected_tables;
SELECT count(*) FROM pg_policy JOIN seen USING (oid);
SET ROLE regress_owner;
CREATE FUNCTION app.look() RETURNS TABLE(relation text, ids int[], own text, foreign_write text, plan text) LANGUAGE plpgsql AS $$
BEGIN
  FOREACH relation IN ARRAY ARRAY['app.by_text', 'app.by_varchar', 'app.by_integer', 'app.by_bigint', 'app.by_uuid'] LOOP
    CONTINUE WHEN (relation = 'app.by_uuid') <> (rowhouse.current_tenant() LIKE '%-%');
    EXECUTE format('SELECT array_agg(id) FROM %s', relation) INTO ids;
    EXECUTE format('INSERT INTO %s (id) VALUES (5) RETURNING company_id::text', relation) INTO own;
    foreign_write := (regress.try(format('UPDATE %s SET company_id = %L', relation,
      CASE WHEN relation = 'app.by_uuid' THEN '2f0ad5a0-5b8e-4c6a-9a53-5c0c6c1d0003' ELSE '9' END))).state;
    EXECUTE format('EXPLAIN (COSTS OFF) SELECT FROM %s', relation) INTO plan;
    RETURN NEXT;
  END LOOP;
END $$;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
BEGIN;
SELECT rowhouse.set_tenant('7');
SELECT * FROM app.look();
SELECT rowhouse.set_tenant('2f0ad5a0-5b8e-4c6a-9a53-5c0c6c1d0002');
SELECT * FROM app.look();
ROLLBACK;
-- A tenant whose id is no value of the type: an error, not a row.
BEGIN;
SELECT rowhouse.set_tenant('acme');
SELECT table_name, t.* FROM rowhouse.protected_tables, regress.try(format('SELECT * FROM %s', table_name)) AS t WHERE tenant_type <> ALL ('{text,varchar}'::regtype[]) ORDER BY table_name::text;
ROLLBACK;
-- No tenant: empty for every type.
SELECT (SELECT count(*) FROM app.by_text) + (SELECT count(*) FROM app.by_varchar) + (SELECT count(*) FROM app.by_uuid)
  + (SELECT count(*) FROM app.by_integer) + (SELECT count(*) FROM app.by_bigint) AS visible;
RESET enable_seqscan;
RESET enable_bitmapscan;
RESET ROLE;
-- Every other type is refused.
CREATE TABLE app.others (a smallint, b numeric, c char(8), d name, e jsonb, f text[], g bytea, h timestamptz);
SELECT attname, (regress.try(format('SELECT rowhouse.protect(%L, %L)', 'app.others', attname))).* FROM pg_attribute WHERE attrelid = 'app.others'::regclass AND attnum > 0;
DROP TABLE app.by_text, app.by_varchar, app.by_uuid, app.by_integer, app.by_bigint, app.others;
DROP FUNCTION app.look();
DELETE FROM rowhouse.tenant WHERE id ~ '^[0-9]';
