-- Posts without their authors, and the authors of flagged posts apart from them.
-- Every table is a ReplacingMergeTree over what makes a row the same fact, so that a record delivered twice is
-- one row; non_replicated_deduplication_window makes a repeated insert of one batch a no-op besides.
-- stored_at is when the row was written: retention counts from it, not from times that a source claims.
-- The TTLs are the defaults; `Store::set_retention` changes them.

-- What was seen lately, flagged or not: for backtests of rules and for the spread of campaigns. Holds no native
-- id, no address and no handle.
CREATE TABLE IF NOT EXISTS recent_posts
(
    post_id UInt128,
    source LowCardinality(String),
    platform LowCardinality(String),
    author Nullable(UInt64) COMMENT 'pseudonym',
    kind LowCardinality(String),
    text String CODEC(ZSTD(3)),
    posted_at Nullable(DateTime64(6, 'UTC')),
    edited_at Nullable(DateTime64(6, 'UTC')),
    observed_at DateTime64(6, 'UTC'),
    campaign UInt64,
    tags Array(String),
    links Array(String),
    language LowCardinality(String),
    language_confidence Float32,
    script LowCardinality(String),
    gate Nullable(Float32),
    encoded Bool,
    scores Map(LowCardinality(String), Float32),
    labels Array(LowCardinality(String)),
    rules Array(LowCardinality(String)),
    priority Enum8('none' = 0, 'low' = 1, 'medium' = 2, 'high' = 3),
    version UInt64 COMMENT 'observation in microseconds, doubled, plus 1 when the encoder saw it',
    stored_at DateTime('UTC') DEFAULT now(),
    INDEX text_words text TYPE text(tokenizer = splitByNonAlpha),
    INDEX by_post post_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_campaign campaign TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toDate(stored_at)
ORDER BY (toStartOfHour(observed_at), post_id)
TTL stored_at + INTERVAL 72 HOUR
SETTINGS non_replicated_deduplication_window = 1000, merge_with_ttl_timeout = 3600;

-- What goes in front of people. One row for each post: its newest observation.
CREATE TABLE IF NOT EXISTS flagged_posts
(
    post_id UInt128,
    source LowCardinality(String),
    platform LowCardinality(String),
    author Nullable(UInt64) COMMENT 'pseudonym',
    kind LowCardinality(String),
    text String CODEC(ZSTD(3)),
    posted_at Nullable(DateTime64(6, 'UTC')),
    edited_at Nullable(DateTime64(6, 'UTC')),
    observed_at DateTime64(6, 'UTC'),
    campaign UInt64,
    language LowCardinality(String),
    language_confidence Float32,
    script LowCardinality(String),
    gate Nullable(Float32),
    encoded Bool,
    scores Map(LowCardinality(String), Float32),
    labels Array(LowCardinality(String)),
    rules Array(LowCardinality(String)),
    hits String COMMENT 'JSON: rule, version, spans, explanation' CODEC(ZSTD(3)),
    priority Enum8('none' = 0, 'low' = 1, 'medium' = 2, 'high' = 3),
    model_lid LowCardinality(String),
    model_gate LowCardinality(String),
    model_encoder LowCardinality(String),
    model_rules LowCardinality(String),
    media String COMMENT 'JSON' CODEC(ZSTD(3)),
    tags Array(String),
    links Array(String),
    views Nullable(UInt64),
    likes Nullable(UInt64),
    shares Nullable(UInt64),
    replies Nullable(UInt64),
    followers Nullable(UInt64),
    purpose LowCardinality(String),
    legal_basis String,
    review_by String,
    partition Int32,
    offset Int64,
    version UInt64 COMMENT 'observation in microseconds, doubled, plus 1 when the encoder saw it',
    stored_at DateTime('UTC') DEFAULT now(),
    INDEX text_words text TYPE text(tokenizer = splitByNonAlpha),
    INDEX by_campaign campaign TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_rule rules TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_time observed_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
ORDER BY post_id
TTL stored_at + INTERVAL 180 DAY
SETTINGS non_replicated_deduplication_window = 1000;

-- Who published a flagged post, where, and the observed bytes. Apart, so that access can be restricted.
CREATE TABLE IF NOT EXISTS flagged_identities
(
    post_id UInt128,
    native_id String,
    url Nullable(String),
    author_id Nullable(String),
    author_handle Nullable(String),
    author_name Nullable(String),
    reply_to Nullable(String),
    quote_of Nullable(String),
    raw String CODEC(ZSTD(3)),
    raw_sha256 String COMMENT 'hex; empty when the source gave no bytes',
    version UInt64,
    stored_at DateTime('UTC') DEFAULT now()
)
ENGINE = ReplacingMergeTree(version)
ORDER BY post_id
TTL stored_at + INTERVAL 180 DAY
SETTINGS non_replicated_deduplication_window = 1000;

-- Which rule matched which post on which day.
CREATE TABLE IF NOT EXISTS hits
(
    rule LowCardinality(String),
    rule_version UInt32,
    post_id UInt128,
    day Date,
    source LowCardinality(String),
    language LowCardinality(String),
    priority Enum8('none' = 0, 'low' = 1, 'medium' = 2, 'high' = 3),
    version UInt64,
    stored_at DateTime('UTC') DEFAULT now(),
    INDEX by_post post_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (rule, day, rule_version, post_id)
TTL stored_at + INTERVAL 180 DAY
SETTINGS non_replicated_deduplication_window = 1000;

-- What a model said of a flagged post, for drift and for charts.
CREATE TABLE IF NOT EXISTS scores
(
    head LowCardinality(String),
    day Date,
    post_id UInt128,
    value Float32,
    labelled Bool COMMENT 'over the threshold for its language',
    model LowCardinality(String),
    language LowCardinality(String),
    source LowCardinality(String),
    version UInt64,
    stored_at DateTime('UTC') DEFAULT now(),
    INDEX by_post post_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (head, day, post_id, model)
TTL stored_at + INTERVAL 180 DAY
SETTINGS non_replicated_deduplication_window = 1000;

-- Edits, deletions and disappearances. Those of posts never flagged vanish with the recent posts; those of
-- flagged posts are marked `kept` by the housekeeping and live as long as these.
CREATE TABLE IF NOT EXISTS post_changes
(
    post_id UInt128,
    event LowCardinality(String),
    observed_at DateTime64(6, 'UTC'),
    kept UInt8 DEFAULT 0,
    stored_at DateTime('UTC') DEFAULT now()
)
ENGINE = ReplacingMergeTree(kept)
ORDER BY (post_id, event, observed_at)
TTL stored_at + INTERVAL 72 HOUR DELETE WHERE kept = 0, stored_at + INTERVAL 180 DAY DELETE WHERE kept = 1
SETTINGS non_replicated_deduplication_window = 1000;

-- What was erased: an observation made before `erased_at` never comes back, whatever delivers it again.
CREATE TABLE IF NOT EXISTS erasures
(
    post_id UInt128,
    erased_at DateTime64(6, 'UTC'),
    reason LowCardinality(String),
    recorded_at DateTime('UTC') DEFAULT now()
)
ENGINE = ReplacingMergeTree(erased_at)
ORDER BY post_id
SETTINGS non_replicated_deduplication_window = 1000;

-- What the desk reads: newest observations, without anything erased.
CREATE VIEW IF NOT EXISTS flagged AS
SELECT * FROM flagged_posts FINAL
WHERE post_id NOT IN (SELECT post_id FROM erasures)
   OR (post_id, observed_at) IN
      (SELECT f.post_id, f.observed_at FROM flagged_posts AS f
       INNER JOIN (SELECT post_id, max(erased_at) AS erased_at FROM erasures GROUP BY post_id) AS e
       ON f.post_id = e.post_id
       WHERE f.observed_at > e.erased_at AND f.post_id IN (SELECT post_id FROM erasures));
