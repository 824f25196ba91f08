//! What the store counts.

use std::sync::LazyLock;
use std::time::Duration;

use prometheus::core::{Collector, Desc};
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

use crate::{StoreError, Table};

static METRICS: LazyLock<Result<Metrics, String>> =
    LazyLock::new(|| Metrics::new().map_err(|e| e.to_string()));

struct Metrics {
    rows: IntCounterVec,
    inserts: HistogramVec,
    failures: IntCounterVec,
    batch_records: Histogram,
    batch_bytes: Histogram,
    left_out: IntCounter,
    swept: IntCounterVec,
    disk_free: IntGauge,
    disk_total: IntGauge,
    last_retention: IntGauge,
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
            left_out: IntCounter::new(
                name("erased_rows_left_out_total"),
                "Rows of erased posts that were delivered again and not written",
            )?,
            swept: IntCounterVec::new(
                Opts::new(
                    name("erased_rows_swept_total"),
                    "Rows of erased posts that had come back and were deleted",
                ),
                &["table"],
            )?,
            disk_free: IntGauge::new(name("disk_free_bytes"), "Free bytes of ClickHouse's disk")?,
            disk_total: IntGauge::new(name("disk_bytes"), "All bytes of ClickHouse's disk")?,
            last_retention: IntGauge::new(
                "streife_retention_last_run_timestamp_seconds",
                "When the last run of `streife retention run` ended; 0 when there was none",
            )?,
        })
    }

    fn collectors(&self) -> [Box<dyn Collector>; 10] {
        [
            Box::new(self.rows.clone()),
            Box::new(self.inserts.clone()),
            Box::new(self.failures.clone()),
            Box::new(self.batch_records.clone()),
            Box::new(self.batch_bytes.clone()),
            Box::new(self.left_out.clone()),
            Box::new(self.swept.clone()),
            Box::new(self.disk_free.clone()),
            Box::new(self.disk_total.clone()),
            Box::new(self.last_retention.clone()),
        ]
    }
}

/// Adds the store's metrics to a registry.
///
/// # Errors
/// When they are in it already.
pub fn register(registry: &Registry) -> Result<(), prometheus::Error> {
    let metrics = METRICS.as_ref().map_err(|e| prometheus::Error::Msg(e.clone()))?;
    metrics.collectors().into_iter().try_for_each(|collector| registry.register(collector))
}

/// Names and labels of all metrics of this crate.
pub fn descriptions() -> Vec<Desc> {
    let Ok(metrics) = &*METRICS else { return Vec::new() };
    metrics
        .collectors()
        .iter()
        .flat_map(|collector| collector.desc().into_iter().cloned().collect::<Vec<_>>())
        .collect()
}

pub(crate) fn left_out(rows: usize) {
    if let Ok(metrics) = &*METRICS {
        metrics.left_out.inc_by(rows as u64);
    }
}

pub(crate) fn swept(table: &str, rows: u64) {
    if let Ok(metrics) = &*METRICS {
        metrics.swept.with_label_values(&[table]).inc_by(rows);
    }
}

pub(crate) fn disk(free_bytes: u64, total_bytes: u64) {
    if let Ok(metrics) = &*METRICS {
        metrics.disk_free.set(i64::try_from(free_bytes).unwrap_or(i64::MAX));
        metrics.disk_total.set(i64::try_from(total_bytes).unwrap_or(i64::MAX));
    }
}

pub(crate) fn retention_ran(at_secs: i64) {
    if let Ok(metrics) = &*METRICS {
        metrics.last_retention.set(at_secs);
    }
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
