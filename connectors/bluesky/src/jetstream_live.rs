//! Jetstream live: `wss://.../subscribe` (v1) or `/xrpc/network.bsky.jetstream.subscribeEvents` (v2).
//!
//! The cursor is the number of the last event the log has, where the server numbers events (version 2, and version 1 of
//! today's software), else its time in microseconds: then the stream is rewound a little after a reconnect and what
//! was had already is recognised ([`Place`]). After a change of servers numbers do not compare: the rewound part comes
//! twice and the pipeline drops it as duplicates.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use streife_domain::{RejectCode, Timestamp};
use streife_sdk::ws::WsLimits;
use streife_sdk::{
    ConfigError, Connector, Cursor, Deps, FetchError, Fetched, Pace, ParseContext, Parsed, SourceConfig,
    settings,
};
use url::Url;
use zstd::bulk::Decompressor;

use crate::jetstream::{self, MAX_EVENT_BYTES};
use crate::place::{Noted, Place};
use crate::record::POST;
use crate::stream::{Frame, RECONNECT_WAIT, Stream};

/// At most so many filters, as the servers have it.
const MAX_DIDS: usize = 10_000;
const MAX_COLLECTIONS: usize = 100;
/// What a server of version 2 calls a cursor below its floor.
const TOO_OLD: &str = "CursorTooOld";
/// A dictionary is some hundred kilobytes.
const MAX_DICTIONARY_BYTES: u64 = 8 * 1024 * 1024;

/// Which interface the server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Version {
    /// `/subscribe`.
    V1,
    /// `network.bsky.jetstream.subscribeEvents`.
    V2,
}

/// Settings of a Jetstream source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Servers, tried in turn: `wss://jetstream2.us-east.bsky.network`.
    pub endpoints: Vec<String>,
    /// The interface.
    #[serde(default = "v1")]
    pub version: Version,
    /// Collections; posts alone unless named.
    #[serde(default = "posts")]
    pub collections: Vec<String>,
    /// Only these accounts; all when empty.
    #[serde(default)]
    pub dids: Vec<String>,
    /// The zstd dictionary of a compressed stream; plain when absent.
    #[serde(default)]
    pub zstd_dictionary: Option<PathBuf>,
    /// The name of the dictionary, for version 2.
    #[serde(default)]
    pub zstd_dictionary_id: Option<String>,
    /// How far a reconnect goes back.
    #[serde(default = "five")]
    pub rewind_secs: u32,
    /// A stream silent for so long is stalled.
    #[serde(default = "sixty")]
    pub stall_timeout_secs: u64,
}

const fn v1() -> Version {
    Version::V1
}
fn posts() -> Vec<String> {
    vec![POST.to_owned()]
}
const fn five() -> u32 {
    5
}
const fn sixty() -> u64 {
    60
}

/// Builds the connector.
///
/// # Errors
/// Unknown settings, no endpoint, too many filters, an unreadable dictionary.
pub fn connect(config: &SourceConfig, deps: &Deps) -> Result<Box<dyn Connector>, ConfigError> {
    let wrong = |message: String| ConfigError::new(&config.name, message);
    let settings: Config = settings(config)?;
    if settings.endpoints.is_empty() {
        return Err(wrong("settings.endpoints: name at least one server".to_owned()));
    }
    for endpoint in &settings.endpoints {
        let is_ws = Url::parse(endpoint).is_ok_and(|u| matches!(u.scheme(), "ws" | "wss"));
        if !is_ws {
            return Err(wrong(format!("settings.endpoints: {endpoint:?} is no ws:// or wss:// address")));
        }
    }
    if settings.dids.len() > MAX_DIDS || settings.collections.len() > MAX_COLLECTIONS {
        return Err(wrong(format!("settings: at most {MAX_DIDS} dids and {MAX_COLLECTIONS} collections")));
    }
    let decompressor = match &settings.zstd_dictionary {
        None => None,
        Some(path) => {
            let unreadable = |e: std::io::Error| wrong(format!("{}: {e}", path.display()));
            let size = std::fs::metadata(path).map_err(unreadable)?.len();
            if size > MAX_DICTIONARY_BYTES {
                return Err(wrong(format!("{}: over {MAX_DICTIONARY_BYTES} bytes", path.display())));
            }
            let dictionary = std::fs::read(path).map_err(unreadable)?;
            // Digested once: a dictionary is a hundred times as long as an event.
            Some(Decompressor::with_dictionary(&dictionary).map_err(unreadable)?)
        }
    };
    if settings.version == Version::V2 && decompressor.is_some() != settings.zstd_dictionary_id.is_some() {
        return Err(wrong("settings: zstd_dictionary and zstd_dictionary_id belong together".to_owned()));
    }
    let limits = WsLimits {
        max_message_bytes: MAX_EVENT_BYTES,
        stall_timeout: Duration::from_secs(settings.stall_timeout_secs.max(1)),
    };
    Ok(Box::new(Jetstream {
        context: ParseContext::new(&config.name),
        config: settings,
        deps: deps.clone(),
        decompressor,
        stream: Stream::new(limits),
        turn: 0,
    }))
}

struct Jetstream {
    context: ParseContext,
    config: Config,
    deps: Deps,
    decompressor: Option<Decompressor<'static>>,
    stream: Stream<Place>,
    /// Which endpoint is next.
    turn: usize,
}

impl Jetstream {
    fn address(&self, endpoint: &str, place: &Place) -> Result<String, FetchError> {
        let bad = |e: url::ParseError| FetchError::BadUpstream(format!("{endpoint}: {e}"));
        let path = match self.config.version {
            Version::V1 => "/subscribe",
            Version::V2 => "/xrpc/network.bsky.jetstream.subscribeEvents",
        };
        let mut url = Url::parse(endpoint).and_then(|u| u.join(path)).map_err(bad)?;
        let (collections, dids) = match self.config.version {
            Version::V1 => ("wantedCollections", "wantedDids"),
            Version::V2 => ("collections", "dids"),
        };
        // Numbers are inclusive and exact on one server; elsewhere the time is what compares.
        let cursor = place.seq.or_else(|| place.time_us.map(|t| t - self.rewind_us()));
        {
            let mut query = url.query_pairs_mut();
            for collection in &self.config.collections {
                query.append_pair(collections, collection);
            }
            for did in &self.config.dids {
                query.append_pair(dids, did);
            }
            if let Some(cursor) = cursor {
                query.append_pair("cursor", &cursor.to_string());
            }
            match (self.config.version, &self.decompressor, &self.config.zstd_dictionary_id) {
                (Version::V1, Some(_), _) => {
                    query.append_pair("compress", "true");
                }
                (Version::V2, Some(_), Some(id)) => {
                    query.append_pair("zstdDictionary", id);
                }
                _ => {}
            }
        }
        Ok(url.into())
    }

    fn rewind_us(&self) -> i64 {
        i64::from(self.config.rewind_secs) * 1_000_000
    }

    /// Connects to the server whose turn it is; where the source then stands.
    async fn reconnect(&mut self, place: Place) -> Result<Place, FetchError> {
        let endpoint = self.config.endpoints[self.turn % self.config.endpoints.len()].clone();
        // A failure lets the next fetch try the next server.
        self.turn += 1;
        let mut place = place.at(endpoint.clone());
        let address = self.address(&endpoint, &place)?;
        match self.stream.open(&self.deps.http, &address, place.clone()).await {
            // Version 2 refuses a number below its floor. By time it begins at the oldest it has, and says so.
            Err(FetchError::BadUpstream(message)) if message.contains(TOO_OLD) && place.seq.is_some() => {
                tracing::warn!(source.name = %self.context.source, "the cursor is too old for the server: there is a gap");
                place.seq = None;
                let address = self.address(&endpoint, &place)?;
                self.stream.open(&self.deps.http, &address, place.clone()).await?;
            }
            other => other?,
        }
        self.turn -= 1;
        Ok(place)
    }

    /// Reads the frames that are new; notes them in `place`. Its number is gone when the server counts anew.
    fn read(&mut self, frames: Vec<Frame>, place: &mut Place) -> Parsed {
        let mut parsed = Parsed::default();
        let (now, rewind_us) = (self.deps.clock.now(), self.rewind_us());
        for frame in frames {
            let event = match frame {
                Frame::Text(text) => text,
                Frame::Binary(bytes) => match self.unpack(&bytes) {
                    Ok(event) => event.into(),
                    Err(message) => {
                        parsed.problem("binary frame", RejectCode::BadField, message, bytes);
                        continue;
                    }
                },
            };
            let before = (parsed.events.len(), parsed.problems.len());
            let position = jetstream::read(&event, || "frame".to_owned(), now, &self.context, &mut parsed);
            let noted = place.note(position, &event, rewind_us);
            if noted != Noted::New {
                parsed.events.truncate(before.0);
                parsed.problems.truncate(before.1);
            }
            if noted == Noted::Renumbered {
                tracing::warn!(source.name = %self.context.source, "the server counts anew: it is asked by time");
                place.seq = None;
                break;
            }
        }
        parsed
    }

    fn unpack(&mut self, frame: &[u8]) -> Result<Vec<u8>, String> {
        let Some(decompressor) = &mut self.decompressor else {
            return Err("a compressed frame, and no dictionary is configured".to_owned());
        };
        decompressor.decompress(frame, MAX_EVENT_BYTES).map_err(|e| format!("the frame does not unpack: {e}"))
    }
}

#[async_trait]
impl Connector for Jetstream {
    async fn fetch(&mut self, cursor: Option<&Cursor>) -> Result<Fetched, FetchError> {
        let mut place: Place = Cursor::read(cursor);
        if !self.stream.stands_at(&place) {
            place = self.reconnect(place).await?;
        }
        let (frames, closed) = self.stream.batch(&place.endpoint).await?;
        let was_numbered = place.seq.is_some();
        let parsed = self.read(frames, &mut place);
        if was_numbered && place.seq.is_none() {
            // What follows on this connection is from the middle of the new count.
            self.stream.close();
        } else if !closed {
            self.stream.advance(place.clone());
        } else if parsed.events.is_empty() && parsed.ignored.contains_key("stream_error") {
            // An error alone is no progress: the driver waits longer each time.
            return Err(FetchError::Transient(format!("{} ended the stream with an error", place.endpoint)));
        }
        let pace = if closed { Pace::After(RECONNECT_WAIT) } else { Pace::Now };
        let newest = place.time_us.map(Timestamp::from_micros);
        Ok(Fetched { parsed, cursor: Cursor::of(&place)?, pace, newest })
    }
}
