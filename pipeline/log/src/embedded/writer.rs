//! The one thread that writes. Requests that queued up while it was syncing become one group with one sync.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use fjall::{OwnedWriteBatch, PersistMode};
use streife_domain::{Clock, Position};
use tokio::sync::{mpsc, oneshot};

use super::catalogue::{
    Catalogue, WRITES, encode_json, encode_topic, end_key, offset_key, segment_key, segment_records,
    topic_key,
};
use super::error::{class_of, class_of_io};
use super::format::{encode_record, record_key};
use super::segment::{Segment, SegmentInfo, expired, is_full};
use super::store::{Durable, DurableTopic};
use crate::limits::DELETION_KEPT_HOURS;
use crate::local::{GroupOffset, LatestKeys, PartitionedRecord, locked};
use crate::{LogError, Record, Retention, Topic, TopicPartition};

/// A group of writes is closed at so many requests or bytes.
const MAX_GROUP_REQUESTS: usize = 256;
const MAX_GROUP_BYTES: usize = 8 * 1024 * 1024;

const MS_PER_HOUR: i64 = 3_600_000;

type Reply<T> = oneshot::Sender<Result<T, LogError>>;

pub(super) enum Request {
    Create { topic: Topic, reply: Reply<()> },
    Append { topic: String, records: Vec<PartitionedRecord>, reply: Reply<Vec<Position>> },
    Commit { offsets: Vec<GroupOffset>, reply: Reply<()> },
    Retain { now_ms: i64, reply: Reply<()> },
}

/// Whoever waits for a group to be durable.
enum Waiting {
    Append(Vec<Position>, Reply<Vec<Position>>),
    Done(Reply<()>),
}

pub(super) struct Writer {
    catalogue: Catalogue,
    clock: Arc<dyn Clock>,
    durable: Arc<Mutex<Durable>>,
    /// By topic and partition: the next offset, ahead of what is durable while a group is made.
    next: BTreeMap<String, Vec<i64>>,
    latest: BTreeMap<String, Vec<LatestKeys>>,
    /// After a failed write nothing more is taken: what is on disk is uncertain until the next opening.
    failed: Option<String>,
}

/// A group of writes in the making.
struct Group {
    batch: OwnedWriteBatch,
    waiting: Vec<Waiting>,
    offsets: Vec<GroupOffset>,
    segments: Vec<(String, Segment)>,
    bytes: usize,
}

impl Writer {
    pub(super) fn new(mut catalogue: Catalogue, clock: Arc<dyn Clock>) -> (Self, Arc<Mutex<Durable>>) {
        let next = catalogue.ends();
        let mut durable =
            Durable { topics: BTreeMap::new(), offsets: std::mem::take(&mut catalogue.offsets) };
        let mut latest = BTreeMap::new();
        for open in std::mem::take(&mut catalogue.topics) {
            latest.insert(open.topic.name.clone(), open.latest);
            let topic = DurableTopic { topic: open.topic, segments: open.segments, ends: open.ends };
            durable.topics.insert(topic.topic.name.clone(), topic);
        }
        let durable = Arc::new(Mutex::new(durable));
        (Self { catalogue, clock, durable: Arc::clone(&durable), next, latest, failed: None }, durable)
    }

    /// Until every sender is gone.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Request>) {
        while let Some(first) = queue.blocking_recv() {
            let mut group = self.group();
            let mut request = Some(first);
            while let Some(taken) = request.take() {
                self.take(taken, &mut group);
                if group.waiting.len() < MAX_GROUP_REQUESTS && group.bytes < MAX_GROUP_BYTES {
                    request = queue.try_recv().ok();
                }
            }
            self.finish(group);
        }
    }

    fn group(&self) -> Group {
        let batch = self.catalogue.database.batch().durability(Some(PersistMode::SyncData));
        Group { batch, waiting: Vec::new(), offsets: Vec::new(), segments: Vec::new(), bytes: 0 }
    }

    fn take(&mut self, request: Request, group: &mut Group) {
        match request {
            Request::Append { topic, records, reply } => match self.stage_append(&topic, records, group) {
                Ok(positions) => group.waiting.push(Waiting::Append(positions, reply)),
                Err(e) => answer(reply, Err(e)),
            },
            Request::Commit { offsets, reply } => {
                for offset in offsets {
                    if self.is_behind(&offset, group) {
                        continue;
                    }
                    group.batch.insert(
                        &self.catalogue.offset_entries,
                        offset_key(&offset),
                        offset.next.to_be_bytes(),
                    );
                    group.offsets.push(offset);
                }
                group.waiting.push(Waiting::Done(reply));
            }
            // Rare; each is a group of its own, after what was taken before.
            Request::Create { topic, reply } => {
                self.finish_and_restart(group);
                answer(reply, self.create(&topic));
            }
            Request::Retain { now_ms, reply } => {
                self.finish_and_restart(group);
                answer(reply, self.retain(now_ms));
            }
        }
    }

    /// Does a higher offset stand already, on disk or in this group?
    fn is_behind(&self, offset: &GroupOffset, group: &Group) -> bool {
        let durable = locked(&self.durable).offsets.get(&offset.group, &offset.partition);
        let same = |other: &&GroupOffset| other.group == offset.group && other.partition == offset.partition;
        let staged = group.offsets.iter().filter(same).map(|other| other.next).max();
        durable.max(staged).is_some_and(|standing| standing >= offset.next)
    }

    fn finish_and_restart(&mut self, group: &mut Group) {
        let full = std::mem::replace(group, self.group());
        self.finish(full);
    }

    /// Puts records into the group. All or none: what can be refused is refused before anything is put in.
    fn stage_append(
        &mut self,
        name: &str,
        records: Vec<PartitionedRecord>,
        group: &mut Group,
    ) -> Result<Vec<Position>, LogError> {
        let now = self.clock.now().as_millis();
        let mut encoded = Vec::with_capacity(records.len());
        for PartitionedRecord { partition, record } in records {
            encoded.push((partition, encode_record(now, &record)?, record));
        }
        let (topic, keyspace) = self.segment_for(name, now, group)?;
        let mut positions = Vec::with_capacity(encoded.len());
        for (partition, bytes, record) in encoded {
            let offset = self.take_offset(name, partition)?;
            group.bytes += bytes.len();
            group.batch.insert(&keyspace, record_key(partition, offset), bytes);
            if topic.retention == Retention::Compact {
                self.stage_compaction(&keyspace, name, partition, &record, (offset, now), group);
            }
            positions.push(Position { partition, offset });
        }
        Ok(positions)
    }

    fn take_offset(&mut self, topic: &str, partition: i32) -> Result<i64, LogError> {
        let next = self.next.get_mut(topic).zip(usize::try_from(partition).ok());
        let Some(slot) = next.and_then(|(ends, index)| ends.get_mut(index)) else {
            return Err(LogError::Refused(format!("there is no partition {partition} of topic {topic}")));
        };
        let offset = *slot;
        *slot += 1;
        Ok(offset)
    }

    fn stage_compaction(
        &mut self,
        records: &fjall::Keyspace,
        topic: &str,
        partition: i32,
        record: &Record,
        (offset, now): (i64, i64),
        group: &mut Group,
    ) {
        let latest = self.latest.get_mut(topic).zip(usize::try_from(partition).ok());
        let Some(latest) = latest.and_then(|(all, index)| all.get_mut(index)) else { return };
        if let Some(old) = latest.replace(&record.key, record.value.is_empty(), offset, now) {
            group.batch.remove(records, record_key(partition, old));
        }
        let id = TopicPartition { topic: topic.to_owned(), partition };
        group.batch.insert(&self.catalogue.entries, end_key(&id), (offset + 1).to_be_bytes());
    }

    /// The topic and where its records go now; opens a new segment when it is time.
    fn segment_for(
        &self,
        name: &str,
        now: i64,
        group: &mut Group,
    ) -> Result<(Topic, fjall::Keyspace), LogError> {
        let (topic, newest) = {
            let durable = locked(&self.durable);
            let found =
                durable.topics.get(name).and_then(|t| Some((t.topic.clone(), t.segments.last()?.clone())));
            found.ok_or_else(|| LogError::Refused(format!("topic {name} does not exist; create it first")))?
        };
        let staged =
            group.segments.iter().rev().find(|(of, _)| of == name).map(|(_, segment)| segment.clone());
        let newest = staged.unwrap_or(newest);
        if !is_full(&topic, &newest.info, now) {
            return Ok((topic, newest.records));
        }
        let segment = self.stage_segment(name, newest.info.number + 1, now, &mut group.batch)?;
        let records = segment.records.clone();
        group.segments.push((name.to_owned(), segment));
        Ok((topic, records))
    }

    fn stage_segment(
        &self,
        topic: &str,
        number: u64,
        now: i64,
        batch: &mut OwnedWriteBatch,
    ) -> Result<Segment, LogError> {
        let first_offsets = self.next.get(topic).cloned().unwrap_or_default();
        let info = SegmentInfo { number, opened_ms: now, first_offsets };
        let records = segment_records(&self.catalogue.database, topic, number)?;
        batch.insert(&self.catalogue.entries, segment_key(topic, number), encode_json(&info)?);
        Ok(Segment { info, records })
    }

    /// Makes a group durable, then visible, then answers.
    fn finish(&mut self, group: Group) {
        let Group { batch, waiting, offsets, segments, .. } = group;
        if waiting.is_empty() {
            return;
        }
        let done = self.write(batch);
        if done.is_ok() {
            let mut durable = locked(&self.durable);
            for (topic, segment) in segments {
                durable.topics.entry(topic).and_modify(|t| t.segments.push(segment));
            }
            for (topic, ends) in &self.next {
                if let Some(visible) = durable.topics.get_mut(topic) {
                    visible.ends.clone_from(ends);
                }
            }
            offsets.into_iter().for_each(|offset| durable.offsets.raise(offset));
        }
        for waiting in waiting {
            match waiting {
                Waiting::Append(positions, reply) => answer(reply, again(&done).map(|()| positions)),
                Waiting::Done(reply) => answer(reply, again(&done)),
            }
        }
    }

    /// Durable when it returns.
    fn write(&mut self, mut batch: OwnedWriteBatch) -> Result<(), LogError> {
        if let Some(failed) = &self.failed {
            return Err(LogError::Corrupt(format!("an earlier write failed ({failed}); restart to recover")));
        }
        let number = self.catalogue.writes + 1;
        batch.insert(&self.catalogue.entries, WRITES, number.to_be_bytes());
        let written = batch.commit().map_err(|e| class_of("writing to the log", &e)).and_then(|()| {
            let told = self.catalogue.acknowledged.store(number);
            told.map_err(|e| class_of_io("writing the number of acknowledged writes", &e))
        });
        match written {
            Ok(()) => self.catalogue.writes = number,
            Err(ref e) => {
                tracing::error!(error = %e, "the log cannot be written; nothing more is taken until a restart");
                self.failed = Some(e.to_string());
            }
        }
        written
    }

    fn create(&mut self, topic: &Topic) -> Result<(), LogError> {
        if self.next.contains_key(&topic.name) {
            return Ok(());
        }
        let partitions = topic.partition_list().len();
        self.next.insert(topic.name.clone(), vec![0; partitions]);
        let created = self.write_topic(topic);
        let segment = created.inspect_err(|_| {
            self.next.remove(&topic.name);
        })?;
        self.latest.insert(topic.name.clone(), (0..partitions).map(|_| LatestKeys::default()).collect());
        let visible =
            DurableTopic { topic: topic.clone(), segments: vec![segment], ends: vec![0; partitions] };
        locked(&self.durable).topics.insert(topic.name.clone(), visible);
        Ok(())
    }

    fn write_topic(&mut self, topic: &Topic) -> Result<Segment, LogError> {
        let mut batch = self.group().batch;
        batch.insert(&self.catalogue.entries, topic_key(&topic.name), encode_topic(topic)?);
        let segment = self.stage_segment(&topic.name, 0, self.clock.now().as_millis(), &mut batch)?;
        self.write(batch)?;
        Ok(segment)
    }

    fn retain(&mut self, now_ms: i64) -> Result<(), LogError> {
        let topics: Vec<Topic> = locked(&self.durable).topics.values().map(|t| t.topic.clone()).collect();
        for topic in topics {
            match topic.retention {
                Retention::Hours(_) => self.drop_segments(&topic, now_ms)?,
                Retention::Compact => {
                    self.drop_deletions(&topic, now_ms - DELETION_KEPT_HOURS * MS_PER_HOUR)?;
                }
            }
        }
        Ok(())
    }

    fn drop_segments(&mut self, topic: &Topic, now_ms: i64) -> Result<(), LogError> {
        let mut segments: Vec<Segment> =
            locked(&self.durable).topics.get(&topic.name).map(|t| t.segments.clone()).unwrap_or_default();
        let mut batch = self.group().batch;
        // A quiet topic, too, closes its newest segment, else its last records would stay for ever.
        if let Some(newest) = segments.last()
            && is_full(topic, &newest.info, now_ms)
            && self.next.get(&topic.name) != Some(&newest.info.first_offsets)
        {
            let number = newest.info.number + 1;
            segments.push(self.stage_segment(&topic.name, number, now_ms, &mut batch)?);
        }
        let infos: Vec<SegmentInfo> = segments.iter().map(|segment| segment.info.clone()).collect();
        let kept = segments.split_off(expired(topic, &infos, now_ms));
        for gone in &segments {
            batch.remove(&self.catalogue.entries, segment_key(&topic.name, gone.info.number));
        }
        if batch.is_empty() {
            return Ok(());
        }
        self.write(batch)?;
        locked(&self.durable).topics.entry(topic.name.clone()).and_modify(|t| t.segments = kept);
        for gone in segments {
            let doing = format!("deleting segment {} of {}", gone.info.number, topic.name);
            self.catalogue.database.delete_keyspace(gone.records).map_err(|e| class_of(&doing, &e))?;
        }
        Ok(())
    }

    fn drop_deletions(&mut self, topic: &Topic, cutoff_ms: i64) -> Result<(), LogError> {
        let segment = locked(&self.durable).topics.get(&topic.name).and_then(|t| t.segments.last().cloned());
        let Some(segment) = segment else { return Ok(()) };
        let mut batch = self.group().batch;
        for (partition, latest) in (0..).zip(self.latest.entry(topic.name.clone()).or_default()) {
            for offset in latest.expire_deletions(cutoff_ms) {
                batch.remove(&segment.records, record_key(partition, offset));
            }
        }
        if batch.is_empty() { Ok(()) } else { self.write(batch) }
    }
}

/// The caller may have gone; then nobody needs the answer.
fn answer<T>(reply: Reply<T>, result: Result<T, LogError>) {
    drop(reply.send(result));
}

/// One outcome for everyone in a group.
fn again(done: &Result<(), LogError>) -> Result<(), LogError> {
    match done {
        Ok(()) => Ok(()),
        Err(LogError::Unavailable(m)) => Err(LogError::Unavailable(m.clone())),
        Err(LogError::Refused(m)) => Err(LogError::Refused(m.clone())),
        Err(LogError::Corrupt(m)) => Err(LogError::Corrupt(m.clone())),
    }
}
