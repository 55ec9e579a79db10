-- Roles: app is bound by the policies, admin reaches every tenant, dump reads everything and writes nothing. The two
-- exempt kinds are named in policies of their own (policies.sql), so they need no BYPASSRLS.

CREATE TABLE IF NOT EXISTS rowhouse.access_grant (
  role regrole CONSTRAINT access_grant_pkey PRIMARY KEY,
  kind text NOT NULL CONSTRAINT access_grant_kind_valid CHECK (kind IN ('app', 'admin', 'dump')),
  granted_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE rowhouse.access_grant IS 'Who was given access, of which kind; tables protected later follow it';

-- What a kind holds on a table and on the sequences of its columns. TRUNCATE, TRIGGER and REFERENCES know no rows;
-- SELECT on a sequence tells how many rows all tenants have made together.
CREATE OR REPLACE FUNCTION rowhouse.kind_privileges(kind text, is_sequence boolean) RETURNS text
  LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN kind = 'dump' THEN 'SELECT' WHEN NOT is_sequence THEN 'SELECT, INSERT, UPDATE, DELETE'
    WHEN kind = 'admin' THEN 'USAGE, SELECT' ELSE 'USAGE' END;

-- A protected table, its schema and its columns' sequences, for one role; never for the owner, who has them.
CREATE OR REPLACE FUNCTION rowhouse.grant_on(relation regclass, role regrole, kind text) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  owner oid;
  space record;
  sequence regclass;
BEGIN
  SELECT c.relowner INTO owner FROM pg_class AS c WHERE c.oid = relation;
  IF owner = role THEN
    RETURN;
  END IF;
  SELECT n.oid, n.nspname, n.nspowner INTO space
    FROM pg_namespace AS n JOIN pg_class AS c ON c.relnamespace = n.oid WHERE c.oid = relation;
  IF has_schema_privilege(role, space.oid, 'USAGE') THEN
    NULL;
  ELSIF pg_has_role(space.nspowner, 'USAGE') THEN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %s', space.nspname, role);
  ELSE
    RAISE WARNING USING
      MESSAGE = format('role %s has no way into schema %I', role, space.nspname),
      HINT = format('Have its owner %s run: GRANT USAGE ON SCHEMA %I TO %s;', space.nspowner::regrole, space.nspname,
        role);
  END IF;
  EXECUTE format('GRANT %s ON %s TO %s', rowhouse.kind_privileges(kind, false), relation, role);
  FOR sequence IN SELECT owned FROM rowhouse.owned_sequences(relation) AS owned LOOP
    EXECUTE format('GRANT %s ON SEQUENCE %s TO %s', rowhouse.kind_privileges(kind, true), sequence, role);
  END LOOP;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.owned_sequences(relation regclass) RETURNS SETOF regclass
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT d.objid::regclass
    FROM pg_depend AS d JOIN pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
      AND d.refobjid = owned_sequences.relation AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
    ORDER BY d.objid;
END;

CREATE OR REPLACE FUNCTION rowhouse.revoke_on(relation regclass, role regrole) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  sequence regclass;
BEGIN
  IF role = (SELECT c.relowner FROM pg_class AS c WHERE c.oid = relation) THEN
    RETURN;
  END IF;
  EXECUTE format('REVOKE ALL ON %s FROM %s', relation, role);
  FOR sequence IN SELECT owned FROM rowhouse.owned_sequences(relation) AS owned LOOP
    EXECUTE format('REVOKE ALL ON SEQUENCE %s FROM %s', sequence, role);
  END LOOP;
END
$function$;

-- Reference rows are read by app roles as by dump roles.
CREATE OR REPLACE FUNCTION rowhouse.apply_grants(relation regclass, row_kind text) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  PERFORM rowhouse.grant_on(relation, g.role,
      CASE WHEN row_kind = 'reference' AND g.kind = 'app' THEN 'dump' ELSE g.kind END)
    FROM rowhouse.access_grant AS g JOIN pg_roles AS r ON r.oid = g.role ORDER BY g.role;
  IF EXISTS (SELECT FROM rowhouse.access_grant AS g JOIN pg_roles AS r ON r.oid = g.role WHERE g.kind <> 'app')
      AND 0 = ANY (rowhouse.bound_roles(relation)) THEN
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = format('PUBLIC holds privileges on %s, so that nobody can be exempt from its policies', relation),
      HINT = format('REVOKE ALL ON %s FROM PUBLIC; and give application roles access with rowhouse.grant_access().',
        relation);
  END IF;
END
$function$;

-- Without row security the table shows every tenant's rows to whoever may read it.
CREATE OR REPLACE FUNCTION rowhouse.take_back_grants(relation regclass) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  PERFORM rowhouse.revoke_on(relation, g.role) FROM rowhouse.access_grant AS g JOIN pg_roles AS r ON r.oid = g.role;
END
$function$;

-- rowhouse's own tables and functions. The seal's keys are no part of a dump: their table has row security and no
-- policy.
CREATE OR REPLACE FUNCTION rowhouse.grant_on_rowhouse(role regrole, kind text) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA rowhouse TO %s', role);
  IF kind = 'admin' THEN
    EXECUTE format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA rowhouse TO %s', role);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON rowhouse.tenant, rowhouse.import_chunk, '
      'rowhouse.import_reject, rowhouse.import_table TO %s', role);
    EXECUTE format('GRANT SELECT ON rowhouse.mark, rowhouse.tenant_column TO %s', role);
  ELSIF kind = 'dump' THEN
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA rowhouse TO %s', role);
    EXECUTE format('GRANT SELECT ON ALL SEQUENCES IN SCHEMA rowhouse TO %s', role);
  END IF;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.check_access(role regrole, kind text) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  bypasses boolean := (SELECT r.rolsuper OR r.rolbypassrls FROM pg_roles AS r WHERE r.oid = role);
  clash record;
BEGIN
  IF bypasses AND kind = 'app' THEN
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = format('role %s passes over row security, so no policy binds it', role),
      HINT = format('ALTER ROLE %s NOSUPERUSER NOBYPASSRLS; or choose another role for the application.', role);
  END IF;
  SELECT t.table_name, holder::regrole AS holder INTO clash
    FROM rowhouse.protected_tables AS t, unnest(rowhouse.bound_roles(t.table_name)) AS holder
    WHERE check_access.kind <> 'app' AND NOT bypasses AND holder <> 0 AND pg_has_role(role, holder, 'USAGE')
    ORDER BY t.table_name::oid, holder LIMIT 1;
  IF FOUND THEN
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = format('role %s has the privileges of %s, whom the policies of %s bind', role, clash.holder,
        clash.table_name),
      HINT = format('REVOKE %s FROM %s; or choose a role of its own for this.', clash.holder, role);
  END IF;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.grant_access(role name, kind text) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  target regrole;
BEGIN
  IF kind IS NULL OR kind NOT IN ('app', 'admin', 'dump') THEN
    RAISE invalid_parameter_value USING
      MESSAGE = format('there is no kind of access %L', kind),
      HINT = 'app is bound by the policies, admin reaches every tenant, dump reads every tenant.';
  END IF;
  SELECT r.oid INTO target FROM pg_roles AS r WHERE r.rolname = grant_access.role;
  IF NOT FOUND THEN
    RAISE undefined_object USING
      MESSAGE = format('role %L does not exist', role),
      HINT = 'Make it with CREATE ROLE first.';
  END IF;
  PERFORM rowhouse.lock_protected();
  IF EXISTS (SELECT FROM rowhouse.access_grant AS g WHERE g.role = target AND g.kind <> grant_access.kind) THEN
    PERFORM rowhouse.revoke_access(role);
  END IF;
  DELETE FROM rowhouse.access_grant AS g WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = g.role);
  INSERT INTO rowhouse.access_grant (role, kind) VALUES (target, grant_access.kind) ON CONFLICT DO NOTHING;
  PERFORM rowhouse.check_access(target, kind);
  PERFORM rowhouse.grant_on_rowhouse(target, kind);
  PERFORM rowhouse.apply_grants(t.table_name, t.row_kind) FROM rowhouse.protected_tables AS t;
  PERFORM rowhouse.refresh_policies();
END
$function$;
COMMENT ON FUNCTION rowhouse.grant_access(name, text) IS
  'app: bound by the policies; admin: reads and writes every tenant; dump: reads every tenant; tables to come too';

-- USAGE on schemas stays: by itself it opens nothing, and others may have granted it.
CREATE OR REPLACE FUNCTION rowhouse.revoke_access(role name) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  target regrole;
BEGIN
  SELECT g.role INTO target
    FROM rowhouse.access_grant AS g JOIN pg_roles AS r ON r.oid = g.role WHERE r.rolname = revoke_access.role;
  IF NOT FOUND THEN
    RAISE undefined_object USING
      MESSAGE = format('role %L was given no access', role),
      HINT = 'TABLE rowhouse.access_grant; shows who was.';
  END IF;
  PERFORM rowhouse.lock_protected();
  DELETE FROM rowhouse.access_grant AS g WHERE g.role = target;
  EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA rowhouse FROM %s', target);
  EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA rowhouse FROM %s', target);
  EXECUTE format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA rowhouse FROM %s', target);
  EXECUTE format('REVOKE ALL ON SCHEMA rowhouse FROM %s', target);
  PERFORM rowhouse.revoke_on(t.table_name, target) FROM rowhouse.protected_tables AS t;
  PERFORM rowhouse.refresh_policies();
END
$function$;
COMMENT ON FUNCTION rowhouse.revoke_access(name) IS
  'Takes back what grant_access() has given, on every protected table';
