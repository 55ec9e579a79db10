-- The audit of the rest of the server: what carries rows out past the policies, who else answers here, and how old all
-- of it is.

-- Replication asks no policy. A row filter that names the tenant is one.
CREATE OR REPLACE FUNCTION rowhouse.audit_publications()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  by_schema text;
BEGIN
  IF to_regclass('pg_catalog.pg_publication_namespace') IS NOT NULL THEN
    by_schema := 'SELECT pn.pnpubid, ''TABLES IN SCHEMA '' || pn.pnnspid::regnamespace FROM pg_publication_namespace '
      'AS pn
      WHERE EXISTS (SELECT FROM pg_class AS c WHERE c.relnamespace = pn.pnnspid AND c.oid = ANY ($1))';
  END IF;
  RETURN QUERY EXECUTE format($query$
    WITH held AS MATERIALIZED (
      SELECT t.relation, t.tenant_column FROM rowhouse.audit_tenant_tables() AS t
    ), part(publication, part) AS (
      SELECT r.prpubid, 'TABLE ' || r.prrelid::regclass FROM pg_publication_rel AS r
        LEFT JOIN held ON held.relation = r.prrelid
        WHERE (held.relation IS NOT NULL OR r.prrelid IN (SELECT i.inhparent FROM pg_inherits AS i
                                                           JOIN held AS h ON h.relation = i.inhrelid))
          AND NOT coalesce(pg_get_expr(%2$s, r.prrelid) ~ ('\m' || held.tenant_column || '\M'), false)
      UNION ALL %1$s
    ), sent AS (
      SELECT p.oid, p.pubname, p.puballtables, string_agg(DISTINCT held.relation::regclass::text, ', ') AS tables
        FROM pg_publication AS p
        JOIN pg_publication_tables AS pt ON pt.pubname = p.pubname
        JOIN pg_class AS c ON c.relname = pt.tablename
        JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = pt.schemaname
        JOIN held ON held.relation = c.oid
        WHERE NOT coalesce(to_jsonb(pt) ->> 'rowfilter' ~ ('\m' || held.tenant_column || '\M'), false)
        GROUP BY p.oid
    ), reader AS (
      SELECT min(r.rolname) AS name FROM pg_roles AS r
        WHERE r.rolreplication AND r.rolcanlogin AND NOT rowhouse.is_unjudged(r.oid)
    )
    SELECT CASE WHEN reader.name IS NULL THEN 'warning' ELSE 'error' END, 'publication',
        'publication:' || quote_ident(s.pubname),
        format('It sends the rows of every tenant in %%s to whoever subscribes%%s: replication asks no policy. Proof: '
          'SELECT * FROM pg_publication_tables WHERE pubname = %%L', s.tables,
          ', as ' || quote_ident(reader.name) || ' can', s.pubname),
        CASE WHEN s.puballtables THEN format('DROP PUBLICATION %%I', s.pubname)
          ELSE (SELECT string_agg(format('ALTER PUBLICATION %%I DROP %%s', s.pubname, part.part), '; '
            ORDER BY part.part)
                  FROM part WHERE part.publication = s.oid) END
      FROM sent AS s CROSS JOIN reader
    $query$, coalesce(by_schema, 'SELECT NULL::oid, NULL WHERE $1 IS NULL'),
      CASE WHEN by_schema IS NULL THEN 'NULL' ELSE 'r.prqual' END)
    USING ARRAY(SELECT t.relation FROM rowhouse.audit_tenant_tables() AS t);

  RETURN QUERY
    SELECT 'info', 'replication-slot', format('database:%I', s.database),
        format('The logical slot %s hands the changes of every tenant to whoever reads it with REPLICATION.',
          s.slot_name),
        NULL
      FROM pg_replication_slots AS s WHERE s.slot_type = 'logical' AND s.database = current_database();
END
$function$;

-- Ways out to a server, which may be this one again under another name.
CREATE OR REPLACE FUNCTION rowhouse.audit_foreign_servers(suspects oid[])
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    WITH opened AS (
      SELECT s.oid, s.srvname, w.fdwname,
          string_agg(DISTINCT rowhouse.role_name(a.grantee), ', ') AS grantees,
          min(m.option_value) FILTER (WHERE m.option_name = 'user') AS remote_user,
          coalesce(bool_and(s.srvoptions IS NOT NULL) AND min(o.option_value) FILTER (WHERE o.option_name = 'dbname')
              = current_database() AND coalesce(min(o.option_value)
                FILTER (WHERE o.option_name IN ('host', 'hostaddr')), '')
              ~ '^(|/.*|localhost|127\..*|::1)$', false) AS is_here
        FROM pg_foreign_server AS s
        JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw AND w.fdwname <> 'rowhouse_sqlite'
        CROSS JOIN aclexplode(s.srvacl) AS a
        JOIN pg_user_mappings AS u ON u.srvid = s.oid
          AND (u.umuser = 0 OR a.grantee = 0 AND u.umuser = ANY (suspects) OR pg_has_role(u.umuser, a.grantee, 'USAGE'))
        LEFT JOIN LATERAL pg_options_to_table(u.umoptions) AS m ON true
        LEFT JOIN LATERAL pg_options_to_table(s.srvoptions) AS o ON true
        WHERE a.privilege_type = 'USAGE' AND a.grantee <> s.srvowner AND a.grantee = ANY (suspects)
        GROUP BY s.oid, w.fdwname
    )
    SELECT CASE WHEN o.is_here AND coalesce((SELECT rowhouse.exemption(r.oid) IS NOT NULL FROM pg_roles AS r
                                               WHERE r.rolname = o.remote_user), false)
          THEN 'error' ELSE 'warning' END, 'foreign-server', 'server:' || quote_ident(o.srvname),
        format('%s may use this server of %s%s: whoever it logs in as there, all tenants are. Proof: SELECT '
          'has_server_privilege(%L, %5$L, ''USAGE'')', o.grantees, o.fdwname,
          CASE WHEN o.is_here THEN format(', which leads back into this database%s',
            coalesce(' as ' || quote_ident(o.remote_user), '')) ELSE '' END,
          lower(rowhouse.proof_role(o.grantees)), o.srvname),
        format('REVOKE USAGE ON FOREIGN SERVER %I FROM %s', o.srvname, o.grantees)
      FROM opened AS o
    UNION ALL
    SELECT 'warning', 'foreign-server', coalesce('extension:' || quote_ident(e.extname),
      'role:' || rowhouse.role_name(a.grantee)),
        format('%s may make servers of the wrapper %s, and so log in anywhere from here. Proof: SET ROLE %s; CREATE '
          'SERVER elsewhere FOREIGN DATA WRAPPER %2$s', rowhouse.role_name(a.grantee), quote_ident(w.fdwname),
          rowhouse.proof_role(rowhouse.role_name(a.grantee))),
        format('REVOKE USAGE ON FOREIGN DATA WRAPPER %I FROM %s', w.fdwname, rowhouse.role_name(a.grantee))
      FROM pg_foreign_data_wrapper AS w CROSS JOIN aclexplode(w.fdwacl) AS a
      LEFT JOIN pg_depend AS d ON d.classid = 'pg_foreign_data_wrapper'::regclass AND d.objid = w.oid
        AND d.deptype = 'e'
      LEFT JOIN pg_extension AS e ON e.oid = d.refobjid
      WHERE a.grantee = ANY (suspects) AND a.grantee <> w.fdwowner;
END
$function$;

-- Extensions that open a door by being there, code that the server trusts blindly, and triggers on its events.
CREATE OR REPLACE FUNCTION rowhouse.audit_extensions(suspects oid[])
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
    WITH callable AS (
      SELECT p.oid, p.proname, p.prolang, e.extname, rowhouse.role_name(a.grantee) AS grantee
        FROM pg_proc AS p
        CROSS JOIN aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
        LEFT JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
        LEFT JOIN pg_extension AS e ON e.oid = d.refobjid
        WHERE a.grantee = ANY (suspects) AND a.grantee <> p.proowner
          AND (e.extname = 'dblink' OR e.extname IS NULL AND NOT rowhouse.is_foreign_schema(p.pronamespace))
    )
    SELECT 'warning', 'extension-door', 'extension:dblink',
        format('%s may open connections from inside the server: to this database again as whoever it knows a password '
          'of, or that needs none. Proof: SELECT has_function_privilege(%L, ''%s'', ''EXECUTE'')',
          string_agg(DISTINCT c.grantee, ', '), lower(min(c.grantee)), min(c.oid::regprocedure::text)),
        format('REVOKE EXECUTE ON FUNCTION %s FROM %s', string_agg(DISTINCT c.oid::regprocedure::text, ', '),
          string_agg(DISTINCT c.grantee, ', '))
      FROM callable AS c WHERE c.extname = 'dblink' AND c.proname ~ '^dblink(_connect|_exec|_open|_send_query|)$'
      HAVING count(*) > 0
    UNION ALL
    SELECT 'warning', 'untrusted-code', rowhouse.function_object(c.oid),
        format('%s may call a function in the untrusted language %s: its code runs as the server itself, past every '
          'policy and privilege, and nothing here can see into it. Proof: SELECT has_function_privilege(%L, %L, '
          '''EXECUTE'')',
          string_agg(DISTINCT c.grantee, ', '), l.lanname, lower(min(c.grantee)), c.oid::regprocedure),
        format('REVOKE EXECUTE ON FUNCTION %s FROM %s', c.oid::regprocedure, string_agg(DISTINCT c.grantee, ', '))
      FROM callable AS c JOIN pg_language AS l ON l.oid = c.prolang
      WHERE c.extname IS NULL AND NOT l.lanpltrusted AND l.lanname NOT IN ('internal', 'sql')
      GROUP BY c.oid, l.lanname
    UNION ALL
    SELECT 'warning', 'guard-disabled', format('database:%I', current_database()),
        format('The event trigger %s is disabled: a table without protection passes it.', e.evtname),
        format('ALTER EVENT TRIGGER %I ENABLE', e.evtname)
      FROM pg_event_trigger AS e WHERE e.evtname = 'rowhouse_guard' AND e.evtenabled IN ('D', 'R');
END
$function$;

-- Flaws in row security and beside it that a minor version of the server has.
CREATE OR REPLACE FUNCTION rowhouse.known_flaws(version_num integer) RETURNS SETOF text
  LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT format('%s (%s; fixed in %s.%s)', f.name, f.what, f.major, f.minor)
    FROM (VALUES
        ('CVE-2023-2455', 'policies of an inlined function''s caller', 14, 8),
        ('CVE-2023-2455', 'policies of an inlined function''s caller', 15, 3),
        ('CVE-2023-39418', 'MERGE past policies', 15, 4),
        ('CVE-2024-4317', 'statistics of expressions', 14, 12),
        ('CVE-2024-4317', 'statistics of expressions', 15, 7),
        ('CVE-2024-4317', 'statistics of expressions', 16, 3),
        ('CVE-2024-10976', 'policies below subqueries', 14, 14),
        ('CVE-2024-10976', 'policies below subqueries', 15, 9),
        ('CVE-2024-10976', 'policies below subqueries', 16, 5),
        ('CVE-2024-10976', 'policies below subqueries', 17, 1),
        ('CVE-2024-10978', 'SET ROLE reset to another role', 14, 14),
        ('CVE-2024-10978', 'SET ROLE reset to another role', 15, 9),
        ('CVE-2024-10978', 'SET ROLE reset to another role', 16, 5),
        ('CVE-2024-10978', 'SET ROLE reset to another role', 17, 1),
        ('CVE-2025-8713', 'sampled rows in statistics', 14, 19),
        ('CVE-2025-8713', 'sampled rows in statistics', 15, 14),
        ('CVE-2025-8713', 'sampled rows in statistics', 16, 10),
        ('CVE-2025-8713', 'sampled rows in statistics', 17, 6))
      AS f(name, what, major, minor)
    WHERE f.major = version_num / 10000 AND version_num % 10000 < f.minor ORDER BY f.name;
END;

CREATE OR REPLACE FUNCTION rowhouse.audit_versions()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  version_num integer := current_setting('server_version_num')::integer;
  flaws text := (SELECT string_agg(flaw, ', ') FROM rowhouse.known_flaws(current_setting('server_version_num')::integer)
                   AS flaw);
BEGIN
  IF flaws IS NOT NULL OR version_num < 140000 THEN
    RETURN QUERY SELECT 'warning', 'old-server', 'server:postgresql', format('PostgreSQL %s: %s. Update to the newest '
      'minor version.', current_setting('server_version'), coalesce(flaws, 'no longer looked after')), NULL;
  END IF;
  -- The view was mended in new clusters only; older ones take a script.
  IF version_num BETWEEN 140012 AND 169999
      AND pg_get_viewdef('pg_stats_ext'::regclass) !~ 'pg_has_role\(c\.relowner' THEN
    RETURN QUERY SELECT 'warning', 'old-catalogs', 'view:pg_catalog.pg_stats_ext', 'This cluster is older than its '
      'server: its view still shows statistics of tables that one may only partly read (CVE-2024-4317). A superuser '
      'has to run fix-CVE-2024-4317.sql from the server''s share directory in every database.', NULL;
  END IF;
END
$function$;

-- Who gets in without a word, for those who may look.
CREATE OR REPLACE FUNCTION rowhouse.audit_logins()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF NOT has_table_privilege('pg_hba_file_rules', 'SELECT')
      OR NOT has_function_privilege('pg_hba_file_rules()', 'EXECUTE') THEN
    RETURN;
  END IF;
  RETURN QUERY
    SELECT 'warning', 'login-without-password', format('database:%I', current_database()),
        format('Line %s of pg_hba.conf lets %s in from %s as any role it names, exempt ones included, without a '
          'password.',
          h.line_number, array_to_string(h.user_name, ', '), concat_ws('/', h.address, h.netmask)), NULL
      FROM pg_hba_file_rules AS h
      WHERE h.auth_method = 'trust' AND h.type LIKE 'host%' AND coalesce(h.address, '')
        !~ '^(127\.|::1|localhost|samehost)'
        AND (h.database && ARRAY['all', current_database()::text]);
END
$function$;

-- How things stand: open by nature, or by choice, in every database that is set up right.
CREATE OR REPLACE FUNCTION rowhouse.audit_posture()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  database text := format('database:%I', current_database());
  unseen text := concat_ws(', ',
    CASE WHEN NOT has_function_privilege('pg_hba_file_rules()', 'EXECUTE') THEN 'pg_hba.conf' END,
    CASE WHEN NOT has_function_privilege('pg_show_all_file_settings()', 'EXECUTE')
      THEN 'settings in postgresql.conf' END,
    CASE WHEN EXISTS (SELECT FROM pg_user_mappings AS u WHERE u.umoptions IS NULL) THEN 'options of user mappings' END,
    CASE WHEN EXISTS (SELECT FROM pg_subscription) THEN 'where subscriptions come from' END);
BEGIN
  RETURN QUERY
    SELECT 'info', 'unsealed', database, 'The database is not sealed: whoever can send SQL of his own as an '
        'application role chooses the tenant. That is right as long as only the application writes the SQL; else look '
        'at rowhouse.seal().',
        NULL::text
      WHERE NOT rowhouse.is_sealed()
    UNION ALL
    SELECT 'info', 'shared-role', database, 'Tenants who send SQL as one role see each other''s running statements, '
        'may cancel them, and share NOTIFY, advisory locks and large objects; EXPLAIN ANALYZE counts rows that a '
        'policy hid. Bind values as parameters.', NULL
    UNION ALL
    SELECT 'info', 'no-guard', database, 'Nothing refuses a new table that has a tenant column and no protection; '
        'audit() names it afterwards.',
        CASE WHEN (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user)
            AND (SELECT r.rolsuper FROM pg_proc AS p JOIN pg_roles AS r ON r.oid = p.proowner
                   WHERE p.oid = to_regprocedure('rowhouse.note_tables()'))
          THEN 'SELECT rowhouse.guard_tables()' END
      WHERE NOT EXISTS (SELECT FROM pg_event_trigger AS e WHERE e.evtname = 'rowhouse_guard')
    UNION ALL
    SELECT 'warning', 'database-is-template', database, format('The database is a template: %s may copy it, with all '
      'rows.',
        string_agg(r.rolname, ', ' ORDER BY r.rolname)), format('ALTER DATABASE %I IS_TEMPLATE false',
          current_database())
      FROM pg_roles AS r JOIN pg_database AS d ON d.datname = current_database() AND d.datistemplate
      WHERE r.rolcreatedb AND NOT rowhouse.is_unjudged(r.oid) AND r.oid <> d.datdba HAVING count(*) > 0
    UNION ALL
    SELECT 'info', 'subscription', database, format('Rows come in by the subscription %s, past the policies.',
      s.subname), NULL
      FROM pg_subscription AS s JOIN pg_database AS d ON d.oid = s.subdbid WHERE d.datname = current_database()
    UNION ALL
    SELECT 'info', 'statement-texts', 'extension:pg_stat_statements', 'An application role reads there what statements '
        'its own role has sent, for every tenant, with the values that were not parameters.',
        format('REVOKE SELECT ON %s FROM PUBLIC', c.oid::regclass)
      FROM pg_extension AS e JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
        AND d.classid = 'pg_class'::regclass
      JOIN pg_class AS c ON c.oid = d.objid AND c.relname = 'pg_stat_statements'
      WHERE e.extname = 'pg_stat_statements' AND has_table_privilege('public', c.oid, 'SELECT')
    UNION ALL
    SELECT 'info', 'not-looked-at', database, format('Role %s may not see: %s.', current_user, unseen), NULL
      WHERE unseen <> ''
    UNION ALL
    SELECT 'info', 'not-looked-at', database, 'Each database of a server is judged by itself; what applications do, '
        'and what functions in C do, shows in no catalog.', NULL;
END
$function$;

CREATE OR REPLACE FUNCTION rowhouse.audit_server()
  RETURNS TABLE(severity text, rule text, object text, detail text, remedy text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  suspects oid[] := rowhouse.audit_suspects();
BEGIN
  RETURN QUERY SELECT * FROM rowhouse.audit_settings(suspects)
  UNION ALL SELECT * FROM rowhouse.audit_configuration_file()
  UNION ALL SELECT * FROM rowhouse.audit_publications()
  UNION ALL SELECT * FROM rowhouse.audit_foreign_servers(suspects)
  UNION ALL SELECT * FROM rowhouse.audit_extensions(suspects)
  UNION ALL SELECT * FROM rowhouse.audit_versions()
  UNION ALL SELECT * FROM rowhouse.audit_logins()
  UNION ALL SELECT * FROM rowhouse.audit_posture();
END
$function$;
