-- Suspend, resume, rename, drop: changes that reach every protected table, in one transaction. All of them pass the
-- gate and lock the tables in one order (lock_protected), so that they wait for transactions in progress and for each
-- other, never in a circle. They are for the owner of the protected tables.

-- Unsealed, suspended tenants stand in a policy of their own, there only while any tenant is suspended: whatever a
-- session has set, it sees and writes no row of theirs as soon as the suspension is committed, and no statement pays
-- for it otherwise. Sealed, every statement asks the registry, and no table is locked.
CREATE OR REPLACE FUNCTION rowhouse.change_tenant_status(tenant text, new_status text) RETURNS text
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  PERFORM rowhouse.lock_protected(with_tables => NOT rowhouse.is_sealed());
  UPDATE rowhouse.tenant AS registered SET status = new_status WHERE registered.id = change_tenant_status.tenant;
  IF NOT FOUND THEN
    PERFORM rowhouse.check_tenant_status(tenant, NULL);
  END IF;
  IF NOT rowhouse.is_sealed() THEN
    PERFORM rowhouse.refresh_policies();
  END IF;
  RETURN tenant;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.suspend_tenant(tenant text) RETURNS text
  LANGUAGE sql
  SET search_path = pg_catalog, pg_temp
  RETURN rowhouse.change_tenant_status(tenant, 'suspended');
COMMENT ON FUNCTION rowhouse.suspend_tenant(text) IS
  'Once committed, no statement that begins sees or writes a row of this tenant; its rows stay';

CREATE OR REPLACE FUNCTION rowhouse.resume_tenant(tenant text) RETURNS text
  LANGUAGE sql
  SET search_path = pg_catalog, pg_temp
  RETURN rowhouse.change_tenant_status(tenant, 'active');
COMMENT ON FUNCTION rowhouse.resume_tenant(text) IS 'Ends a suspension';

-- How many tables one refers to by foreign keys, to the last: one that refers to another has more than that one, but in
-- a circle, where all have as many.
CREATE OR REPLACE FUNCTION rowhouse.reference_depth(relation oid) RETURNS bigint
  LANGUAGE sql STABLE
BEGIN ATOMIC
  WITH RECURSIVE reached(oid) AS (
    SELECT k.confrelid FROM pg_constraint AS k
      WHERE k.contype = 'f' AND k.conrelid = reference_depth.relation AND k.confrelid <> k.conrelid
    UNION
    SELECT k.confrelid
      FROM reached JOIN pg_constraint AS k ON k.conrelid = reached.oid AND k.contype = 'f'
  )
  SELECT count(*) FROM reached;
END;

-- Protected tables with rows of tenants to begin with: partitions and children come with their parents. Tables that
-- refer to others first, so that rows can be deleted in this order.
CREATE OR REPLACE FUNCTION rowhouse.tables_to_change()
  RETURNS TABLE(table_name regclass, tenant_column name, tenant_type regtype)
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT t.table_name, t.tenant_column, t.tenant_type
    FROM rowhouse.protected_tables AS t
    WHERE t.row_kind <> 'reference'
      AND NOT EXISTS (SELECT FROM pg_inherits AS i JOIN rowhouse.protected_tables AS p ON p.table_name = i.inhparent
                        WHERE i.inhrelid = t.table_name)
    ORDER BY rowhouse.reference_depth(t.table_name) DESC, t.table_name::oid;
END;

-- FORCE keeps the owner of the tables from rows that have to be changed; it comes back in the same transaction, under
-- the same lock.
CREATE OR REPLACE FUNCTION rowhouse.force_row_security(tables regclass[], wanted boolean) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  member regclass;
BEGIN
  FOREACH member IN ARRAY tables LOOP
    EXECUTE format('ALTER TABLE %s %s FORCE ROW LEVEL SECURITY', member, CASE WHEN wanted THEN '' ELSE 'NO' END);
  END LOOP;
END
$function$;

-- Foreign keys between tables are checked when all of them are changed; answers those that have to be put back.
CREATE OR REPLACE FUNCTION rowhouse.defer_foreign_keys(tables regclass[]) RETURNS oid[]
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  keys oid[];
  key record;
BEGIN
  SELECT coalesce(array_agg(k.oid ORDER BY k.oid), '{}') INTO keys
    FROM pg_constraint AS k
    WHERE k.contype = 'f' AND NOT k.condeferrable AND k.conparentid = 0 AND k.confrelid = ANY (tables)
      AND k.conrelid = ANY (tables) AND NOT rowhouse.is_distributed(k.conrelid);
  FOR key IN SELECT k.conrelid::regclass AS relation, k.conname FROM pg_constraint AS k WHERE k.oid = ANY (keys) LOOP
    EXECUTE format('ALTER TABLE %s ALTER CONSTRAINT %I DEFERRABLE INITIALLY DEFERRED', key.relation, key.conname);
  END LOOP;
  SET CONSTRAINTS ALL DEFERRED;
  RETURN keys;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.check_foreign_keys(keys oid[]) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  key record;
BEGIN
  SET CONSTRAINTS ALL IMMEDIATE;
  FOR key IN SELECT k.conrelid::regclass AS relation, k.conname FROM pg_constraint AS k WHERE k.oid = ANY (keys) LOOP
    EXECUTE format('ALTER TABLE %s ALTER CONSTRAINT %I NOT DEFERRABLE', key.relation, key.conname);
  END LOOP;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.count_rows(tenant text, relation regclass, tenant_column name, tenant_type regtype)
  RETURNS bigint
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  rows bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM %s WHERE %I = $1::%s', relation, tenant_column, tenant_type)
    INTO rows USING tenant;
  RETURN rows;
END
$function$;

-- Rows of a tenant by table, those that hold any. After lock_protected() and without FORCE: nobody else adds one.
CREATE OR REPLACE FUNCTION rowhouse.count_tenant_rows(tenant text, tables regclass[])
  RETURNS TABLE(table_name regclass, tenant_column name, tenant_type regtype, rows bigint)
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    SELECT place.relation, place.tenant_column, place.tenant_type, counted.rows
      FROM (SELECT t.number, t.relation, a.attname, a.atttypid::regtype
              FROM unnest(tables) WITH ORDINALITY AS t(relation, number)
              JOIN pg_policy AS p ON p.polrelid = t.relation AND p.polname = 'rowhouse_isolation'
              JOIN pg_attribute AS a ON a.attrelid = t.relation AND a.attnum > 0
              WHERE rowhouse.fits_type(tenant, a.atttypid)
                AND EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid
                              AND d.refobjid = t.relation AND d.refobjsubid = a.attnum)
            UNION ALL
            SELECT number, relation::regclass, 'tenant', 'text'::regtype
              FROM unnest(ARRAY[10000000, 10000001, 10000002],
                  ARRAY['rowhouse.import_chunk', 'rowhouse.import_reject', 'rowhouse.import_table'])
                AS ledger(number, relation))
        AS place(number, relation, tenant_column, tenant_type),
      rowhouse.count_rows(tenant, place.relation, place.tenant_column, place.tenant_type) AS counted(rows)
      WHERE counted.rows > 0
      ORDER BY place.number;
END
$function$;

-- Runs a statement for each table that holds rows of a tenant, with table, column and type as %1$s, %2$I and %3$s and
-- the ids as $1 and $2, and proves that none holds one afterwards: a trigger or rule may have had other ideas.
CREATE OR REPLACE FUNCTION rowhouse.change_tenant_rows(tenant text, new_tenant text, statement text)
  RETURNS TABLE(table_name regclass, rows bigint)
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  all_tables regclass[] := ARRAY(SELECT t.table_name FROM rowhouse.protected_tables AS t ORDER BY t.table_name::oid);
  tables regclass[] := ARRAY(SELECT t.table_name FROM rowhouse.tables_to_change() AS t);
  keys oid[];
  found record;
BEGIN
  PERFORM rowhouse.force_row_security(all_tables, false);
  keys := rowhouse.defer_foreign_keys(all_tables);
  IF new_tenant IS NOT NULL THEN
    PERFORM rowhouse.copy_distributed_rows(tenant, new_tenant, tables);
  END IF;
  FOR found IN SELECT * FROM rowhouse.count_tenant_rows(tenant, tables) LOOP
    EXECUTE format(CASE WHEN rowhouse.is_distributed(found.table_name) THEN 'DELETE FROM %1$s WHERE %2$I = $1::%3$s'
        ELSE statement END, found.table_name, found.tenant_column, found.tenant_type) USING tenant, new_tenant;
    table_name := found.table_name;
    rows := found.rows;
    RETURN NEXT;
  END LOOP;
  PERFORM rowhouse.check_foreign_keys(keys);
  SELECT string_agg(format('%s (%s)', c.table_name, c.rows), ', ') AS list INTO found
    FROM rowhouse.count_tenant_rows(tenant, tables) AS c;
  IF found.list IS NOT NULL THEN
    RAISE triggered_data_change_violation USING
      MESSAGE = format('rows of tenant "%s" are still there: %s', tenant, found.list),
      HINT = 'Look for triggers and rules of these tables that put rows back or keep them; nothing has been changed.';
  END IF;
  PERFORM rowhouse.force_row_security(all_tables, true);
END
$function$;

-- The registered tenant, locked to the end of the transaction.
CREATE OR REPLACE FUNCTION rowhouse.lock_tenant(tenant text) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  PERFORM rowhouse.lock_protected();
  PERFORM FROM rowhouse.tenant AS registered WHERE registered.id = lock_tenant.tenant FOR UPDATE;
  IF NOT FOUND THEN
    PERFORM rowhouse.check_tenant_status(tenant, NULL);
  END IF;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.rename_tenant(id text, new_id text)
  RETURNS TABLE(table_name regclass, rows bigint)
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  PERFORM rowhouse.lock_tenant(id);
  PERFORM rowhouse.check_tenant_id(new_id);
  IF EXISTS (SELECT FROM rowhouse.tenant AS registered WHERE registered.id = new_id) THEN
    RAISE unique_violation USING
      MESSAGE = format('tenant "%s" exists already', new_id),
      HINT = 'Choose an id that is free; two tenants are not merged by this.';
  END IF;
  UPDATE rowhouse.tenant AS registered SET id = new_id WHERE registered.id = rename_tenant.id;
  RETURN QUERY SELECT changed.table_name, changed.rows
    FROM rowhouse.change_tenant_rows(id, new_id, 'UPDATE %1$s SET %2$I = $2::%3$s WHERE %2$I = $1::%3$s') AS changed;
  PERFORM rowhouse.refresh_policies();
END
$function$;
COMMENT ON FUNCTION rowhouse.rename_tenant(text, text) IS
  'Gives a tenant and all its rows another id; returns the rows changed by table';

CREATE OR REPLACE FUNCTION rowhouse.refuse_rows(tenant text) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  all_tables regclass[] := ARRAY(SELECT t.table_name FROM rowhouse.protected_tables AS t ORDER BY t.table_name::oid);
  tables regclass[] := ARRAY(SELECT t.table_name FROM rowhouse.tables_to_change() AS t);
  held text;
BEGIN
  PERFORM rowhouse.force_row_security(all_tables, false);
  SELECT string_agg(format('%s (%s)', kept.table_name, kept.rows), ', ') INTO held
    FROM rowhouse.count_tenant_rows(tenant, tables) AS kept;
  PERFORM rowhouse.force_row_security(all_tables, true);
  IF held IS NOT NULL THEN
    RAISE dependent_objects_still_exist USING
      MESSAGE = format('tenant "%s" has rows: %s', tenant, held),
      HINT = format('rowhouse.drop_tenant(%L, purge => true) deletes them too.', tenant);
  END IF;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.drop_tenant(id text, purge boolean DEFAULT false)
  RETURNS TABLE(table_name regclass, rows bigint)
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  PERFORM rowhouse.lock_tenant(id);
  DELETE FROM rowhouse.tenant AS registered WHERE registered.id = drop_tenant.id;
  IF purge IS NOT TRUE THEN
    PERFORM rowhouse.refuse_rows(id);
  END IF;
  RETURN QUERY SELECT changed.table_name, changed.rows
    FROM rowhouse.change_tenant_rows(id, NULL, 'DELETE FROM %1$s WHERE %2$I = $1::%3$s') AS changed;
  PERFORM rowhouse.refresh_policies();
END
$function$;
COMMENT ON FUNCTION rowhouse.drop_tenant(text, boolean) IS
  'Removes a tenant; with purge its rows too, returned by table; without, 2BP01 while it has any';
