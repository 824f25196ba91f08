//! One member of a group in this process.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;

use super::group::{Epoch, MemberId};
use super::{GroupOffset, LocalLog, Store, locked, payload_bytes, record_bytes};
use crate::{Delivery, LogError, MAX_DELIVERY_BYTES, Message, Subscription, TopicPartition, metrics};

pub(super) struct LocalSubscription<S: Store> {
    log: Arc<LocalLog<S>>,
    group: String,
    member: MemberId,
    /// What this member has been told that it owns.
    owned: BTreeMap<TopicPartition, Tenure>,
    /// Where the last delivery ended, so that no partition starves.
    last_read: Option<TopicPartition>,
    paused: bool,
}

#[derive(Debug, Clone, Copy)]
struct Tenure {
    epoch: Epoch,
    position: i64,
}

impl<S: Store> LocalSubscription<S> {
    pub(super) fn new(log: Arc<LocalLog<S>>, group: String, member: MemberId) -> Self {
        Self { log, group, member, owned: BTreeMap::new(), last_read: None, paused: false }
    }

    /// The difference between what the group says and what this member knows; losses first.
    fn rebalanced(&mut self) -> Result<Option<Delivery>, LogError> {
        let now = locked(&self.log.groups).owned(&self.group, self.member).ok_or_else(cut_off)?;
        let lost: Vec<TopicPartition> = self
            .owned
            .iter()
            .filter(|(partition, tenure)| now.get(*partition) != Some(&tenure.epoch))
            .map(|(partition, _)| partition.clone())
            .collect();
        if !lost.is_empty() {
            self.owned.retain(|partition, _| !lost.contains(partition));
            metrics::REBALANCES.inc();
            metrics::forget_lag(&self.group, &lost);
            return Ok(Some(Delivery::Revoked(lost)));
        }
        let mut gained = Vec::new();
        for (partition, epoch) in now {
            if !self.owned.contains_key(&partition) {
                let position = self.start(&partition)?;
                self.owned.insert(partition.clone(), Tenure { epoch, position });
                gained.push(partition);
            }
        }
        if gained.is_empty() {
            return Ok(None);
        }
        metrics::REBALANCES.inc();
        Ok(Some(Delivery::Assigned(gained)))
    }

    /// The committed offset, else the first record; what retention took in between is counted.
    fn start(&self, partition: &TopicPartition) -> Result<i64, LogError> {
        let (first, end) = self.log.store.bounds(partition)?;
        let Some(committed) = self.log.store.committed(&self.group, partition) else { return Ok(first) };
        if committed > end {
            return Err(LogError::Corrupt(format!(
                "group {} committed offset {committed} of {}/{}, which ends at {end}: records are missing",
                self.group, partition.topic, partition.partition
            )));
        }
        if committed < first {
            let missed = (first - committed).unsigned_abs();
            metrics::EXPIRED_UNREAD.with_label_values(&[&partition.topic]).inc_by(missed);
            tracing::error!(
                group = self.group,
                topic = partition.topic,
                partition = partition.partition,
                missed,
                "retention removed records that this group had not read"
            );
        }
        Ok(committed.max(first))
    }

    /// The next records of all partitions in turn, beginning after the one read last.
    async fn read(&mut self, max_records: usize) -> Result<Vec<Message>, LogError> {
        let mut room = max_records.max(1);
        let mut bytes_left = MAX_DELIVERY_BYTES;
        let mut messages = Vec::new();
        for partition in self.turn() {
            if room == 0 || bytes_left == 0 {
                break;
            }
            let Some(tenure) = self.owned.get(&partition).copied() else { continue };
            let (first, end) = self.log.store.bounds(&partition)?;
            if tenure.position >= end {
                continue;
            }
            let chunk = self.log.store.read(&partition, tenure.position.max(first), room, bytes_left).await?;
            // Nothing was changed before this line, so a cancelled read is a read that never was.
            room = room.saturating_sub(chunk.messages.len());
            let bytes: usize = chunk.messages.iter().map(|message| record_bytes(&message.record)).sum();
            bytes_left = bytes_left.saturating_sub(bytes);
            messages.push((partition, tenure.epoch, chunk));
        }
        let groups = locked(&self.log.groups);
        let mut delivered = Vec::new();
        for (partition, epoch, chunk) in messages {
            // What changed hands while we read belongs to the other member.
            if !groups.holds(&self.group, self.member, &partition, epoch) {
                continue;
            }
            self.owned.insert(partition.clone(), Tenure { epoch, position: chunk.next_offset });
            delivered.extend(chunk.messages);
            self.last_read = Some(partition);
        }
        Ok(delivered)
    }

    fn turn(&self) -> Vec<TopicPartition> {
        let (after, upto): (Vec<_>, Vec<_>) =
            self.owned.keys().cloned().partition(|partition| Some(partition) > self.last_read.as_ref());
        after.into_iter().chain(upto).collect()
    }

    fn count_delivery(&self, messages: &[Message]) {
        for message in messages {
            metrics::READ_RECORDS.with_label_values(&[&message.topic]).inc();
            metrics::READ_BYTES
                .with_label_values(&[&message.topic])
                .inc_by(payload_bytes(&message.record) as u64);
        }
        for (partition, tenure) in &self.owned {
            if let Ok((_, end)) = self.log.store.bounds(partition) {
                let labels = [self.group.as_str(), &partition.topic, &partition.partition.to_string()];
                metrics::LAG_RECORDS.with_label_values(&labels).set(end - tenure.position);
            }
        }
    }
}

fn cut_off() -> LogError {
    LogError::Unavailable("this subscription was cut off; subscribe again".to_owned())
}

#[async_trait]
impl<S: Store> Subscription for LocalSubscription<S> {
    async fn next(&mut self, max_records: usize) -> Result<Delivery, LogError> {
        loop {
            let log = Arc::clone(&self.log);
            // Listening begins before looking, so that nothing falls in between.
            let mut changed = pin!(log.changed.notified());
            changed.as_mut().enable();
            if let Some(delivery) = self.rebalanced()? {
                return Ok(delivery);
            }
            if !self.paused {
                let messages = self.read(max_records).await?;
                if !messages.is_empty() {
                    self.count_delivery(&messages);
                    return Ok(Delivery::Messages(messages));
                }
            }
            changed.await;
        }
    }

    async fn commit(&mut self, next_offsets: &[(TopicPartition, i64)]) -> Result<(), LogError> {
        let mut offsets = Vec::with_capacity(next_offsets.len());
        for (partition, next) in next_offsets {
            let Some(tenure) = self.owned.get(partition) else { continue };
            if !locked(&self.log.groups).holds(&self.group, self.member, partition, tenure.epoch) {
                continue;
            }
            let (_, end) = self.log.store.bounds(partition)?;
            if *next < 0 || *next > end {
                return Err(LogError::Refused(format!(
                    "offset {next} of {}/{} does not exist; the partition ends at {end}",
                    partition.topic, partition.partition
                )));
            }
            offsets.push(GroupOffset {
                group: self.group.clone(),
                partition: partition.clone(),
                next: *next,
            });
        }
        if offsets.is_empty() {
            return Ok(());
        }
        self.log.store.commit(offsets).await?;
        metrics::COMMITS.inc();
        Ok(())
    }

    async fn pause(&mut self, paused: bool) -> Result<(), LogError> {
        self.paused = paused;
        Ok(())
    }
}

impl<S: Store> Drop for LocalSubscription<S> {
    fn drop(&mut self) {
        locked(&self.log.groups).leave(&self.group, self.member);
        self.log.changed.notify_waiters();
    }
}
