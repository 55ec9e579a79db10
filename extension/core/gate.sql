-- What changes the policies of all protected tables goes through one gate, and locks the tables in one order.

CREATE OR REPLACE FUNCTION rowhouse.check_owns_protected() RETURNS void
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  foreign_table record;
BEGIN
  SELECT t.table_name, c.relowner::regrole AS owner INTO foreign_table
    FROM rowhouse.protected_tables AS t JOIN pg_class AS c ON c.oid = t.table_name
    WHERE NOT pg_has_role(c.relowner, 'USAGE') ORDER BY t.table_name::oid LIMIT 1;
  IF FOUND THEN
    RAISE insufficient_privilege USING
      MESSAGE = format('must be owner of table %s', foreign_table.table_name),
      HINT = format('Its owner is %s; every protected table takes part.', foreign_table.owner);
  END IF;
END
$function$;

-- The gate before everything that changes the policies of all tables: protect() holds it shared to the end of its
-- transaction, so no table slips between. Whoever only reads who has access neither waits nor is waited for. It runs
-- with its owner's rights because a lock of this kind takes more than SELECT.
CREATE OR REPLACE FUNCTION rowhouse.enter_gate() RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  LOCK TABLE rowhouse.access_grant IN ROW SHARE MODE;
END
$function$;

-- The gate closed, then the tables, by OID, all of them or none: it waits a tenth of a second for a lock, and lets go
-- of what it has before it tries again. So a transaction that uses tables in another order is not made to wait in a
-- circle, and one that takes long holds nobody up but us. lock_timeout, where it is set, ends the attempts.
CREATE OR REPLACE FUNCTION rowhouse.lock_protected(with_tables boolean DEFAULT true) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  patience text := current_setting('lock_timeout');
  give_up timestamptz := CASE WHEN patience <> '0' THEN clock_timestamp() + patience::interval END;
  member regclass;
BEGIN
  LOCK TABLE rowhouse.access_grant IN EXCLUSIVE MODE;
  IF NOT with_tables THEN
    RETURN;
  END IF;
  PERFORM rowhouse.check_owns_protected();
  LOOP
    BEGIN
      PERFORM set_config('lock_timeout', '100ms', true);
      FOR member IN SELECT t.table_name FROM rowhouse.protected_tables AS t ORDER BY t.table_name::oid LOOP
        EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', member);
      END LOOP;
      PERFORM set_config('lock_timeout', patience, true);
      RETURN;
    EXCEPTION WHEN lock_not_available THEN
      IF clock_timestamp() > give_up THEN
        RAISE lock_not_available USING
          MESSAGE = format('%s is in use by transactions that do not end', member),
          HINT = 'Try again later, or set lock_timeout to a longer time.';
      END IF;
    END;
    PERFORM pg_sleep(0.02 + 0.05 * random());
  END LOOP;
END
$function$;

-- Every protected table anew, after lock_protected().
CREATE OR REPLACE FUNCTION rowhouse.refresh_policies() RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  member record;
BEGIN
  FOR member IN SELECT * FROM rowhouse.protected_tables AS t ORDER BY t.table_name::oid LOOP
    PERFORM rowhouse.apply_policies(member.table_name, member.tenant_column, member.row_kind);
  END LOOP;
END
$function$;
