CREATE TABLE item_rules (
    post_id TEXT NOT NULL,
    rule TEXT NOT NULL,
    PRIMARY KEY (post_id, rule)
);
CREATE INDEX item_rules_by_rule ON item_rules (rule);
CREATE INDEX decisions_by_post ON decisions (post_id);
CREATE INDEX cases_by_campaign ON cases (campaign, updated_at);
CREATE TABLE blind_reviews (
    post_id TEXT NOT NULL,
    reviewer TEXT NOT NULL,
    reason TEXT NOT NULL,
    reference TEXT NOT NULL,
    opinion TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (post_id, reviewer)
);
CREATE TABLE golden_items (
    post_id TEXT PRIMARY KEY,
    opinion TEXT NOT NULL,
    added_by TEXT NOT NULL,
    at BIGINT NOT NULL
)
