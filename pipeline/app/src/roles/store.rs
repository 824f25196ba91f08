//! `streife store`: outcomes from the log into ClickHouse.

use std::sync::Arc;
use std::time::Duration;

use streife_log::EventLog;
use streife_runtime::Backoff;
use streife_runtime::store::{StoreWorker, StoreWorkerError};
use streife_store::{BatchLimits, Retention, Store, StoreError};
use tokio_util::sync::CancellationToken;

use super::run_role;
use crate::cli::RoleArgs;
use crate::config::Config;
use crate::failure::{CommandResult, Failure, Outcome};
use crate::open;

/// How often counters are rolled up into their lasting form.
const ROLL_UP_INTERVAL: Duration = Duration::from_secs(300);
/// Erased rows are invisible at once and taken from disk by merges; so many rounds make sure of it twice a day.
const ROUNDS_PER_PURGE: u32 = 144;

pub(crate) fn run(args: &RoleArgs) -> CommandResult {
    run_role(args.config.config.as_deref(), args.data.as_deref(), |role| async move {
        let log = role.log().await?;
        let store = open::store(&role.config)?;
        role.once_reached("ClickHouse", || prepare(&store, &role.config)).await?;
        role.ready.set();
        work(log, store, &role.config, role.stop).await
    })
}

/// Migrations and retention; with `clickhouse.migrate = false` only a look whether `streife migrate` has run.
pub(crate) async fn prepare(store: &Store, config: &Config) -> Result<(), Failure> {
    if !config.clickhouse.migrate {
        let pending = store.pending_migrations().await.map_err(failure)?;
        return match pending.first() {
            None => Ok(()),
            Some(first) => Err(Failure::configuration(format!(
                "the database lacks migration {first}; run `streife migrate` as a user who may change tables"
            ))),
        };
    }
    migrate(store, config).await
}

/// Brings the tables to this version and their retention to the configuration.
pub(crate) async fn migrate(store: &Store, config: &Config) -> Result<(), Failure> {
    let applied = store.migrate().await.map_err(failure)?;
    if !applied.applied.is_empty() {
        tracing::info!(count = applied.applied.len(), "ClickHouse migrations applied");
    }
    let retention = Retention {
        recent_hours: config.retention.recent_hours,
        flagged_days: config.retention.flagged_days,
        ..Retention::default()
    };
    store.set_retention(retention).await.map_err(failure)
}

/// Out of reach is for later; a refusal is for a person.
fn failure(error: StoreError) -> Failure {
    Failure::of_server(error.is_transient(), error)
}

/// Writes until `stop`.
pub(crate) async fn work(
    log: Arc<dyn EventLog>,
    store: Arc<Store>,
    config: &Config,
    stop: CancellationToken,
) -> Result<Outcome, Failure> {
    let limits = BatchLimits {
        rows: config.clickhouse.batch_rows,
        age_micros: i64::try_from(config.clickhouse.batch_age_ms)
            .unwrap_or(i64::MAX / 1_000)
            .saturating_mul(1_000),
        ..BatchLimits::default()
    };
    let worker = StoreWorker {
        log,
        sink: Arc::clone(&store) as _,
        clock: open::clock(),
        limits,
        backoff: Backoff::default(),
    };
    let rolling = tokio::spawn(roll_up(store, stop.clone()));
    let result = worker.run(stop.clone()).await;
    stop.cancel();
    let _ = rolling.await;
    result.map(|()| Outcome::Fine).map_err(|error| match error {
        StoreWorkerError::Unreadable(_) => Failure::configuration(error.to_string()),
        other => Failure::upstream(other.to_string()),
    })
}

async fn roll_up(store: Arc<Store>, stop: CancellationToken) {
    let mut rounds = 0u32;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(ROLL_UP_INTERVAL) => {}
        }
        if let Err(error) = store.roll_up(open::clock().now()).await {
            tracing::warn!(%error, "counters are not rolled up; tried again later");
        }
        if let Err(error) = store.sweep_erased().await {
            tracing::warn!(%error, "stragglers of erased posts are not swept; tried again later");
        }
        // For the metrics: the disk, and when retention last ran.
        if let Err(error) = store.system_state().await {
            tracing::warn!(%error, "the state of the database");
        }
        if let Err(error) = store.last_erasure_run().await {
            tracing::warn!(%error, "the last run of retention");
        }
        rounds += 1;
        if rounds.is_multiple_of(ROUNDS_PER_PURGE)
            && let Err(error) = store.purge_erased().await
        {
            tracing::warn!(%error, "erased rows are not taken from disk; tried again later");
        }
    }
}
