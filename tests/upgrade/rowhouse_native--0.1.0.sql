-- rowhouse_native 0.1.0: SQLite files as foreign tables, and their import on the server.
\echo Use "CREATE EXTENSION rowhouse_native" to load this file. \quit

CREATE FUNCTION rowhouse.sqlite_fdw_handler() RETURNS fdw_handler
  LANGUAGE c STRICT
  AS 'MODULE_PATHNAME', 'rowhouse_native_fdw_handler';

CREATE FUNCTION rowhouse.sqlite_fdw_validator(options text[], catalog oid) RETURNS void
  LANGUAGE c STRICT
  AS 'MODULE_PATHNAME', 'rowhouse_native_fdw_validator';

CREATE FOREIGN DATA WRAPPER rowhouse_sqlite
  HANDLER rowhouse.sqlite_fdw_handler VALIDATOR rowhouse.sqlite_fdw_validator;
COMMENT ON FOREIGN DATA WRAPPER rowhouse_sqlite IS 'Tables of a SQLite file on the server; server option path';

CREATE FUNCTION rowhouse.import_sqlite(path text, tenant text DEFAULT NULL, check_integrity boolean DEFAULT true)
  RETURNS TABLE(table_name regclass, rows bigint, rejected bigint)
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'rowhouse_native_import_sqlite';
COMMENT ON FUNCTION rowhouse.import_sqlite(text, text, boolean) IS
  'Imports a SQLite file on the server into its protected tables as one tenant''s, in this transaction; rows are those that '
  'came in now, 0 for a table that has not changed since it was imported; check_integrity reads the whole file once more, before';

-- A file of the server is read with the server's rights: not for everyone, and the caller needs pg_read_server_files too.
REVOKE ALL ON FUNCTION rowhouse.sqlite_fdw_handler(), rowhouse.sqlite_fdw_validator(text[], oid),
  rowhouse.import_sqlite(text, text, boolean) FROM PUBLIC;
