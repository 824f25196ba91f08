CREATE TABLE tenants (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE tenant_sources (
    source TEXT PRIMARY KEY,
    tenant TEXT NOT NULL
);
ALTER TABLE users ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE cases ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE api_tokens ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE break_glass ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE break_glass ADD COLUMN subject_tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE golden_items ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE blind_reviews ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
CREATE INDEX cases_by_tenant ON cases (tenant, state, updated_at)
