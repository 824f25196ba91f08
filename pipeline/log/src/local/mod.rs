//! The log inside one process: groups, subscriptions and waiting, over a [`Store`] that keeps the records.
//! [`crate::MemoryLog`] and [`crate::EmbeddedLog`] are this with two stores.

mod compaction;
mod group;
mod store;
mod subscription;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use streife_domain::Position;
use tokio::sync::Notify;

pub(crate) use compaction::LatestKeys;
use group::Groups;
pub(crate) use store::{Chunk, GroupOffset, OffsetTable, PartitionedRecord, Store};
use subscription::LocalSubscription;

use crate::{
    LogError, MAX_RECORD_BYTES, Message, Record, Subscription, Topic, TopicPartition, limits, metrics,
};

/// Takes a lock; a panic of another holder leaves these values whole, since each change is one assignment.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Groups and subscriptions over `S`.
pub(crate) struct LocalLog<S> {
    store: S,
    groups: Mutex<Groups>,
    /// Rung after every append, rebalance and crash.
    changed: Notify,
}

impl<S: Store> LocalLog<S> {
    pub(crate) fn new(store: S) -> Arc<Self> {
        Arc::new(Self { store, groups: Mutex::default(), changed: Notify::new() })
    }

    pub(crate) const fn store(&self) -> &S {
        &self.store
    }

    fn topic(&self, name: &str) -> Result<Topic, LogError> {
        self.store
            .topic(name)
            .ok_or_else(|| LogError::Refused(format!("topic {name} does not exist; create it first")))
    }

    pub(crate) async fn ensure_topics(&self, topics: &[Topic]) -> Result<(), LogError> {
        for topic in topics {
            check_topic(topic)?;
            if self.store.topic(&topic.name).is_none() {
                self.store.create(topic).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn append(&self, topic: &str, records: Vec<Record>) -> Result<Vec<Position>, LogError> {
        let topic = self.topic(topic)?;
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let mut bytes = 0;
        for record in &records {
            check_size(record)?;
            bytes += payload_bytes(record);
        }
        let count = records.len();
        let started = Instant::now();
        let records = records
            .into_iter()
            .map(|record| PartitionedRecord {
                partition: crate::partition_of(&record.key, topic.partitions),
                record,
            })
            .collect();
        let positions = self.store.append(&topic, records).await?;
        self.changed.notify_waiters();
        metrics::APPEND_SECONDS.observe(started.elapsed().as_secs_f64());
        metrics::APPENDED_RECORDS.with_label_values(&[&topic.name]).inc_by(count as u64);
        metrics::APPENDED_BYTES.with_label_values(&[&topic.name]).inc_by(bytes as u64);
        Ok(positions)
    }

    pub(crate) fn subscribe(
        self: &Arc<Self>,
        group: &str,
        topics: &[&str],
    ) -> Result<Box<dyn Subscription>, LogError> {
        let mut partitions = BTreeSet::new();
        for topic in topics {
            partitions.extend(self.topic(topic)?.partition_list());
        }
        let partitions: Vec<TopicPartition> = partitions.into_iter().collect();
        let member = locked(&self.groups).join(group, &partitions);
        self.changed.notify_waiters();
        Ok(Box::new(LocalSubscription::new(Arc::clone(self), group.to_owned(), member)))
    }

    pub(crate) async fn read_all(
        &self,
        topic: &str,
        visit: &mut (dyn FnMut(Message) + Send),
    ) -> Result<(), LogError> {
        let topic = self.topic(topic)?;
        // The end is taken once, so that a writer cannot keep the reader busy for ever.
        for (partition, (first, end)) in topic.partition_list().into_iter().zip(self.bounds(&topic.name)?) {
            let mut from = first;
            while from < end {
                let chunk = self
                    .store
                    .read(&partition, from, limits::READ_ALL_RECORDS, limits::MAX_DELIVERY_BYTES)
                    .await?;
                from = chunk.next_offset;
                chunk.messages.into_iter().filter(|message| message.offset < end).for_each(&mut *visit);
            }
        }
        Ok(())
    }

    pub(crate) fn bounds(&self, topic: &str) -> Result<Vec<(i64, i64)>, LogError> {
        self.topic(topic)?.partition_list().iter().map(|partition| self.store.bounds(partition)).collect()
    }

    pub(crate) fn committed(&self, group: &str, topic: &str) -> Result<Vec<Option<i64>>, LogError> {
        let partitions = self.topic(topic)?.partition_list();
        Ok(partitions.iter().map(|partition| self.store.committed(group, partition)).collect())
    }

    /// Cuts off every subscription, as a kill of all readers would.
    pub(crate) fn crash_subscriptions(&self) {
        locked(&self.groups).leave_all();
        self.changed.notify_waiters();
    }
}

impl Topic {
    /// Its partitions, in order.
    pub(crate) fn partition_list(&self) -> Vec<TopicPartition> {
        let count = i32::try_from(self.partitions).unwrap_or(i32::MAX);
        (0..count).map(|partition| TopicPartition { topic: self.name.clone(), partition }).collect()
    }
}

/// Bytes of key and value.
pub(crate) fn payload_bytes(record: &Record) -> usize {
    record.key.len() + record.value.len()
}

/// Bytes of all of a record.
pub(crate) fn record_bytes(record: &Record) -> usize {
    let headers: usize = record.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    payload_bytes(record) + headers
}

/// Refuses what no implementation takes.
pub(crate) fn check_size(record: &Record) -> Result<(), LogError> {
    let bytes = record_bytes(record);
    if bytes > MAX_RECORD_BYTES {
        return Err(LogError::Refused(format!(
            "a record of {bytes} bytes is over the limit of {MAX_RECORD_BYTES}"
        )));
    }
    Ok(())
}

/// Longest name of a topic; Kafka's limit is 249, and the embedded log adds to it.
const MAX_TOPIC_NAME: usize = 200;

/// Refuses what is no topic in every implementation.
pub(crate) fn check_topic(topic: &Topic) -> Result<(), LogError> {
    let name = &topic.name;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > MAX_TOPIC_NAME || !name.chars().all(legal) {
        return Err(LogError::Refused(format!(
            "{name:?} is no name for a topic: up to {MAX_TOPIC_NAME} letters, digits, dots, dashes and underscores"
        )));
    }
    if topic.partitions == 0 {
        return Err(LogError::Refused(format!("topic {name} needs at least one partition")));
    }
    Ok(())
}
