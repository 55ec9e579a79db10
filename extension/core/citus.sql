-- Past one machine: protected tables distributed by Citus over many servers, by their tenant column.
--
-- The policies go with the shards, and every server asks its own. What it asks for, the current tenant, has to get
-- there: Citus hands on SET LOCAL and nothing else, and only when citus.propagate_set_commands says so. A setting made
-- by set_config() reaches no worker, which then sees no tenant and shows nothing. So set_tenant() and reset_tenant()
-- say SET LOCAL where Citus is, and the tenant is there for a transaction only. A policy with a subquery cannot be
-- distributed: sealed databases cannot, and distributed ones cannot be sealed.
--
-- Citus makes every policy PERMISSIVE on the shards, RESTRICTIVE ones too (13.2 and earlier, and its main branch of
-- 2026). So what has to hold stands in every one of our policies on a distributed table (wanted_policies), and any
-- other policy opens what it allows: audit_citus() calls that an error.

CREATE OR REPLACE FUNCTION rowhouse.has_citus() RETURNS boolean
  LANGUAGE sql STABLE
  RETURN to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL;

-- Distributed, or a reference table of Citus's.
CREATE OR REPLACE FUNCTION rowhouse.is_distributed(relation regclass) RETURNS boolean
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  found_one boolean := false;
BEGIN
  IF rowhouse.has_citus() THEN
    EXECUTE 'SELECT EXISTS (SELECT FROM pg_catalog.pg_dist_partition WHERE logicalrelid = $1)'
      INTO found_one USING relation;
  END IF;
  RETURN found_one;
END
$function$;

-- Sets the tenant here and on every server that the transaction reaches or will reach. Undone with the transaction and
-- with its savepoints, there as here.
CREATE OR REPLACE FUNCTION rowhouse.propagate_tenant(tenant text, is_local boolean) RETURNS text
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF is_local IS FALSE THEN
    RAISE feature_not_supported USING
      MESSAGE = 'Citus carries the tenant to other servers for a transaction only',
      HINT = 'Begin a transaction and call rowhouse.set_tenant(tenant) in it.';
  END IF;
  PERFORM set_config('citus.propagate_set_commands', 'local', true);
  EXECUTE format('SET LOCAL rowhouse.tenant = %L', tenant);
  RETURN tenant;
END
$function$;

-- A protected table and all that hang together with it by foreign keys, referenced tables first: 0 refers to nothing.
CREATE OR REPLACE FUNCTION rowhouse.key_family(target regclass) RETURNS TABLE(relation regclass, depth bigint)
  LANGUAGE sql STABLE
BEGIN ATOMIC
  WITH RECURSIVE member(oid) AS (
    SELECT target::oid
    UNION
    SELECT CASE member.oid WHEN k.conrelid THEN k.confrelid ELSE k.conrelid END
      FROM member JOIN pg_constraint AS k ON k.contype = 'f' AND k.conparentid = 0 AND k.conrelid <> k.confrelid
        AND member.oid IN (k.conrelid, k.confrelid)
  )
  SELECT member.oid::regclass, rowhouse.reference_depth(member.oid) FROM member;
END;

-- Everything about one table that Citus would refuse, or take and leave open, each with what to do about it.
CREATE OR REPLACE FUNCTION rowhouse.distribution_obstacles(relation regclass) RETURNS SETOF text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  protected record;
  part record;
BEGIN
  SELECT t.tenant_column, t.tenant_type, t.kind, t.row_kind, a.attnum INTO protected
    FROM rowhouse.protected_tables AS t
    LEFT JOIN pg_attribute AS a ON a.attrelid = t.table_name AND a.attname = t.tenant_column
    WHERE t.table_name = relation;
  IF NOT FOUND AND rowhouse.is_distributed(relation) THEN
    RETURN;
  ELSIF NOT FOUND THEN
    RETURN NEXT format('%s is not protected: SELECT rowhouse.protect(%L);', relation, relation::text);
    RETURN;
  END IF;
  IF protected.kind IN ('partition', 'inheritance child')
      OR (protected.kind = 'table' AND EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhparent = relation)) THEN
    RETURN NEXT format('%s is a %s: distribute the partitioned table it belongs to; inheritance cannot be distributed',
      relation, CASE protected.kind WHEN 'table' THEN 'parent by inheritance' ELSE protected.kind END);
  END IF;
  FOR part IN SELECT g.tgname FROM pg_trigger AS g WHERE g.tgrelid = relation AND NOT g.tgisinternal LOOP
    RETURN NEXT format('%s has the trigger %I: DROP TRIGGER %2$I ON %1$s;', relation, part.tgname);
  END LOOP;
  IF protected.row_kind <> 'own' THEN
    RETURN NEXT format('%1$s holds %2$s rows, whose policies Citus would open: SELECT rowhouse.unprotect(%3$L); REVOKE '
      'INSERT, UPDATE, DELETE, TRUNCATE from all but its owner; SELECT create_reference_table(%3$L);', relation,
      protected.row_kind, relation::text);
    RETURN;
  END IF;
  FOR part IN SELECT p.polname FROM pg_policy AS p
      WHERE p.polrelid = relation AND p.polname <> ALL (rowhouse.policy_names()) LOOP
    RETURN NEXT format('%s has the policy %I, which Citus would make permissive: DROP POLICY %2$I ON %1$s;', relation,
      part.polname);
  END LOOP;
  FOR part IN
    SELECT i.indexrelid::regclass AS name FROM pg_index AS i
      WHERE i.indrelid = relation AND (i.indisunique OR i.indisexclusion)
        AND protected.attnum <> ALL ((i.indkey::smallint[])[0:i.indnkeyatts - 1])
  LOOP
    RETURN NEXT format('the key %s of %s lacks the tenant: SELECT rowhouse.adopt(%L); rebuilds it', part.name, relation,
      relation::text);
  END LOOP;
  FOR part IN
    SELECT k.conname, k.confrelid::regclass AS referenced
      FROM pg_constraint AS k JOIN rowhouse.protected_tables AS t ON t.table_name = k.confrelid AND t.row_kind = 'own'
      JOIN pg_attribute AS a ON a.attrelid = t.table_name AND a.attname = t.tenant_column
      WHERE k.conrelid = relation AND k.contype = 'f' AND k.conparentid = 0
        AND array_position(k.conkey, protected.attnum) IS DISTINCT FROM array_position(k.confkey, a.attnum)
  LOOP
    RETURN NEXT format('the foreign key %I of %s refers to %s without the tenant: SELECT rowhouse.adopt(%L); rebuilds '
      'it',
      part.conname, relation, part.referenced, relation::text);
  END LOOP;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.check_distributable(target regclass) RETURNS void
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  obstacles text;
  types bigint;
BEGIN
  IF NOT rowhouse.has_citus() THEN
    RAISE undefined_object USING
      MESSAGE = 'Citus is not installed in this database',
      HINT = 'CREATE EXTENSION citus; on a server that loads it, and citus_add_node() for every worker.';
  ELSIF rowhouse.is_sealed() THEN
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = 'the database is sealed, and Citus refuses policies that look up a login',
      HINT = 'Keep this database on one server, or call rowhouse.unseal() and let no tenant send SQL of its own.';
  END IF;
  SELECT string_agg(obstacle, E'\n') INTO obstacles
    FROM rowhouse.key_family(target) AS f, rowhouse.distribution_obstacles(f.relation) AS obstacle;
  SELECT count(DISTINCT t.tenant_type) INTO types
    FROM rowhouse.key_family(target) AS f
    JOIN rowhouse.protected_tables AS t ON t.table_name = f.relation AND t.row_kind = 'own';
  IF types > 1 THEN
    obstacles := concat_ws(E'\n', obstacles, 'the tenant columns are of different types: give them one');
  ELSIF EXISTS (SELECT FROM rowhouse.key_family(target) AS a JOIN rowhouse.key_family(target) AS b ON a.depth = b.depth
                  JOIN pg_constraint AS k ON k.contype = 'f' AND k.conrelid = a.relation AND k.confrelid = b.relation
                  WHERE a.relation <> b.relation) THEN
    obstacles := concat_ws(E'\n', obstacles, 'foreign keys go in a circle: drop one and add it again afterwards');
  END IF;
  IF obstacles IS NOT NULL THEN
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = format('%s cannot be distributed yet', target), DETAIL = obstacles,
      HINT = 'Do what the detail says, line by line, then call distribute() again.';
  END IF;
END
$function$;

-- Tables that others refer to go first; nothing stays behind on the coordinator's disk; protect() then writes the
-- policies in the form for shards.
CREATE OR REPLACE FUNCTION rowhouse.distribute(target regclass, dry_run boolean DEFAULT false) RETURNS SETOF text
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  statements text[];
  statement text;
BEGIN
  PERFORM rowhouse.check_distributable(target);
  PERFORM rowhouse.enter_gate();
  SELECT array_agg(steps.statement ORDER BY steps.phase, steps.depth, steps.relation) INTO statements
    FROM (
      SELECT phase, f.depth, f.relation::oid AS relation, format(CASE phase
            WHEN 1 THEN 'SELECT create_distributed_table(%L, %L)'
            WHEN 2 THEN 'SELECT truncate_local_data_after_distributing_table(%L)'
            ELSE 'SELECT rowhouse.protect(%L, %L)' END, f.relation::text, t.tenant_column) AS statement
        FROM rowhouse.key_family(target) AS f JOIN rowhouse.protected_tables AS t ON t.table_name = f.relation,
          generate_series(1, 3) AS phase
        WHERE NOT rowhouse.is_distributed(f.relation)) AS steps;
  FOREACH statement IN ARRAY coalesce(statements, '{}') LOOP
    IF NOT coalesce(dry_run, false) THEN
      EXECUTE statement;
    END IF;
    RETURN NEXT statement;
  END LOOP;
END
$function$;
COMMENT ON FUNCTION rowhouse.distribute(regclass, boolean) IS
  'Distributes a protected table by its tenant over Citus workers, with all that foreign keys tie to it; returns the '
  'statements, which a dry run does not execute';

-- Citus refuses to change the tenant of a row, which lies on the tenant's shard: rows are written anew under the new
-- tenant, and deleted under the old one by the caller. Referenced tables first; as many rows as there were, or an
-- error.
CREATE OR REPLACE FUNCTION rowhouse.copy_distributed_rows(tenant text, new_tenant text, tables regclass[])
  RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  place record;
  others text;
  copied bigint;
BEGIN
  FOR place IN
    SELECT c.*, row_number() OVER () AS number FROM rowhouse.count_tenant_rows(tenant, tables) AS c ORDER BY number DESC
  LOOP
    CONTINUE WHEN NOT rowhouse.is_distributed(place.table_name);
    SELECT string_agg(quote_ident(a.attname), ', ') INTO others
      FROM pg_attribute AS a
      WHERE a.attrelid = place.table_name AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        AND a.attname <> place.tenant_column;
    EXECUTE format('INSERT INTO %1$s (%2$I, %3$s) OVERRIDING SYSTEM VALUE
        SELECT %4$L::%5$s, %3$s FROM %1$s WHERE %2$I = %6$L', place.table_name, place.tenant_column, others, new_tenant,
      place.tenant_type, tenant);
    GET DIAGNOSTICS copied = ROW_COUNT;
    IF copied <> place.rows THEN
      RAISE triggered_data_change_violation USING
        MESSAGE = format('%s of %s rows of %s were written under the new tenant', copied, place.rows, place.table_name),
        HINT = 'Nothing has been changed.';
    END IF;
  END LOOP;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.audit_citus()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    SELECT 'error', 'citus-permissive',
        format('policy:%s.%I', substr(rowhouse.relation_object(p.polrelid), 7), p.polname),
        format('Citus makes every policy permissive on the shards, so this one opens there whatever it allows, '
          'restrictive or not. Proof: SELECT * FROM run_command_on_shards(%L, $$SELECT polpermissive FROM pg_policy '
          'WHERE polrelid = ''%%s''::regclass AND polname = %L$$);', p.polrelid::regclass, p.polname),
        format('DROP POLICY %I ON %s;', p.polname, p.polrelid::regclass)
      FROM pg_policy AS p JOIN rowhouse.protected_tables AS t ON t.table_name = p.polrelid
      WHERE p.polname <> ALL (rowhouse.policy_names()) AND rowhouse.is_distributed(t.table_name)
      ORDER BY p.polrelid, p.polname;
END
$function$;
