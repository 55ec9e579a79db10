-- Tables of tenants' rows whose policies are not asked: row security is off, or it is on and not for the owner; and
-- what of a table weakens its policies. Whether the policies themselves hold is audit_policies.sql's.

-- What a table is among tables: its nearest parent that holds tenants' rows as well, if it has one.
CREATE OR REPLACE FUNCTION rowhouse.audit_parent(relation oid, tenants oid[]) RETURNS oid
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT i.inhparent FROM pg_inherits AS i
    WHERE i.inhrelid = audit_parent.relation AND i.inhparent = ANY (tenants) ORDER BY i.inhseqno LIMIT 1;
END;

-- Row security through the parent: a row is there for whom its parent's row is there.
CREATE OR REPLACE FUNCTION rowhouse.link_remedy(relation oid, tenants oid[]) RETURNS text
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT format('ALTER TABLE %1$s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; '
      'CREATE POLICY through_parent ON %1$s USING (%2$s)', c.oid::regclass, string_agg(way.condition, ' AND '
      ORDER BY way.condition))
    FROM pg_class AS c
    JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid = ANY (tenants)
      AND k.confrelid <> k.conrelid
    CROSS JOIN LATERAL (
      SELECT format('EXISTS (SELECT FROM %s AS linked_row WHERE %s)', k.confrelid::regclass,
          string_agg(format('linked_row.%I = %I.%I', theirs.attname, c.relname, ours.attname), ' AND '
          ORDER BY pair.place))
        FROM unnest(k.conkey, k.confkey) WITH ORDINALITY AS pair(ours, theirs, place)
        JOIN pg_attribute AS ours ON ours.attrelid = k.conrelid AND ours.attnum = pair.ours
        JOIN pg_attribute AS theirs ON theirs.attrelid = k.confrelid AND theirs.attnum = pair.theirs) AS way(condition)
    WHERE c.oid = link_remedy.relation
    GROUP BY c.oid;
END;

-- A table without row security. Unreached it is one GRANT away, where somebody has a way into its schema.
CREATE OR REPLACE FUNCTION rowhouse.judge_open_table(
    relation oid, kind "char", tenant_column name, via oid, parent oid, reachers oid[], privileges text,
    in_reach boolean, tenants oid[],
    OUT severity text, OUT rule text, OUT object text, OUT detail text, OUT remedy text)
  RETURNS SETOF record
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  has_policies boolean := EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = relation);
  parent_has_rls boolean := (SELECT c.relrowsecurity FROM pg_class AS c WHERE c.oid = parent);
  is_partition boolean := (SELECT c.relispartition FROM pg_class AS c WHERE c.oid = relation);
  forced text := format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', relation::regclass);
  reason text;
BEGIN
  -- A child is read through its parent, whose policies are asked. Only who has a privilege of its own gets past them.
  IF parent IS NOT NULL AND reachers IS NULL THEN
    RETURN;
  END IF;
  object := rowhouse.relation_object(relation);
  IF kind = 'f' THEN
    rule := 'foreign-table-open';
    reason := 'is a foreign table, for which the server has no row security';
    remedy := rowhouse.revoke_remedy(relation);
  ELSIF has_policies THEN
    rule := 'policies-without-rls';
    reason := 'has policies, but row security is off and none of them is asked';
    remedy := forced;
  ELSIF parent IS NOT NULL THEN
    rule := CASE WHEN is_partition THEN 'partition-open' ELSE 'child-open' END;
    reason := format('is a %s of %s and can be read by itself, which asks no policy of the parent''s',
      CASE WHEN is_partition THEN 'partition' ELSE 'child' END, parent::regclass);
    remedy := CASE
      WHEN EXISTS (SELECT FROM rowhouse.protected_tables AS p WHERE p.table_name = parent AND p.row_kind = 'own') THEN
        format('SELECT rowhouse.protect(%L, %L)', parent::regclass::text, tenant_column)
      WHEN parent_has_rls THEN forced
      ELSE rowhouse.protect_remedy(relation, tenant_column) END;
  ELSIF via IS NOT NULL THEN
    rule := 'link-table-open';
    reason := format('has no tenant column, but its rows belong to rows of %s, and row security is off',
      via::regclass);
    remedy := rowhouse.link_remedy(relation, tenants);
  ELSE
    rule := 'rls-off';
    reason := 'holds rows of all tenants, and row security is off';
    remedy := rowhouse.protect_remedy(relation, tenant_column);
  END IF;
  severity := CASE WHEN reachers IS NOT NULL THEN 'error' WHEN in_reach AND kind <> 'f' THEN 'warning' ELSE 'info' END;
  detail := CASE WHEN reachers IS NULL THEN format('%s %s. Nobody is granted it: one GRANT away.', relation::regclass,
        reason)
    ELSE format('%s %s: %s reaches every tenant''s rows (%s).', relation::regclass, reason,
        rowhouse.name_roles(reachers), privileges)
      || rowhouse.prove_as(reachers, CASE WHEN privileges LIKE '%SELECT%'
           THEN format('SELECT count(*) FROM %s', relation::regclass)
           ELSE format('EXPLAIN %s', CASE WHEN privileges LIKE '%DELETE%' THEN 'DELETE FROM ' || relation::regclass
             ELSE format('INSERT INTO %s DEFAULT VALUES', relation::regclass) END) END)
    END;
  RETURN NEXT;
END
$function$;

-- Row security that is on, but not for the owner and who has the owner's rights: definer functions and views as well.
CREATE OR REPLACE FUNCTION rowhouse.judge_unforced_table(
    relation oid, identities oid[], OUT severity text, OUT rule text, OUT object text, OUT detail text, OUT remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  owner oid := (SELECT c.relowner FROM pg_class AS c WHERE c.oid = relation);
  holders oid[] := rowhouse.audit_holders(owner, identities);
BEGIN
  severity := CASE WHEN holders IS NULL THEN 'warning' ELSE 'error' END;
  rule := 'force-missing';
  object := rowhouse.relation_object(relation);
  detail := format('Row security of %s does not bind its owner %s', relation::regclass, owner::regrole)
    || CASE WHEN holders IS NULL THEN ': its views and SECURITY DEFINER functions read every tenant''s rows.'
      ELSE format(', and %s has the owner''s rights.', rowhouse.name_roles(holders))
        || rowhouse.prove_as(holders, format('SELECT count(*) FROM %s', relation::regclass)) END;
  remedy := format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', relation::regclass);
END
$function$;

-- What makes policies weaker than they read, or of no use: rows that belong to nobody, and no policy at all.
CREATE OR REPLACE FUNCTION rowhouse.judge_table_form(relation oid, tenant_column name, parent oid, has_rls boolean)
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    SELECT CASE WHEN EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = relation
          AND strpos(concat(pg_get_expr(p.polqual, relation), pg_get_expr(p.polwithcheck, relation)),
            format('%I IS NULL', tenant_column)) > 0) THEN 'info' ELSE 'warning' END,
        'tenant-column-nullable', rowhouse.part_object('column', relation, tenant_column),
        format('%I of %s may be NULL: such a row belongs to no tenant, and one IS NULL in a policy opens it to all.',
          tenant_column, relation::regclass)
          || rowhouse.prove_as(NULL, format('SELECT count(*) FROM %s WHERE %I IS NULL', relation::regclass,
            tenant_column)),
        format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', relation::regclass, tenant_column)
      FROM pg_attribute AS a
      WHERE a.attrelid = relation AND a.attname = tenant_column AND NOT a.attnotnull AND parent IS NULL
        AND NOT EXISTS (SELECT FROM pg_type AS t WHERE t.oid = a.atttypid AND t.typnotnull)
        AND NOT EXISTS (SELECT FROM rowhouse.protected_tables AS p
                          WHERE p.table_name = relation AND p.row_kind <> 'own');
  RETURN QUERY
    SELECT 'info', 'no-policy', rowhouse.relation_object(relation),
        format('%s has row security and no permissive policy: it reads as empty for everybody it binds.',
          relation::regclass), NULL
      WHERE has_rls AND parent IS NULL
        AND NOT EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = relation AND p.polpermissive);
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.audit_relations()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
  SET jit = off
AS $function$
DECLARE
  tenants oid[] := ARRAY(SELECT t.relation FROM rowhouse.audit_tenant_tables() AS t WHERE t.kind IN ('r', 'p', 'f'));
  identities oid[] := ARRAY(SELECT i.identity FROM rowhouse.audit_identities() AS i);
  spaces oid[] := ARRAY(
    SELECT DISTINCT n.oid
      FROM unnest(rowhouse.audit_suspects(true)) AS u(role) LEFT JOIN pg_roles AS r ON r.oid = u.role
      CROSS JOIN pg_namespace AS n WHERE has_schema_privilege(coalesce(r.rolname, 'public'), n.oid, 'USAGE'));
  item record;
BEGIN
  FOR item IN
    WITH reached AS MATERIALIZED (
      SELECT r.relation, array_agg(DISTINCT r.identity) AS reachers,
          string_agg(DISTINCT word, ', ' ORDER BY word) AS privileges
        FROM rowhouse.audit_reach(tenants) AS r CROSS JOIN unnest(r.privileges) AS word GROUP BY r.relation)
    SELECT t.*, c.relrowsecurity AS has_rls, c.relforcerowsecurity AS is_forced, c.relowner, reached.reachers,
        reached.privileges, rowhouse.audit_parent(t.relation, tenants) AS parent,
        c.relnamespace = ANY (spaces) AS in_reach
      FROM rowhouse.audit_tenant_tables() AS t
      JOIN pg_class AS c ON c.oid = t.relation
      LEFT JOIN reached ON reached.relation = t.relation
      WHERE t.kind IN ('r', 'p', 'f')
  LOOP
    IF NOT item.has_rls THEN
      RETURN QUERY SELECT * FROM rowhouse.judge_open_table(item.relation, item.kind, item.tenant_column, item.via,
        item.parent, item.reachers, item.privileges, item.in_reach, tenants);
    ELSIF NOT item.is_forced AND NOT rowhouse.is_exempt_owner(item.relowner) THEN
      RETURN QUERY SELECT * FROM rowhouse.judge_unforced_table(item.relation, identities);
    END IF;
    IF item.kind <> 'f' THEN
      RETURN QUERY SELECT * FROM rowhouse.judge_table_form(item.relation, item.tenant_column, item.parent,
        item.has_rls);
    END IF;
  END LOOP;
END
$function$;
