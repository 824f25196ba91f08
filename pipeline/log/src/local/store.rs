//! What a local log needs from whatever keeps its records.

use std::collections::BTreeMap;

use async_trait::async_trait;
use streife_domain::Position;

use crate::{LogError, Message, Record, Topic, TopicPartition};

/// A record with its partition chosen.
pub(crate) struct PartitionedRecord {
    pub(crate) partition: i32,
    pub(crate) record: Record,
}

/// A committed offset: the next to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupOffset {
    pub(crate) group: String,
    pub(crate) partition: TopicPartition,
    pub(crate) next: i64,
}

/// A stretch of one partition.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    pub(crate) messages: Vec<Message>,
    /// Where to go on. Beyond the last message where compaction left holes.
    pub(crate) next_offset: i64,
}

/// Keeps topics, records and committed offsets. Only what is durable is ever visible.
#[async_trait]
pub(crate) trait Store: Send + Sync + 'static {
    fn topic(&self, name: &str) -> Option<Topic>;

    /// Creates a topic; a topic of that name stays as it is.
    async fn create(&self, topic: &Topic) -> Result<(), LogError>;

    /// Appends all or nothing. Positions are in the order of `records`.
    async fn append(&self, topic: &Topic, records: Vec<PartitionedRecord>)
    -> Result<Vec<Position>, LogError>;

    /// Reads from `from` on: at least one record where there is one, otherwise within both limits.
    async fn read(
        &self,
        partition: &TopicPartition,
        from: i64,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<Chunk, LogError>;

    /// First offset and end offset.
    fn bounds(&self, partition: &TopicPartition) -> Result<(i64, i64), LogError>;

    /// Keeps committed offsets. An offset never goes back: of two commits the higher one stands.
    async fn commit(&self, offsets: Vec<GroupOffset>) -> Result<(), LogError>;

    fn committed(&self, group: &str, partition: &TopicPartition) -> Option<i64>;
}

/// Committed offsets in memory.
#[derive(Debug, Default)]
pub(crate) struct OffsetTable(BTreeMap<String, BTreeMap<TopicPartition, i64>>);

impl OffsetTable {
    pub(crate) fn get(&self, group: &str, partition: &TopicPartition) -> Option<i64> {
        self.0.get(group)?.get(partition).copied()
    }

    /// Takes the offset unless a higher one stands already.
    pub(crate) fn raise(&mut self, offset: GroupOffset) {
        let slot = self.0.entry(offset.group).or_default().entry(offset.partition).or_insert(offset.next);
        *slot = offset.next.max(*slot);
    }
}
