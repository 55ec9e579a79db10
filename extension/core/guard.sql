-- The guard: no transaction leaves a table behind that has a tenant column and no protection. Opt-in by guard_tables():
-- it takes an event trigger, and with it CREATE TABLE and protect() have to be one transaction.
--
-- The event trigger notes tables as they are made or altered. A deferred constraint trigger on the notes judges them
-- when the transaction ends, and takes the note away.

CREATE TABLE IF NOT EXISTS rowhouse.guard_note (
  relation oid CONSTRAINT guard_note_pkey PRIMARY KEY
);
COMMENT ON TABLE rowhouse.guard_note IS 'Tables without protection that the current transaction has made; else empty';

-- A column with a tenant column's name, or a part of a protected table. FORCE is not asked for: changes of all rows of
-- a tenant lift it for a moment.
CREATE OR REPLACE FUNCTION rowhouse.lacks_protection(relation oid) RETURNS boolean
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT EXISTS (
    SELECT FROM pg_class AS c
      WHERE c.oid = lacks_protection.relation AND c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'
        AND NOT rowhouse.is_foreign_schema(c.relnamespace)
        AND (EXISTS (SELECT FROM pg_attribute AS a
                       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                         AND a.attname = ANY (rowhouse.tenant_column_names()))
          OR EXISTS (SELECT FROM pg_inherits AS i JOIN rowhouse.protected_tables AS t ON t.table_name = i.inhparent
                       WHERE i.inhrelid = c.oid))
        AND NOT (c.relrowsecurity AND EXISTS (
          SELECT FROM pg_policy AS p
            WHERE p.polrelid = c.oid AND p.polname = 'rowhouse_isolation' AND NOT p.polpermissive AND p.polcmd = '*'))
        AND NOT EXISTS (SELECT FROM pg_depend AS d
                          WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
        AND NOT rowhouse.is_marked(rowhouse.relation_object(c.oid)));
END;

-- With its owner's rights: whoever makes a table may have none on rowhouse. Deferred for certain, also after SET
-- CONSTRAINTS ALL IMMEDIATE.
CREATE OR REPLACE FUNCTION rowhouse.note_tables() RETURNS event_trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  unprotected oid[] := ARRAY(
    SELECT DISTINCT f.relation::oid
      FROM pg_event_trigger_ddl_commands() AS made CROSS JOIN LATERAL rowhouse.family(made.objid) AS f
      WHERE made.classid = 'pg_class'::regclass AND NOT made.in_extension AND rowhouse.lacks_protection(f.relation));
BEGIN
  IF unprotected <> '{}' THEN
    SET CONSTRAINTS rowhouse.guard_note_judged DEFERRED;
    INSERT INTO rowhouse.guard_note SELECT unnest(unprotected) ON CONFLICT DO NOTHING;
  END IF;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.judge_note() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  object text := rowhouse.relation_object(NEW.relation);
  is_foreign boolean := (SELECT c.relkind = 'f' FROM pg_class AS c WHERE c.oid = NEW.relation);
  whole regclass;
BEGIN
  DELETE FROM rowhouse.guard_note AS n WHERE n.relation = NEW.relation;
  IF NOT rowhouse.lacks_protection(NEW.relation) THEN
    RETURN NULL;
  END IF;
  -- A part is protected with its whole.
  WITH RECURSIVE above(relation, height) AS (
    SELECT NEW.relation, 0
    UNION ALL
    SELECT i.inhparent, above.height + 1 FROM above JOIN pg_inherits AS i ON i.inhrelid = above.relation
  )
  SELECT above.relation INTO whole FROM above ORDER BY above.height DESC, above.relation LIMIT 1;
  RAISE insufficient_privilege USING
    MESSAGE = format('%s has a tenant column and no protection', object),
    HINT = CASE WHEN is_foreign THEN 'The server has no row security for foreign tables. If no tenant can reach it: '
        ELSE format('In the same transaction: SELECT rowhouse.protect(%L); or, if its rows belong to all: ', whole) END
      || format('SELECT rowhouse.mark_shared(%L, reason);', object);
END
$function$;

DO $trigger$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_trigger AS t
                   WHERE t.tgrelid = 'rowhouse.guard_note'::regclass AND t.tgname = 'guard_note_judged') THEN
    CREATE CONSTRAINT TRIGGER guard_note_judged AFTER INSERT ON rowhouse.guard_note
      DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION rowhouse.judge_note();
  END IF;
END
$trigger$;

-- Whoever owns the function of an event trigger could have every role's statements run code of theirs, a superuser's
-- too: an event trigger made by a superuser needs a function that belongs to one.
CREATE OR REPLACE FUNCTION rowhouse.guard_tables(enabled boolean DEFAULT true) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  is_enabled boolean := EXISTS (SELECT FROM pg_event_trigger AS e WHERE e.evtname = 'rowhouse_guard');
  owner record;
  unprotected text;
BEGIN
  IF enabled IS NOT TRUE THEN
    DROP EVENT TRIGGER IF EXISTS rowhouse_guard;
    RETURN;
  ELSIF is_enabled THEN
    RETURN;
  END IF;
  SELECT r.rolname, r.rolsuper INTO owner
    FROM pg_proc AS p JOIN pg_roles AS r ON r.oid = p.proowner WHERE p.oid = 'rowhouse.note_tables()'::regprocedure;
  IF NOT owner.rolsuper AND (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN
    RAISE insufficient_privilege USING
      MESSAGE = format('rowhouse belongs to %I, who is no superuser: as an event trigger of yours, its functions would '
        'run with every superuser''s rights', owner.rolname),
      HINT = 'Install rowhouse as a superuser where the guard is wanted. rowhouse.audit() reports such tables.';
  END IF;
  BEGIN
    CREATE EVENT TRIGGER rowhouse_guard ON ddl_command_end
      WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'CREATE SCHEMA', 'ALTER TABLE',
                   'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE', 'IMPORT FOREIGN SCHEMA')
      EXECUTE FUNCTION rowhouse.note_tables();
  EXCEPTION WHEN insufficient_privilege THEN
    RAISE insufficient_privilege USING
      MESSAGE = format('role %I may not create event triggers', current_user),
      HINT = 'A superuser can, or on a managed server its administrator. rowhouse.audit() reports such tables.';
  END;
  SELECT string_agg(c.oid::regclass::text, ', ' ORDER BY c.oid) INTO unprotected
    FROM pg_class AS c WHERE rowhouse.lacks_protection(c.oid);
  IF unprotected IS NOT NULL THEN
    RAISE WARNING USING
      MESSAGE = format('tables with a tenant column and no protection are there already: %s', unprotected),
      HINT = 'Protect them, or mark them as shared; until then ALTER TABLE is refused for them.';
  END IF;
END
$function$;
COMMENT ON FUNCTION rowhouse.guard_tables(boolean) IS
  'From now on no transaction may leave behind a table that has a tenant column and no protection; false ends it';
