//! Reading a stretch of one partition across segments, with a check that nothing is missing.

use bytes::Bytes;

use super::error::class_of;
use super::format::{decode_record, offset_of, record_key};
use super::segment::Segment;
use crate::local::{Chunk, record_bytes};
use crate::{LogError, Message, Retention, TopicPartition};

/// What a reader needs to know of a partition at one moment.
pub(super) struct PartitionView {
    pub(super) partition: TopicPartition,
    pub(super) retention: Retention,
    pub(super) segments: Vec<Segment>,
    pub(super) end: i64,
}

impl PartitionView {
    fn first_offset(&self, segment: usize) -> i64 {
        let index = usize::try_from(self.partition.partition).unwrap_or(usize::MAX);
        self.segments.get(segment).and_then(|s| s.info.first_offsets.get(index).copied()).unwrap_or(self.end)
    }

    /// Blocking.
    pub(super) fn read(&self, from: i64, max_records: usize, max_bytes: usize) -> Result<Chunk, LogError> {
        let mut chunk = Chunk { messages: Vec::new(), next_offset: from.max(self.first_offset(0)) };
        let mut bytes_left = max_bytes;
        for (number, segment) in self.segments.iter().enumerate() {
            let segment_end = self.first_offset(number + 1).min(self.end);
            if segment_end <= chunk.next_offset {
                continue;
            }
            let start = record_key(self.partition.partition, chunk.next_offset);
            for guard in segment.records.range(start..record_key(self.partition.partition, segment_end)) {
                let (key, value) =
                    guard.into_inner().map_err(|e| class_of(&self.at(chunk.next_offset), &e))?;
                let message = self.decode(&key, Bytes::from_owner(value), chunk.next_offset)?;
                let size = record_bytes(&message.record);
                if chunk.messages.len() == max_records || (!chunk.messages.is_empty() && size > bytes_left) {
                    return Ok(chunk);
                }
                bytes_left = bytes_left.saturating_sub(size);
                chunk.next_offset = message.offset + 1;
                chunk.messages.push(message);
            }
            self.check_whole(chunk.next_offset, segment_end)?;
            chunk.next_offset = segment_end;
        }
        Ok(chunk)
    }

    fn decode(&self, key: &[u8], value: Bytes, expected: i64) -> Result<Message, LogError> {
        let offset = offset_of(key)
            .ok_or_else(|| LogError::Corrupt(format!("{}: the key is damaged", self.at(expected))))?;
        self.check_whole(expected, offset)?;
        let (timestamp_ms, record) = decode_record(value)
            .ok_or_else(|| LogError::Corrupt(format!("{}: not a record of this format", self.at(offset))))?;
        let TopicPartition { topic, partition } = self.partition.clone();
        Ok(Message { topic, partition, offset, timestamp_ms, record })
    }

    /// Only compaction may leave holes.
    fn check_whole(&self, expected: i64, found: i64) -> Result<(), LogError> {
        if expected == found || self.retention == Retention::Compact {
            return Ok(());
        }
        Err(LogError::Corrupt(format!("{}: records up to {} are missing", self.at(expected), found - 1)))
    }

    fn at(&self, offset: i64) -> String {
        format!("reading {}/{} at {offset}", self.partition.topic, self.partition.partition)
    }
}
