//! Jetstream live: `wss://.../subscribe` (v1) or `/xrpc/network.bsky.jetstream.subscribeEvents` (v2).
//!
//! The cursor is the position of the last event the log has: microseconds (v1) or a sequence number (v2). After a
//! reconnect to the same server the stream is rewound a little and what was had already is passed over by
//! position; after a change of servers positions do not compare, so the rewound part comes twice and the pipeline
//! drops it as duplicates.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use streife_domain::{RejectCode, Timestamp};
use streife_sdk::ws::WsLimits;
use streife_sdk::{
    ConfigError, Connector, Cursor, Deps, FetchError, Fetched, Observation, Pace, ParseContext, Parsed,
    SourceConfig, settings,
};
use url::Url;

use crate::jetstream::{self, MAX_EVENT_BYTES, Position};
use crate::record::POST;
use crate::stream::{Frame, Stream};

/// At most so many filters, as the servers have it.
const MAX_DIDS: usize = 10_000;
const MAX_COLLECTIONS: usize = 100;
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
    let dictionary = match &settings.zstd_dictionary {
        None => None,
        Some(path) => {
            let size = std::fs::metadata(path).map_err(|e| wrong(format!("{}: {e}", path.display())))?.len();
            if size > MAX_DICTIONARY_BYTES {
                return Err(wrong(format!("{}: over {MAX_DICTIONARY_BYTES} bytes", path.display())));
            }
            Some(std::fs::read(path).map_err(|e| wrong(format!("{}: {e}", path.display())))?)
        }
    };
    let limits = WsLimits {
        max_message_bytes: MAX_EVENT_BYTES,
        stall_timeout: Duration::from_secs(settings.stall_timeout_secs.max(1)),
    };
    Ok(Box::new(Jetstream {
        context: ParseContext::new(&config.name),
        config: settings,
        deps: deps.clone(),
        dictionary,
        stream: Stream::new(limits),
        turn: 0,
    }))
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    endpoint: String,
    /// Microseconds or sequence number of the last event the log has.
    position: Option<i64>,
    /// Time of that event, to go on at another server.
    time_us: Option<i64>,
}

struct Jetstream {
    context: ParseContext,
    config: Config,
    deps: Deps,
    dictionary: Option<Vec<u8>>,
    stream: Stream,
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
        let rewind = i64::from(self.config.rewind_secs) * 1_000_000;
        let is_same = place.endpoint == endpoint;
        let cursor = match (self.config.version, is_same) {
            // Sequence numbers are inclusive and exact on one server; elsewhere the time is what compares.
            (Version::V2, true) => place.position,
            _ => place.time_us.map(|t| t - rewind),
        };
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
            match (self.config.version, &self.dictionary, &self.config.zstd_dictionary_id) {
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

    async fn reconnect(&mut self, place: &Place) -> Result<String, FetchError> {
        let endpoint = self.config.endpoints[self.turn % self.config.endpoints.len()].clone();
        // A failure lets the next fetch try the next server.
        self.turn += 1;
        let address = self.address(&endpoint, place)?;
        let position = place.position.filter(|_| place.endpoint == endpoint);
        let opened = match self.stream.open(&self.deps.http, &address, position).await {
            // Version 2 answers 400 when the cursor lies below its floor: what lies between is lost, and said so.
            Err(FetchError::BadUpstream(message))
                if place.position.is_some() && message.starts_with("400") =>
            {
                tracing::warn!(source.name = %self.context.source, "the cursor is too old for the server: there is a gap");
                let address = self.address(&endpoint, &Place::default())?;
                self.stream.open(&self.deps.http, &address, position).await
            }
            other => other,
        };
        opened?;
        self.turn -= 1;
        Ok(endpoint)
    }

    /// The events of the frames after `last`, one a line, and the position of the last.
    fn lines(
        &self,
        frames: Vec<Frame>,
        last: Option<i64>,
        parsed: &mut Parsed,
    ) -> (Vec<u8>, Option<i64>, Option<i64>) {
        let (mut lines, mut position, mut time) = (Vec::new(), last, None);
        for frame in frames {
            let line = match frame {
                Frame::Text(text) => text,
                Frame::Binary(bytes) => match self.unpack(&bytes) {
                    Ok(line) => line.into(),
                    Err(message) => {
                        parsed.problem("binary frame", RejectCode::BadField, message, bytes);
                        continue;
                    }
                },
            };
            let at: Option<Position> = jetstream::position(&line);
            let here = at.as_ref().and_then(|p| match self.config.version {
                Version::V1 => p.time_us,
                Version::V2 => p.seq.or(p.time_us),
            });
            if let (Some(here), Some(last)) = (here, position)
                && here <= last
            {
                continue;
            }
            position = here.or(position);
            time = at.and_then(|p| p.time_us).or(time);
            // A line feed inside a frame is white space of its JSON.
            lines.extend(line.iter().map(|b| if *b == b'\n' { b' ' } else { *b }));
            lines.push(b'\n');
        }
        (lines, position, time)
    }

    fn unpack(&self, frame: &[u8]) -> Result<Vec<u8>, String> {
        let Some(dictionary) = &self.dictionary else {
            return Err("a compressed frame, and no dictionary is configured".to_owned());
        };
        zstd::bulk::Decompressor::with_dictionary(dictionary)
            .and_then(|mut d| d.decompress(frame, MAX_EVENT_BYTES))
            .map_err(|e| format!("the frame does not unpack: {e}"))
    }
}

#[async_trait]
impl Connector for Jetstream {
    async fn fetch(&mut self, cursor: Option<&Cursor>) -> Result<Fetched, FetchError> {
        let mut place: Place = Cursor::read(cursor);
        if !self.stream.stands_at(place.position) {
            let endpoint = self.reconnect(&place).await?;
            if place.endpoint != endpoint {
                place = Place { endpoint, position: None, ..place };
            }
        }
        let host = place.endpoint.clone();
        let (frames, closed) = self.stream.batch(&host).await?;
        let mut parsed = Parsed::default();
        let (lines, position, time) = self.lines(frames, place.position, &mut parsed);
        let observation = Observation::new(host, lines, self.deps.clock.now());
        parsed.append(jetstream::parse(&observation, &self.context));
        place.position = position;
        place.time_us = time.or(place.time_us);
        if !closed {
            self.stream.advance(position);
        }
        let newest = place.time_us.map(Timestamp::from_micros);
        Ok(Fetched { parsed, cursor: Cursor::of(&place)?, pace: Pace::Now, newest })
    }
}
