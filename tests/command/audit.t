#!/bin/bash
# audit and prove: what they say of a database, by text, JSON and exit status.
. "$(dirname "$(readlink -f "$0")")/lib.sh"

new_database "$topic"
rowhouse audit --to "$url"
is "$status" 3 'audit without the core: 3'
like "$err" 'rowhouse is not installed' 'and says so'
rowhouse prove --to "$url"
is "$status" 3 'prove without the core: 3'

sql 'CREATE EXTENSION rowhouse; CREATE ROLE audit_app LOGIN; CREATE SCHEMA shop' >/dev/null
rowhouse prove --to "$url"
is "$status" 3 'prove with nothing protected: 3'
sql "SELECT rowhouse.create_tenant(id) FROM unnest(ARRAY['acme', 'bolt']) AS id;
  CREATE TABLE shop.invoice (company_id text NOT NULL, id integer, PRIMARY KEY (company_id, id));
  SELECT rowhouse.protect('shop.invoice'), rowhouse.grant_access('audit_app', 'app')" >/dev/null
succeeds 'audit of a correct set-up' audit --to "$url" --json
is "$(json '[.command, .errors, .warnings] | map(tostring) | join(" ")')" 'audit 0 0' 'no error, no warning'
is "$(json '[.findings[].severity] | unique | join(" ")')" 'info' 'only information'
rowhouse audit --to "$url" --quiet
is "$status $out" '0 0 errors, 0 warnings' 'quietly'
succeeds 'prove on a correct set-up' prove --to "$url" --json
is "$(json '[.command, .leaked, (.held > 10)] | map(tostring) | join(" ")')" 'prove 0 true' 'every attack held'
is "$(json '[.attempts[].object] | map(select(startswith("table:"))) | unique | join(" ")')" 'table:shop.invoice' 'on the protected table'

sql 'CREATE TABLE shop.person (company_id text NOT NULL, email text UNIQUE); GRANT USAGE ON SCHEMA shop TO audit_app;
  GRANT INSERT ON shop.person TO audit_app; ALTER TABLE shop.person ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY'
rowhouse audit --to "$url" --json
is "$status $(json '[.errors, .warnings] | map(tostring) | join(" ")')" '9 0 1' 'a warning: 9'
is "$(json '.findings[0] | [.rule, .object] | join(" ")')" 'key-without-tenant constraint:shop.person.person_email_key' 'by name'
sql "$(json '.findings[0].remedy')"
rowhouse audit --to "$url"
is "$status" 0 'its remedy mends it'

sql 'GRANT TRUNCATE ON shop.invoice TO audit_app; CREATE POLICY everything ON shop.invoice USING (true);
  DROP POLICY rowhouse_isolation ON shop.invoice'
rowhouse audit --to "$url"
is "$status" 10 'an error: 10'
like "$out" 'error  unbound-privileges  table:shop.invoice' 'as text'
like "$out" 'remedy: REVOKE TRUNCATE ON shop.invoice FROM audit_app;' 'with SQL to run'
rowhouse prove --to "$url" --table shop.invoice --json
is "$status $(json '.leaked > 0')" '10 true' 'prove gets in: 10'
rowhouse prove --to "$url" --table shop.nowhere
is "$status" 5 'a table that is not there: 5'
like "$err" 'shop.nowhere' 'and which'
done_testing
