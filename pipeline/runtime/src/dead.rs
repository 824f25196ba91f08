//! Dead letters: what could not be processed, with its bytes and the reason; listed, shown and replayed by
//! `streife dead`. A limit stops a worker whose own deployment is at fault instead of diverting everything.

use bytes::Bytes;
use serde::Serialize;
use streife_domain::{RejectCode, Rejected, Timestamp};
use streife_log::{EventLog, LogError, Message, Record};

use crate::decode::headers;
use crate::{names, trace};

/// Bytes of a rejected record that are kept; a longer one says how long it was.
pub const MAX_DEAD_BYTES: usize = 900 * 1024;
/// Of the last [`LIMIT_WINDOW`] records so many may be refused by our own decoder before the worker stops.
pub const LIMIT_REJECTS: usize = 2_500;
/// Records over which rejects are counted.
pub const LIMIT_WINDOW: usize = 10_000;

/// Keeps the bytes within [`MAX_DEAD_BYTES`]; the second value is the full length when it was cut.
pub(crate) fn bounded(raw: &Bytes) -> (Bytes, Option<usize>) {
    if raw.len() <= MAX_DEAD_BYTES {
        (raw.clone(), None)
    } else {
        (raw.slice(..MAX_DEAD_BYTES), Some(raw.len()))
    }
}

/// The dead letter for `message`.
pub(crate) fn dead_letter(message: &Message, rejected: &Rejected) -> Record {
    let (value, full_bytes) = bounded(&message.record.value);
    let mut kept = vec![
        (headers::CODE.to_owned(), Bytes::from_static(rejected.code.as_str().as_bytes())),
        (headers::MESSAGE.to_owned(), Bytes::from(rejected.message.clone())),
        (headers::PARTITION.to_owned(), Bytes::from(message.partition.to_string())),
        (headers::OFFSET.to_owned(), Bytes::from(message.offset.to_string())),
    ];
    if let Some(length) = full_bytes {
        kept.push((headers::FULL_BYTES.to_owned(), Bytes::from(length.to_string())));
    }
    for name in [headers::SOURCE, headers::RAW, headers::FULL_BYTES] {
        if let Some(value) = message.header(name) {
            kept.push((name.to_owned(), value.clone()));
        }
    }
    kept.extend(trace::handed_on(message));
    Record { key: message.record.key.clone(), value, headers: kept }
}

/// Counts rejects over a sliding window of batches.
#[derive(Debug, Default)]
pub struct DeadLimit {
    records: usize,
    rejects: usize,
}

/// Too much was rejected.
#[derive(Debug, thiserror::Error)]
#[error(
    "{rejects} of the last {records} records were rejected by this build's own decoder; it stops so that the rest is not \
         diverted: compare the versions of `streife collect` and `streife score`, look at `streife dead list`, restart, then \
         `streife dead replay`"
)]
pub struct TooManyDead {
    rejects: usize,
    records: usize,
}

impl DeadLimit {
    /// Notes a batch.
    ///
    /// # Errors
    /// [`TooManyDead`] when the limit is passed.
    pub const fn note(&mut self, records: usize, own_rejects: usize) -> Result<(), TooManyDead> {
        if self.records >= LIMIT_WINDOW {
            // Halving keeps a memory of the past without a list of it.
            self.records /= 2;
            self.rejects /= 2;
        }
        self.records += records;
        self.rejects += own_rejects;
        if self.rejects > LIMIT_REJECTS {
            return Err(TooManyDead { rejects: self.rejects, records: self.records });
        }
        Ok(())
    }
}

/// A dead letter as `streife dead list` shows it.
#[derive(Debug, Clone, Serialize)]
pub struct DeadLetter {
    /// `partition:offset` in `posts.dead`: what `show` and `replay` take.
    pub id: String,
    /// When it was rejected.
    pub rejected_at: Timestamp,
    /// Why, for machines.
    pub code: String,
    /// Why, for people.
    pub message: String,
    /// The source, when known.
    pub source: Option<String>,
    /// Length of the bytes.
    pub bytes: usize,
    /// The bytes as rejected.
    #[serde(skip)]
    pub raw: Bytes,
    #[serde(skip)]
    key: Bytes,
}

impl DeadLetter {
    fn read(message: &Message) -> Self {
        let text = |name: &str| message.header(name).map(|value| String::from_utf8_lossy(value).into_owned());
        Self {
            id: format!("{}:{}", message.partition, message.offset),
            rejected_at: Timestamp::from_millis(message.timestamp_ms),
            code: text(headers::CODE).unwrap_or_default(),
            message: text(headers::MESSAGE).unwrap_or_default(),
            source: text(headers::SOURCE),
            bytes: text(headers::FULL_BYTES)
                .and_then(|n| n.parse().ok())
                .unwrap_or(message.record.value.len()),
            raw: message.record.value.clone(),
            key: message.record.key.clone(),
        }
    }

    /// Can it be processed again? Bytes a connector could not parse, or that were cut, cannot.
    pub fn is_replayable(&self) -> bool {
        self.bytes == self.raw.len() && self.code != RejectCode::TooLarge.as_str()
    }
}

/// All dead letters, oldest first within each partition.
///
/// # Errors
/// [`LogError`] when the log cannot be read.
pub async fn list(log: &dyn EventLog) -> Result<Vec<DeadLetter>, LogError> {
    let mut letters = Vec::new();
    log.read_all(names::DEAD, &mut |message| letters.push(DeadLetter::read(&message))).await?;
    Ok(letters)
}

/// Puts a dead letter back into `posts.raw`, to be judged anew.
///
/// # Errors
/// [`LogError`] when the log does not take it.
pub async fn replay(log: &dyn EventLog, letter: &DeadLetter) -> Result<(), LogError> {
    let record = Record { key: letter.key.clone(), value: letter.raw.clone(), headers: Vec::new() };
    log.append(names::RAW, vec![record]).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_own_rejects_stops_a_trickle_does_not() {
        let mut limit = DeadLimit::default();
        for _ in 0..1_000 {
            limit.note(100, 10).unwrap();
        }
        let mut flood = DeadLimit::default();
        assert!((0..100).any(|_| flood.note(100, 100).is_err()));
    }

    #[test]
    fn long_bytes_are_cut_and_say_so() {
        let (kept, full) = bounded(&Bytes::from(vec![7; MAX_DEAD_BYTES + 5]));
        assert_eq!((kept.len(), full), (MAX_DEAD_BYTES, Some(MAX_DEAD_BYTES + 5)));
    }
}
