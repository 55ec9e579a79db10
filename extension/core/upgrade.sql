-- What earlier versions had and this one has not, for updates and for the plain script over an earlier one. Everything
-- else replaces what it finds; where there was nothing, nothing happens here.

-- 0.1.0: functions that knew of no kinds of rows
DROP FUNCTION IF EXISTS rowhouse.protect(regclass, name), rowhouse.protect_one(regclass, name),
  rowhouse.check_target(regclass, name), rowhouse.check_rows(regclass, name), rowhouse.wanted_policies(regclass, name),
  rowhouse.stale_policies(regclass, name), rowhouse.apply_policies(regclass, name),
  rowhouse.is_protected(regclass, name), rowhouse.apply_grants(regclass);

-- 0.1.0: what set_tenant() asked
DROP FUNCTION IF EXISTS rowhouse.tenant_admission(text);
