CREATE TABLE rule_versions_7 (
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    title TEXT NOT NULL,
    owner TEXT NOT NULL,
    review_by TEXT NOT NULL,
    source TEXT NOT NULL,
    stage TEXT NOT NULL,
    authors TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    approver TEXT NOT NULL,
    note TEXT NOT NULL,
    backtest TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, kind, id, version)
);
INSERT INTO rule_versions_7 (tenant, kind, id, version, title, owner, review_by, source, stage, authors, asked_by, approver, note, backtest, created_at, updated_at)
    SELECT '', kind, id, version, title, owner, review_by, source, stage, authors, asked_by, approver, note, backtest, created_at, updated_at
    FROM rule_versions;
DROP TABLE rule_versions;
ALTER TABLE rule_versions_7 RENAME TO rule_versions;
ALTER TABLE rule_events ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
DROP INDEX rule_events_by_entry;
CREATE INDEX rule_events_by_entry ON rule_events (tenant, kind, id, revision)
