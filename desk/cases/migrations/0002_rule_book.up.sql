CREATE TABLE rule_versions (
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
    PRIMARY KEY (kind, id, version)
);
CREATE TABLE rule_events (
    revision BIGINT PRIMARY KEY,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX rule_events_by_entry ON rule_events (kind, id, revision);
CREATE TABLE rule_revision (
    one BIGINT PRIMARY KEY,
    revision BIGINT NOT NULL
);
INSERT INTO rule_revision (one, revision) VALUES (1, 0);
INSERT INTO rule_versions (kind, id, version, title, owner, review_by, source, stage, authors, asked_by, approver, note, backtest, created_at, updated_at)
    SELECT 'rule', id, version, title, author, '', source,
        CASE state WHEN 'submitted' THEN 'draft' WHEN 'rejected' THEN 'draft' ELSE state END,
        '["' || author || '"]', CASE state WHEN 'submitted' THEN author ELSE '' END, approver, note, '', updated_at, updated_at
    FROM rule_drafts;
DROP TABLE rule_drafts
