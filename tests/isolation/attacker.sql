-- A sealed database whose key is known, for the specs that a tenant's sessions run as the application's role.
CREATE ROLE isolation_attacker LOGIN;
SELECT rowhouse.create_tenant('acme'), rowhouse.create_tenant('bolt');
CREATE TABLE note (company_id text, id int);
INSERT INTO note VALUES ('acme', 1), ('bolt', 2);
SELECT rowhouse.protect('note'), rowhouse.grant_access('isolation_attacker', 'app');
SELECT rowhouse.seal() IS NOT NULL AS is_sealed;
INSERT INTO rowhouse.seal_key (id, inner_pad, outer_pad) VALUES ('00000000', rowhouse.pad_key('known-key', 54), rowhouse.pad_key('known-key', 92));
