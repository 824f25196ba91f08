DROP INDEX cases_by_tenant;
ALTER TABLE blind_reviews DROP COLUMN tenant;
ALTER TABLE golden_items DROP COLUMN tenant;
ALTER TABLE break_glass DROP COLUMN subject_tenant;
ALTER TABLE break_glass DROP COLUMN tenant;
ALTER TABLE api_tokens DROP COLUMN tenant;
ALTER TABLE cases DROP COLUMN tenant;
ALTER TABLE users DROP COLUMN tenant;
DROP TABLE tenant_sources;
DROP TABLE tenants
