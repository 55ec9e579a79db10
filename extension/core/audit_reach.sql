-- Who gets where, and how a finding speaks of it. Identities that pass over row security are left out: that there are
-- such is a finding about the role, not one about each table it can read. So are owners on what is theirs, unless they
-- are the application: who runs the migrations can switch row security off anyway.

CREATE OR REPLACE FUNCTION rowhouse.audit_reach(relations oid[])
  RETURNS TABLE(relation oid, identity oid, privileges text[])
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  suspects oid[] := rowhouse.audit_suspects(true);
  who record;
BEGIN
  FOR who IN
    SELECT i.identity, coalesce(r.rolname, 'public') AS name
      FROM rowhouse.audit_identities() AS i LEFT JOIN pg_roles AS r ON r.oid = i.identity
      WHERE r.rolbypassrls IS NOT TRUE
  LOOP
    RETURN QUERY
      SELECT c.oid, who.identity, held.privileges
        FROM pg_class AS c
        JOIN (SELECT n.oid FROM pg_namespace AS n WHERE has_schema_privilege(who.name, n.oid, 'USAGE')) AS n
          ON n.oid = c.relnamespace
        CROSS JOIN LATERAL (
          SELECT array_agg(word ORDER BY place)
            FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) WITH ORDINALITY AS known(word, place)
            WHERE has_table_privilege(who.name, c.oid, word)
              OR (word <> 'DELETE' AND has_any_column_privilege(who.name, c.oid, word))) AS held(privileges)
        WHERE c.oid = ANY (relations) AND held.privileges IS NOT NULL
          AND (who.identity = ANY (suspects) OR NOT pg_has_role(who.identity, c.relowner, 'USAGE'));
  END LOOP;
END
$function$;

-- Of these identities those that have a role's rights without SET ROLE, the role itself among them, and that somebody
-- can log in as or become.
CREATE OR REPLACE FUNCTION rowhouse.audit_holders(role oid, identities oid[]) RETURNS oid[]
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN (
    SELECT array_agg(i.identity ORDER BY i.identity <> role, i.identity)
      FROM unnest(identities) AS i(identity)
      WHERE i.identity <> 0 AND pg_has_role(i.identity, role, 'USAGE')
        AND EXISTS (SELECT FROM pg_roles AS r WHERE r.rolcanlogin AND NOT rowhouse.is_unjudged(r.oid)
                      AND pg_has_role(r.oid, i.identity, rowhouse.set_role_privilege())));
END
$function$;

-- Whether policies that are not forced let a role by: its own tables', or all of them.
CREATE OR REPLACE FUNCTION rowhouse.passes_policies(role oid, relation oid) RETURNS boolean
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN (
    SELECT r.rolsuper OR r.rolbypassrls OR NOT c.relrowsecurity
        OR (NOT c.relforcerowsecurity AND pg_has_role(r.oid, c.relowner, 'USAGE'))
      FROM pg_roles AS r, pg_class AS c WHERE r.oid = passes_policies.role AND c.oid = passes_policies.relation);
END
$function$;

-- An owner who may see everything on purpose.
CREATE OR REPLACE FUNCTION rowhouse.is_exempt_owner(role oid) RETURNS boolean
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN (
    SELECT EXISTS (SELECT FROM rowhouse.access_grant AS g WHERE g.role = is_exempt_owner.role AND g.kind <> 'app')
        OR rowhouse.is_marked('role:' || rowhouse.role_name(is_exempt_owner.role)));
END
$function$;

-- "app, report, sales and 3 more"
CREATE OR REPLACE FUNCTION rowhouse.name_roles(roles oid[]) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN (
    SELECT string_agg(rowhouse.role_name(role), ', ' ORDER BY place) FILTER (WHERE place <= 3)
        || CASE WHEN count(*) > 3 THEN format(' and %s more', count(*) - 3) ELSE '' END
      FROM (SELECT u.role, row_number() OVER (ORDER BY rowhouse.role_name(u.role) COLLATE "C") AS place
              FROM unnest(roles) AS u(role)) AS named);
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.prove_as(roles oid[], statement text) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN (
    SELECT ' Proof' || coalesce(': SET ROLE ' || min(rowhouse.role_name(u.role) COLLATE "C") || '; ',
        CASE WHEN prove_as.roles IS NULL THEN ': ' ELSE ', as any role: ' END) || statement
      FROM unnest(roles) AS u(role) WHERE u.role <> 0);
END
$function$;

-- REVOKE from everybody judged who was granted something; NULL where that would not close it, since an identity owns
-- the relation.
CREATE OR REPLACE FUNCTION rowhouse.revoke_remedy(relation oid) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN (
    SELECT format('REVOKE ALL ON %s FROM %s', c.oid::regclass,
        string_agg(rowhouse.role_name(g.grantee), ', ' ORDER BY rowhouse.role_name(g.grantee) COLLATE "C"))
      FROM pg_class AS c
      JOIN (SELECT k.oid, a.grantee FROM pg_class AS k, aclexplode(k.relacl) AS a
            UNION SELECT t.attrelid, a.grantee FROM pg_attribute AS t, aclexplode(t.attacl) AS a) AS g
        ON g.oid = c.oid AND g.grantee <> c.relowner AND (g.grantee = 0 OR NOT rowhouse.is_unjudged(g.grantee))
      WHERE c.oid = revoke_remedy.relation
        AND NOT EXISTS (SELECT FROM unnest(rowhouse.audit_suspects(true)) AS u(role)
                          WHERE u.role <> 0 AND pg_has_role(u.role, c.relowner, 'USAGE'))
      GROUP BY c.oid);
END
$function$;

-- protect(), with the tenants registered whose rows are there. Where it cannot be, the table is closed to everybody.
CREATE OR REPLACE FUNCTION rowhouse.protect_remedy(relation oid, tenant_column name) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN (
    SELECT CASE
        WHEN a.atttypid = ANY (ARRAY['text', 'varchar', 'uuid', 'integer', 'bigint']::regtype[]) AND a.attgenerated = ''
            AND a.attidentity = '' AND coalesce(l.collisdeterministic, true) THEN
          format('SELECT rowhouse.create_tenant(used.id, true) FROM (SELECT DISTINCT %1$I::text FROM %2$s '
            'WHERE %1$I IS NOT NULL) AS used(id); SELECT rowhouse.protect(%3$L, %4$L)', a.attname, c.oid::regclass,
            c.oid::regclass::text, a.attname)
        ELSE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', c.oid::regclass)
        END
      FROM pg_class AS c
      JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = protect_remedy.tenant_column
      LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
      WHERE c.oid = protect_remedy.relation);
END
$function$;
