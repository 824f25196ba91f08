//! The score worker: reads `posts.raw`, scores, appends the outcomes, commits. At least once: what is appended twice
//! after a crash carries the same position and is stored once.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use streife_domain::{Clock, LegalLabel, PseudonymKey};
use streife_log::{Delivery, EventLog, LogError, Message, Record, Subscription, TopicPartition};
use tokio_util::sync::CancellationToken;

use crate::dead::{DeadLimit, TooManyDead};
use crate::retry::until_done;
use crate::score_batch::{BatchOutput, ScoreContext, ScoreState, score_batch};
use crate::trace::Followed;
use crate::{Analyser, Backoff, Stopped, Workers, metrics, names};

/// The consumer group of score workers.
pub const GROUP: &str = "streife-score";

/// How a worker runs.
#[derive(Debug, Clone)]
pub struct ScoreOptions {
    /// Records per batch at most. With the encoder on, a batch is what one commit waits for.
    pub max_batch_records: usize,
    /// CPU threads for everything but the encoder.
    pub threads: NonZeroUsize,
    /// Purpose and legal basis by source name.
    pub legal: Arc<HashMap<String, LegalLabel>>,
    /// Waits between tries.
    pub backoff: Backoff,
}

/// Why a worker ended.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The log refused or is corrupt.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A bad deployment.
    #[error(transparent)]
    TooManyDead(#[from] TooManyDead),
    /// The scoring thread died; its batch was not committed and is read again.
    #[error("scoring a batch panicked: {0}")]
    Panicked(String),
}

/// What the worker is given.
pub struct ScoreWorker {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// Rules and models in force; swapped atomically between batches.
    pub analyser: Arc<ArcSwap<Analyser>>,
    /// Turns authors into pseudonyms.
    pub pseudonyms: PseudonymKey,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How to run.
    pub options: ScoreOptions,
}

/// State and threads go to the blocking pool and come back with each batch.
struct Engine {
    state: ScoreState,
    workers: Workers,
}

impl ScoreWorker {
    /// Runs until `stop` or an error that repeating cannot mend.
    ///
    /// # Errors
    /// [`ScoreError`]; everything transient is retried within.
    pub async fn run(self, stop: CancellationToken) -> Result<(), ScoreError> {
        match self.run_until_stopped(&stop).await {
            Ok(result) => result,
            Err(Stopped) => Ok(()),
        }
    }

    async fn run_until_stopped(&self, stop: &CancellationToken) -> Result<Result<(), ScoreError>, Stopped> {
        let backoff = self.options.backoff;
        let mut subscription = match self.subscribe(stop).await? {
            Ok(subscription) => subscription,
            Err(error) => return Ok(Err(error.into())),
        };
        let mut engine =
            Some(Engine { state: ScoreState::default(), workers: Workers::new(self.options.threads) });
        let mut limit = DeadLimit::default();
        loop {
            let delivery = tokio::select! {
                () = stop.cancelled() => return Err(Stopped),
                delivery = subscription.next(self.options.max_batch_records) => delivery,
            };
            let messages = match delivery {
                Ok(Delivery::Messages(messages)) => messages,
                Ok(Delivery::Assigned(partitions)) => {
                    tracing::info!(count = partitions.len(), "score: partitions assigned");
                    continue;
                }
                Ok(Delivery::Revoked(partitions)) => {
                    tracing::info!(count = partitions.len(), "score: partitions revoked");
                    if let Some(engine) = &mut engine {
                        partitions.iter().for_each(|p| engine.state.forget(p.partition));
                    }
                    continue;
                }
                Err(error) if error.is_transient() => {
                    // The subscription is over (Kafka closed it, the log restarted): join the group again.
                    tracing::warn!(%error, "score: reading the log");
                    drop(subscription);
                    tokio::time::sleep(backoff.wait(1)).await;
                    subscription = match self.subscribe(stop).await? {
                        Ok(subscription) => subscription,
                        Err(error) => return Ok(Err(error.into())),
                    };
                    continue;
                }
                Err(error) => return Ok(Err(error.into())),
            };
            let started = Instant::now();
            metrics::ACCEPTED.inc_by(messages.len() as u64);
            metrics::BATCH_RECORDS.observe(messages.len() as f64);
            let next_offsets = next_offsets(&messages);
            let mut followed = Followed::default();
            followed.read(&messages, self.clock.now());
            let Some(taken) = engine.take() else {
                return Ok(Err(ScoreError::Panicked("engine lost".into())));
            };
            let count = messages.len();
            let newest_ms = messages.iter().map(|message| message.timestamp_ms).max().unwrap_or_default();
            let (output, returned) = match self.score(messages, taken).await {
                Ok(done) => done,
                Err(error) => return Ok(Err(error)),
            };
            engine = Some(returned);
            if let Err(error) = limit.note(count, output.own_rejects) {
                return Ok(Err(error.into()));
            }
            if let Err(error) = self.publish(output, stop).await? {
                return Ok(Err(error.into()));
            }
            if let Err(error) = commit(&mut *subscription, &next_offsets, backoff, stop).await? {
                return Ok(Err(error.into()));
            }
            for (at, next) in &next_offsets {
                followed.done_before("score", &at.topic, at.partition, *next);
            }
            let now_ms = self.clock.now().as_millis();
            metrics::LOG_TO_SCORED_SECONDS.observe(now_ms.saturating_sub(newest_ms).max(0) as f64 / 1_000.0);
            metrics::BATCH_SECONDS.observe(started.elapsed().as_secs_f64());
        }
    }

    async fn subscribe(
        &self,
        stop: &CancellationToken,
    ) -> Result<Result<Box<dyn Subscription>, LogError>, Stopped> {
        until_done("score.subscribe", self.options.backoff, stop, LogError::is_transient, || {
            self.log.subscribe(GROUP, &[names::RAW])
        })
        .await
    }

    async fn score(
        &self,
        messages: Vec<Message>,
        mut engine: Engine,
    ) -> Result<(BatchOutput, Engine), ScoreError> {
        let analyser = self.analyser.load_full();
        let pseudonyms = self.pseudonyms.clone();
        let legal = Arc::clone(&self.options.legal);
        let now = self.clock.now();
        tokio::task::spawn_blocking(move || {
            let context = ScoreContext { analyser: &analyser, pseudonyms: &pseudonyms, legal: &legal, now };
            let output = score_batch(&messages, &context, &mut engine.state, &mut engine.workers);
            (output, engine)
        })
        .await
        .map_err(|panic| ScoreError::Panicked(panic.to_string()))
    }

    /// Dead letters and flagged posts first: once `posts.scored` says stored, they are there.
    async fn publish(
        &self,
        output: BatchOutput,
        stop: &CancellationToken,
    ) -> Result<Result<(), LogError>, Stopped> {
        for (topic, records) in [
            (names::DEAD, output.dead),
            (names::FLAGGED, output.flagged),
            (names::WINDOWED, output.windowed),
            (names::SCORED, output.scored),
        ] {
            if records.is_empty() {
                continue;
            }
            let appended = append(&*self.log, topic, records, self.options.backoff, stop).await?;
            if let Err(error) = appended {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }
}

pub(crate) async fn append(
    log: &dyn EventLog,
    topic: &str,
    records: Vec<Record>,
    backoff: Backoff,
    stop: &CancellationToken,
) -> Result<Result<(), LogError>, Stopped> {
    until_done("append", backoff, stop, LogError::is_transient, || {
        let records = records.clone();
        async move { log.append(topic, records).await.map(|_| ()) }
    })
    .await
}

/// The next offset to read of each partition in the batch.
pub(crate) fn next_offsets(messages: &[Message]) -> Vec<(TopicPartition, i64)> {
    let mut next: BTreeMap<TopicPartition, i64> = BTreeMap::new();
    for message in messages {
        let partition = TopicPartition { topic: message.topic.clone(), partition: message.partition };
        let offset = next.entry(partition).or_default();
        *offset = (*offset).max(message.offset + 1);
    }
    next.into_iter().collect()
}

pub(crate) async fn commit(
    subscription: &mut dyn Subscription,
    offsets: &[(TopicPartition, i64)],
    backoff: Backoff,
    stop: &CancellationToken,
) -> Result<Result<(), LogError>, Stopped> {
    let mut retry = 0;
    loop {
        match subscription.commit(offsets).await {
            Err(error) if error.is_transient() => {
                retry += 1;
                tracing::warn!(retry, %error, "committing offsets again");
                tokio::select! {
                    () = stop.cancelled() => return Err(Stopped),
                    () = tokio::time::sleep(backoff.wait(retry)) => {}
                }
            }
            result => return Ok(result),
        }
    }
}
