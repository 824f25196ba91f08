//! The servers: are they in reach, do they fit, do their clocks agree?

use streife_domain::Timestamp;
use streife_log::Topic;

use super::{Finding, checks};
use crate::config::{Config, LogKind};
use crate::open;
use crate::paths::Paths;
use crate::roles::desk::open_cases;

pub(super) async fn check(config: &Config, paths: &Paths) -> Vec<Finding> {
    let mut findings = Vec::new();
    if config.log.kind == LogKind::Kafka {
        findings.extend(broker(config, paths).await);
    }
    if config.clickhouse.url.is_some() {
        findings.extend(clickhouse(config).await);
    }
    if config.desk.database_url.is_some() {
        let result = match open_cases(config, paths).await {
            Ok(cases) => cases.ping().await.map(|()| "PostgreSQL".to_owned()).map_err(|e| e.to_string()),
            Err(failure) => Err(format!("{:#}", failure.error)),
        };
        findings.push(Finding::of(
            "case database",
            result,
            "check desk.database_url and that PostgreSQL listens there",
        ));
    }
    for (_, result) in crate::desk::evidence::probe(config).await {
        let fix = "check url and root certificate in [[evidence.time_stamp]], the network, and this machine's clock";
        findings.push(Finding::of("time-stamp service", result, fix));
    }
    findings
}

async fn broker(config: &Config, paths: &Paths) -> Vec<Finding> {
    let reached = open::log(config, paths).await;
    let result = reached
        .as_ref()
        .map(|_| config.kafka.brokers.join(","))
        .map_err(|failure| format!("{:#}", failure.error));
    let broker = Finding::of(
        "broker",
        result,
        "check kafka.brokers, the network, the user's rights and the broker's own log",
    );
    let Ok(log) = reached else { return vec![broker] };
    let wanted: Vec<Topic> = open::topics(config.log.replication).unwrap_or_default();
    let mut found = Vec::new();
    for topic in &wanted {
        // A topic that cannot be asked about counts as one without partitions.
        found.push(log.bounds(&topic.name).await.map_or(0, |bounds| bounds.len()));
    }
    vec![broker, checks::topics(&wanted, &found)]
}

async fn clickhouse(config: &Config) -> Vec<Finding> {
    let fix = "check clickhouse.url, user, password and ca_file; `streife engine` starts one on this machine";
    let store = match open::store(config) {
        Ok(store) => store,
        Err(failure) => return vec![Finding::of("database", Err(format!("{:#}", failure.error)), fix)],
    };
    let reached = store.ping().await;
    let url = config.clickhouse.url.clone().unwrap_or_default();
    let database = Finding::of("database", reached.as_ref().map(|()| url).map_err(ToString::to_string), fix);
    if reached.is_err() {
        return vec![database];
    }
    let pending = store.pending_migrations().await.map_err(|e| e.to_string());
    let server = store.server_time().await.map_err(|e| e.to_string());
    let disk = match store.system_state().await {
        Ok(state) => checks::database_disk(state.disk_free_bytes, state.disk_total_bytes),
        Err(error) => Finding::of("database disk", Err(error.to_string()), fix),
    };
    let now: Timestamp = open::clock().now();
    vec![database, checks::migrations(pending), checks::clocks_agree(now, server), disk]
}
