-- The accounting: accepted = stored + dropped + dead.

-- How each accepted record of posts.raw ended. Its place in the log is its identity, so a second delivery is
-- the same row. Holds no identity of a post.
CREATE TABLE IF NOT EXISTS outcomes
(
    partition Int32,
    offset Int64,
    outcome LowCardinality(String) COMMENT 'stored, dropped or dead',
    reason LowCardinality(String) COMMENT 'why dropped or dead',
    source LowCardinality(String),
    flagged Bool,
    hour DateTime('UTC') COMMENT 'of the observation',
    stored_at DateTime('UTC') DEFAULT now()
)
ENGINE = ReplacingMergeTree(stored_at)
ORDER BY (partition, offset)
TTL stored_at + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 1000;

-- Counts that outlive the ledger. Written by `Store::roll_up` as whole sums that replace the sums of before,
-- so counting again changes nothing. `stored_day` bounds what has to be counted again: a sum is complete as
-- long as the ledger still holds every row of that day.
CREATE TABLE IF NOT EXISTS counters_hourly
(
    hour DateTime('UTC'),
    source LowCardinality(String),
    outcome LowCardinality(String),
    reason LowCardinality(String),
    stored_day Date,
    records UInt64,
    flagged UInt64,
    counted_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(counted_at)
ORDER BY (hour, source, outcome, reason, stored_day);

CREATE VIEW IF NOT EXISTS hourly AS
SELECT hour, source, outcome, reason, sum(records) AS records, sum(flagged) AS flagged
FROM counters_hourly FINAL
GROUP BY hour, source, outcome, reason;
