//! The embedded log's store: what readers see, and the way to the writer's thread.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use async_trait::async_trait;
use streife_domain::{Clock, Position, Timestamp};
use tokio::sync::{mpsc, oneshot};

use super::catalogue::Catalogue;
use super::reader::PartitionView;
use super::segment::Segment;
use super::writer::{Request, Writer};
use crate::local::{Chunk, GroupOffset, OffsetTable, PartitionedRecord, Store, locked};
use crate::{LogError, Topic, TopicPartition};

/// Writes that wait for the writer's thread; more wait in their callers.
const WRITE_QUEUE: usize = 1_024;

/// What is durable, as readers may see it. The writer alone changes it.
#[derive(Default)]
pub(super) struct Durable {
    pub(super) topics: BTreeMap<String, DurableTopic>,
    pub(super) offsets: OffsetTable,
}

pub(super) struct DurableTopic {
    pub(super) topic: Topic,
    pub(super) segments: Vec<Segment>,
    pub(super) ends: Vec<i64>,
}

pub(super) struct FjallStore {
    durable: Arc<Mutex<Durable>>,
    writes: Option<mpsc::Sender<Request>>,
    writer: Option<JoinHandle<()>>,
}

impl FjallStore {
    pub(super) fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, LogError> {
        let catalogue = Catalogue::open(folder)?;
        let (writes, queue) = mpsc::channel(WRITE_QUEUE);
        let (writer, durable) = Writer::new(catalogue, clock);
        let thread = std::thread::Builder::new()
            .name("log-writer".to_owned())
            .spawn(move || writer.run(queue))
            .map_err(|e| LogError::Unavailable(format!("starting the log's writer: {e}")))?;
        Ok(Self { durable, writes: Some(writes), writer: Some(thread) })
    }

    pub(super) async fn retain(&self, now: Timestamp) -> Result<(), LogError> {
        self.write(|reply| Request::Retain { now_ms: now.as_millis(), reply }).await
    }

    async fn write<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, LogError>>) -> Request,
    ) -> Result<T, LogError> {
        let stopped = || LogError::Corrupt("the log's writer has stopped; restart to recover".to_owned());
        let (reply, answer) = oneshot::channel();
        let writes = self.writes.as_ref().ok_or_else(stopped)?;
        writes.send(request(reply)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    fn view(&self, id: &TopicPartition) -> Result<PartitionView, LogError> {
        let durable = locked(&self.durable);
        let topic = durable.topics.get(&id.topic).ok_or_else(|| unknown(id))?;
        Ok(PartitionView {
            partition: id.clone(),
            retention: topic.topic.retention,
            segments: topic.segments.clone(),
            end: of_partition(&topic.ends, id)?,
        })
    }
}

fn of_partition(values: &[i64], id: &TopicPartition) -> Result<i64, LogError> {
    usize::try_from(id.partition).ok().and_then(|p| values.get(p).copied()).ok_or_else(|| unknown(id))
}

fn unknown(id: &TopicPartition) -> LogError {
    LogError::Refused(format!("there is no partition {} of topic {}", id.partition, id.topic))
}

#[async_trait]
impl Store for FjallStore {
    fn topic(&self, name: &str) -> Option<Topic> {
        locked(&self.durable).topics.get(name).map(|topic| topic.topic.clone())
    }

    async fn create(&self, topic: &Topic) -> Result<(), LogError> {
        self.write(|reply| Request::Create { topic: topic.clone(), reply }).await
    }

    async fn append(
        &self,
        topic: &Topic,
        records: Vec<PartitionedRecord>,
    ) -> Result<Vec<Position>, LogError> {
        self.write(|reply| Request::Append { topic: topic.name.clone(), records, reply }).await
    }

    async fn read(
        &self,
        id: &TopicPartition,
        from: i64,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<Chunk, LogError> {
        let view = self.view(id)?;
        // Disk access and decompression do not belong on the async threads.
        tokio::task::spawn_blocking(move || view.read(from, max_records, max_bytes)).await.map_err(|e| {
            LogError::Corrupt(format!(
                "reading {}/{} at {from}: the database gave up: {e}",
                id.topic, id.partition
            ))
        })?
    }

    fn bounds(&self, id: &TopicPartition) -> Result<(i64, i64), LogError> {
        let durable = locked(&self.durable);
        let topic = durable.topics.get(&id.topic).ok_or_else(|| unknown(id))?;
        let end = of_partition(&topic.ends, id)?;
        let first =
            topic.segments.first().map_or(Ok(end), |oldest| of_partition(&oldest.info.first_offsets, id))?;
        Ok((first, end))
    }

    async fn commit(&self, offsets: Vec<GroupOffset>) -> Result<(), LogError> {
        self.write(|reply| Request::Commit { offsets, reply }).await
    }

    fn committed(&self, group: &str, partition: &TopicPartition) -> Option<i64> {
        locked(&self.durable).offsets.get(group, partition)
    }
}

impl Drop for FjallStore {
    /// Waits for the writer, so that the folder is free for the next process.
    fn drop(&mut self) {
        self.writes = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the log's writer ended in a panic");
        }
    }
}
