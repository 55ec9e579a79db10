-- Three tickets of acme, two of bolt; an application role that the policies bind; once unsealed, once sealed.
CREATE ROLE pooler_app LOGIN;
CREATE DATABASE shop;
CREATE DATABASE sealed;
CREATE DATABASE example;
\connect shop
CREATE EXTENSION rowhouse;
SELECT rowhouse.create_tenant(tenant) FROM unnest(ARRAY['acme', 'bolt']) AS tenant;
CREATE TABLE ticket (company_id text, id int, PRIMARY KEY (company_id, id));
INSERT INTO ticket VALUES ('acme', 1), ('acme', 2), ('acme', 3), ('bolt', 1), ('bolt', 2);
SELECT rowhouse.protect('ticket'), rowhouse.grant_access('pooler_app', 'app');
\connect sealed
CREATE EXTENSION rowhouse;
SELECT rowhouse.create_tenant(tenant) FROM unnest(ARRAY['acme', 'bolt']) AS tenant;
CREATE TABLE ticket (company_id text, id int, PRIMARY KEY (company_id, id));
INSERT INTO ticket VALUES ('acme', 1), ('acme', 2), ('acme', 3), ('bolt', 1), ('bolt', 2);
SELECT rowhouse.protect('ticket'), rowhouse.grant_access('pooler_app', 'app');
