//! The thread that polls one consumer, so that a slow pipeline never keeps Kafka waiting: it goes on polling
//! while nothing is fetched, answers rebalances, and fills the [`Inbox`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::{ClientContext, Offset, Statistics, TopicPartitionList};

use super::convert;
use super::error::class_of;
use super::inbox::Inbox;
use super::reach::Reach;
use crate::{LogError, TopicPartition, metrics};

/// Longest wait inside one poll; also how soon a pause or the end takes effect.
const POLL: Duration = Duration::from_millis(50);

/// How long the brokers may take to say what a group has committed.
const COMMITTED_LIMIT: Duration = Duration::from_secs(10);

pub(super) type Member = BaseConsumer<MemberContext>;

/// What poll thread, callbacks and subscription share.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) inbox: Inbox,
    /// The subscription wants no records.
    pub(super) paused: AtomicBool,
    /// The subscription is gone.
    pub(super) stop: AtomicBool,
    /// Whether brokers are reached.
    reach: Reach,
    /// Fetching of all assigned partitions is stopped now.
    held: AtomicBool,
}

/// Receives librdkafka's callbacks, which run inside `poll`.
pub(super) struct MemberContext {
    group: String,
    shared: Arc<Shared>,
}

impl MemberContext {
    pub(super) fn new(group: &str, shared: Arc<Shared>) -> Self {
        Self { group: group.to_owned(), shared }
    }
}

impl ClientContext for MemberContext {
    fn stats(&self, statistics: Statistics) {
        self.shared.reach.note(&statistics);
        for topic in statistics.topics.values() {
            for partition in topic.partitions.values().filter(|p| p.desired && p.consumer_lag >= 0) {
                let number = partition.partition.to_string();
                let labels = [self.group.as_str(), topic.topic.as_str(), number.as_str()];
                metrics::LAG_RECORDS.with_label_values(&labels).set(partition.consumer_lag);
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // librdkafka goes on by itself; what ends the subscription arrives through poll.
        tracing::warn!(group = self.group, error = %error, reason, "Kafka client error");
    }
}

impl ConsumerContext for MemberContext {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(partitions) = rebalance {
            let partitions = convert::partitions(partitions);
            metrics::forget_lag(&self.group, &partitions);
            self.shared.inbox.revoked(partitions);
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => {
                if self.shared.held.load(Ordering::SeqCst)
                    && let Err(e) = consumer.pause(partitions)
                {
                    tracing::warn!(error = %e, "new partitions could not be paused");
                }
                self.shared.inbox.assigned(convert::partitions(partitions));
            }
            Rebalance::Revoke(_) => {}
            Rebalance::Error(e) => tracing::warn!(group = self.group, error = %e, "rebalance failed"),
        }
    }
}

/// Polls until the subscription is gone or Kafka refuses for good.
pub(super) fn run(consumer: &Member, shared: &Shared) {
    while !shared.stop.load(Ordering::SeqCst) {
        hold_or_release(consumer, shared);
        if shared.reach.is_lost() {
            tracing::warn!("no broker was reached for a while; the subscription is made anew");
            shared.inbox.end("no broker is in reach".to_owned());
            return;
        }
        if let Err(error) = place(consumer, shared) {
            tracing::warn!(%error, "the subscription is made anew");
            shared.inbox.end(error.to_string());
            return;
        }
        match consumer.poll(POLL) {
            None => {}
            Some(Ok(message)) => shared.inbox.fetched(convert::message(&message)),
            Some(Err(e)) => {
                if let Some(why) = ends_subscription(&e) {
                    tracing::error!(error = %e, "subscription ended");
                    shared.inbox.end(why);
                    return;
                }
                tracing::warn!(error = %e, "reading from Kafka failed; going on");
            }
        }
    }
}

fn hold_or_release(consumer: &Member, shared: &Shared) {
    let held = shared.held.load(Ordering::SeqCst);
    let hold = shared.paused.load(Ordering::SeqCst) || shared.inbox.holds_back(held);
    if hold == held {
        return;
    }
    let all = list_of(&shared.inbox.partitions());
    let done = if hold { consumer.pause(&all) } else { consumer.resume(&all) };
    match done {
        Ok(()) => shared.held.store(hold, Ordering::SeqCst),
        Err(e) => tracing::warn!(error = %e, hold, "pausing or resuming failed; trying again"),
    }
}

/// Asks what the group committed of partitions that are new to us, before anything of them is fetched: a log that has lost
/// records since is recognised by it.
fn place(consumer: &Member, shared: &Shared) -> Result<(), KafkaError> {
    let unplaced = shared.inbox.unplaced();
    if unplaced.is_empty() {
        return Ok(());
    }
    let committed = consumer.committed_offsets(list_of(&unplaced), COMMITTED_LIMIT)?;
    for partition in unplaced {
        let found = committed.find_partition(&partition.topic, partition.partition);
        let offset = match found.map(|element| element.offset()) {
            Some(Offset::Offset(offset)) => Some(offset),
            _ => None,
        };
        shared.inbox.placed(&partition, offset);
    }
    Ok(())
}

fn list_of(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    list
}

/// Kafka will not take this consumer back: the reason.
fn ends_subscription(error: &KafkaError) -> Option<String> {
    let fatal = matches!(error.rdkafka_error_code(), Some(Code::Fatal | Code::FencedInstanceId));
    match class_of("reading from Kafka", error) {
        LogError::Refused(why) => Some(why),
        LogError::Unavailable(why) | LogError::Corrupt(why) => fatal.then_some(why),
    }
}
