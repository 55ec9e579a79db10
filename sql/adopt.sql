-- adopt(): a schema that knew one tenant only, table by table, in whatever order.
\a
\set VERBOSITY terse
SET ROLE regress_owner;
CREATE TABLE app.customer (id int PRIMARY KEY, company_id text, email text UNIQUE, manager int REFERENCES app.customer);
CREATE TABLE app.orders (id int GENERATED ALWAYS AS IDENTITY, customer_id int NOT NULL, number text, state text, note text,
  CONSTRAINT orders_pkey PRIMARY KEY (id) INCLUDE (state),
  CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES app.customer ON UPDATE CASCADE ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED);
CREATE UNIQUE INDEX orders_number ON app.orders (lower(number) COLLATE "C" text_pattern_ops DESC) INCLUDE (note) WITH (fillfactor = 70) WHERE state <> 'void';
CREATE TABLE app.order_line (order_id int REFERENCES app.orders ON DELETE CASCADE, line int, PRIMARY KEY (order_id, line));
CREATE TABLE app.order_mark (id int UNIQUE DEFERRABLE, order_id int, line int, customer_id int,
  CONSTRAINT mark_line FOREIGN KEY (order_id, line) REFERENCES app.order_line MATCH FULL);
ALTER TABLE app.order_mark ADD CONSTRAINT mark_customer FOREIGN KEY (customer_id) REFERENCES app.customer NOT VALID;
COMMENT ON CONSTRAINT orders_pkey ON app.orders IS 'the key';
COMMENT ON INDEX app.orders_number IS 'an index';
COMMENT ON CONSTRAINT orders_customer ON app.orders IS 'the reference';
ALTER TABLE app.orders REPLICA IDENTITY USING INDEX orders_pkey, CLUSTER ON orders_pkey;
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.note := 'touched'; RETURN NEW; END$$;
CREATE TRIGGER touch BEFORE UPDATE ON app.orders FOR EACH ROW EXECUTE FUNCTION app.touch();
ALTER TABLE app.orders ENABLE ALWAYS TRIGGER touch;
INSERT INTO app.customer VALUES (1, 'acme', 'a@x', NULL), (2, 'bolt', 'b@x', NULL), (3, 'acme', 'c@x', 1);
INSERT INTO app.orders (customer_id, number, state) VALUES (1, 'A1', 'open'), (2, 'B1', 'open'), (3, 'A2', 'open');
INSERT INTO app.order_line VALUES (1, 1), (1, 2), (2, 1), (3, 1);
INSERT INTO app.order_mark VALUES (1, 1, 1, 1), (2, 2, 1, 2), (3, 3, 1, NULL);
RESET ROLE;
CREATE VIEW regress.keys AS
  SELECT conrelid::regclass AS relation, conname AS name, regexp_replace(pg_get_constraintdef(oid), ' ON (UPDATE|DELETE) NO ACTION', '', 'g') || CASE WHEN convalidated THEN '' ELSE ' !' END AS definition, obj_description(oid, 'pg_constraint') AS comment
    FROM pg_constraint WHERE connamespace = 'app'::regnamespace AND contype IN ('p', 'u', 'f', 'c', 'x') AND conparentid = 0
  UNION ALL
  SELECT indrelid::regclass, indexrelid::regclass::text, pg_get_indexdef(indexrelid), obj_description(indexrelid, 'pg_class') FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE indisunique AND relnamespace = 'app'::regnamespace AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u'));
-- Nothing is done before the parent is sure of its rows' tenants.
SELECT * FROM regress.try($$SELECT rowhouse.adopt('app.orders')$$);
-- A column that is there: keys alone. The orders' key waits for those who refer to it, the customers' for the orders.
SELECT rowhouse.adopt('app.customer');
-- A dry run shows what is then done, and does nothing.
CREATE TABLE regress.before AS TABLE regress.keys;
CREATE TEMPORARY TABLE dry AS SELECT * FROM rowhouse.adopt('app.orders', dry_run => true) WITH ORDINALITY AS s(statement, place);
SELECT count(*) FROM (TABLE regress.keys EXCEPT TABLE regress.before) AS changed;
SELECT statement FROM dry ORDER BY place;
CREATE TEMPORARY TABLE wet AS SELECT * FROM rowhouse.adopt('app.orders') WITH ORDINALITY AS s(statement, place);
SELECT count(*) AS different FROM dry FULL JOIN wet USING (place) WHERE dry.statement IS DISTINCT FROM wet.statement;
SELECT relation, name, definition FROM (TABLE regress.keys EXCEPT TABLE regress.before) AS made ORDER BY relation::text, name;
-- Two steps away, by a path that is found although the table between has no column yet; a NOT VALID key stays one.
SELECT * FROM regress.try($$SELECT rowhouse.adopt('app.order_mark')$$);
SELECT * FROM regress.try($$SELECT rowhouse.adopt('app.order_mark', through => ARRAY['mark_customer'])$$);
SELECT * FROM regress.try($$SELECT rowhouse.adopt('app.order_mark', through => ARRAY['mark_line'])$$);
SELECT * FROM regress.try($$SELECT rowhouse.adopt('app.order_mark', through => ARRAY['mark_nothing'])$$);
SELECT count(*) FROM rowhouse.adopt('app.order_mark', through => ARRAY['mark_line', 'order_line_order_id_fkey']);
SELECT count(*) FROM rowhouse.adopt('app.order_line');
SELECT relation, name, definition FROM regress.keys ORDER BY relation::text, name;
-- What stood on the keys stands there again: comments, replica identity, clustering; and the trigger is awake.
SELECT relation, name, comment FROM regress.before WHERE comment IS NOT NULL EXCEPT SELECT relation, name, comment FROM regress.keys;
SELECT tgenabled, (SELECT count(*) FROM pg_class JOIN pg_index ON indrelid = pg_class.oid WHERE pg_class.oid = 'app.orders'::regclass AND relreplident = 'i' AND indisreplident AND indisclustered) AS identity
  FROM pg_trigger WHERE tgname = 'touch';
-- Every table is protected, its rows are its tenant's, and nothing refers across.
SELECT table_name, rowhouse.is_protected(table_name, tenant_column) FROM rowhouse.protected_tables ORDER BY table_name::text;
SELECT rowhouse.grant_access('regress_app', 'app');
SET ROLE regress_app;
BEGIN;
SELECT rowhouse.set_tenant('acme');
SELECT id, number, note, (SELECT count(*) FROM app.order_line WHERE order_id = orders.id) AS lines, (SELECT count(*) FROM app.order_mark WHERE order_id = orders.id) AS marks FROM app.orders ORDER BY id;
SELECT statement, t.state FROM unnest(ARRAY['INSERT INTO app.order_line VALUES (2, 9)', 'INSERT INTO app.order_line VALUES (1, 9)', 'INSERT INTO app.order_mark (id, order_id) VALUES (9, 1)',
  'INSERT INTO app.customer (id, email) VALUES (2, $$b@x$$)']) AS statement, regress.try(statement) AS t;
COMMIT;
RESET ROLE;
SELECT rowhouse.revoke_access('regress_app');
-- Again there is nothing left to do but to look.
SELECT * FROM rowhouse.adopt('app.orders');
-- What stands in the way: rows that lead nowhere, rows that refer across, several ways, no way, views, owners.
SET ROLE regress_owner;
CREATE TABLE app.visit (id int, customer_id int, of text);
INSERT INTO app.visit VALUES (1, 1, 'acme'), (2, NULL, 'acme'), (3, 7, 'acme');
CREATE TABLE app.call (id int PRIMARY KEY, caller int, callee int, before int REFERENCES app.call);
INSERT INTO app.call VALUES (1, 1, 2, NULL), (2, 2, 1, 1);
CREATE TABLE app.grouped (id int PRIMARY KEY, name text);
CREATE VIEW app.groups AS SELECT id, name FROM app.grouped GROUP BY id;
CREATE TABLE app.constant (id int PRIMARY KEY, parent int REFERENCES app.constant, during int4range);
ALTER TABLE app.constant ADD CONSTRAINT constant_during EXCLUDE USING gist (during WITH &&);
INSERT INTO app.constant VALUES (1, NULL, '[1,2)'), (2, 1, '[2,3)');
CREATE VIEW app.seen AS SELECT 1 AS id;
CREATE TABLE app.part (id int, at int, customer_id int, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE app.part_acme PARTITION OF app.part FOR VALUES FROM (1) TO (2);
CREATE UNIQUE INDEX part_own ON app.part_acme (customer_id);
INSERT INTO app.part VALUES (1, 1, 3);
RESET ROLE;
SELECT call, t.* FROM unnest(ARRAY[$$'app.visit'$$, $$'app.seen'$$, $$NULL$$, $$'app.visit', tenant => 'nobody'$$, $$'app.grouped', tenant => 'acme'$$, $$'app.visit', tenant => 'acme', through => ARRAY['x']$$,
    $$'app.customer', 'id'$$, $$'app.part_acme'$$]) AS call, regress.try(format('SELECT rowhouse.adopt(%s)', call)) AS t;
SELECT count(*) FROM rowhouse.adopt('app.constant', tenant => 'acme');
SELECT relation, name, definition FROM regress.keys WHERE relation = 'app.constant'::regclass ORDER BY name;
SELECT * FROM regress.try($$SELECT rowhouse.adopt('app.constant', 'parent')$$);
-- Partitions with their whole, each with keys of its own; a table beside, whose key is rebuilt when the last has come.
SET ROLE regress_owner;
CREATE TABLE app.desk (company_id text NOT NULL, id int PRIMARY KEY);
INSERT INTO app.desk VALUES ('acme', 1), ('bolt', 2);
ALTER TABLE app.visit ADD FOREIGN KEY (customer_id) REFERENCES app.desk NOT VALID;
ALTER TABLE app.call ADD FOREIGN KEY (caller) REFERENCES app.desk, ADD FOREIGN KEY (callee) REFERENCES app.desk;
RESET ROLE;
SELECT call, t.* FROM unnest(ARRAY[$$'app.visit'$$, $$'app.visit', dry_run => true$$, $$'app.call'$$, $$'app.call', through => ARRAY['call_caller_fkey']$$]) AS call,
  regress.try(format('SELECT rowhouse.adopt(%s)', call)) AS t;
-- Actions that clear columns name them, where the server can; else they stand in the way.
SET ROLE regress_owner;
DELETE FROM app.visit WHERE id > 1;
ALTER TABLE app.visit DROP CONSTRAINT visit_customer_id_fkey;
ALTER TABLE app.visit ADD CONSTRAINT visited FOREIGN KEY (customer_id) REFERENCES app.desk ON DELETE SET NULL;
DROP TABLE app.call;
RESET ROLE;
SELECT t.state = CASE WHEN current_setting('server_version_num')::int < 150000 THEN '0A000' ELSE '00000' END AS is_right
  FROM regress.try($$SELECT rowhouse.adopt('app.visit')$$) AS t;
SELECT count(*) FROM regress.keys WHERE name = 'visited' AND definition !~ '^FOREIGN KEY \(company_id, customer_id\) REFERENCES app.desk\(company_id, id\) ON DELETE SET NULL \(customer_id\)$'
  AND current_setting('server_version_num')::int >= 150000;
SET ROLE regress_owner;
CREATE TABLE app.room (company_id text NOT NULL, id int PRIMARY KEY);
INSERT INTO app.room VALUES ('acme', 3);
CREATE TABLE app.shift (id int, room int REFERENCES app.room ON UPDATE SET NULL);
RESET ROLE;
SELECT * FROM regress.try($$SELECT rowhouse.adopt('app.shift')$$);
SET ROLE regress_owner;
DROP TABLE app.shift;
ALTER TABLE app.part ADD CONSTRAINT part_room FOREIGN KEY (customer_id) REFERENCES app.room;
RESET ROLE;
SELECT * FROM rowhouse.adopt('app.part');
SELECT relation, name, definition FROM regress.keys WHERE relation::text LIKE 'app.part%' OR relation = 'app.room'::regclass ORDER BY relation::text, name;
BEGIN;
SELECT rowhouse.set_tenant('acme');
SELECT tableoid::regclass, company_id FROM app.part;
COMMIT;
-- Whoever does not own what hangs together with the table changes nothing.
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA rowhouse TO regress_app;
GRANT CREATE ON SCHEMA app TO regress_app;
SET ROLE regress_owner;
CREATE TABLE app.shelf (company_id text NOT NULL, id int PRIMARY KEY);
GRANT SELECT, REFERENCES ON app.shelf TO regress_app;
RESET ROLE;
SET ROLE regress_app;
CREATE TABLE app.theirs (shelf int REFERENCES app.shelf);
SELECT * FROM regress.try($$SELECT rowhouse.adopt('app.theirs')$$);
SELECT state, message FROM regress.try($$SELECT rowhouse.adopt('app.shelf')$$);
RESET ROLE;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA rowhouse FROM regress_app;
REVOKE CREATE ON SCHEMA app FROM regress_app;
-- NULLS NOT DISTINCT stays, where there is such a thing.
DO $$
BEGIN
  IF current_setting('server_version_num')::int >= 150000 THEN
    EXECUTE 'CREATE TABLE app.single (id int CONSTRAINT single_key UNIQUE NULLS NOT DISTINCT, x int)';
    EXECUTE 'CREATE UNIQUE INDEX single_x ON app.single (x) NULLS NOT DISTINCT';
    PERFORM rowhouse.adopt('app.single', tenant => 'acme');
    ASSERT 2 = (SELECT count(*) FROM pg_index WHERE indrelid = 'app.single'::regclass AND (to_jsonb(pg_index) ->> 'indnullsnotdistinct')::boolean AND indnkeyatts = 2);
    DROP TABLE app.single;
  END IF;
END $$;
DROP VIEW regress.keys, app.seen, app.groups;
DROP TABLE regress.before, app.customer, app.orders, app.order_line, app.order_mark, app.visit, app.constant, app.desk, app.room, app.part, app.grouped, app.theirs, app.shelf;
DROP FUNCTION app.touch;
