//! The store worker: reads outcomes, flagged posts and dead letters, writes ClickHouse in batches, commits offsets
//! after each batch is durable. A batch written twice is one: see `streife_store`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use streife_domain::{Clock, FlaggedRecord, Position, RejectCode, ScoredRecord, Timestamp};
use streife_log::{Delivery, EventLog, LogError, Message, Subscription, TopicPartition};
use streife_store::{Batch, BatchLimits, Batcher, DeadNotice, LogPosition, Rows, Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::decode::headers;
use crate::retry::until_done;
use crate::score::commit;
use crate::trace::Followed;
use crate::{Backoff, Stopped, metrics, names};

/// The consumer group of store workers.
pub const GROUP: &str = "streife-store";
/// Records asked for at once.
const FETCH_RECORDS: usize = 5_000;
/// The worker stops when its own topics hold so many records it cannot read: then the deployment is wrong, not the data.
const MAX_UNREADABLE: usize = 1_000;

/// Why the store worker ended.
#[derive(Debug, thiserror::Error)]
pub enum StoreWorkerError {
    /// The log refused or is corrupt.
    #[error(transparent)]
    Log(#[from] LogError),
    /// ClickHouse refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Records of our own topics that this build cannot read.
    #[error(
        "{0} records of Streife's own topics cannot be read by this build; compare the versions of score and store"
    )]
    Unreadable(usize),
}

/// Where batches go: ClickHouse, and in the simulation a model of it.
#[async_trait]
pub trait BatchSink: Send + Sync {
    /// Writes a batch durably. The same token a second time changes nothing.
    async fn write(&self, batch: &Batch, token: &str) -> Result<(), StoreError>;
}

#[async_trait]
impl BatchSink for Store {
    async fn write(&self, batch: &Batch, token: &str) -> Result<(), StoreError> {
        Self::write(self, batch, token).await.map(|_| ())
    }
}

/// What the worker is given.
pub struct StoreWorker {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// ClickHouse.
    pub sink: Arc<dyn BatchSink>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// When a batch is written.
    pub limits: BatchLimits,
    /// Waits between tries.
    pub backoff: Backoff,
}

impl StoreWorker {
    /// Runs until `stop` or an error that repeating cannot mend. What was not committed is read again.
    ///
    /// # Errors
    /// [`StoreWorkerError`]; everything transient is retried within.
    pub async fn run(self, stop: CancellationToken) -> Result<(), StoreWorkerError> {
        match self.run_until_stopped(&stop).await {
            Ok(result) => result,
            Err(Stopped) => Ok(()),
        }
    }

    async fn run_until_stopped(
        &self,
        stop: &CancellationToken,
    ) -> Result<Result<(), StoreWorkerError>, Stopped> {
        let mut subscription = match self.subscribe(stop).await? {
            Ok(subscription) => subscription,
            Err(error) => return Ok(Err(error.into())),
        };
        let mut batcher = Batcher::new(self.limits);
        let mut followed = Followed::default();
        let mut unreadable = 0;
        loop {
            let wait = self.until_due(&batcher);
            let delivery = tokio::select! {
                () = stop.cancelled() => return Err(Stopped),
                delivery = subscription.next(FETCH_RECORDS) => Some(delivery),
                () = tokio::time::sleep(wait) => None,
            };
            let batches = match delivery {
                None => batcher.take_due(self.clock.now()).into_iter().collect(),
                Some(Ok(Delivery::Messages(messages))) => {
                    followed.read(&messages, self.clock.now());
                    self.gather(&messages, &mut batcher, &mut unreadable)
                }
                Some(Ok(Delivery::Assigned(partitions))) => {
                    tracing::info!(count = partitions.len(), "store: partitions assigned");
                    Vec::new()
                }
                Some(Ok(Delivery::Revoked(partitions))) => {
                    tracing::info!(count = partitions.len(), "store: partitions revoked");
                    // What was gathered of them is uncommitted and stays: its new owner writes it again, harmlessly,
                    // and our commit for it is refused.
                    Vec::new()
                }
                Some(Err(error)) if error.is_transient() => {
                    // The subscription is over (Kafka closed it, the log restarted): join the group again.
                    tracing::warn!(%error, "store: reading the log");
                    drop(subscription);
                    tokio::time::sleep(self.backoff.wait(1)).await;
                    subscription = match self.subscribe(stop).await? {
                        Ok(subscription) => subscription,
                        Err(error) => return Ok(Err(error.into())),
                    };
                    Vec::new()
                }
                Some(Err(error)) => return Ok(Err(error.into())),
            };
            metrics::STORE_WAITING.set(i64::try_from(batcher.waiting()).unwrap_or(i64::MAX));
            if unreadable > MAX_UNREADABLE {
                return Ok(Err(StoreWorkerError::Unreadable(unreadable)));
            }
            for batch in batches {
                if let Err(error) = self.write(&batch, &mut *subscription, stop).await? {
                    return Ok(Err(error));
                }
                for (topic, partition, next) in batch.next_offsets() {
                    followed.done_before("store", topic, partition, next);
                }
            }
        }
    }

    async fn subscribe(
        &self,
        stop: &CancellationToken,
    ) -> Result<Result<Box<dyn Subscription>, LogError>, Stopped> {
        let topics = [names::SCORED, names::FLAGGED, names::DEAD];
        until_done("store.subscribe", self.backoff, stop, LogError::is_transient, || {
            self.log.subscribe(GROUP, &topics)
        })
        .await
    }

    fn until_due(&self, batcher: &Batcher) -> Duration {
        const IDLE: Duration = Duration::from_secs(1);
        batcher.due_at().map_or(IDLE, |due| {
            Duration::from_micros(u64::try_from(due.micros_since(self.clock.now())).unwrap_or(0)).min(IDLE)
        })
    }

    fn gather(&self, messages: &[Message], batcher: &mut Batcher, unreadable: &mut usize) -> Vec<Batch> {
        let now = self.clock.now();
        let mut full = Vec::new();
        for message in messages {
            let rows = rows_of(message).unwrap_or_else(|what| {
                // Kept in its topic; counted, told, and past the limit the worker stops.
                *unreadable += 1;
                metrics::STORE_UNREADABLE.inc();
                tracing::error!(
                    topic = message.topic,
                    partition = message.partition,
                    offset = message.offset,
                    what,
                    "unreadable record"
                );
                Rows::default()
            });
            let at = LogPosition {
                topic: message.topic.clone(),
                partition: message.partition,
                offset: message.offset,
            };
            batcher.push(at, rows, message.record.value.len(), now);
            full.extend(batcher.take_due(now));
        }
        full
    }

    async fn write(
        &self,
        batch: &Batch,
        subscription: &mut dyn Subscription,
        stop: &CancellationToken,
    ) -> Result<Result<(), StoreWorkerError>, Stopped> {
        let token = batch.token();
        let written = until_done("store.write", self.backoff, stop, StoreError::is_transient, || {
            self.sink.write(batch, &token)
        })
        .await?;
        if let Err(error) = written {
            return Ok(Err(error.into()));
        }
        metrics::STORE_BATCHES.inc();
        let offsets: Vec<(TopicPartition, i64)> = batch
            .next_offsets()
            .map(|(topic, partition, next)| (TopicPartition { topic: topic.to_owned(), partition }, next))
            .collect();
        Ok(commit(subscription, &offsets, self.backoff, stop).await?.map_err(StoreWorkerError::from))
    }
}

/// The rows of one record of Streife's own topics.
fn rows_of(message: &Message) -> Result<Rows, &'static str> {
    match message.topic.as_str() {
        names::SCORED => serde_json::from_slice::<ScoredRecord>(&message.record.value)
            .map(|record| Rows::of_scored(&record))
            .map_err(|_| "not a scored record of a version this build knows"),
        names::FLAGGED => serde_json::from_slice::<FlaggedRecord>(&message.record.value)
            .map(|record| {
                Rows::of_flagged(&record, message.header(headers::RAW).cloned().unwrap_or_default())
            })
            .map_err(|_| "not a flagged record of a version this build knows"),
        names::DEAD => Ok(Rows::of_dead(&dead_notice(message)?)),
        _ => Err("a topic that is not stored"),
    }
}

fn dead_notice(message: &Message) -> Result<DeadNotice, &'static str> {
    let text = |name: &str| message.header(name).and_then(|value| std::str::from_utf8(value).ok());
    let number = |name: &str| text(name).and_then(|value| value.parse::<i64>().ok());
    let (Some(partition), Some(offset)) = (number(headers::PARTITION), number(headers::OFFSET)) else {
        return Err("a dead letter that does not say where it was");
    };
    let code =
        text(headers::CODE).and_then(|code| RejectCode::ALL.into_iter().find(|known| known.as_str() == code));
    Ok(DeadNotice {
        position: Position { partition: i32::try_from(partition).unwrap_or(i32::MAX), offset },
        code: code.unwrap_or(RejectCode::BadField),
        source: text(headers::SOURCE).unwrap_or("unknown").to_owned(),
        observed_at: Timestamp::from_millis(message.timestamp_ms),
    })
}
