//! Gathers rows until there are enough, too many bytes, or the oldest is old. Pure: time is passed in.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use streife_domain::Timestamp;

use crate::Rows;

/// When a batch is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Rows of all tables together.
    pub rows: usize,
    /// Bytes of the records they came from.
    pub bytes: usize,
    /// Age of the oldest record, microseconds.
    pub age_micros: i64,
}

impl Default for BatchLimits {
    /// ClickHouse likes 10 to 100 thousand rows and about one insert a second; people like to see a post within
    /// the second.
    fn default() -> Self {
        Self { rows: 50_000, bytes: 32 * 1024 * 1024, age_micros: 500_000 }
    }
}

/// A record's place in the log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogPosition {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It is in the batch.
    Taken,
    /// It was here before (a partition that was taken away and given back): it is in this batch or in an earlier one.
    SeenBefore,
}

/// Rows with the offsets they came from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// The rows.
    pub rows: Rows,
    /// Records in it.
    pub records: usize,
    /// Bytes of these records.
    pub bytes: usize,
    /// First and last offset for each topic and partition.
    ranges: BTreeMap<(String, i32), (i64, i64)>,
    opened_at: Timestamp,
}

impl Batch {
    /// What identifies this batch when it is inserted a second time: `topic:partition:first-last`, all of them.
    pub fn token(&self) -> String {
        let mut token = String::new();
        for ((topic, partition), (first, last)) in &self.ranges {
            let separator = if token.is_empty() { "" } else { "," };
            // Writing to a String cannot fail.
            let _ = write!(token, "{separator}{topic}:{partition}:{first}-{last}");
        }
        token
    }

    /// For each topic and partition the offset to commit once the batch is written: the next to read.
    pub fn next_offsets(&self) -> impl Iterator<Item = (&str, i32, i64)> {
        self.ranges.iter().map(|((topic, partition), (_, last))| (topic.as_str(), *partition, last + 1))
    }

    /// When its first record was pushed.
    pub const fn opened_at(&self) -> Timestamp {
        self.opened_at
    }
}

/// Gathers records into batches. Whoever takes a batch writes it until that succeeds: the records in it are not
/// taken a second time. A partition that was revoked meanwhile may stay in: writing twice is harmless, and the
/// log refuses the commit.
#[derive(Debug)]
pub struct Batcher {
    limits: BatchLimits,
    pending: Batch,
    /// For each topic and partition the lowest offset not seen yet.
    next: BTreeMap<(String, i32), i64>,
}

impl Batcher {
    /// An empty one.
    pub fn new(limits: BatchLimits) -> Self {
        Self { limits, pending: Batch::default(), next: BTreeMap::new() }
    }

    /// Takes the rows of one record (none is fine: its offset counts all the same).
    pub fn push(&mut self, at: LogPosition, rows: Rows, bytes: usize, now: Timestamp) -> Pushed {
        let key = (at.topic, at.partition);
        let next = self.next.entry(key.clone()).or_insert(i64::MIN);
        if at.offset < *next {
            return Pushed::SeenBefore;
        }
        *next = at.offset + 1;
        if self.pending.records == 0 {
            self.pending.opened_at = now;
        }
        let range = self.pending.ranges.entry(key).or_insert((at.offset, at.offset));
        range.1 = at.offset;
        self.pending.rows.extend(rows);
        self.pending.records += 1;
        self.pending.bytes += bytes;
        Pushed::Taken
    }

    /// The batch, when it is full or its oldest record too old.
    pub fn take_due(&mut self, now: Timestamp) -> Option<Batch> {
        let pending = &self.pending;
        let due = pending.records > 0
            && (pending.rows.total() >= self.limits.rows
                || pending.bytes >= self.limits.bytes
                || now.micros_since(pending.opened_at) >= self.limits.age_micros
                // A clock that jumped back must not hold a batch for ever.
                || now < pending.opened_at);
        if due { self.take() } else { None }
    }

    /// The batch as it is, when there is anything in it.
    pub fn take(&mut self) -> Option<Batch> {
        (self.pending.records > 0).then(|| std::mem::take(&mut self.pending))
    }

    /// Records gathered and not yet taken.
    pub const fn waiting(&self) -> usize {
        self.pending.records
    }

    /// When the pending batch becomes due by age.
    pub fn due_at(&self) -> Option<Timestamp> {
        let at = self.pending.opened_at.as_micros().saturating_add(self.limits.age_micros);
        (self.pending.records > 0).then(|| Timestamp::from_micros(at))
    }

    /// Records waiting.
    pub const fn pending_records(&self) -> usize {
        self.pending.records
    }

    /// Bytes of the records waiting.
    pub const fn pending_bytes(&self) -> usize {
        self.pending.bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use streife_domain::{Position, RejectCode};

    use super::*;
    use crate::DeadNotice;

    fn rows(partition: i32, offset: i64) -> Rows {
        Rows::of_dead(&DeadNotice {
            position: Position { partition, offset },
            code: RejectCode::BadJson,
            source: "s".to_owned(),
            observed_at: Timestamp::default(),
        })
    }

    fn at(partition: i32, offset: i64) -> LogPosition {
        LogPosition { topic: "t".to_owned(), partition, offset }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Record { partition: i32, back: i64 },
        Tick(i64),
    }

    proptest! {
        /// Whatever is delivered again and however the batches fall: every record is in exactly one batch, in
        /// order, and no batch's range goes back behind an earlier one's.
        #[test]
        fn rows_are_conserved_and_offsets_never_go_back(steps in proptest::collection::vec(prop_oneof![
            4 => (0..3i32, prop_oneof![5 => Just(0i64), 1 => 1..6i64])
                .prop_map(|(partition, back)| Step::Record { partition, back }),
            1 => (-50..400i64).prop_map(Step::Tick),
        ], 1..200)) {
            let mut batcher = Batcher::new(BatchLimits { rows: 7, bytes: 50, age_micros: 300 });
            let mut delivered = [0i64; 3];
            let mut expected = [0i64; 3];
            let mut now = 1_000i64;
            let mut batches = Vec::new();
            for step in steps {
                match step {
                    Step::Record { partition, back } => {
                        let p = partition as usize;
                        delivered[p] = (delivered[p] - back).max(0);
                        let pushed = batcher.push(
                            at(partition, delivered[p]), rows(partition, delivered[p]), 9, Timestamp::from_micros(now));
                        prop_assert_eq!(pushed == Pushed::Taken, delivered[p] >= expected[p]);
                        delivered[p] += 1;
                        expected[p] = expected[p].max(delivered[p]);
                    }
                    Step::Tick(micros) => now += micros,
                }
                batches.extend(batcher.take_due(Timestamp::from_micros(now)));
            }
            batches.extend(batcher.take());
            prop_assert_eq!(batcher.take(), None);
            let mut seen = [0i64; 3];
            for batch in &batches {
                prop_assert!(batch.rows.total() <= 7);
                for (_, partition, next) in batch.next_offsets() {
                    prop_assert!(next > seen[partition as usize], "the range went back");
                }
                for row in &batch.rows.outcomes {
                    prop_assert_eq!(row.offset, seen[row.partition as usize]);
                    seen[row.partition as usize] += 1;
                }
                for (_, partition, next) in batch.next_offsets() {
                    prop_assert_eq!(next, seen[partition as usize]);
                }
            }
            prop_assert_eq!(seen, expected);
        }
    }

    #[test]
    fn each_limit_closes_a_batch() {
        let limits = BatchLimits { rows: 2, bytes: 100, age_micros: 10 };
        let zero = Timestamp::from_micros(0);
        let mut batcher = Batcher::new(limits);
        batcher.push(at(0, 5), rows(0, 5), 1, zero);
        assert_eq!(batcher.take_due(zero), None);
        assert_eq!(batcher.due_at(), Some(Timestamp::from_micros(10)));
        assert!(batcher.take_due(Timestamp::from_micros(10)).is_some(), "age");
        batcher.push(at(0, 6), rows(0, 6), 100, zero);
        assert!(batcher.take_due(zero).is_some(), "bytes");
        batcher.push(at(0, 7), rows(0, 7), 1, zero);
        batcher.push(at(0, 8), rows(0, 8), 1, zero);
        let batch = batcher.take_due(zero).unwrap();
        assert_eq!(batch.token(), "t:0:7-8");
        assert_eq!(batch.next_offsets().collect::<Vec<_>>(), [("t", 0, 9)]);
    }
}
