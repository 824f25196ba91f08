//! Counters by kind of source: bounded labels, one per connector, never per address.

use std::sync::LazyLock;

use prometheus::core::{Collector, Desc};
use prometheus::{IntCounterVec, IntGaugeVec, Opts, default_registry};

fn counter(name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    #[expect(clippy::expect_used, reason = "names and labels are constants of this file")]
    let metric = IntCounterVec::new(Opts::new(name, help), labels).expect("valid metric");
    // A second registration (two tests in one process) keeps the first.
    let _ = default_registry().register(Box::new(metric.clone()));
    metric
}

fn gauge(name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    #[expect(clippy::expect_used, reason = "names and labels are constants of this file")]
    let metric = IntGaugeVec::new(Opts::new(name, help), labels).expect("valid metric");
    let _ = default_registry().register(Box::new(metric.clone()));
    metric
}

/// Fetches by result: `ok` or an error class.
pub(crate) static FETCHES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter("streife_source_fetches_total", "Fetches by kind of source and result", &["kind", "result"])
});
/// Events handed to the log.
pub(crate) static EVENTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter("streife_source_events_total", "Events the log has taken, by kind of source", &["kind"])
});
/// Parts of observations that could not be read.
pub(crate) static PROBLEMS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter("streife_source_problems_total", "Unreadable parts by kind of source and code", &["kind", "code"])
});
/// Sound records that are no posts.
pub(crate) static IGNORED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter(
        "streife_source_ignored_total",
        "Records that are no posts, by kind of source",
        &["kind", "reason"],
    )
});
/// Age of the newest thing when it was seen; the worst source of a kind is in the health board.
pub(crate) static LAG: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    gauge("streife_source_lag_seconds", "Age of the newest record when it was last seen, by kind", &["kind"])
});

/// Subscriptions asked for at hubs, by result: `ok` or an error class.
pub(crate) static WEBSUB_REQUESTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter("streife_websub_requests_total", "Subscriptions asked for at hubs, by result", &["result"])
});
/// Verifications that arrived: `confirmed`, `denied`, `refused` (nothing of the kind was asked for).
pub(crate) static WEBSUB_VERIFICATIONS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter(
        "streife_websub_verifications_total",
        "Verifications by hubs, by what became of them",
        &["result"],
    )
});
/// Pushes that arrived: `taken`, or why they were dropped.
pub(crate) static WEBSUB_PUSHES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter("streife_websub_pushes_total", "Pushes by hubs, by what became of them", &["result"])
});

/// Names and labels of all metrics of this crate; registers those that nothing has touched yet.
pub fn descriptions() -> Vec<Desc> {
    let collectors: [&dyn Collector; 8] = [
        &*FETCHES,
        &*EVENTS,
        &*PROBLEMS,
        &*IGNORED,
        &*LAG,
        &*WEBSUB_REQUESTS,
        &*WEBSUB_VERIFICATIONS,
        &*WEBSUB_PUSHES,
    ];
    collectors.iter().flat_map(|collector| collector.desc()).cloned().collect()
}
