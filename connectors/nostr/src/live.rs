//! One relay live: a subscription from a little before the newest note seen.

use std::time::Duration;

use async_trait::async_trait;
use futures::SinkExt;
use serde::{Deserialize, Serialize};
use serde_json::json;
use streife_sdk::ws::{self, Socket, WsLimits};
use streife_sdk::{
    Change, ConfigError, Connector, Cursor, Deps, FetchError, Fetched, Observation, Pace, ParseContext, Seen,
    SourceConfig, settings,
};
use tokio_tungstenite::tungstenite::Message;

/// Clocks of authors are off: so far back a subscription begins.
const OVERLAP_SECS: i64 = 600;
/// Messages per fetch.
const MAX_MESSAGES: usize = 500;
/// How long a batch waits to fill.
const FILL_TIME: Duration = Duration::from_millis(200);
/// Notes known by id, in the cursor.
const MAX_SEEN: usize = 2_000;

/// Settings of a Nostr source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `wss://relay.example`.
    pub relay: String,
    /// Only these authors (hexadecimal keys); everybody when empty.
    #[serde(default)]
    pub authors: Vec<String>,
    /// Only these hashtags.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// Builds the connector.
///
/// # Errors
/// Unknown settings or a relay that is no WebSocket address.
pub fn connect(config: &SourceConfig, deps: &Deps) -> Result<Box<dyn Connector>, ConfigError> {
    let settings: Config = settings(config)?;
    if !(settings.relay.starts_with("wss://") || settings.relay.starts_with("ws://")) {
        return Err(ConfigError::new(&config.name, "settings.relay is no ws:// or wss:// address"));
    }
    let limits = WsLimits { max_message_bytes: 1024 * 1024, stall_timeout: Duration::from_secs(300) };
    Ok(Box::new(Nostr {
        context: ParseContext::new(&config.name),
        config: settings,
        deps: deps.clone(),
        limits,
        socket: None,
    }))
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Place {
    /// `created_at` of the newest note the log has.
    since: Option<i64>,
    seen: Seen,
}

impl Default for Place {
    fn default() -> Self {
        Self { since: None, seen: Seen::with_capacity(MAX_SEEN) }
    }
}

struct Nostr {
    context: ParseContext,
    config: Config,
    deps: Deps,
    limits: WsLimits,
    socket: Option<Socket>,
}

impl Nostr {
    async fn open(&self, place: &Place) -> Result<Socket, FetchError> {
        let relay = &self.config.relay;
        let mut socket = ws::connect(&self.deps.http, relay, &[], self.limits).await?;
        let mut filter = json!({ "kinds": [1, 5, 6, 11, 1111, 30023] });
        if let Some(since) = place.since {
            filter["since"] = json!(since - OVERLAP_SECS);
        } else {
            filter["limit"] = json!(MAX_MESSAGES);
        }
        if !self.config.authors.is_empty() {
            filter["authors"] = json!(self.config.authors);
        }
        if !self.config.tags.is_empty() {
            filter["#t"] = json!(self.config.tags);
        }
        let request = json!(["REQ", "streife", filter]).to_string();
        socket
            .send(Message::Text(request.into()))
            .await
            .map_err(|e| FetchError::Transient(format!("{relay}: {e}")))?;
        Ok(socket)
    }
}

#[async_trait]
impl Connector for Nostr {
    async fn fetch(&mut self, cursor: Option<&Cursor>) -> Result<Fetched, FetchError> {
        let mut place: Place = Cursor::read(cursor);
        // Taken out while reading: if this is dropped or fails, the next fetch subscribes anew.
        let mut socket = match self.socket.take() {
            Some(socket) => socket,
            None => self.open(&place).await?,
        };
        let relay = &self.config.relay;
        let mut lines = Vec::new();
        let mut deadline = None;
        let mut count = 0;
        let mut closed = None;
        while count < MAX_MESSAGES {
            let next = ws::next(&mut socket, relay, self.limits);
            let message = match deadline {
                None => next.await?,
                Some(deadline) => match tokio::time::timeout_at(deadline, next).await {
                    Err(_) => break,
                    Ok(message) => message.unwrap_or(None),
                },
            };
            let Some(Message::Text(text)) = message else {
                closed = Some(FetchError::Transient(format!("{relay} closed the subscription")));
                break;
            };
            if text.starts_with("[\"CLOSED\"") {
                closed = Some(FetchError::Refused(format!(
                    "{relay} closed the subscription: {:.80}",
                    text.as_str()
                )));
                break;
            }
            deadline.get_or_insert_with(|| tokio::time::Instant::now() + FILL_TIME);
            lines.extend(text.bytes().map(|b| if b == b'\n' { b' ' } else { b }));
            lines.push(b'\n');
            count += 1;
        }
        match closed {
            Some(error) if count == 0 => return Err(error),
            Some(_) => {}
            None => self.socket = Some(socket),
        }
        let observation = Observation::new(relay.clone(), lines, self.deps.clock.now());
        let mut parsed = crate::parse(&observation, &self.context);
        parsed
            .events
            .retain(|e| place.seen.note(&e.event.native_id, &[e.event.event as u8]) != Change::Known);
        let newest = parsed
            .events
            .iter()
            .filter_map(|e| e.event.posted_at)
            .filter(|t| *t <= self.deps.clock.now())
            .max();
        place.since = place.since.max(newest.map(|t| t.as_secs()));
        Ok(Fetched { parsed, cursor: Cursor::of(&place)?, pace: Pace::Now, newest })
    }
}
