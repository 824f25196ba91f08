//! The durable log in a folder, for one machine: same semantics as Kafka, no broker.
//!
//! Records lie in `fjall`, a log-structured store with one write-ahead journal. One thread writes: it takes what
//! has queued up meanwhile, writes it as one group, syncs once and only then answers and shows the records to
//! readers. Reading never waits for writing.

mod acknowledged;
mod catalogue;
mod error;
mod format;
mod reader;
mod segment;
mod store;
mod writer;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use streife_domain::{Clock, Position, Timestamp};

use crate::local::LocalLog;
use crate::{EventLog, LogError, Message, Record, Subscription, Topic};
use store::FjallStore;

/// A durable log in a folder that belongs to this process alone. The last clone closes it.
#[derive(Clone)]
pub struct EmbeddedLog(Arc<LocalLog<FjallStore>>);

impl EmbeddedLog {
    /// Opens the log in `folder`, creating it when it is not there. Blocks while it recovers after a crash.
    ///
    /// # Errors
    /// [`LogError::Refused`] when another process has it open or the folder cannot be written,
    /// [`LogError::Corrupt`] when anything that was acknowledged is missing or damaged.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, LogError> {
        FjallStore::open(folder, clock).map(|store| Self(LocalLog::new(store)))
    }

    /// Removes what is older than its topic's retention; to be called now and then (every few minutes). Works
    /// in whole segments, so a record may outlive its retention by an eighth of it, never the other way.
    ///
    /// # Errors
    /// As a write.
    pub async fn retain(&self, now: Timestamp) -> Result<(), LogError> {
        self.0.store().retain(now).await
    }

    /// All readers of this process die at once, as far as the log can tell: see
    /// [`crate::MemoryLog::crash_subscriptions`].
    pub fn crash_subscriptions(&self) {
        self.0.crash_subscriptions();
    }
}

#[async_trait]
impl EventLog for EmbeddedLog {
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
