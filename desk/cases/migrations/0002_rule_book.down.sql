CREATE TABLE rule_drafts (
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    title TEXT NOT NULL,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    author TEXT NOT NULL,
    approver TEXT NOT NULL,
    note TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (id, version)
);
INSERT INTO rule_drafts (id, version, title, source, state, author, approver, note, updated_at)
    SELECT id, version, title, source, CASE stage WHEN 'shadow' THEN 'draft' WHEN 'retired' THEN 'paused' ELSE stage END,
        owner, approver, note, updated_at
    FROM rule_versions WHERE kind = 'rule';
DROP TABLE rule_versions;
DROP TABLE rule_events;
DROP TABLE rule_revision
