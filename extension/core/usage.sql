-- What tenants use, and what this server lets rowhouse do.

-- With the caller's rights: a bound role sees its current tenant, an admin or dump role every tenant. It reads every
-- row.
CREATE OR REPLACE FUNCTION rowhouse.measure_usage()
  RETURNS TABLE(tenant text, table_name regclass, rows bigint, bytes bigint)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  target record;
BEGIN
  FOR target IN
    SELECT t.table_name, t.tenant_column,
        (SELECT string_agg(format('coalesce(pg_column_size(%I), 0)', a.attname), ' + ')
           FROM pg_attribute AS a WHERE a.attrelid = t.table_name AND a.attnum > 0 AND NOT a.attisdropped) AS size
      FROM rowhouse.protected_tables AS t
      WHERE has_table_privilege(t.table_name, 'SELECT') AND t.row_kind <> 'reference'
        AND NOT EXISTS (SELECT FROM pg_inherits AS i JOIN rowhouse.protected_tables AS p ON p.table_name = i.inhparent
                          WHERE i.inhrelid = t.table_name)
      ORDER BY t.table_name::oid
  LOOP
    RETURN QUERY EXECUTE format(
      'SELECT %1$I::text, %2$s::regclass, count(*), sum(24 + %3$s)::bigint FROM %4$s
         WHERE %1$I IS NOT NULL GROUP BY %1$I ORDER BY %1$I::text COLLATE "C"',
      target.tenant_column, target.table_name::oid, target.size, target.table_name);
  END LOOP;
END
$function$;

CREATE OR REPLACE VIEW rowhouse.tenant_usage AS
  SELECT tenant, table_name, rows, bytes FROM rowhouse.measure_usage();
COMMENT ON VIEW rowhouse.tenant_usage IS
  'Rows and bytes of each tenant by protected table, counted when asked; bytes as stored, without indexes';

-- For the role that asks.
CREATE OR REPLACE FUNCTION rowhouse.server_limits() RETURNS TABLE(name text, allowed boolean, consequence text)
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  me record;
  version integer := current_setting('server_version_num')::integer;
  -- What providers give in place of a superuser.
  is_delegate boolean := EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname IN ('rds_superuser', 'cloudsqlsuperuser')
    AND pg_has_role(r.oid, 'USAGE'));
BEGIN
  SELECT r.rolsuper, r.rolbypassrls, r.rolcreaterole INTO me FROM pg_roles AS r WHERE r.rolname = current_user;
  RETURN QUERY SELECT limits.name, limits.allowed, CASE WHEN limits.allowed THEN limits.yes ELSE limits.no END
    FROM (VALUES
      ('superuser', me.rolsuper,
        'policies do not bind this role: let no application use it',
        'nothing is missing: the core asks for no superuser'),
      ('leakproof', me.rolsuper,
        'functions can be marked LEAKPROOF, for every database user at once: rowhouse does not',
        'LIKE, jsonb, full text and trigram searches on protected tables use no index'),
      ('event triggers', me.rolsuper OR is_delegate,
        'rowhouse.guard_tables() refuses new tables without protection',
        'new tables without protection are found by rowhouse.audit(), not refused'),
      ('bypassrls', me.rolsuper OR (version >= 160000 AND me.rolcreaterole AND me.rolbypassrls),
        'not needed: exempt roles are named in policies, see rowhouse.grant_access()',
        'exempt roles are named in policies: a dump wants rowhouse.grant_access(role, ''dump'') and '
          'pg_dump --enable-row-security'),
      ('pg_tle', EXISTS (SELECT FROM pg_available_extensions AS e WHERE e.name = 'pg_tle'),
        'the core can be installed as an extension without a file beside the server',
        'the core comes as an extension from files, or as the plain script'),
      ('native library', EXISTS (SELECT FROM pg_available_extensions AS e WHERE e.name = 'rowhouse_native'),
        'rowhouse_native can be loaded: SQLite foreign tables, import inside the server',
        'no SQLite foreign tables and no import inside the server: the command imports over the network'),
      ('lz4', EXISTS (SELECT FROM pg_settings AS s
                        WHERE s.name = 'default_toast_compression' AND 'lz4' = ANY (s.enumvals)),
        'long documents are compressed with lz4',
        'long documents are compressed with pglz, which takes about twice as long to write'),
      ('pgcrypto', EXISTS (SELECT FROM pg_available_extensions AS e WHERE e.name = 'pgcrypto'),
        'not needed: tokens are checked with the server''s own sha256()',
        'nothing is missing: tokens are checked with the server''s own sha256()'))
      AS limits(name, allowed, yes, no);
END
$function$;
COMMENT ON FUNCTION rowhouse.server_limits() IS 'What this server allows the current role, and what follows from it';
