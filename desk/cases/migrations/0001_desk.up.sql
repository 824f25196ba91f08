CREATE TABLE users (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    roles TEXT NOT NULL,
    password TEXT NOT NULL,
    totp_secret TEXT NOT NULL,
    disabled BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE sessions (
    token_sha256 TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    csrf TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE TABLE cases (
    id TEXT PRIMARY KEY,
    post_id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    holder TEXT NOT NULL,
    campaign TEXT NOT NULL,
    version BIGINT NOT NULL,
    review_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX cases_by_state ON cases (state, updated_at);
CREATE TABLE case_events (
    case_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (case_id, seq)
);
CREATE TABLE claims (
    post_id TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    since BIGINT NOT NULL,
    heartbeat BIGINT NOT NULL
);
CREATE TABLE decisions (
    case_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    post_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    kind TEXT NOT NULL,
    what TEXT NOT NULL,
    at BIGINT NOT NULL,
    undone BIGINT NOT NULL,
    PRIMARY KEY (case_id, seq)
);
CREATE INDEX decisions_by_time ON decisions (at);
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
CREATE TABLE ledger_heads (
    ledger TEXT PRIMARY KEY,
    size BIGINT NOT NULL,
    head TEXT NOT NULL
);
CREATE TABLE ledger_entries (
    ledger TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    role TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    reason TEXT NOT NULL,
    details TEXT NOT NULL,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (ledger, seq)
);
CREATE INDEX ledger_entries_by_time ON ledger_entries (ledger, at);
CREATE TABLE checkpoints (
    ledger TEXT NOT NULL,
    size BIGINT NOT NULL,
    at BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (ledger, size)
);
CREATE TABLE settings (
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (scope, name)
)
