-- What earlier versions had and this one has not, for updates and for the plain script over an earlier one. Everything
-- else replaces what it finds; where there was nothing, nothing happens here.

-- 0.1.0: functions that knew of no kinds of rows
DROP FUNCTION IF EXISTS rowhouse.protect(regclass, name), rowhouse.protect_one(regclass, name),
  rowhouse.check_target(regclass, name), rowhouse.check_rows(regclass, name), rowhouse.wanted_policies(regclass, name),
  rowhouse.stale_policies(regclass, name), rowhouse.apply_policies(regclass, name),
  rowhouse.is_protected(regclass, name), rowhouse.apply_grants(regclass);

-- 0.1.0: an index that took others up unnoticed
DROP FUNCTION IF EXISTS rowhouse.make_tenant_index(regclass, name);

-- 0.1.0: what set_tenant() asked
DROP FUNCTION IF EXISTS rowhouse.tenant_admission(text);

-- 0.1.0: a registry of tenants that all were imported for ever
ALTER TABLE IF EXISTS rowhouse.tenant ADD COLUMN IF NOT EXISTS cut_over_at timestamptz,
  ADD COLUMN IF NOT EXISTS needs_token boolean NOT NULL DEFAULT false;
DO $list_tenants$
BEGIN
  IF EXISTS (SELECT FROM pg_proc WHERE oid = to_regprocedure('rowhouse.list_tenants()')
               AND 'cut_over_at' <> ALL (proargnames)) THEN
    DROP FUNCTION rowhouse.list_tenants();
  END IF;
END
$list_tenants$;

-- 0.1.0: a ledger that knew neither rows nor, in its key, the table that they went to
ALTER TABLE IF EXISTS rowhouse.import_chunk
  ADD COLUMN IF NOT EXISTS row_keys bytea, ADD COLUMN IF NOT EXISTS row_digests bytea,
  ADD COLUMN IF NOT EXISTS xids xid[];
ALTER TABLE IF EXISTS rowhouse.import_reject ADD COLUMN IF NOT EXISTS chunk bigint;
ALTER TABLE IF EXISTS rowhouse.import_table ADD COLUMN IF NOT EXISTS unfinished text;
DO $ledger_key$
BEGIN
  IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass('rowhouse.import_chunk')
               AND conname = 'import_chunk_range_key' AND cardinality(conkey) = 4) THEN
    ALTER TABLE rowhouse.import_chunk DROP CONSTRAINT import_chunk_range_key,
      ADD CONSTRAINT import_chunk_range_key UNIQUE (tenant, source, source_table, target_schema, target_table, key_from);
  END IF;
END
$ledger_key$;
