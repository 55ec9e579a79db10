-- Ways through views and rules to the tables behind them. A view's tables are reached as the view's owner, or as
-- whoever runs the statement where the view has security_invoker, in a chain of views as well: an inner view with it
-- asks the caller's policies, whoever owns the outer one. A materialized view is an end, not a way: it holds the rows
-- itself.

CREATE OR REPLACE FUNCTION rowhouse.view_option(relation oid, option text) RETURNS boolean
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN coalesce((SELECT o.option_value::boolean
                     FROM pg_class AS c CROSS JOIN LATERAL pg_options_to_table(c.reloptions) AS o
                     WHERE c.oid = relation AND o.option_name = option), false);
END
$function$;

-- What the rules of users' views (and of tables, where a write sets them off) refer to. The event of a view's own rule
-- is SELECT.
CREATE OR REPLACE FUNCTION rowhouse.rule_relations()
  RETURNS TABLE(source oid, event text, relation oid, acts_as oid)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
  SET jit = off
AS $function$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    WITH source AS MATERIALIZED (
      SELECT c.oid, c.relowner, c.relkind = 'v' AND rowhouse.view_option(c.oid, 'security_invoker') AS is_invoker
        FROM pg_class AS c
        WHERE c.relkind IN ('v', 'r', 'p') AND c.relhasrules AND c.oid >= 16384
          AND NOT rowhouse.is_foreign_schema(c.relnamespace)
          AND NOT EXISTS (SELECT FROM pg_depend AS e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid
                            AND e.deptype = 'e')
    ), rule AS MATERIALIZED (
      SELECT w.oid, w.ev_class, w.ev_type FROM pg_rewrite AS w WHERE w.ev_class IN (SELECT source.oid FROM source)
    )
    SELECT DISTINCT w.ev_class, CASE w.ev_type WHEN '1' THEN 'SELECT' WHEN '2' THEN 'UPDATE' WHEN '3' THEN 'INSERT'
        ELSE 'DELETE' END, d.refobjid, CASE WHEN NOT source.is_invoker THEN source.relowner END
      FROM source JOIN rule AS w ON w.ev_class = source.oid
      JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
        AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> w.ev_class
      JOIN pg_class AS t ON t.oid = d.refobjid AND t.relkind IN ('r', 'p', 'f', 'm', 'v');
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.holds_privilege(role oid, relation oid, privilege text) RETURNS boolean
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  name name := coalesce((SELECT r.rolname FROM pg_roles AS r WHERE r.oid = role), 'public');
BEGIN
  RETURN has_table_privilege(name, relation, privilege)
    OR (privilege <> 'DELETE' AND has_any_column_privilege(name, relation, privilege));
END
$function$;

-- From what an identity reaches (entry) to what is read or written behind it, and as whom (asked): by the last view's
-- word (asker). Where a role on the way lacks the privilege the server refuses, and the way ends.
CREATE OR REPLACE FUNCTION rowhouse.audit_ways()
  RETURNS TABLE(entry oid, asker oid, relation oid, asked oid, identity oid, command text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
  SET jit = off
AS $function$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    WITH RECURSIVE rule AS MATERIALIZED (
      SELECT * FROM rowhouse.rule_relations()
    ), entered AS MATERIALIZED (
      SELECT r.relation, r.identity, word AS privilege
        FROM rowhouse.audit_reach(ARRAY(SELECT DISTINCT rule.source FROM rule)) AS r
        CROSS JOIN unnest(r.privileges) AS word
    ), way(entry, asker, relation, asked, identity, command) AS (
      SELECT e.relation, e.relation, rule.relation, coalesce(rule.acts_as, e.identity), e.identity, commands.command
        FROM entered AS e JOIN rule ON rule.source = e.relation
        CROSS JOIN LATERAL (
          SELECT e.privilege WHERE rule.event = 'SELECT' AND (e.privilege = 'SELECT'
            OR pg_relation_is_updatable(e.relation, false) & CASE e.privilege WHEN 'INSERT' THEN 8 WHEN 'UPDATE' THEN 4
              ELSE 16 END > 0)
          UNION ALL
          SELECT word FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS word
            WHERE rule.event <> 'SELECT' AND rule.event = e.privilege) AS commands(command)
      UNION
      SELECT way.entry, way.relation, rule.relation, coalesce(rule.acts_as, way.identity), way.identity, way.command
        FROM way JOIN rule ON rule.source = way.relation AND rule.event = 'SELECT'
        WHERE rowhouse.holds_privilege(way.asked, way.relation, way.command)
    )
    SELECT way.entry, way.asker, way.relation, way.asked, way.identity, way.command
      FROM way JOIN pg_class AS c ON c.oid = way.relation AND c.relkind <> 'v'
      WHERE rowhouse.holds_privilege(way.asked, way.relation, way.command);
END
$function$;

-- The same for the trial of policies: whose are asked, and who runs the statement.
CREATE OR REPLACE FUNCTION rowhouse.audit_view_ways()
  RETURNS TABLE(relation oid, asked oid, runner oid, privileges text[])
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT w.relation, w.asked, w.identity, array_agg(DISTINCT w.command)
      FROM rowhouse.audit_ways() AS w GROUP BY w.relation, w.asked, w.identity;
END
$function$;

-- A view, the views in it and the tables behind them.
CREATE OR REPLACE FUNCTION rowhouse.relations_behind(view oid) RETURNS oid[]
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
  RETURN (
    WITH RECURSIVE behind(relation) AS (
      SELECT relations_behind.view
      UNION
      SELECT d.refobjid
        FROM behind JOIN pg_rewrite AS w ON w.ev_class = behind.relation AND w.ev_type = '1'
        JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
          AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> w.ev_class
        JOIN pg_class AS c ON c.oid = d.refobjid AND c.relkind IN ('r', 'p', 'f', 'm', 'v')
    )
    SELECT array_agg(behind.relation ORDER BY behind.relation) FROM behind);
END
$function$;
