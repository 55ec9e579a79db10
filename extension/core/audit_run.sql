-- Running what the audit made up. A policy may call functions of users', and whoever audits has more rights than they:
-- such a statement runs in a SECURITY DEFINER function that belongs to the role judged, where nothing can become the
-- auditor again. All of it is read-only and undone.

-- Creates that function, as the role, for the rest of the subtransaction. An error where it can't be.
CREATE OR REPLACE FUNCTION rowhouse.make_runner(role oid) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  before text := CASE WHEN current_user = session_user THEN 'none' ELSE current_user END;
BEGIN
  PERFORM set_config('role', (SELECT r.rolname FROM pg_roles AS r WHERE r.oid = role), true);
  CREATE FUNCTION pg_temp.rowhouse_runner(statement text, made_up jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'DECLARE answer jsonb; BEGIN EXECUTE statement INTO answer USING made_up; RETURN answer; END';
  PERFORM set_config('role', before, true);
END
$function$;

-- One statement over made-up rows, and where it fails as a whole, over each row alone: an answer a row, NULL where it
-- failed.
CREATE OR REPLACE FUNCTION rowhouse.run_over_rows(statement text, made_up jsonb, in_runner boolean, become name)
  RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  before text := CASE WHEN current_user = session_user THEN 'none' ELSE current_user END;
  answer jsonb;
  answers jsonb := '[]';
  single jsonb;
BEGIN
  BEGIN
    IF become IS NOT NULL THEN
      PERFORM set_config('role', become, true);
    END IF;
    IF in_runner THEN
      EXECUTE 'SELECT pg_temp.rowhouse_runner($1, $2)' INTO answer USING statement, made_up;
    ELSE
      EXECUTE statement INTO answer USING made_up;
    END IF;
    PERFORM set_config('role', before, true);
    RETURN answer;
  EXCEPTION WHEN OTHERS THEN
    IF jsonb_array_length(made_up) = 1 THEN
      RETURN '[null]';
    END IF;
  END;
  FOR single IN SELECT value FROM jsonb_array_elements(made_up) LOOP
    answers := answers
      || coalesce(rowhouse.run_over_rows(statement, jsonb_build_array(single), in_runner, become), '[null]');
  END LOOP;
  RETURN answers;
END
$function$;

-- The answers for each session, a session being settings by name: the first over all rows, the others over the first
-- few. NULL when the statement can't be run without risk.
CREATE OR REPLACE FUNCTION rowhouse.run_made_up(
    statement text, made_up jsonb, few integer, sessions jsonb, role oid, calls_users boolean) RETURNS jsonb
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  answers jsonb := '[]';
  answer jsonb;
  session jsonb;
  may_become boolean := role <> 0 AND pg_has_role(role, rowhouse.set_role_privilege());
BEGIN
  IF calls_users AND NOT may_become THEN
    RETURN NULL;
  END IF;
  BEGIN
    IF calls_users THEN
      PERFORM rowhouse.make_runner(role);
    END IF;
    PERFORM set_config('transaction_read_only', 'on', true);
    FOR session IN SELECT value FROM jsonb_array_elements(sessions) LOOP
      BEGIN
        PERFORM set_config(key, value, true) FROM jsonb_each_text(session);
        answer := rowhouse.run_over_rows(statement, made_up, calls_users,
          CASE WHEN may_become AND NOT calls_users THEN (SELECT r.rolname FROM pg_roles AS r WHERE r.oid = role) END);
        RAISE SQLSTATE 'RHUND';
      EXCEPTION WHEN SQLSTATE 'RHUND' THEN
        answers := answers || jsonb_build_array(answer);
        answer := NULL;
      WHEN OTHERS THEN
        answers := answers || '[null]';
      END;
      IF jsonb_array_length(made_up) > few THEN
        made_up := (SELECT jsonb_agg(value ORDER BY place)
                      FROM jsonb_array_elements(made_up) WITH ORDINALITY AS u(value, place) WHERE place <= few);
      END IF;
    END LOOP;
    RAISE SQLSTATE 'RHUND';
  EXCEPTION WHEN SQLSTATE 'RHUND' THEN
    RETURN answers;
  WHEN OTHERS THEN
    RETURN NULL;
  END;
END
$function$;
