//! One member of a Kafka consumer group.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use super::config::KafkaConfig;
use super::error::{class_of, is_rebalance};
use super::poll::{Member, MemberContext, Shared, run};
use crate::{Delivery, LogError, Subscription, TopicPartition, metrics};

/// How long a commit is tried again while the group divides its partitions anew.
const COMMIT_LIMIT: Duration = Duration::from_secs(60);
/// Between two such tries.
const COMMIT_PAUSE: Duration = Duration::from_millis(100);
/// How long dropping a subscription waits for it to leave the group; then the brokers' time-out must do.
const LEAVE_LIMIT: Duration = Duration::from_secs(3);

pub(super) struct KafkaSubscription {
    shared: Arc<Shared>,
    /// Taken only by dropping.
    consumer: Option<Arc<Member>>,
    /// Closed when the poll thread has ended.
    ended: mpsc::Receiver<()>,
}

impl KafkaSubscription {
    /// Blocking: makes the consumer and starts its thread.
    pub(super) fn start(config: &KafkaConfig, group: &str, topics: &[&str]) -> Result<Self, LogError> {
        let doing = format!("subscribing {group} to {}", topics.join(", "));
        let shared = Arc::new(Shared::default());
        let context = MemberContext::new(group, Arc::clone(&shared));
        let consumer: Member =
            config.member(group)?.create_with_context(context).map_err(|e| class_of(&doing, &e))?;
        consumer.subscribe(topics).map_err(|e| class_of(&doing, &e))?;
        let consumer = Arc::new(consumer);
        let (ends, ended) = mpsc::channel();
        let (thread_consumer, thread_shared) = (Arc::clone(&consumer), Arc::clone(&shared));
        std::thread::Builder::new()
            .name(format!("log-poll-{group}"))
            .spawn(move || {
                run(&thread_consumer, &thread_shared);
                // The last holder closes the consumer, which leaves the group.
                drop(thread_consumer);
                drop::<mpsc::Sender<()>>(ends);
            })
            .map_err(|e| LogError::Unavailable(format!("{doing}: starting a thread: {e}")))?;
        Ok(Self { shared, consumer: Some(consumer), ended })
    }
}

/// Commits what is still ours, and again as long as the group is dividing its partitions. Blocking.
fn commit(
    consumer: &Member,
    shared: &Shared,
    next_offsets: &[(TopicPartition, i64)],
) -> Result<(), LogError> {
    let started = Instant::now();
    loop {
        let owned = shared.inbox.owned(next_offsets);
        if owned.is_empty() {
            return Ok(());
        }
        let mut list = TopicPartitionList::with_capacity(owned.len());
        for (partition, next) in &owned {
            list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(*next))
                .map_err(|e| class_of("committing", &e))?;
        }
        match consumer.commit(&list, CommitMode::Sync) {
            Ok(()) => {
                metrics::COMMITS.inc();
                return Ok(());
            }
            Err(e) if is_rebalance(&e) && started.elapsed() < COMMIT_LIMIT => {
                tracing::debug!(error = %e, "commit during a rebalance; trying again");
                std::thread::sleep(COMMIT_PAUSE);
            }
            Err(e) => return Err(class_of("committing", &e)),
        }
    }
}

#[async_trait]
impl Subscription for KafkaSubscription {
    async fn next(&mut self, max_records: usize) -> Result<Delivery, LogError> {
        let paused = self.shared.paused.load(Ordering::SeqCst);
        self.shared.inbox.next(max_records, paused).await
    }

    async fn commit(&mut self, next_offsets: &[(TopicPartition, i64)]) -> Result<(), LogError> {
        let Some(consumer) = self.consumer.clone() else { return Ok(()) };
        let shared = Arc::clone(&self.shared);
        let next_offsets = next_offsets.to_vec();
        super::blocking("committing", move || commit(&consumer, &shared, &next_offsets)).await
    }

    async fn pause(&mut self, paused: bool) -> Result<(), LogError> {
        self.shared.paused.store(paused, Ordering::SeqCst);
        Ok(())
    }
}

impl Drop for KafkaSubscription {
    /// Leaves the group, so that the others take over at once and not after a time-out.
    fn drop(&mut self) {
        // The poll thread is the last holder then, so that the closing happens there.
        self.consumer = None;
        self.shared.stop.store(true, Ordering::SeqCst);
        if self.ended.recv_timeout(LEAVE_LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!("the poll thread has not ended in time; leaving it to itself");
        }
    }
}
