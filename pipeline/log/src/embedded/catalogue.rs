//! Opening: what the database says about topics, segments, ends and committed offsets, and whether that can be.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use fjall::config::{BlockSizePolicy, CompressionPolicy, FilterPolicy};
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions};
use serde::{Deserialize, Serialize};

use super::acknowledged::Acknowledged;
use super::error::{class_of, class_of_io};
use super::format::{decode_record, offset_of, record_key};
use super::segment::{Segment, SegmentInfo};
use crate::local::{GroupOffset, LatestKeys, OffsetTable};
use crate::{LogError, Retention, Topic, TopicPartition};

/// Read cache, bytes.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// A segment's records are held in memory up to so many bytes before they are written as a sorted table.
const MEMTABLE_BYTES: u64 = 8 * 1024 * 1024;
/// The write-ahead journals take at most so much disk space.
const JOURNAL_BYTES: u64 = 128 * 1024 * 1024;
/// Background threads that write and merge tables.
const WORKERS: usize = 2;
/// Records are read in long stretches, so blocks are larger than the database's default.
const BLOCK_BYTES: u32 = 32 * 1024;

const CATALOGUE: &str = "catalogue";
const OFFSETS: &str = "offsets";
/// Key in the catalogue: how many groups of writes there were.
pub(super) const WRITES: &str = "writes";

#[derive(Serialize, Deserialize)]
struct TopicInfo {
    partitions: u32,
    /// Absent: compacted.
    retention_hours: Option<u32>,
}

/// A topic as found on disk.
pub(super) struct OpenTopic {
    pub(super) topic: Topic,
    pub(super) segments: Vec<Segment>,
    pub(super) ends: Vec<i64>,
    /// By partition; empty maps unless the topic is compacted.
    pub(super) latest: Vec<LatestKeys>,
}

pub(super) struct Catalogue {
    pub(super) database: Database,
    pub(super) entries: Keyspace,
    pub(super) offset_entries: Keyspace,
    pub(super) acknowledged: Acknowledged,
    pub(super) writes: u64,
    pub(super) topics: Vec<OpenTopic>,
    pub(super) offsets: OffsetTable,
}

pub(super) fn topic_key(topic: &str) -> String {
    format!("topic/{topic}")
}

pub(super) fn segment_key(topic: &str, number: u64) -> String {
    format!("segment/{topic}/{number:016x}")
}

/// Where the end of a compacted topic's partition is kept: its last record may be deleted.
pub(super) fn end_key(partition: &TopicPartition) -> String {
    format!("end/{}/{}", partition.topic, partition.partition)
}

pub(super) fn offset_key(offset: &GroupOffset) -> String {
    format!("{}/{}/{}", offset.partition.topic, offset.partition.partition, offset.group)
}

pub(super) fn encode_topic(topic: &Topic) -> Result<Vec<u8>, LogError> {
    let retention_hours = match topic.retention {
        Retention::Hours(hours) => Some(hours),
        Retention::Compact => None,
    };
    encode_json(&TopicInfo { partitions: topic.partitions, retention_hours })
}

pub(super) fn encode_json<T: Serialize>(value: &T) -> Result<Vec<u8>, LogError> {
    serde_json::to_vec(value)
        .map_err(|e| LogError::Refused(format!("a catalogue entry cannot be written: {e}")))
}

/// The keyspace of a segment's records.
pub(super) fn segment_records(database: &Database, topic: &str, number: u64) -> Result<Keyspace, LogError> {
    let name = format!("records/{topic}/{number:016x}");
    database.keyspace(&name, record_options).map_err(|e| class_of(&format!("opening {name}"), &e))
}

fn record_options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(MEMTABLE_BYTES)
        .data_block_size_policy(BlockSizePolicy::all(BLOCK_BYTES))
        .data_block_compression_policy(CompressionPolicy::all(CompressionType::Lz4))
        .filter_policy(FilterPolicy::disabled())
}

fn small_options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES / 8)
}

impl Catalogue {
    /// Opens `folder`, creating it when it is not there, and checks that everything acknowledged is there.
    pub(super) fn open(folder: &Path) -> Result<Self, LogError> {
        let doing = format!("opening the log in {}", folder.display());
        std::fs::create_dir_all(folder).map_err(|e| class_of_io(&doing, &e))?;
        let builder = Database::builder(folder.join("database"))
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES)
            .worker_threads(WORKERS);
        // The database panics on some kinds of damage; for us all damage is one error.
        let database = catch_unwind(AssertUnwindSafe(|| builder.open()))
            .map_err(|_| LogError::Corrupt(format!("{doing}: the database cannot be read")))?
            .map_err(|e| class_of(&doing, &e))?;
        let keyspace = |name: &str| {
            database
                .keyspace(name, small_options)
                .map_err(|e| class_of(&format!("{doing}: keyspace {name}"), &e))
        };
        let (entries, offset_entries) = (keyspace(CATALOGUE)?, keyspace(OFFSETS)?);
        let acknowledged = Acknowledged::open(folder).map_err(|e| class_of_io(&doing, &e))?;
        let writes = check_acknowledged(&entries, &acknowledged, folder)?;

        let mut catalogue = Self {
            database,
            entries,
            offset_entries,
            acknowledged,
            writes,
            topics: Vec::new(),
            offsets: OffsetTable::default(),
        };
        catalogue.topics = catalogue.load_topics()?;
        catalogue.remove_strays()?;
        catalogue.load_offsets()?;
        Ok(catalogue)
    }

    fn load_topics(&self) -> Result<Vec<OpenTopic>, LogError> {
        let mut topics = Vec::new();
        for (key, bytes) in entries_below(&self.entries, "topic/")? {
            let damaged = || LogError::Corrupt(format!("catalogue entry {key} cannot be read"));
            let info: TopicInfo = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
            let name = key.strip_prefix("topic/").ok_or_else(damaged)?.to_owned();
            let retention = info.retention_hours.map_or(Retention::Compact, Retention::Hours);
            let topic = Topic { name, partitions: info.partitions, retention, replication: 1 };
            topics.push(self.load_topic(topic)?);
        }
        Ok(topics)
    }

    fn load_topic(&self, topic: Topic) -> Result<OpenTopic, LogError> {
        let mut segments = Vec::new();
        for (key, bytes) in entries_below(&self.entries, &format!("segment/{}/", topic.name))? {
            let info: SegmentInfo = serde_json::from_slice(&bytes)
                .ok()
                .filter(|info: &SegmentInfo| info.first_offsets.len() == topic.partitions as usize)
                .ok_or_else(|| LogError::Corrupt(format!("catalogue entry {key} cannot be read")))?;
            let records = segment_records(&self.database, &topic.name, info.number)?;
            segments.push(Segment { info, records });
        }
        let Some(newest) = segments.last() else {
            return Err(LogError::Corrupt(format!("topic {} has no segment", topic.name)));
        };
        let mut ends = Vec::new();
        let mut latest = Vec::new();
        for (partition, first) in topic.partition_list().iter().zip(&newest.info.first_offsets) {
            let last = last_offset(newest, partition)?;
            let end = last.map_or(*first, |offset| offset + 1).max(self.stored_end(partition)?);
            latest.push(match topic.retention {
                Retention::Compact => load_latest(newest, partition, end)?,
                Retention::Hours(_) => LatestKeys::default(),
            });
            ends.push(end);
        }
        Ok(OpenTopic { topic, segments, ends, latest })
    }

    fn stored_end(&self, partition: &TopicPartition) -> Result<i64, LogError> {
        let key = end_key(partition);
        let Some(bytes) = self.entries.get(&key).map_err(|e| class_of(&format!("reading {key}"), &e))? else {
            return Ok(0);
        };
        let bytes: [u8; 8] = (*bytes)
            .try_into()
            .map_err(|_| LogError::Corrupt(format!("catalogue entry {key} cannot be read")))?;
        Ok(i64::from_be_bytes(bytes))
    }

    /// Deletes segments that are in no catalogue: a crash fell between two steps of making or deleting one.
    fn remove_strays(&self) -> Result<(), LogError> {
        let known: std::collections::BTreeSet<String> = self
            .topics
            .iter()
            .flat_map(|open| open.segments.iter().map(|segment| segment.records.name().to_string()))
            .collect();
        for name in self.database.list_keyspace_names() {
            if name.starts_with("records/") && !known.contains(&*name) {
                let doing = format!("removing {name}");
                let stray =
                    self.database.keyspace(&name, record_options).map_err(|e| class_of(&doing, &e))?;
                self.database.delete_keyspace(stray).map_err(|e| class_of(&doing, &e))?;
            }
        }
        Ok(())
    }

    fn load_offsets(&mut self) -> Result<(), LogError> {
        for (key, bytes) in entries_below(&self.offset_entries, "")? {
            let damaged = || LogError::Corrupt(format!("committed offset {key} cannot be read"));
            let mut parts = key.splitn(3, '/');
            let (Some(topic), Some(partition), Some(group)) = (parts.next(), parts.next(), parts.next())
            else {
                return Err(damaged());
            };
            let partition = partition.parse().map_err(|_| damaged())?;
            let next = i64::from_be_bytes(bytes.as_slice().try_into().map_err(|_| damaged())?);
            self.offsets.raise(GroupOffset {
                group: group.to_owned(),
                partition: TopicPartition { topic: topic.to_owned(), partition },
                next,
            });
        }
        Ok(())
    }

    /// The ends of all partitions of all topics, by topic.
    pub(super) fn ends(&self) -> BTreeMap<String, Vec<i64>> {
        self.topics.iter().map(|open| (open.topic.name.clone(), open.ends.clone())).collect()
    }
}

/// The number of groups of writes, if none that was acknowledged is missing.
fn check_acknowledged(
    entries: &Keyspace,
    acknowledged: &Acknowledged,
    folder: &Path,
) -> Result<u64, LogError> {
    let at = folder.display();
    let bytes = entries.get(WRITES).map_err(|e| class_of("reading the number of writes", &e))?;
    let found = match bytes {
        None => 0,
        Some(bytes) => u64::from_be_bytes(
            (*bytes)
                .try_into()
                .map_err(|_| LogError::Corrupt(format!("the number of writes in {at} is damaged")))?,
        ),
    };
    let told = acknowledged
        .load()
        .map_err(|e| class_of_io(&format!("reading {at}/acknowledged"), &e))?
        .ok_or_else(|| LogError::Corrupt(format!("{at}/acknowledged is damaged")))?;
    if found < told {
        return Err(LogError::Corrupt(format!(
            "the log in {at} ends at write {found}, but write {told} was acknowledged: its journal is damaged and \
             {} writes are lost; restore the folder from a copy",
            told - found
        )));
    }
    Ok(found)
}

fn entries_below(keyspace: &Keyspace, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, LogError> {
    let doing = || format!("reading the entries {prefix}* of {}", &**keyspace.name());
    let mut entries = Vec::new();
    for guard in keyspace.prefix(prefix) {
        let (key, value) = guard.into_inner().map_err(|e| class_of(&doing(), &e))?;
        let key = String::from_utf8(key.to_vec())
            .map_err(|_| LogError::Corrupt(format!("{}: a key is no text", doing())))?;
        entries.push((key, value.to_vec()));
    }
    Ok(entries)
}

fn last_offset(segment: &Segment, partition: &TopicPartition) -> Result<Option<i64>, LogError> {
    let doing = || format!("finding the end of {}/{}", partition.topic, partition.partition);
    let Some(guard) = segment.records.prefix(partition.partition.to_be_bytes()).next_back() else {
        return Ok(None);
    };
    let key = guard.key().map_err(|e| class_of(&doing(), &e))?;
    offset_of(&key)
        .map(Some)
        .ok_or_else(|| LogError::Corrupt(format!("{}: its last key is damaged", doing())))
}

fn load_latest(segment: &Segment, partition: &TopicPartition, end: i64) -> Result<LatestKeys, LogError> {
    let doing = || format!("reading the keys of {}/{}", partition.topic, partition.partition);
    let damaged = || LogError::Corrupt(format!("{}: a record cannot be read", doing()));
    let mut latest = LatestKeys::default();
    let range = record_key(partition.partition, 0)..record_key(partition.partition, end);
    for guard in segment.records.range(range) {
        let (key, value) = guard.into_inner().map_err(|e| class_of(&doing(), &e))?;
        let offset = offset_of(&key).ok_or_else(damaged)?;
        let (at, record) = decode_record(bytes::Bytes::from_owner(value)).ok_or_else(damaged)?;
        latest.replace(&record.key, record.value.is_empty(), offset, at);
    }
    Ok(latest)
}
