//! Server-sent events: `update`, `status.update`, `delete`; comments keep the line alive.

use std::time::Duration;

use bytes::Bytes;
use streife_sdk::http::BodyStream;
use streife_sdk::{FetchError, Http, Observation, ParseContext, Parsed, Request};

use crate::status;

/// Servers send a heartbeat every 15 seconds.
const STALL_TIMEOUT: Duration = Duration::from_secs(90);
/// A stream is opened anew once a day at the latest.
const LIFETIME: Duration = Duration::from_secs(24 * 3_600);
/// How long a batch waits to fill once it has something.
const FILL_TIME: Duration = Duration::from_millis(200);
/// A batch ends beyond this.
const MAX_BATCH_BYTES: usize = 1024 * 1024;
/// One event may be this long.
const MAX_EVENT_BYTES: usize = 4 * 1024 * 1024;

/// An open stream.
pub(crate) struct EventStream {
    body: BodyStream,
    /// The beginning of an event that has not ended.
    rest: Vec<u8>,
}

impl EventStream {
    pub(crate) async fn open(http: &Http, request: &Request) -> Result<Self, FetchError> {
        let request = request.clone().header("accept", "text/event-stream").timeout(LIFETIME);
        Ok(Self { body: http.open(&request).await?, rest: Vec::new() })
    }

    /// Whole events, and whether the stream has ended behind them.
    pub(crate) async fn batch(&mut self) -> Result<(Bytes, bool), FetchError> {
        let mut deadline = tokio::time::Instant::now() + STALL_TIMEOUT;
        loop {
            let end = self.rest.windows(2).rposition(|w| w == b"\n\n").map(|at| at + 2);
            if let Some(end) = end.filter(|end| *end >= MAX_BATCH_BYTES) {
                return Ok((self.take(end), false));
            }
            match (tokio::time::timeout_at(deadline, self.body.next()).await, end) {
                (Ok(Ok(Some(chunk))), _) => {
                    if end.is_none() {
                        deadline = tokio::time::Instant::now() + FILL_TIME.max(STALL_TIMEOUT);
                    }
                    // `\r\n` and `\n` both end lines.
                    self.rest.extend(chunk.iter().copied().filter(|b| *b != b'\r'));
                    if self.rest.windows(2).any(|w| w == b"\n\n") {
                        deadline = deadline.min(tokio::time::Instant::now() + FILL_TIME);
                    } else if self.rest.len() > MAX_EVENT_BYTES {
                        return Err(FetchError::BadUpstream("an event without end in the stream".to_owned()));
                    }
                }
                (Err(_), Some(end)) => return Ok((self.take(end), false)),
                (Err(_), None) => {
                    return Err(FetchError::Transient("the stream sends no heartbeat".to_owned()));
                }
                // What is whole counts; the rest comes again with the refill.
                (Ok(Ok(None) | Err(_)), Some(end)) => return Ok((self.take(end), true)),
                (Ok(Ok(None)), None) => {
                    return Err(FetchError::Transient("the server closed the stream".to_owned()));
                }
                (Ok(Err(error)), None) => return Err(error),
            }
        }
    }

    fn take(&mut self, end: usize) -> Bytes {
        let rest = self.rest.split_off(end);
        std::mem::replace(&mut self.rest, rest).into()
    }
}

/// Reads recorded or received events.
pub(crate) fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    let mut parsed = Parsed::default();
    let text = String::from_utf8_lossy(&observation.body);
    let (mut name, mut data) = (String::new(), String::new());
    for line in text.lines().chain([""]) {
        let line = line.trim_end_matches('\r');
        if let Some(value) = line.strip_prefix("event:") {
            value.trim().clone_into(&mut name);
        } else if let Some(value) = line.strip_prefix("data:") {
            data.push_str(value.trim_start());
        } else if line.is_empty() {
            if !name.is_empty() {
                status::stream_event(&name, &data, observation, context, &mut parsed);
            }
            name.clear();
            data.clear();
        } else if line.starts_with(':') || line == "OK" {
            parsed.ignore("heartbeat");
        }
    }
    parsed
}
