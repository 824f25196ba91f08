//! What the poll thread hands to the subscription: changes of ownership first, then records in order.
//!
//! Every time a partition becomes ours it begins a new tenure; records bear the tenure they were fetched in, so
//! that what was fetched before a partition was taken away is dropped here and never delivered.

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
    /// Partitions that are ours, each with its tenure.
    tenures: BTreeMap<TopicPartition, u64>,
    last_tenure: u64,
    /// Set once: the subscription is over.
    ended: Option<String>,
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
            let tenure = state.last_tenure;
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
            let keep = tenures.get(&partition_of(message)) == Some(tenure);
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

    /// A record was fetched. One of a partition that is not ours is dropped: its owner will read it.
    pub(super) fn fetched(&self, message: Message) {
        let mut state = self.state();
        let Some(tenure) = state.tenures.get(&partition_of(&message)).copied() else { return };
        state.bytes += record_bytes(&message.record);
        state.records.push_back((tenure, message));
        metrics::CHANNEL_RECORDS.set(state.records.len() as i64);
        drop(state);
        self.ready.notify_one();
    }

    pub(super) fn end(&self, why: String) {
        self.state().ended = Some(why);
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
        if let Some(why) = &state.ended {
            return Err(LogError::Unavailable(format!("{why}; subscribe again")));
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
