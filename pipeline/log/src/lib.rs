//! The record log: one trait, two production implementations.
//!
//! * `KafkaLog`: a Kafka cluster through librdkafka (the only code that knows Kafka).
//! * `EmbeddedLog`: a durable partitioned log in the data folder, same semantics, for one machine and for tests.
//! * `MemoryLog`: the embedded log's in-memory form, for the simulation.
//!
//! Delivery is at least once; what reads the log is idempotent. There are no transactions.

mod embedded;
mod kafka;
mod limits;
mod local;
mod memory;
mod metrics;
mod partition;
mod record;

pub use embedded::EmbeddedLog;
pub use kafka::{KafkaCompression, KafkaConfig, KafkaLog, KafkaSecurity, SaslMechanism};
pub use limits::{MAX_DELIVERY_BYTES, MAX_RECORD_BYTES};
pub use memory::MemoryLog;
pub use metrics::descriptions as metric_descriptions;
pub use partition::partition_of;
pub use record::{Headers, Message, Record, Retention, Topic, TopicPartition};

use async_trait::async_trait;
use streife_domain::Position;

/// Why the log could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Out of reach or overloaded; the same call may succeed later.
    #[error("log out of reach: {0}")]
    Unavailable(String),
    /// The call can never succeed as it is (unknown topic, record too large, access refused).
    #[error("log refused: {0}")]
    Refused(String),
    /// Our own stored data are damaged. The process must stop.
    #[error("log corrupt: {0}")]
    Corrupt(String),
}

impl LogError {
    /// May the same call succeed later?
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// What a subscription yields.
#[derive(Debug)]
pub enum Delivery {
    /// Records, in order within each partition; never empty.
    Messages(Vec<Message>),
    /// These partitions are ours from now on; reading starts at the committed offset.
    Assigned(Vec<TopicPartition>),
    /// These partitions are no longer ours: forget their state; commits for them are refused.
    Revoked(Vec<TopicPartition>),
}

/// A durable, partitioned, ordered log of records.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Creates the topics that do not exist yet. Existing ones are left as they are.
    async fn ensure_topics(&self, topics: &[Topic]) -> Result<(), LogError>;

    /// Appends records; the partition follows from the key. When this returns, every record is durable
    /// (acks=all). Positions are in the order of `records`.
    async fn append(&self, topic: &str, records: Vec<Record>) -> Result<Vec<Position>, LogError>;

    /// Joins `group` to read `topics`, starting at committed offsets, else at the beginning.
    async fn subscribe(&self, group: &str, topics: &[&str]) -> Result<Box<dyn Subscription>, LogError>;

    /// Reads a whole topic from its first record to its present end, with `visit` called for each record.
    /// For compacted topics (cursors, rule sets) and for dead letters.
    async fn read_all(&self, topic: &str, visit: &mut (dyn FnMut(Message) + Send)) -> Result<(), LogError>;

    /// First offset and end offset (one past the last record) of each partition, by partition.
    async fn bounds(&self, topic: &str) -> Result<Vec<(i64, i64)>, LogError>;

    /// The committed offset (next to read) of `group` for each partition of `topic`; `None` where never committed.
    async fn committed(&self, group: &str, topic: &str) -> Result<Vec<Option<i64>>, LogError>;
}

/// One member of a consumer group.
#[async_trait]
pub trait Subscription: Send {
    /// The next delivery; waits until there is one. At most `max_records` and the implementation's own byte
    /// limit at once. Cancel-safe.
    async fn next(&mut self, max_records: usize) -> Result<Delivery, LogError>;

    /// Commits: for each partition the offset of the next record to read. Durable when it returns. Partitions
    /// revoked meanwhile are skipped.
    async fn commit(&mut self, next_offsets: &[(TopicPartition, i64)]) -> Result<(), LogError>;

    /// Stops (true) or resumes (false) delivery of all assigned partitions, without leaving the group.
    async fn pause(&mut self, paused: bool) -> Result<(), LogError>;
}
