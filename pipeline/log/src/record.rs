//! Records, messages and topics.

use bytes::Bytes;

/// Headers of a record: small named values beside the payload.
pub type Headers = Vec<(String, Bytes)>;

/// A record to be appended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Decides the partition; records with one key keep their order. On compacted topics the last one wins.
    pub key: Bytes,
    /// The payload. Empty on a compacted topic: the key is deleted.
    pub value: Bytes,
    /// Beside the payload.
    pub headers: Headers,
}

/// A record read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Topic name.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset in the partition.
    pub offset: i64,
    /// When the log took it, milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// The record.
    pub record: Record,
}

impl Message {
    /// The value of the first header called `name`.
    pub fn header(&self, name: &str) -> Option<&Bytes> {
        self.record.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// Topic name.
    pub topic: String,
    /// Partition.
    pub partition: i32,
}

/// How long records are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// Deleted after so many hours.
    Hours(u32),
    /// The newest record of each key is kept for ever.
    Compact,
}

/// A topic as it is created; the list is `schemas/topics.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Name.
    pub name: String,
    /// Number of partitions; never changed afterwards, since keys would move.
    pub partitions: u32,
    /// How long records are kept.
    pub retention: Retention,
    /// Copies on a Kafka cluster (1 on the embedded log).
    pub replication: u16,
}
