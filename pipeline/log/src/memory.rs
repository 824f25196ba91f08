//! The log in memory: deterministic, without threads, for the simulation and for tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use streife_domain::{Clock, ManualClock, Position, Timestamp};

use crate::limits::DELETION_KEPT_HOURS;
use crate::local::{
    Chunk, GroupOffset, LatestKeys, LocalLog, OffsetTable, PartitionedRecord, Store, locked, record_bytes,
};
use crate::{EventLog, LogError, Message, Record, Retention, Subscription, Topic, TopicPartition};

const MS_PER_HOUR: i64 = 3_600_000;

/// A log that lives as long as its last clone. Same semantics as [`crate::EmbeddedLog`]; nothing is on disk.
#[derive(Clone)]
pub struct MemoryLog(Arc<LocalLog<MemoryStore>>);

impl MemoryLog {
    /// An empty log whose records all bear the time 0.
    pub fn new() -> Self {
        Self::with_clock(Arc::new(ManualClock::default()))
    }

    /// An empty log that takes its time from `clock`.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self(LocalLog::new(MemoryStore { clock, state: Mutex::default() }))
    }

    /// All readers die at once: every subscription fails from now on, what they had not committed is read
    /// again by those who subscribe next. Records and committed offsets stay.
    pub fn crash_subscriptions(&self) {
        self.0.crash_subscriptions();
    }

    /// Removes what is older than its topic's retention.
    pub fn retain(&self, now: Timestamp) {
        locked(&self.0.store().state).retain(now);
    }
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    async fn ensure_topics(&self, topics: &[Topic]) -> Result<(), LogError> {
        self.0.ensure_topics(topics).await
    }

    async fn append(&self, topic: &str, records: Vec<Record>) -> Result<Vec<Position>, LogError> {
        self.0.append(topic, records).await
    }

    async fn subscribe(&self, group: &str, topics: &[&str]) -> Result<Box<dyn Subscription>, LogError> {
        self.0.subscribe(group, topics)
    }

    async fn read_all(&self, topic: &str, visit: &mut (dyn FnMut(Message) + Send)) -> Result<(), LogError> {
        self.0.read_all(topic, visit).await
    }

    async fn bounds(&self, topic: &str) -> Result<Vec<(i64, i64)>, LogError> {
        self.0.bounds(topic)
    }

    async fn committed(&self, group: &str, topic: &str) -> Result<Vec<Option<i64>>, LogError> {
        self.0.committed(group, topic)
    }
}

struct MemoryStore {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    topics: BTreeMap<String, Topic>,
    partitions: BTreeMap<TopicPartition, Partition>,
    offsets: OffsetTable,
}

#[derive(Default)]
struct Partition {
    records: BTreeMap<i64, (i64, Record)>,
    first: i64,
    end: i64,
    latest: LatestKeys,
}

impl State {
    fn partition(&self, partition: &TopicPartition) -> Result<&Partition, LogError> {
        self.partitions.get(partition).ok_or_else(|| unknown(partition))
    }

    fn retain(&mut self, now: Timestamp) {
        for (id, partition) in &mut self.partitions {
            match self.topics.get(&id.topic).map(|topic| topic.retention) {
                Some(Retention::Hours(hours)) => {
                    let cutoff = now.as_millis() - i64::from(hours) * MS_PER_HOUR;
                    let keep = partition.records.iter().find(|(_, (at, _))| *at >= cutoff);
                    partition.first = keep.map_or(partition.end, |(offset, _)| *offset);
                    partition.records = partition.records.split_off(&partition.first);
                }
                Some(Retention::Compact) => {
                    let cutoff = now.as_millis() - DELETION_KEPT_HOURS * MS_PER_HOUR;
                    for offset in partition.latest.expire_deletions(cutoff) {
                        partition.records.remove(&offset);
                    }
                }
                None => {}
            }
        }
    }
}

fn unknown(partition: &TopicPartition) -> LogError {
    LogError::Refused(format!("there is no partition {} of topic {}", partition.partition, partition.topic))
}

#[async_trait]
impl Store for MemoryStore {
    fn topic(&self, name: &str) -> Option<Topic> {
        locked(&self.state).topics.get(name).cloned()
    }

    async fn create(&self, topic: &Topic) -> Result<(), LogError> {
        let mut state = locked(&self.state);
        for partition in topic.partition_list() {
            state.partitions.entry(partition).or_default();
        }
        state.topics.entry(topic.name.clone()).or_insert_with(|| topic.clone());
        Ok(())
    }

    async fn append(
        &self,
        topic: &Topic,
        records: Vec<PartitionedRecord>,
    ) -> Result<Vec<Position>, LogError> {
        let now = self.clock.now().as_millis();
        let mut state = locked(&self.state);
        let mut positions = Vec::with_capacity(records.len());
        for PartitionedRecord { partition: number, record } in records {
            let id = TopicPartition { topic: topic.name.clone(), partition: number };
            let partition = state.partitions.get_mut(&id).ok_or_else(|| unknown(&id))?;
            let offset = partition.end;
            if topic.retention == Retention::Compact
                && let Some(old) = partition.latest.replace(&record.key, record.value.is_empty(), offset, now)
            {
                partition.records.remove(&old);
            }
            partition.records.insert(offset, (now, record));
            partition.end += 1;
            positions.push(Position { partition: number, offset });
        }
        Ok(positions)
    }

    async fn read(
        &self,
        id: &TopicPartition,
        from: i64,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<Chunk, LogError> {
        let state = locked(&self.state);
        let partition = state.partition(id)?;
        let mut chunk = Chunk { messages: Vec::new(), next_offset: partition.end.max(from) };
        let mut bytes = 0;
        for (offset, (timestamp_ms, record)) in partition.records.range(from..) {
            let size = record_bytes(record);
            if chunk.messages.len() == max_records || (!chunk.messages.is_empty() && bytes + size > max_bytes)
            {
                chunk.next_offset = *offset;
                break;
            }
            bytes += size;
            chunk.messages.push(Message {
                topic: id.topic.clone(),
                partition: id.partition,
                offset: *offset,
                timestamp_ms: *timestamp_ms,
                record: record.clone(),
            });
        }
        Ok(chunk)
    }

    fn bounds(&self, id: &TopicPartition) -> Result<(i64, i64), LogError> {
        locked(&self.state).partition(id).map(|partition| (partition.first, partition.end))
    }

    async fn commit(&self, offsets: Vec<GroupOffset>) -> Result<(), LogError> {
        let mut state = locked(&self.state);
        offsets.into_iter().for_each(|offset| state.offsets.raise(offset));
        Ok(())
    }

    fn committed(&self, group: &str, partition: &TopicPartition) -> Option<i64> {
        locked(&self.state).offsets.get(group, partition)
    }
}
