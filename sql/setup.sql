-- Roles, tenants and a helper that the other topics use. regress_owner owns the tables and is no superuser, so FORCE binds it.
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
GRANT regress_owner, regress_app TO CURRENT_USER;
CREATE SCHEMA regress;
GRANT USAGE ON SCHEMA regress TO PUBLIC;
CREATE SCHEMA app;
GRANT CREATE, USAGE ON SCHEMA app TO regress_owner;
GRANT USAGE ON SCHEMA app TO regress_app;
-- What a statement ends with, in a subtransaction of its own.
CREATE FUNCTION regress.try(statement text, OUT state text, OUT message text, OUT hint text)
LANGUAGE plpgsql AS $$
DECLARE
  touched bigint;
BEGIN
  EXECUTE statement;
  GET DIAGNOSTICS touched = ROW_COUNT;
  state := '00000';
  message := touched || ' rows';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
END $$;
SELECT rowhouse.create_tenant(id) FROM unnest(ARRAY['acme', 'bolt', 'rival']) AS id;
SELECT rowhouse.suspend_tenant('rival');
-- What becomes of a finding when its remedy is run: gone, and nothing worse in its place. Everything is undone.
CREATE FUNCTION regress.mend(severity text, rule text, object text, remedy text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  ranks text[] := ARRAY['info', 'warning', 'error'];
  before text[] := ARRAY(SELECT concat_ws(' ', a.severity, a.rule, a.object) FROM rowhouse.audit() AS a);
  worse text;
BEGIN
  EXECUTE replace(remedy, ' CONCURRENTLY', '');
  SELECT string_agg(concat_ws(' ', a.severity, a.rule, a.object), ', ') INTO worse FROM rowhouse.audit() AS a
    WHERE (a.rule, a.object) = (mend.rule, mend.object)
      OR array_position(ranks, a.severity) >= greatest(2, array_position(ranks, mend.severity))
        AND concat_ws(' ', a.severity, a.rule, a.object) <> ALL (before);
  RAISE EXCEPTION USING ERRCODE = 'RH001', MESSAGE = coalesce('left ' || worse, 'mended');
EXCEPTION WHEN SQLSTATE 'RH001' THEN
  RETURN SQLERRM;
WHEN OTHERS THEN
  RETURN format('failed: %s %s', SQLSTATE, SQLERRM);
END $$;
