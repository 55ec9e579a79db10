-- What every part of the audit stands on: which tables hold tenants' rows, which roles can act, and what was marked on
-- purpose. The parts are functions audit_TOPIC() that return findings; audit() puts them together (audit.sql).
--
-- The audit asks what roles can do, not what they are called. An actor is a role that can log in, or that was granted
-- something and may be handed to one that can. An identity is what an actor's statements run as: itself, or a role it
-- may SET ROLE to. Not judged are those who are past judging: superusers, the owner of rowhouse, and roles that are
-- exempt or marked.

-- Names of tenant columns beside company_id and tenant_id.
CREATE TABLE IF NOT EXISTS rowhouse.tenant_column (
  name name CONSTRAINT tenant_column_pkey PRIMARY KEY
);
COMMENT ON TABLE rowhouse.tenant_column IS
  'Further names of columns that hold the tenant, beside company_id and tenant_id: for audit() and guard_tables()';

CREATE TABLE IF NOT EXISTS rowhouse.mark (
  object text CONSTRAINT mark_pkey PRIMARY KEY
    CONSTRAINT mark_object_valid CHECK (object ~ ('^(table|view|matview|index|sequence|column|'
      'constraint|policy|trigger|function|role|extension|publication|server):.')),
  reason text NOT NULL CONSTRAINT mark_reason_given CHECK (reason ~ '\S'),
  marked_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE rowhouse.mark IS 'What is shared or exempt on purpose, and why; audit() lists it as info';

CREATE OR REPLACE FUNCTION rowhouse.tenant_column_names() RETURNS name[]
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT array_agg(DISTINCT names.name) FROM (
      VALUES ('company_id'::name), ('tenant_id')
      UNION ALL SELECT c.name FROM rowhouse.tenant_column AS c) AS names(name);
END;

-- The canonical spelling of a relation: table:app.invoice, view:, matview:, index:, sequence:. Foreign tables are
-- tables.
CREATE OR REPLACE FUNCTION rowhouse.relation_object(relation oid) RETURNS text
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'matview' WHEN 'S' THEN 'sequence'
        WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' ELSE 'table' END
      || format(':%I.%I', n.nspname, c.relname)
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relation_object.relation;
END;

-- What belongs to a relation: column:app.invoice.total, constraint:, policy:, trigger:.
CREATE OR REPLACE FUNCTION rowhouse.part_object(kind text, relation oid, part name) RETURNS text
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT format('%s:%I.%I.%I', kind, n.nspname, c.relname, part)
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = part_object.relation;
END;

-- function:app.may_see. Of several with one name each has its arguments behind it.
CREATE OR REPLACE FUNCTION rowhouse.function_object(function oid) RETURNS text
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT format('function:%I.%I', n.nspname, p.proname)
      || CASE WHEN EXISTS (SELECT FROM pg_proc AS o
                             WHERE o.pronamespace = p.pronamespace AND o.proname = p.proname AND o.oid <> p.oid)
         THEN '(' || oidvectortypes(p.proargtypes) || ')' ELSE '' END
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE p.oid = function_object.function;
END;

CREATE OR REPLACE FUNCTION rowhouse.role_name(role oid) RETURNS text
  LANGUAGE sql STABLE
  RETURN CASE role WHEN 0 THEN 'PUBLIC' ELSE role::regrole::text END;

CREATE OR REPLACE FUNCTION rowhouse.is_marked(object text) RETURNS boolean
  LANGUAGE sql STABLE
  RETURN EXISTS (SELECT FROM rowhouse.mark AS m WHERE m.object = is_marked.object);

-- Schemas that are the server's, rowhouse's, or a session's own.
CREATE OR REPLACE FUNCTION rowhouse.is_foreign_schema(schema oid) RETURNS boolean
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast', 'rowhouse')
      OR n.nspname ~ '^pg_(toast_)?temp_'
    FROM pg_namespace AS n WHERE n.oid = is_foreign_schema.schema;
END;

-- Relations that hold tenants' rows: tables (plain, partitioned, foreign) and materialized views with a tenant column,
-- by name or by protection, and tables without one that refer to them by foreign key, to the last. Protected reference
-- tables and what was marked as shared are not among them.
CREATE OR REPLACE FUNCTION rowhouse.audit_tenant_tables()
  RETURNS TABLE(relation oid, kind "char", tenant_column name, tenant_attnum smallint, via oid)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    WITH RECURSIVE protection AS MATERIALIZED (
      SELECT p.table_name::oid AS relation, p.tenant_column AS name, p.row_kind FROM rowhouse.protected_tables AS p
    ), named AS MATERIALIZED (
      SELECT n.name, CASE n.name WHEN 'company_id' THEN 1 WHEN 'tenant_id' THEN 2 ELSE 3 END AS place
        FROM unnest(rowhouse.tenant_column_names()) AS n(name)
    ), tenant_attribute AS MATERIALIZED (
      SELECT DISTINCT ON (t.attrelid) t.attrelid AS relation, t.attname, t.attnum
        FROM pg_attribute AS t
        LEFT JOIN protection AS p ON p.relation = t.attrelid AND p.name = t.attname
        LEFT JOIN named ON named.name = t.attname
        WHERE t.attnum > 0 AND NOT t.attisdropped AND (p.name IS NOT NULL OR named.name IS NOT NULL)
        ORDER BY t.attrelid, p.name, named.place, t.attnum
    ), candidate AS MATERIALIZED (
      SELECT c.oid, c.relkind, a.attname, a.attnum
        FROM pg_class AS c
        LEFT JOIN tenant_attribute AS a ON a.relation = c.oid
        WHERE c.relkind IN ('r', 'p', 'f', 'm') AND NOT rowhouse.is_foreign_schema(c.relnamespace)
          AND NOT rowhouse.is_marked(rowhouse.relation_object(c.oid))
          AND NOT EXISTS (SELECT FROM protection AS p WHERE p.relation = c.oid AND p.row_kind = 'reference')
          AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                            AND d.deptype = 'e')
    ), held(relation, via) AS (
      SELECT candidate.oid, NULL::oid FROM candidate WHERE candidate.attname IS NOT NULL
      UNION
      SELECT k.conrelid, held.relation
        FROM held
        JOIN pg_constraint AS k ON k.confrelid = held.relation AND k.contype = 'f' AND k.conrelid <> k.confrelid
        JOIN candidate ON candidate.oid = k.conrelid AND candidate.attname IS NULL
    )
    SELECT DISTINCT ON (candidate.oid) candidate.oid, candidate.relkind, candidate.attname, candidate.attnum, held.via
      FROM held JOIN candidate ON candidate.oid = held.relation
      ORDER BY candidate.oid, held.via;
END
$function$;

-- Past judging: superusers, the owner of rowhouse, predefined roles, exempt and marked ones.
CREATE OR REPLACE FUNCTION rowhouse.is_unjudged(role oid) RETURNS boolean
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT r.rolsuper OR r.rolname ~ '^pg_'
      OR EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = 'rowhouse' AND n.nspowner = r.oid)
      OR EXISTS (SELECT FROM rowhouse.access_grant AS g WHERE g.role = r.oid AND g.kind <> 'app')
      OR rowhouse.is_marked('role:' || quote_ident(r.rolname))
    FROM pg_roles AS r WHERE r.oid = is_unjudged.role;
END;

-- Actors: PUBLIC (0), login roles, and roles without login that hold a grant on a relation, a column, a schema or a
-- function of the users' or were given access.
CREATE OR REPLACE FUNCTION rowhouse.audit_actors() RETURNS SETOF oid
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT 0::oid
  UNION
  SELECT r.oid
    FROM pg_roles AS r
    WHERE NOT rowhouse.is_unjudged(r.oid)
      AND (r.rolcanlogin
        OR EXISTS (SELECT FROM rowhouse.access_grant AS g WHERE g.role = r.oid)
        OR r.oid IN (
          SELECT a.grantee FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS a WHERE a.grantee <> c.relowner
          UNION SELECT a.grantee FROM pg_attribute AS t CROSS JOIN aclexplode(t.attacl) AS a
          UNION SELECT a.grantee FROM pg_namespace AS n CROSS JOIN aclexplode(n.nspacl) AS a
                  WHERE a.grantee <> n.nspowner
          UNION SELECT a.grantee FROM pg_proc AS p CROSS JOIN aclexplode(p.proacl) AS a WHERE a.grantee <> p.proowner));
END;

-- What SET ROLE takes, as pg_has_role() calls it.
CREATE OR REPLACE FUNCTION rowhouse.set_role_privilege() RETURNS text
  LANGUAGE sql STABLE
  RETURN CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END;

-- What statements of actors run as, each once, with one actor that gets there (itself, if it is one). Identities that
-- are past judging are left out: that an actor can become one is a finding of its own.
CREATE OR REPLACE FUNCTION rowhouse.audit_identities() RETURNS TABLE(identity oid, actor oid)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  way text := rowhouse.set_role_privilege();
BEGIN
  RETURN QUERY
    SELECT DISTINCT ON (reached.oid) reached.oid, reached.actor
      FROM (SELECT a.oid, a.oid AS actor FROM rowhouse.audit_actors() AS a(oid)
            UNION ALL
            SELECT r.oid, a.oid
              FROM rowhouse.audit_actors() AS a(oid)
              JOIN pg_roles AS r ON r.oid <> a.oid
              WHERE a.oid <> 0 AND NOT rowhouse.is_unjudged(r.oid) AND pg_has_role(a.oid, r.oid, way)) AS reached
      ORDER BY reached.oid, reached.actor <> reached.oid, reached.actor;
END
$function$;

-- Whether an identity has one of these privileges ('SELECT', 'INSERT, UPDATE') on a relation, a way into its schema
-- included; for columns too, as far as columns know the privilege.
CREATE OR REPLACE FUNCTION rowhouse.audit_reaches(identity oid, relation oid, privileges text) RETURNS boolean
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  role name := CASE identity WHEN 0 THEN 'public' ELSE (SELECT r.rolname FROM pg_roles AS r WHERE r.oid = identity) END;
  known text := (SELECT string_agg(word, ', ') FROM unnest(string_to_array(privileges, ', ')) AS word
                   WHERE word IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES'));
BEGIN
  RETURN has_schema_privilege(role, (SELECT c.relnamespace FROM pg_class AS c WHERE c.oid = relation), 'USAGE')
    AND (has_table_privilege(role, relation, privileges)
      OR (known IS NOT NULL AND has_any_column_privilege(role, relation, known)));
END
$function$;

-- The first of some identities that has one of the privileges, as a name; NULL when none has.
CREATE OR REPLACE FUNCTION rowhouse.audit_who_reaches(identities oid[], relation oid, privileges text) RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  identity oid;
BEGIN
  FOREACH identity IN ARRAY identities LOOP
    IF rowhouse.audit_reaches(identity, relation, privileges) THEN
      RETURN rowhouse.role_name(identity);
    END IF;
  END LOOP;
  RETURN NULL;
END
$function$;

-- Application roles: those who were given access as such or hold a grant on a table of tenants' rows that is not their
-- own, and login roles that have, or may take, the privileges of one. Not the database's owner for being a member:
-- who runs migrations owns tables, or is a member of their owner, and is no application.
CREATE OR REPLACE FUNCTION rowhouse.audit_applications() RETURNS SETOF oid
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  way text := rowhouse.set_role_privilege();
BEGIN
  RETURN QUERY
    WITH holder AS MATERIALIZED (
      SELECT g.role::oid AS role FROM rowhouse.access_grant AS g WHERE g.kind = 'app'
      UNION
      SELECT a.grantee
        FROM rowhouse.audit_tenant_tables() AS t JOIN pg_class AS c ON c.oid = t.relation
        CROSS JOIN LATERAL (
          SELECT r.grantee FROM aclexplode(c.relacl) AS r
          UNION SELECT r.grantee FROM pg_attribute AS m CROSS JOIN aclexplode(m.attacl) AS r
                  WHERE m.attrelid = c.oid) AS a
        WHERE a.grantee <> 0 AND a.grantee <> c.relowner
    )
    SELECT holder.role FROM holder JOIN pg_roles AS r ON r.oid = holder.role
      WHERE NOT rowhouse.is_unjudged(r.oid)
    UNION
    SELECT r.oid
      FROM pg_roles AS r JOIN holder ON pg_has_role(r.oid, holder.role, 'USAGE') OR pg_has_role(r.oid, holder.role, way)
      WHERE r.rolcanlogin AND NOT rowhouse.is_unjudged(r.oid) AND NOT rowhouse.is_unjudged(holder.role)
        AND r.oid <> (SELECT d.datdba FROM pg_database AS d WHERE d.datname = current_database());
END
$function$;

-- Application roles and PUBLIC: whose reach counts where it is not rows that are read. Who owns a table and runs its
-- migrations learns nothing from its keys. With or_others every identity stands in where there is no application role.
CREATE OR REPLACE FUNCTION rowhouse.audit_suspects(or_others boolean DEFAULT false) RETURNS oid[]
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  suspects oid[] := ARRAY(SELECT a.oid FROM rowhouse.audit_applications() AS a(oid) ORDER BY a.oid);
BEGIN
  IF suspects = '{}' AND or_others THEN
    suspects := ARRAY(SELECT i.identity FROM rowhouse.audit_identities() AS i WHERE i.identity <> 0
      ORDER BY i.identity);
  END IF;
  RETURN suspects || 0::oid;
END
$function$;

-- Of several, the one to try it as.
CREATE OR REPLACE FUNCTION rowhouse.proof_role(grantees text) RETURNS text
  LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT coalesce(min(name) FILTER (WHERE name <> 'PUBLIC'), 'any_role')
    FROM string_to_table(grantees, ', ') AS names(name);
END;
