//! The collecting side: events of connectors go into `posts.raw`, cursors into a compacted topic. A cursor is saved
//! only after the log has what it covers.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use streife_domain::{Event, RejectCode};
use streife_log::{EventLog, LogError, Record};
use streife_sdk::{Cursor, CursorStore, ParseProblem, ParsedEvent, Sink, SinkError};
use tokio::sync::Mutex;

use crate::dead::bounded;
use crate::decode::headers;
use crate::{names, trace};

/// Raw bytes kept with an event for evidence; longer observations keep their beginning and say how long they were.
pub const MAX_RAW_BYTES: usize = 256 * 1024;
/// An event longer than this does not fit the log's record limit and is rejected with its first bytes.
pub const MAX_EVENT_BYTES: usize = 640 * 1024;

/// SHA-256 in lower-case hex.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Publishes the events of connectors into `posts.raw`.
pub struct LogSink {
    log: Arc<dyn EventLog>,
}

impl LogSink {
    /// Into this log.
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        Self { log }
    }

    async fn append(&self, records: Vec<Record>) -> Result<(), SinkError> {
        self.log.append(names::RAW, records).await.map(|_| ()).map_err(sink_error)
    }
}

fn sink_error(error: LogError) -> SinkError {
    if error.is_transient() {
        SinkError::Unavailable(error.to_string())
    } else {
        SinkError::Refused(error.to_string())
    }
}

/// The record of one event.
pub fn event_record(event: &Event, raw: &Bytes) -> Record {
    let key = Bytes::from(event.post_id().to_string());
    let value = serde_json::to_vec(event).unwrap_or_default();
    if value.len() > MAX_EVENT_BYTES {
        let message = format!("event has {} bytes, {MAX_EVENT_BYTES} are allowed", value.len());
        return rejected_record(
            &event.source,
            if raw.is_empty() { Bytes::from(value) } else { raw.clone() },
            RejectCode::TooLarge,
            &message,
        );
    }
    Record { key, value: value.into(), headers: raw_headers(raw) }
}

/// The observed bytes, as headers of the event's record.
pub(crate) fn raw_headers(raw: &Bytes) -> Vec<(String, Bytes)> {
    let mut kept = Vec::new();
    if !raw.is_empty() {
        kept.push((headers::RAW.to_owned(), raw.slice(..raw.len().min(MAX_RAW_BYTES))));
        if raw.len() > MAX_RAW_BYTES {
            kept.push((headers::FULL_BYTES.to_owned(), Bytes::from(raw.len().to_string())));
        }
    }
    kept
}

/// The record of bytes that a connector could not parse. It is accepted like any other, so that the books balance,
/// and the score worker moves it to `posts.dead`.
pub fn rejected_record(source: &str, raw: Bytes, code: RejectCode, message: &str) -> Record {
    let (value, full_bytes) = bounded(&raw);
    let mut kept = vec![
        (headers::CODE.to_owned(), Bytes::from_static(code.as_str().as_bytes())),
        (headers::MESSAGE.to_owned(), Bytes::from(message.to_owned())),
        (headers::SOURCE.to_owned(), Bytes::from(source.to_owned())),
    ];
    kept.extend(full_bytes.map(|length| (headers::FULL_BYTES.to_owned(), Bytes::from(length.to_string()))));
    let key = Bytes::from(sha256_hex(&value));
    Record { key, value, headers: kept }
}

#[async_trait]
impl Sink for LogSink {
    async fn publish(&self, events: &[ParsedEvent]) -> Result<(), SinkError> {
        let mut records: Vec<Record> = events.iter().map(|e| event_record(&e.event, &e.raw)).collect();
        let _until_the_log_has_them = trace::begin(&mut records);
        self.append(records).await
    }

    async fn reject(&self, source: &str, problems: &[ParseProblem]) -> Result<(), SinkError> {
        let record = |problem: &ParseProblem| {
            let rejected = problem.rejected();
            rejected_record(source, problem.raw.clone(), rejected.code, &rejected.message)
        };
        self.append(problems.iter().map(record).collect()).await
    }
}

/// Cursors in the compacted topic `sources.cursors`.
pub struct LogCursors {
    log: Arc<dyn EventLog>,
    known: Mutex<Option<HashMap<String, Cursor>>>,
}

impl LogCursors {
    /// In this log.
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        Self { log, known: Mutex::new(None) }
    }

    async fn read_all(&self) -> Result<HashMap<String, Cursor>, SinkError> {
        let mut cursors = HashMap::new();
        self.log
            .read_all(names::CURSORS, &mut |message| {
                let source = String::from_utf8_lossy(&message.record.key).into_owned();
                match serde_json::from_slice(&message.record.value) {
                    Ok(cursor) => {
                        cursors.insert(source, cursor);
                    }
                    // An empty value deletes a cursor; another unreadable one is treated the same: start afresh.
                    Err(_) => {
                        cursors.remove(&source);
                    }
                }
            })
            .await
            .map_err(sink_error)?;
        Ok(cursors)
    }
}

#[async_trait]
impl CursorStore for LogCursors {
    async fn load(&self, source: &str) -> Result<Option<Cursor>, SinkError> {
        let mut known = self.known.lock().await;
        if known.is_none() {
            *known = Some(self.read_all().await?);
        }
        Ok(known.as_ref().and_then(|cursors| cursors.get(source).cloned()))
    }

    async fn save(&self, source: &str, cursor: &Cursor) -> Result<(), SinkError> {
        let value =
            serde_json::to_vec(cursor).map_err(|e| SinkError::Refused(format!("cursor of {source}: {e}")))?;
        let record = Record { key: Bytes::from(source.to_owned()), value: value.into(), headers: Vec::new() };
        self.log.append(names::CURSORS, vec![record]).await.map_err(sink_error)?;
        if let Some(cursors) = self.known.lock().await.as_mut() {
            cursors.insert(source.to_owned(), cursor.clone());
        }
        Ok(())
    }
}
