//! A topic is stored in segments, each a keyspace of its own, so that retention gives back disk space at once:
//! it deletes whole segments, never single records.

use fjall::Keyspace;
use serde::{Deserialize, Serialize};

use crate::{Retention, Topic};

const MS_PER_HOUR: i64 = 3_600_000;

/// A topic's retention is spread over so many segments, so that a record outlives it by at most one part.
const SEGMENTS_PER_RETENTION: i64 = 8;

/// What is kept of a segment in the database's catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SegmentInfo {
    pub(super) number: u64,
    /// No record in it is older than this, no record in the segment before is younger.
    pub(super) opened_ms: i64,
    /// By partition: the first offset that belongs here.
    pub(super) first_offsets: Vec<i64>,
}

#[derive(Clone)]
pub(super) struct Segment {
    pub(super) info: SegmentInfo,
    pub(super) records: Keyspace,
}

/// How long one segment takes records; `None` on compacted topics, which have one for ever.
fn segment_ms(topic: &Topic) -> Option<i64> {
    match topic.retention {
        Retention::Hours(hours) => Some((i64::from(hours) / SEGMENTS_PER_RETENTION).max(1) * MS_PER_HOUR),
        Retention::Compact => None,
    }
}

/// Is it time for a new segment after `newest`?
pub(super) fn is_full(topic: &Topic, newest: &SegmentInfo, now_ms: i64) -> bool {
    segment_ms(topic).is_some_and(|length| now_ms.saturating_sub(newest.opened_ms) >= length)
}

/// How many segments, from the oldest on, hold nothing that is still to be kept.
pub(super) fn expired(topic: &Topic, segments: &[SegmentInfo], now_ms: i64) -> usize {
    let Retention::Hours(hours) = topic.retention else { return 0 };
    let cutoff = now_ms.saturating_sub(i64::from(hours) * MS_PER_HOUR);
    segments.iter().skip(1).take_while(|next| next.opened_ms <= cutoff).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(retention: Retention) -> Topic {
        Topic { name: "t".to_owned(), partitions: 1, retention, replication: 1 }
    }

    fn opened(hours: i64) -> SegmentInfo {
        SegmentInfo { number: 0, opened_ms: hours * MS_PER_HOUR, first_offsets: vec![0] }
    }

    #[test]
    fn a_segment_goes_when_all_its_records_are_too_old() {
        let topic = topic(Retention::Hours(72));
        let segments = [opened(0), opened(9), opened(18)];
        let at = |hours: i64| expired(&topic, &segments, hours * MS_PER_HOUR);
        assert_eq!((at(80), at(81), at(90), at(10_000)), (0, 1, 2, 2), "the newest segment stays");
        assert!(!is_full(&topic, &opened(0), 9 * MS_PER_HOUR - 1));
        assert!(is_full(&topic, &opened(0), 9 * MS_PER_HOUR));
    }

    #[test]
    fn a_compacted_topic_has_one_segment() {
        let topic = topic(Retention::Compact);
        assert!(!is_full(&topic, &opened(0), i64::MAX));
        assert_eq!(expired(&topic, &[opened(0), opened(1)], i64::MAX), 0);
    }
}
