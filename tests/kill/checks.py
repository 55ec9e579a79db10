"""What has to hold of a database at any moment, and what at the end."""
import json

import server
from fleet import TABLES, TENANTS

# Counts by tenant of a table and of what the ledger says of it. A row whose writer the ledger does not know would later
# pass for one that was changed in PostgreSQL.
COUNTS = """
WITH ledger AS (
    SELECT tenant, sum(rows)::bigint AS rows, sum(rejected)::bigint AS rejected FROM rowhouse.import_chunk
      WHERE target_schema = 'public' AND target_table = '{table}' GROUP BY tenant),
  writers AS (
    SELECT tenant, array_agg(DISTINCT xid::text) AS xids FROM rowhouse.import_chunk, unnest(xids) AS xid
      WHERE target_schema = 'public' AND target_table = '{table}' GROUP BY tenant),
  kept AS (
    SELECT company_id AS tenant, count(*) AS rows, count(DISTINCT ({key})) AS keys,
        count(*) FILTER (WHERE t.xmin::text <> ALL (coalesce(writers.xids, '{{}}'))) AS strangers
      FROM public.{table} AS t LEFT JOIN writers ON writers.tenant = company_id GROUP BY company_id),
  aside AS (
    SELECT tenant, count(*) AS rows FROM rowhouse.import_reject WHERE source_table = '{table}' GROUP BY tenant)
SELECT tenant, coalesce(ledger.rows, 0), coalesce(ledger.rejected, 0), coalesce(kept.rows, 0), coalesce(kept.keys, 0),
    coalesce(kept.strangers, 0), coalesce(aside.rows, 0)
  FROM ledger FULL JOIN kept USING (tenant) FULL JOIN aside USING (tenant)
"""

# Everything that makes the tables what they are.
SHAPE = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint')
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT tablename, indexname, indexdef, '' FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT tablename, policyname, qual, with_check FROM pg_policies WHERE schemaname = 'public'
UNION ALL SELECT 'rowhouse.' || source_table, tenant, source_sql, columns::text FROM rowhouse.import_table
ORDER BY 1, 2
"""


def counts(database):
    """By tenant and table: rows and rejects by the ledger, rows, keys and strangers there, rejects. Of the tables that are."""
    there = {name for name, in server.rows(database, """SELECT table_schema || '.' || table_name
        FROM information_schema.tables WHERE table_schema IN ('public', 'rowhouse')""")}
    if "rowhouse.import_chunk" not in there:
        return {}
    found = {}
    for table, key in TABLES.items():
        if f"public.{table}" not in there:
            continue
        columns = ", ".join(("company_id", *key)) if key else "company_id, source_rowid"
        for tenant, *numbers in server.rows(database, COUNTS.format(table=table, key=columns)):
            found[tenant, table] = numbers
    return found


def halves(database):
    """Chunks that are there in part: rows without their entry, entries without their rows."""
    return [f"{tenant} {table}: {ledger} rows by the ledger, {rows} there, {keys} keys, {strangers} of unknown origin, "
            f"{rejected} rejects by the ledger, {aside} there"
            for (tenant, table), (ledger, rejected, rows, keys, strangers, aside) in counts(database).items()
            if not (ledger == rows == keys and rejected == aside and strangers == 0)]


def shape(database):
    return server.rows(database, SHAPE)


def wrongs(database, owed, wanted_shape):
    """What is not as it has to be at the end."""
    found = counts(database)
    wrong = halves(database)
    for (tenant, table), (rows, rejected) in owed.items():
        got = found.get((tenant, table), [0] * 6)
        if (got[2], got[5]) != (rows, rejected):
            wrong.append(f"{tenant} {table}: {got[2]} rows and {got[5]} rejects, not {rows} and {rejected}")
    wrong += [f"the shape lacks {one}" for one in set(wanted_shape) - set(shape(database))]
    wrong += [f"the shape has {one}" for one in set(shape(database)) - set(wanted_shape)]
    for table in ("customer", "orders"):
        highest, last = server.rows(database, f"""SELECT (SELECT max(id) FROM public.{table}),
            pg_sequence_last_value(pg_get_serial_sequence('public.{table}', 'id'))""")[0]
        if last is None or last < highest:
            wrong.append(f"{table}: the next id would be after {last}, {highest} is taken")
    if {tenant for tenant, in server.rows(database, "SELECT id FROM rowhouse.tenant")} != set(TENANTS):
        wrong.append("the registry has other tenants")
    return wrong


def brief(out, err):
    """Of a command's document and words what tells why it did not end well."""
    try:
        document = json.loads(out)
    except ValueError:
        return f"{err[-300:]} {out[-300:]}"
    parts = [document.get("error"), *document.get("failures", [])]
    for verified in (document, document.get("verified") or {}):
        parts += [table for table in verified.get("tables", []) if table.get("examples")]
    parts += [finding for finding in (document.get("audited") or {}).get("findings", [])]
    return f"{err[-300:]} {[part for part in parts if part][:5]}"
