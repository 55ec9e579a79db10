-- The audit: every part's findings, errors first, and the marks that say what is shared or exempt on purpose.
--
-- A part is a function audit_TOPIC(). One that fails, on a server that hides a catalog or holds something unheard of,
-- is a finding itself and hides none of the others. Nothing is changed, and no lock is held that anybody waits for.

-- The spelling of everything a mark may name, of one kind.
CREATE OR REPLACE FUNCTION rowhouse.objects_of_kind(kind text) RETURNS SETOF text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    SELECT rowhouse.relation_object(c.oid) FROM pg_class AS c
      WHERE kind IN ('table', 'view', 'matview', 'index', 'sequence') AND c.relkind <> 't'
    UNION ALL
    SELECT rowhouse.part_object(kind, a.attrelid, a.attname) FROM pg_attribute AS a
      WHERE kind = 'column' AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT rowhouse.part_object(kind, k.conrelid, k.conname) FROM pg_constraint AS k
      WHERE kind = 'constraint' AND k.conrelid <> 0
    UNION ALL
    SELECT rowhouse.part_object(kind, p.polrelid, p.polname) FROM pg_policy AS p WHERE kind = 'policy'
    UNION ALL
    SELECT rowhouse.part_object(kind, t.tgrelid, t.tgname) FROM pg_trigger AS t WHERE kind = 'trigger'
    UNION ALL
    SELECT rowhouse.function_object(p.oid) FROM pg_proc AS p WHERE kind = 'function'
    UNION ALL
    SELECT 'role:' || quote_ident(r.rolname) FROM pg_roles AS r WHERE kind = 'role'
    UNION ALL
    SELECT 'extension:' || quote_ident(e.extname) FROM pg_extension AS e WHERE kind = 'extension'
    UNION ALL
    SELECT 'publication:' || quote_ident(p.pubname) FROM pg_publication AS p WHERE kind = 'publication'
    UNION ALL
    SELECT 'server:' || quote_ident(s.srvname) FROM pg_foreign_server AS s WHERE kind = 'server';
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.object_is_there(object text) RETURNS boolean
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT EXISTS (SELECT FROM rowhouse.objects_of_kind(split_part(object, ':', 1)) AS known(spelling)
                   WHERE known.spelling = object);
END;

CREATE OR REPLACE FUNCTION rowhouse.mark_shared(object text, reason text) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF mark_shared.object IS NULL OR coalesce(mark_shared.reason, '') !~ '\S' THEN
    RAISE invalid_parameter_value USING
      MESSAGE = 'mark_shared wants an object and the reason why it is shared or exempt',
      HINT = 'SELECT rowhouse.mark_shared(''table:public.country'', ''the same for every tenant'');';
  END IF;
  IF NOT rowhouse.object_is_there(mark_shared.object) THEN
    RAISE undefined_object USING
      MESSAGE = format('there is no object %L to mark', mark_shared.object),
      HINT = 'Spell it as audit() does: kind:schema.name, such as table:public.country, role:backup or '
        'constraint:public.person.person_email_key.';
  END IF;
  INSERT INTO rowhouse.mark (object, reason) VALUES (mark_shared.object, mark_shared.reason)
    ON CONFLICT ON CONSTRAINT mark_pkey DO UPDATE SET reason = excluded.reason, marked_at = now();
END
$function$;
COMMENT ON FUNCTION rowhouse.mark_shared(text, text) IS
  'Says that an object is shared or a role exempt on purpose; audit() then lists it as info, with the reason';

CREATE OR REPLACE FUNCTION rowhouse.unmark(object text) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  DELETE FROM rowhouse.mark AS m WHERE m.object = unmark.object;
  IF NOT FOUND THEN
    RAISE undefined_object USING
      MESSAGE = format('%L is not marked', object),
      HINT = 'TABLE rowhouse.mark; shows what is.';
  END IF;
END
$function$;
COMMENT ON FUNCTION rowhouse.unmark(text) IS 'Takes a mark back; audit() judges the object again';

CREATE OR REPLACE FUNCTION rowhouse.audit_marks()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    SELECT CASE WHEN known.is_there THEN 'info' ELSE 'warning' END,
        CASE WHEN known.is_there THEN 'marked' ELSE 'mark-without-object' END, m.object,
        CASE WHEN known.is_there THEN 'Not judged, on purpose: ' || m.reason
          ELSE format('Marked (%s), but there is no such object: what is next given that name would not be judged.',
            m.reason) END,
        CASE WHEN NOT known.is_there THEN format('SELECT rowhouse.unmark(%L)', m.object) END
      FROM rowhouse.mark AS m
      CROSS JOIN LATERAL (SELECT rowhouse.object_is_there(m.object)) AS known(is_there);
END
$function$;

-- Each part's findings; of a marked object none but the mark's own.
CREATE OR REPLACE FUNCTION rowhouse.audit_parts()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  part name;
BEGIN
  FOREACH part IN ARRAY ARRAY['marks', 'relations', 'policies', 'views', 'functions', 'keys', 'privileges', 'server',
      'citus']
  LOOP
    CONTINUE WHEN to_regproc('rowhouse.audit_' || part) IS NULL;
    BEGIN
      RETURN QUERY EXECUTE format('SELECT f.severity, f.rule, f.object, f.detail, f.remedy FROM rowhouse.%I() AS f
          WHERE f.rule IN (''marked'', ''mark-without-object'') OR NOT rowhouse.is_marked(f.object)', 'audit_' || part);
    EXCEPTION WHEN OTHERS THEN
      severity := 'info';
      rule := 'not-looked-at';
      object := format('function:rowhouse.audit_%s', part);
      detail := format('This part of the audit failed: %s (SQLSTATE %s)', SQLERRM, SQLSTATE);
      remedy := NULL;
      RETURN NEXT;
    END;
  END LOOP;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.audit()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT p.severity, p.rule, p.object, p.detail, p.remedy
    FROM rowhouse.audit_parts() AS p
    ORDER BY array_position(ARRAY['error', 'warning', 'info'], p.severity), p.rule COLLATE "C", p.object COLLATE "C",
      p.detail COLLATE "C";
END;
COMMENT ON FUNCTION rowhouse.audit() IS
  'Every way in which tenants can reach each other''s rows that the catalogs show, with SQL that mends it';
