//! Every bound of the log, by name.

/// Largest record (key, value and headers together), bytes. Large enough for a rejected 10 MB post kept whole.
pub const MAX_RECORD_BYTES: usize = 16 * 1024 * 1024;

/// A delivery is closed once it holds so many bytes of records, whatever `max_records` says.
pub const MAX_DELIVERY_BYTES: usize = 8 * 1024 * 1024;

/// Records read at once by `read_all`.
pub(crate) const READ_ALL_RECORDS: usize = 1_000;

/// A deletion (empty value) on a compacted topic stays readable so long, hours; as Kafka's default.
pub(crate) const DELETION_KEPT_HOURS: i64 = 24;
