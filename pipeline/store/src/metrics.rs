//! What the store counts.

use std::sync::LazyLock;
use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

use crate::{StoreError, Table};

static METRICS: LazyLock<Result<Metrics, String>> =
    LazyLock::new(|| Metrics::new().map_err(|e| e.to_string()));

struct Metrics {
    rows: IntCounterVec,
    inserts: HistogramVec,
    failures: IntCounterVec,
    batch_records: Histogram,
    batch_bytes: Histogram,
}

impl Metrics {
    fn new() -> Result<Self, prometheus::Error> {
        let name = |name: &str| format!("streife_store_{name}");
        Ok(Self {
            rows: IntCounterVec::new(Opts::new(name("rows_written_total"), "Rows written"), &["table"])?,
            inserts: HistogramVec::new(
                HistogramOpts::new(name("insert_duration_seconds"), "Duration of one insert into one table")
                    .buckets(vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]),
                &["table"],
            )?,
            failures: IntCounterVec::new(
                Opts::new(
                    name("insert_failures_total"),
                    "Inserts that failed; transient ones are tried again",
                ),
                &["table", "class"],
            )?,
            batch_records: Histogram::with_opts(
                HistogramOpts::new(name("batch_records"), "Records in a written batch")
                    .buckets(prometheus::exponential_buckets(1.0, 4.0, 10)?),
            )?,
            batch_bytes: Histogram::with_opts(
                HistogramOpts::new(name("batch_bytes"), "Bytes of the records in a written batch")
                    .buckets(prometheus::exponential_buckets(1_024.0, 4.0, 9)?),
            )?,
        })
    }
}

/// Adds the store's metrics to a registry.
///
/// # Errors
/// When they are in it already.
pub fn register(registry: &Registry) -> Result<(), prometheus::Error> {
    let metrics = METRICS.as_ref().map_err(|e| prometheus::Error::Msg(e.clone()))?;
    registry.register(Box::new(metrics.rows.clone()))?;
    registry.register(Box::new(metrics.inserts.clone()))?;
    registry.register(Box::new(metrics.failures.clone()))?;
    registry.register(Box::new(metrics.batch_records.clone()))?;
    registry.register(Box::new(metrics.batch_bytes.clone()))
}

pub(crate) fn inserted(table: Table, rows: usize, duration: Duration) {
    if let Ok(metrics) = &*METRICS {
        metrics.rows.with_label_values(&[table.as_str()]).inc_by(rows as u64);
        metrics.inserts.with_label_values(&[table.as_str()]).observe(duration.as_secs_f64());
    }
}

pub(crate) fn failed(table: Table, error: &StoreError) {
    if let Ok(metrics) = &*METRICS {
        let class = if error.is_transient() { "transient" } else { "refused" };
        metrics.failures.with_label_values(&[table.as_str(), class]).inc();
    }
}

pub(crate) fn batch_written(records: usize, bytes: usize) {
    if let Ok(metrics) = &*METRICS {
        metrics.batch_records.observe(records as f64);
        metrics.batch_bytes.observe(bytes as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_can_be_made_and_registered_once() {
        let registry = Registry::new();
        register(&registry).unwrap();
        inserted(Table::Hits, 3, Duration::from_millis(2));
        assert!(registry.gather().iter().any(|family| family.name() == "streife_store_rows_written_total"));
        assert!(register(&registry).is_err());
    }
}
