-- Who may do what in ClickHouse. One user for each role, with what it needs and no more; applied by apply.sh, again and
-- again without harm. {{name}} stands for the SHA-256 of the password in the secret clickhouse_<name>_password.

CREATE DATABASE IF NOT EXISTS streife ENGINE = Atomic;

-- Brings the tables to the version of Streife. Runs as a job, never as a service.
CREATE USER IF NOT EXISTS streife_migrate;
ALTER USER streife_migrate IDENTIFIED WITH sha256_hash BY '{{migrate}}';
GRANT ALL ON streife.* TO streife_migrate;

-- Writes outcomes and keeps house. Reads tombstones, counts, and marks what it must not write again.
CREATE USER IF NOT EXISTS streife_store;
ALTER USER streife_store IDENTIFIED WITH sha256_hash BY '{{store}}';
GRANT SELECT, INSERT, ALTER DELETE ON streife.* TO streife_store;
GRANT ALTER TTL ON streife.* TO streife_store;
GRANT SELECT ON system.parts TO streife_store;
GRANT SELECT ON system.disks TO streife_store;

-- Reads for people. Identities are a table of their own, read on unmasking; every read is in the desk's audit ledger.
CREATE USER IF NOT EXISTS streife_desk;
ALTER USER streife_desk IDENTIFIED WITH sha256_hash BY '{{desk}}';
GRANT SELECT ON streife.* TO streife_desk;
GRANT SELECT ON system.parts TO streife_desk;
GRANT SELECT ON system.disks TO streife_desk;

-- Erases, and proves it.
CREATE USER IF NOT EXISTS streife_retention;
ALTER USER streife_retention IDENTIFIED WITH sha256_hash BY '{{retention}}';
GRANT SELECT, ALTER DELETE ON streife.* TO streife_retention;
GRANT INSERT ON streife.erasures TO streife_retention;
GRANT INSERT ON streife.erasure_runs TO streife_retention;
GRANT INSERT ON streife.counters_hourly TO streife_retention;
GRANT INSERT ON streife.post_changes TO streife_retention;
GRANT SELECT ON system.parts TO streife_retention;
GRANT SELECT ON system.disks TO streife_retention;

-- Figures for dashboards: neither text nor hits nor identities.
CREATE USER IF NOT EXISTS grafana;
ALTER USER grafana IDENTIFIED WITH sha256_hash BY '{{grafana}}' SETTINGS readonly = 2, max_execution_time = 30, max_memory_usage = 2000000000;
GRANT SELECT ON streife.outcomes TO grafana;
GRANT SELECT ON streife.counters_hourly TO grafana;
GRANT SELECT ON streife.hourly TO grafana;
GRANT SELECT ON streife.hits TO grafana;
GRANT SELECT ON streife.scores TO grafana;
GRANT SELECT ON streife.erasures TO grafana;
GRANT SELECT ON streife.erasure_runs TO grafana;
GRANT SELECT ON streife.post_changes TO grafana;
GRANT SELECT(source, platform, kind, observed_at, language, language_confidence, script, gate, encoded, labels, rules, priority, stored_at) ON streife.recent_posts TO grafana;
GRANT SELECT(post_id, source, platform, author, kind, observed_at, campaign, language, gate, encoded, labels, rules, priority, model_lid, model_gate, model_encoder, model_rules, purpose, legal_basis, review_by, version, stored_at) ON streife.flagged_posts TO grafana;
GRANT SELECT(stored_at) ON streife.flagged_identities TO grafana;
GRANT SELECT ON system.parts TO grafana;
