//! What the log counts, in the process's default Prometheus registry. Labels are topics and partitions only.

use std::sync::LazyLock;

use prometheus::core::{Collector, Desc};
use prometheus::{
    Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, register_histogram, register_int_counter,
    register_int_counter_vec, register_int_gauge, register_int_gauge_vec,
};

use crate::TopicPartition;

/// Upper bounds of the append latency, seconds: from a memory write to a broker that is being restarted.
const LATENCY_BOUNDS: [f64; 12] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0, 60.0];

fn counter_by_topic(name: &str, help: &str) -> IntCounterVec {
    #[expect(clippy::expect_used, reason = "constant, distinct names: registration cannot fail")]
    register_int_counter_vec!(name, help, &["topic"]).expect("a valid metric")
}

fn counter(name: &str, help: &str) -> IntCounter {
    #[expect(clippy::expect_used, reason = "constant, distinct names: registration cannot fail")]
    register_int_counter!(name, help).expect("a valid metric")
}

pub(crate) static APPENDED_RECORDS: LazyLock<IntCounterVec> =
    LazyLock::new(|| counter_by_topic("streife_log_appended_records_total", "Records appended and durable."));

pub(crate) static APPENDED_BYTES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_by_topic("streife_log_appended_bytes_total", "Bytes of keys and values appended.")
});

pub(crate) static READ_RECORDS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_by_topic("streife_log_read_records_total", "Records delivered to subscriptions.")
});

pub(crate) static READ_BYTES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_by_topic("streife_log_read_bytes_total", "Bytes of keys and values delivered to subscriptions.")
});

pub(crate) static EXPIRED_UNREAD: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_by_topic(
        "streife_log_expired_unread_records_total",
        "Records that retention removed before a group had read them.",
    )
});

pub(crate) static COMMITS: LazyLock<IntCounter> =
    LazyLock::new(|| counter("streife_log_commits_total", "Commits of read offsets that are durable."));

pub(crate) static REBALANCES: LazyLock<IntCounter> = LazyLock::new(|| {
    counter("streife_log_rebalances_total", "Changes of a subscription's partitions that it was told of.")
});

pub(crate) static APPEND_SECONDS: LazyLock<Histogram> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "constant, distinct names: registration cannot fail")]
    register_histogram!(
        "streife_log_append_seconds",
        "Time from the call of append until every record is durable.",
        LATENCY_BOUNDS.to_vec()
    )
    .expect("a valid metric")
});

pub(crate) static CHANNEL_RECORDS: LazyLock<IntGauge> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "constant, distinct names: registration cannot fail")]
    register_int_gauge!("streife_log_channel_records", "Records fetched from Kafka and not yet delivered.")
        .expect("a valid metric")
});

/// These partitions are read by another member now, which reports their lag.
pub(crate) fn forget_lag(group: &str, partitions: &[TopicPartition]) {
    for partition in partitions {
        let labels = [group, &partition.topic, &partition.partition.to_string()];
        // Never reported is as good as forgotten.
        drop(LAG_RECORDS.remove_label_values(&labels));
    }
}

pub(crate) static LAG_RECORDS: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "constant, distinct names: registration cannot fail")]
    register_int_gauge_vec!(
        "streife_log_lag_records",
        "Records between a subscription's own position and the end of the partition.",
        &["group", "topic", "partition"]
    )
    .expect("a valid metric")
});

/// Names and labels of all metrics of this crate; registers those that nothing has touched yet.
pub fn descriptions() -> Vec<Desc> {
    let collectors: [&dyn Collector; 9] = [
        &*APPENDED_RECORDS,
        &*APPENDED_BYTES,
        &*READ_RECORDS,
        &*READ_BYTES,
        &*EXPIRED_UNREAD,
        &*COMMITS,
        &*REBALANCES,
        &*APPEND_SECONDS,
        &*CHANNEL_RECORDS,
    ];
    let mut all: Vec<Desc> = collectors.iter().flat_map(|collector| collector.desc()).cloned().collect();
    all.extend(LAG_RECORDS.desc().into_iter().cloned());
    all
}
