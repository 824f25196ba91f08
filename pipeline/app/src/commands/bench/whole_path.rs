//! Score and store workers on a log of this process and the embedded engine: what the benchmarks of the whole path drive.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use streife_domain::PseudonymKey;
use streife_log::{EventLog, MemoryLog};
use streife_runtime::score::{ScoreError, ScoreOptions, ScoreWorker};
use streife_runtime::store::{StoreWorker, StoreWorkerError};
use streife_runtime::{Analyser, Backoff};
use streife_store::queries::{Summary, SummaryScope};
use streife_store::{BatchLimits, Store};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::open;
use crate::roles::engine_process::EngineProcess;

/// Records per batch of the score worker; without the encoder there is nothing to wait for.
const BATCH_RECORDS: usize = 2_000;
/// How often the end is looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// The running path.
pub(super) struct WholePath {
    pub(super) log: Arc<dyn EventLog>,
    pub(super) store: Arc<Store>,
    engine: EngineProcess,
    stop: CancellationToken,
    scoring: JoinHandle<Result<(), ScoreError>>,
    storing: JoinHandle<Result<(), StoreWorkerError>>,
    _folder: tempfile::TempDir,
}

impl WholePath {
    /// Starts the engine and the workers, with a log in memory, so that what is measured is us and not a disk.
    pub(super) async fn in_memory(analyser: &Arc<Analyser>, threads: NonZeroUsize) -> Result<Self, Failure> {
        Self::start(Arc::new(MemoryLog::with_clock(open::clock())), analyser, threads).await
    }

    /// Starts the engine and the workers on `log`.
    pub(super) async fn start(
        log: Arc<dyn EventLog>,
        analyser: &Arc<Analyser>,
        threads: NonZeroUsize,
    ) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let engine = EngineProcess::start(folder.path(), true).await?;
        let store = Arc::new(Store::connect(engine.store_config())?);
        store.migrate().await?;
        log.ensure_topics(&open::topics(1)?).await?;
        let stop = CancellationToken::new();
        let score_worker = ScoreWorker {
            log: Arc::clone(&log),
            analyser: Arc::new(ArcSwap::new(Arc::clone(analyser))),
            pseudonyms: PseudonymKey::new([7; 32]),
            clock: open::clock(),
            options: ScoreOptions {
                max_batch_records: BATCH_RECORDS,
                threads,
                legal: Arc::default(),
                backoff: Backoff::default(),
            },
        };
        let store_worker = StoreWorker {
            log: Arc::clone(&log),
            sink: Arc::clone(&store) as _,
            clock: open::clock(),
            limits: BatchLimits::default(),
            backoff: Backoff::default(),
        };
        let scoring = tokio::spawn(score_worker.run(stop.clone()));
        let storing = tokio::spawn(store_worker.run(stop.clone()));
        Ok(Self { log, store, engine, stop, scoring, storing, _folder: folder })
    }

    /// Waits until everything published so far is stored, or a worker has ended.
    pub(super) async fn until_stored(&self) -> Result<(), Failure> {
        while !crate::roles::up::all_stored(&*self.log).await? {
            tokio::time::sleep(LOOK_INTERVAL).await;
            if self.scoring.is_finished() || self.storing.is_finished() {
                break;
            }
        }
        Ok(())
    }

    /// Stops all; fails where a worker did, or where not all accepted posts are in the books.
    pub(super) async fn end(self, published: u64) -> Result<Summary, Failure> {
        self.stop.cancel();
        self.scoring.await??;
        self.storing.await??;
        let summary = self.store.summary(&SummaryScope::All).await?;
        self.engine.stop().await;
        let accepted = summary.accepted;
        if accepted != published {
            return Err(anyhow::anyhow!("{accepted} of {published} posts are in the books").into());
        }
        Ok(summary)
    }
}
