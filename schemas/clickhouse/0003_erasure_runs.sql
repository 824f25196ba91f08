-- What `streife retention run` did: counts, never anything about a person. The certificate itself is a file of the
-- installation; its hash is here and in the audit ledger.
CREATE TABLE IF NOT EXISTS erasure_runs
(
    run UUID,
    at DateTime64(6, 'UTC'),
    what LowCardinality(String) COMMENT 'store, cases, evidence, ledgers, log, backup_keys',
    purpose LowCardinality(String),
    due UInt64,
    erased UInt64,
    restricted UInt64 COMMENT 'due, but restricted instead of erased',
    left UInt64 COMMENT 'found again by the proof after the erasure; anything but 0 is an error',
    certificate_sha256 String
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (run, what, purpose)
SETTINGS non_replicated_deduplication_window = 1000;
