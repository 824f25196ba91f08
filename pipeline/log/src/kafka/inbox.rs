//! What the poll thread hands to the subscription: changes of ownership first, then records in order.
//!
//! Every time a partition becomes ours it begins a new tenure; records bear the tenure they were fetched in, so
//! that what was fetched before a partition was taken away is dropped here and never delivered.
//!
//! Offsets only grow. A log that goes back has lost records that were acknowledged and read (a broker restored from an old
//! disk, an unclean election); what it would write next has the places of what was lost, so the subscription ends for good.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::local::{payload_bytes, record_bytes};
use crate::{Delivery, LogError, MAX_DELIVERY_BYTES, Message, TopicPartition, metrics};

/// Fetching stops above the first and goes on below the second: records and bytes waiting for delivery.
const HIGH: (usize, usize) = (10_000, 32 * 1024 * 1024);
const LOW: (usize, usize) = (4_000, 12 * 1024 * 1024);

#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    /// Rung when there is something new to deliver. One reader only.
    ready: Notify,
}

#[derive(Default)]
struct State {
    changes: VecDeque<Delivery>,
    records: VecDeque<(u64, Message)>,
    bytes: usize,
    /// Partitions that are ours.
    tenures: BTreeMap<TopicPartition, Tenure>,
    last_tenure: u64,
    /// Set once: the subscription is over.
    ended: Option<End>,
}

#[derive(Clone, Copy)]
struct Tenure {
    number: u64,
    start: Start,
}

/// Where a partition is to be read on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    /// Nobody has asked what the group committed.
    Unknown,
    /// The group has committed nothing: wherever the log begins.
    Anywhere,
    /// At this offset.
    At(i64),
}

/// Why a subscription is over.
enum End {
    /// Another one may go on.
    ForNow(String),
    /// The log has lost what it had acknowledged.
    Damaged(String),
}

impl Inbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn assigned(&self, partitions: Vec<TopicPartition>) {
        if partitions.is_empty() {
            return;
        }
        let mut state = self.state();
        for partition in &partitions {
            state.last_tenure += 1;
            let tenure = Tenure { number: state.last_tenure, start: Start::Unknown };
            state.tenures.insert(partition.clone(), tenure);
        }
        state.changes.push_back(Delivery::Assigned(partitions));
        drop(state);
        metrics::REBALANCES.inc();
        self.ready.notify_one();
    }

    pub(super) fn revoked(&self, partitions: Vec<TopicPartition>) {
        if partitions.is_empty() {
            return;
        }
        let mut state = self.state();
        let State { records, tenures, bytes, .. } = &mut *state;
        tenures.retain(|partition, _| !partitions.contains(partition));
        records.retain(|(tenure, message)| {
            let keep = tenures.get(&partition_of(message)).is_some_and(|now| now.number == *tenure);
            if !keep {
                *bytes -= record_bytes(&message.record);
            }
            keep
        });
        metrics::CHANNEL_RECORDS.set(records.len() as i64);
        state.changes.push_back(Delivery::Revoked(partitions));
        drop(state);
        metrics::REBALANCES.inc();
        self.ready.notify_one();
    }

    /// Partitions of which nobody has asked what the group committed.
    pub(super) fn unplaced(&self) -> Vec<TopicPartition> {
        let state = self.state();
        let unplaced = state.tenures.iter().filter(|(_, tenure)| tenure.start == Start::Unknown);
        unplaced.map(|(partition, _)| partition.clone()).collect()
    }

    /// What the group has committed of a partition.
    pub(super) fn placed(&self, partition: &TopicPartition, committed: Option<i64>) {
        if let Some(tenure) = self.state().tenures.get_mut(partition) {
            tenure.start = committed.map_or(Start::Anywhere, Start::At);
        }
    }

    /// A record was fetched. One of a partition that is not ours is dropped: its owner will read it.
    pub(super) fn fetched(&self, message: Message) {
        let mut state = self.state();
        let Some(tenure) = state.tenures.get_mut(&partition_of(&message)) else { return };
        let Tenure { number, start } = *tenure;
        tenure.start = Start::At(message.offset + 1);
        match start {
            Start::At(expected) if message.offset < expected => {
                state.ended = Some(End::Damaged(gone_back(&message, expected)));
                drop(state);
                self.ready.notify_one();
                return;
            }
            Start::At(expected) if message.offset > expected => {
                let lost = message.offset - expected;
                metrics::EXPIRED_UNREAD.with_label_values(&[&message.topic]).inc_by(lost.unsigned_abs());
                tracing::error!(
                    topic = message.topic,
                    partition = message.partition,
                    lost,
                    "records were removed before they were read: the topic's retention is shorter than the delay"
                );
            }
            _ => {}
        }
        state.bytes += record_bytes(&message.record);
        state.records.push_back((number, message));
        metrics::CHANNEL_RECORDS.set(state.records.len() as i64);
        drop(state);
        self.ready.notify_one();
    }

    pub(super) fn end(&self, why: String) {
        self.state().ended.get_or_insert(End::ForNow(why));
        self.ready.notify_one();
    }

    /// Should fetching be held back? `held` says whether it is now.
    pub(super) fn holds_back(&self, held: bool) -> bool {
        let state = self.state();
        let (records, bytes) = if held { LOW } else { HIGH };
        state.records.len() >= records || state.bytes >= bytes
    }

    /// The offsets among `next_offsets` whose partitions are ours.
    pub(super) fn owned(&self, next_offsets: &[(TopicPartition, i64)]) -> Vec<(TopicPartition, i64)> {
        let state = self.state();
        next_offsets.iter().filter(|(partition, _)| state.tenures.contains_key(partition)).cloned().collect()
    }

    pub(super) fn partitions(&self) -> Vec<TopicPartition> {
        self.state().tenures.keys().cloned().collect()
    }

    /// Waits for the next delivery; records only unless `paused`. Nothing is taken until it returns.
    pub(super) async fn next(&self, max_records: usize, paused: bool) -> Result<Delivery, LogError> {
        loop {
            if let Some(delivery) = self.take(max_records.max(1), paused)? {
                return Ok(delivery);
            }
            self.ready.notified().await;
        }
    }

    fn take(&self, max_records: usize, paused: bool) -> Result<Option<Delivery>, LogError> {
        let mut state = self.state();
        if let Some(change) = state.changes.pop_front() {
            return Ok(Some(change));
        }
        match &state.ended {
            None => {}
            Some(End::ForNow(why)) => return Err(LogError::Unavailable(format!("{why}; subscribe again"))),
            Some(End::Damaged(why)) => return Err(LogError::Corrupt(why.clone())),
        }
        if paused {
            return Ok(None);
        }
        let mut messages = Vec::new();
        let mut bytes = 0;
        while messages.len() < max_records && bytes < MAX_DELIVERY_BYTES {
            let Some((_, message)) = state.records.pop_front() else { break };
            bytes += record_bytes(&message.record);
            metrics::READ_RECORDS.with_label_values(&[&message.topic]).inc();
            metrics::READ_BYTES
                .with_label_values(&[&message.topic])
                .inc_by(payload_bytes(&message.record) as u64);
            messages.push(message);
        }
        state.bytes -= bytes;
        metrics::CHANNEL_RECORDS.set(state.records.len() as i64);
        Ok((!messages.is_empty()).then_some(Delivery::Messages(messages)))
    }
}

fn gone_back(message: &Message, expected: i64) -> String {
    format!(
        "partition {} of {} goes on at record {} though this group has read up to {expected}: the cluster has lost records \
         that it had acknowledged. Bring its data back; if they are gone for good, follow docs/runbooks.md, RoleDown",
        message.partition, message.topic, message.offset
    )
}

fn partition_of(message: &Message) -> TopicPartition {
    TopicPartition { topic: message.topic.clone(), partition: message.partition }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Record;

    fn partition(partition: i32) -> TopicPartition {
        TopicPartition { topic: "t".to_owned(), partition }
    }

    fn message(partition: i32, offset: i64) -> Message {
        let record = Record { value: vec![0; 1_000].into(), ..Record::default() };
        Message { topic: "t".to_owned(), partition, offset, timestamp_ms: 0, record }
    }

    #[tokio::test]
    async fn what_was_fetched_before_a_revocation_is_never_delivered() {
        let inbox = Inbox::default();
        inbox.assigned(vec![partition(0), partition(1)]);
        inbox.fetched(message(0, 0));
        inbox.fetched(message(1, 0));
        inbox.revoked(vec![partition(0)]);
        inbox.fetched(message(0, 1));
        inbox.assigned(vec![partition(0)]);
        inbox.fetched(message(0, 5));
        assert!(matches!(inbox.next(10, false).await.unwrap(), Delivery::Assigned(p) if p.len() == 2));
        assert!(matches!(inbox.next(10, false).await.unwrap(), Delivery::Revoked(p) if p == [partition(0)]));
        assert!(matches!(inbox.next(10, false).await.unwrap(), Delivery::Assigned(p) if p == [partition(0)]));
        let Delivery::Messages(messages) = inbox.next(10, false).await.unwrap() else {
            panic!("records expected")
        };
        let places: Vec<_> = messages.iter().map(|m| (m.partition, m.offset)).collect();
        assert_eq!(places, [(1, 0), (0, 5)]);
        assert_eq!(inbox.owned(&[(partition(0), 6), (partition(7), 1)]), [(partition(0), 6)]);
    }

    #[tokio::test]
    async fn a_log_that_goes_back_ends_the_subscription_for_good_and_one_that_skips_is_counted() {
        let skipped = || metrics::EXPIRED_UNREAD.with_label_values(&["t"]).get();
        let inbox = Inbox::default();
        inbox.assigned(vec![partition(0), partition(1)]);
        assert_eq!(inbox.unplaced(), [partition(0), partition(1)]);
        inbox.placed(&partition(0), Some(7));
        inbox.placed(&partition(1), None);
        assert!(inbox.unplaced().is_empty());
        let before = skipped();
        inbox.fetched(message(1, 500));
        assert_eq!(skipped(), before, "a group that has read nothing begins where the log begins");
        inbox.fetched(message(0, 9));
        assert_eq!(skipped(), before + 2);
        inbox.next(10, false).await.unwrap();
        assert_eq!(inbox.next(10, false).await.map(|_| ()).ok(), Some(()));
        inbox.fetched(message(0, 9));
        let error = inbox.next(10, false).await.unwrap_err();
        assert!(matches!(&error, LogError::Corrupt(why) if why.contains("up to 10")), "{error}");
        inbox.end("and then the connection broke".to_owned());
        assert!(matches!(inbox.next(10, false).await, Err(LogError::Corrupt(_))), "the first reason stands");
    }

    #[tokio::test]
    async fn fetching_is_held_back_until_much_was_delivered() {
        let inbox = Inbox::default();
        inbox.assigned(vec![partition(0)]);
        assert!(!inbox.holds_back(false));
        (0..10_000).for_each(|offset| inbox.fetched(message(0, offset)));
        assert!(inbox.holds_back(false));
        inbox.next(1, false).await.unwrap();
        inbox.next(5_000, false).await.unwrap();
        assert!(!inbox.holds_back(false) && inbox.holds_back(true), "not resumed at once: no flutter");
        inbox.next(5_000, false).await.unwrap();
        assert!(!inbox.holds_back(true));
    }
}
