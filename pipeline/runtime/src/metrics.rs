//! Metrics of the chain. Labels come from enums, never from data.

use std::sync::LazyLock;

use prometheus::core::{Collector, Desc};
use prometheus::{
    Histogram, IntCounter, IntCounterVec, IntGauge, exponential_buckets, register_histogram,
    register_int_counter, register_int_counter_vec, register_int_gauge,
};

macro_rules! metric {
    ($(#[$doc:meta])* $name:ident: $kind:ty = $build:expr) => {
        $(#[$doc])*
        pub(crate) static $name: LazyLock<$kind> = LazyLock::new(|| $build.expect("metric names are unique and valid"));
    };
}

metric!(
    /// Records read from `posts.raw`.
    ACCEPTED: IntCounter = register_int_counter!("streife_score_in_records_total", "Records read from posts.raw")
);
metric!(
    /// Records with an outcome.
    OUTCOMES: IntCounterVec = register_int_counter_vec!(
        "streife_score_out_records_total",
        "Records with an outcome, by outcome and reason",
        &["outcome", "reason"]
    )
);
metric!(
    /// Posts flagged.
    FLAGGED: IntCounterVec =
        register_int_counter_vec!("streife_score_flagged_posts_total", "Flagged posts by priority", &["priority"])
);
metric!(
    /// Posts the encoder saw.
    ENCODED: IntCounter = register_int_counter!("streife_score_encoded_posts_total", "Posts the encoder saw")
);
metric!(
    /// Posts the encoder failed on.
    ENCODER_FAILED: IntCounter =
        register_int_counter!("streife_score_encoder_failed_posts_total", "Posts stored without encoder scores after a failure")
);
metric!(
    /// Seconds from a batch's arrival to its commit.
    BATCH_SECONDS: Histogram = register_histogram!(
        "streife_score_batch_seconds",
        "Time from a batch's arrival to its commit",
        exponential_buckets(0.001, 2.0, 15).unwrap_or_default()
    )
);
metric!(
    /// Records per batch.
    BATCH_RECORDS: Histogram = register_histogram!(
        "streife_score_batch_records",
        "Records per batch",
        exponential_buckets(1.0, 2.0, 13).unwrap_or_default()
    )
);
metric!(
    /// Seconds from the log's taking a record to its outcome being committed.
    LOG_TO_SCORED_SECONDS: Histogram = register_histogram!(
        "streife_score_latency_seconds",
        "Time from posts.raw taking a record to its outcome being committed, newest record of each batch",
        exponential_buckets(0.005, 2.0, 16).unwrap_or_default()
    )
);
metric!(
    /// Batches written to ClickHouse.
    STORE_BATCHES: IntCounter = register_int_counter!("streife_store_batches_total", "Batches written to ClickHouse")
);
metric!(
    /// Records the store role cannot read.
    STORE_UNREADABLE: IntCounter =
        register_int_counter!("streife_store_unreadable_records_total", "Records of our own topics that cannot be read")
);
metric!(
    /// Posts that a window rule flagged.
    WINDOWS_MET: IntCounter = register_int_counter!("streife_windows_flagged_posts_total", "Posts flagged by window rules")
);
metric!(
    /// Records the window worker cannot read.
    WINDOWS_UNREADABLE: IntCounter =
        register_int_counter!("streife_windows_unreadable_records_total", "Records of posts.windowed that cannot be read")
);
metric!(
    /// Retries of a transient failure.
    RETRIES: IntCounterVec = register_int_counter_vec!("streife_retries_total", "Retries of transient failures", &["stage"])
);
metric!(
    /// Pictures by what became of them.
    PICTURES: IntCounterVec =
        register_int_counter_vec!("streife_pictures_total", "Pictures of posts by what became of them", &["result"])
);
metric!(
    /// Posts whose pictures were looked at.
    PICTURE_POSTS: IntCounterVec = register_int_counter_vec!(
        "streife_pictures_posts_total",
        "Second observations of posts with what their pictures say, by result",
        &["result"]
    )
);
metric!(
    /// Pictures by whether text was found.
    PICTURE_TEXTS: IntCounterVec =
        register_int_counter_vec!("streife_pictures_texts_total", "Pictures looked at, by what became of their text", &["result"])
);
metric!(
    /// Records gathered by the store worker and not yet written.
    STORE_WAITING: IntGauge =
        register_int_gauge!("streife_store_waiting_records", "Records gathered by the store worker and not yet written")
);

/// Names and labels of all metrics of this crate; registers those that nothing has touched yet.
pub fn descriptions() -> Vec<Desc> {
    let collectors: [&dyn Collector; 15] = [
        &*ACCEPTED,
        &*OUTCOMES,
        &*FLAGGED,
        &*ENCODED,
        &*ENCODER_FAILED,
        &*BATCH_SECONDS,
        &*BATCH_RECORDS,
        &*LOG_TO_SCORED_SECONDS,
        &*STORE_BATCHES,
        &*STORE_UNREADABLE,
        &*STORE_WAITING,
        &*RETRIES,
        &*PICTURES,
        &*PICTURE_POSTS,
        &*PICTURE_TEXTS,
    ];
    collectors.iter().flat_map(|collector| collector.desc()).cloned().collect()
}
