CREATE TABLE break_glass (
    id TEXT PRIMARY KEY,
    person TEXT NOT NULL,
    role TEXT NOT NULL,
    subject TEXT NOT NULL,
    reason TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    reviewed_by TEXT NOT NULL,
    reviewed_at BIGINT NOT NULL,
    finding TEXT NOT NULL,
    note TEXT NOT NULL
);
CREATE INDEX break_glass_by_person ON break_glass (person, subject, ends_at);
CREATE INDEX break_glass_by_review ON break_glass (reviewed_at, opened_at)
