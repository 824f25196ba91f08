//! ClickHouse: rows, migrations, batch sink, queries, and the embedded engine's HTTP front.
//!
//! The way of a record: [`Rows`] are built from it by pure functions; a [`Batcher`] gathers them until a batch is
//! full or old; [`Store::write`] inserts the batch table by table; then the caller commits the offsets that the
//! batch names. A crash anywhere leads to a second delivery, and that changes nothing: a batch with the same
//! borders is refused as known (deduplication token), one with other borders is merged row by row
//! (ReplacingMergeTree). That is at-least-once plus idempotence, no more and no less.
//!
//! The only crate that knows ClickHouse. It never retries: the runtime does, by [`StoreError::is_transient`].

mod batch;
mod due;
pub mod engine;
mod erasure;
mod erasure_runs;
mod error;
mod metrics;
mod migrate;
pub mod queries;
mod retention;
mod rows;
mod store;
mod tls;

pub use batch::{Batch, BatchLimits, Batcher, LogPosition, Pushed};
pub use due::{Expired, PurposeCount};
pub use erasure::{Erased, Erasure};
pub use erasure_runs::{ErasureCount, new_run_id};
pub use error::StoreError;
pub use metrics::{descriptions as metric_descriptions, register as register_metrics};
pub use migrate::{Applied, MIGRATIONS, Migration, lock_holder};
pub use retention::{Retention, RollUp};
pub use rows::{
    DeadNotice, FlaggedPostRow, HitRow, IdentityRow, OutcomeRow, PostChangeRow, RecentPostRow, Rows,
    ScoreRow, Table,
};
pub use store::{Store, StoreConfig, Written};
