//! The AT protocol's firehose (`com.atproto.sync.subscribeRepos`): two DAG-CBOR objects a frame, records in a CAR.
//!
//! Its cursor is a sequence number and exclusive: `cursor=7` is followed by 8.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use streife_domain::{Author, Event, EventKind, RejectCode};
use streife_sdk::ws::WsLimits;
use streife_sdk::{
    ConfigError, Connector, Cursor, Deps, FetchError, Fetched, Observation, Pace, ParseContext, Parsed,
    SourceConfig, dates, recorded, settings,
};
use url::Url;

use crate::car::{self, Cbor};
use crate::record::{self, POST, Post};
use crate::stream::{Frame, RECONNECT_WAIT, Stream};
use crate::{PLATFORM, jetstream};

/// The name of this kind.
pub const KIND: &str = "firehose";
/// The protocol's own limit is 5 MB a frame.
const MAX_FRAME_BYTES: usize = 5 * 1024 * 1024;
/// Names of errors are words.
const MAX_ERROR_CHARS: usize = 60;
/// What a server says whose numbers do not reach our cursor: it was set up anew and counts from 1 again.
const FROM_THE_FUTURE: &str = "FutureCursor";

/// Reads one frame, or a recording of many with a length (four bytes, little-endian) before each.
pub fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    recorded::each(observation, context, parse_frames)
}

fn parse_frames(observation: &Observation, context: &ParseContext) -> Parsed {
    let body = &observation.body;
    let mut parsed = Parsed::default();
    if !is_recording(body) {
        read_frame(body, "frame", observation, context, &mut parsed);
        return parsed;
    }
    let mut rest = body.clone();
    let mut number = 0;
    while rest.len() >= 4 {
        number += 1;
        let at = format!("frame {number}");
        let length = u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
        if length > rest.len() - 4 {
            parsed.problem(at, RejectCode::BadField, "the recording ends within a frame", rest.clone());
            return parsed;
        }
        let frame = rest.slice(4..4 + length);
        rest = rest.slice(4 + length..);
        read_frame(&frame, &at, observation, context, &mut parsed);
    }
    if !rest.is_empty() {
        parsed.problem("end", RejectCode::BadField, "bytes behind the last frame", rest);
    }
    parsed
}

/// A plausible length, and behind it the map that begins every frame.
fn is_recording(body: &[u8]) -> bool {
    let [a, b, c, d, first, ..] = body else { return false };
    let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
    length <= body.len() - 4 && (0xa0..=0xb7).contains(first)
}

/// What a frame says of the stream itself.
#[derive(Debug, Default, PartialEq, Eq)]
enum Says {
    /// Up to here.
    Seq(i64),
    /// Ends it, with the name of an error.
    Error(String),
    #[default]
    Nothing,
}

/// Reads a frame into `parsed`. An error of the server is no part of the record: it is only reported.
fn read_frame(
    frame: &Bytes,
    at: &str,
    observation: &Observation,
    context: &ParseContext,
    parsed: &mut Parsed,
) -> Says {
    let decoded = car::cbor(frame).and_then(|(header, rest)| Ok((header, car::cbor(rest)?.0)));
    let (header, body) = match decoded {
        Ok(both) => both,
        Err(message) => {
            parsed.problem(at, RejectCode::BadField, message, frame.clone());
            return Says::Nothing;
        }
    };
    if header.get("op").and_then(Cbor::as_i64) == Some(-1) {
        parsed.ignore("stream_error");
        let error = body.get("error").and_then(Cbor::as_str).unwrap_or("unnamed");
        return Says::Error(error.chars().take(MAX_ERROR_CHARS).collect());
    }
    match header.get("t").and_then(Cbor::as_str) {
        Some("#commit") => read_commit(&body, at, frame, observation, context, parsed),
        Some("#account") => read_account(&body, frame, observation, context, parsed),
        Some("#identity" | "#handle") => parsed.ignore("identity"),
        // Its one notice is that the cursor was older than anything the server has.
        Some("#info") => {
            tracing::warn!(source.name = %context.source, "the cursor was too old for the server: there is a gap");
            parsed.ignore("gap");
        }
        Some("#sync" | "#migrate" | "#tombstone") => parsed.ignore("stream_notice"),
        _ => parsed.problem(at, RejectCode::UnknownSchema, "a frame of unknown type", frame.clone()),
    }
    body.get("seq").and_then(Cbor::as_i64).map_or(Says::Nothing, Says::Seq)
}

fn read_account(
    body: &Cbor<'_>,
    frame: &Bytes,
    observation: &Observation,
    context: &ParseContext,
    parsed: &mut Parsed,
) {
    let Some(did) = body.get("did").and_then(Cbor::as_str) else {
        parsed.problem("#account", RejectCode::BadField, "did is missing", frame.clone());
        return;
    };
    let mut event = Event::new(EventKind::Account, &context.source, PLATFORM, did, observation.observed_at);
    event.author = Some(Author { id: did.to_owned(), handle: None, name: None });
    event.posted_at =
        body.get("time").and_then(Cbor::as_str).and_then(|t| dates::parse(t, observation.observed_at));
    let is_active = body.get("active") == Some(&Cbor::Bool(true));
    let status = body.get("status").and_then(Cbor::as_str).unwrap_or("inactive");
    event.tags = vec![if is_active { "active" } else { status }.to_owned()];
    parsed.push(event, frame.clone());
}

fn read_commit(
    body: &Cbor<'_>,
    at: &str,
    frame: &Bytes,
    observation: &Observation,
    context: &ParseContext,
    parsed: &mut Parsed,
) {
    let (Some(did), Some(Cbor::Array(ops))) = (body.get("repo").and_then(Cbor::as_str), body.get("ops"))
    else {
        parsed.problem(at, RejectCode::BadField, "a commit without repo or ops", frame.clone());
        return;
    };
    let mut blocks = None;
    for op in ops {
        let path = op.get("path").and_then(Cbor::as_str).unwrap_or_default();
        let Some((collection, rkey)) = path.split_once('/') else {
            parsed.problem(at, RejectCode::BadField, "an operation without path", frame.clone());
            continue;
        };
        if collection != POST {
            parsed.ignore(jetstream::not_a_post(collection));
            continue;
        }
        let kind = match op.get("action").and_then(Cbor::as_str) {
            Some("create") => EventKind::Post,
            Some("update") => EventKind::Edit,
            Some("delete") => EventKind::Delete,
            _ => {
                parsed.problem(at, RejectCode::BadField, "an unknown action", frame.clone());
                continue;
            }
        };
        let mut event = record::event(kind, &context.source, did, rkey, observation.observed_at);
        if kind == EventKind::Delete {
            parsed.push(event, frame.clone());
            continue;
        }
        let blocks = blocks.get_or_insert_with(|| match body.get("blocks") {
            Some(Cbor::Bytes(bytes)) => car::car(bytes),
            _ => Err("a commit without blocks"),
        });
        let filled = match (blocks, op.get("cid")) {
            (Ok(blocks), Some(Cbor::Link(cid))) => match blocks.get(cid) {
                Some(block) if car::is_intact(cid, block) => fill(&mut event, block),
                Some(_) => Err("the record does not hash to its CID"),
                None => Err("the record is not among the blocks"),
            },
            (Err(message), _) => Err(*message),
            _ => Err("an operation without CID"),
        };
        match filled {
            Ok(()) => parsed.push(event, frame.clone()),
            Err(message) => parsed.problem(at, RejectCode::BadField, message, frame.clone()),
        }
    }
}

fn fill(event: &mut Event, block: &[u8]) -> Result<(), car::Broken> {
    let json = car::cbor(block)?.0.to_json().to_string();
    let post: Post<'_> = serde_json::from_str(&json).map_err(|_| "the record is no post")?;
    record::fill(event, post);
    Ok(())
}

/// Settings of a firehose source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A PDS or relay: `wss://bsky.network`.
    pub endpoint: String,
    /// A stream silent for so long is stalled.
    #[serde(default = "sixty")]
    pub stall_timeout_secs: u64,
}

const fn sixty() -> u64 {
    60
}

/// Builds the connector.
///
/// # Errors
/// Unknown settings or an endpoint that is no WebSocket address.
pub fn connect(config: &SourceConfig, deps: &Deps) -> Result<Box<dyn Connector>, ConfigError> {
    let settings: Config = settings(config)?;
    if !Url::parse(&settings.endpoint).is_ok_and(|u| matches!(u.scheme(), "ws" | "wss")) {
        return Err(ConfigError::new(&config.name, "settings.endpoint is no ws:// or wss:// address"));
    }
    let limits = WsLimits {
        max_message_bytes: MAX_FRAME_BYTES,
        stall_timeout: Duration::from_secs(settings.stall_timeout_secs.max(1)),
    };
    let context = ParseContext::new(&config.name);
    Ok(Box::new(Firehose { context, config: settings, deps: deps.clone(), stream: Stream::new(limits) }))
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    seq: Option<i64>,
}

struct Firehose {
    context: ParseContext,
    config: Config,
    deps: Deps,
    stream: Stream<Option<i64>>,
}

#[async_trait]
impl Connector for Firehose {
    async fn fetch(&mut self, cursor: Option<&Cursor>) -> Result<Fetched, FetchError> {
        let mut place: Place = Cursor::read(cursor);
        let endpoint = self.config.endpoint.clone();
        if !self.stream.stands_at(&place.seq) {
            let bad = |e: url::ParseError| FetchError::BadUpstream(format!("{endpoint}: {e}"));
            let mut url = Url::parse(&endpoint)
                .and_then(|u| u.join("/xrpc/com.atproto.sync.subscribeRepos"))
                .map_err(bad)?;
            if let Some(seq) = place.seq {
                url.query_pairs_mut().append_pair("cursor", &seq.to_string());
            }
            self.stream.open(&self.deps.http, url.as_str(), place.seq).await?;
        }
        let (frames, closed) = self.stream.batch(&endpoint).await?;
        let mut parsed = Parsed::default();
        let mut ended = None;
        for frame in frames {
            let (Frame::Binary(bytes) | Frame::Text(bytes)) = frame;
            let observation = Observation {
                sha256: String::new(),
                ..Observation::new(endpoint.clone(), bytes, self.deps.clock.now())
            };
            match read_frame(&observation.body, "frame", &observation, &self.context, &mut parsed) {
                Says::Seq(seq) => place.seq = Some(seq),
                Says::Error(error) => ended = Some(error),
                Says::Nothing => {}
            }
        }
        let newest = parsed.events.iter().rev().find_map(|e| e.event.posted_at);
        let pace = match &ended {
            None if !closed => Pace::Now,
            _ => Pace::After(RECONNECT_WAIT),
        };
        match ended {
            None if !closed => self.stream.advance(place.seq),
            None => {}
            Some(error) if error == FROM_THE_FUTURE => {
                tracing::warn!(source.name = %self.context.source, "the server counts anew: it is read from its beginning");
                self.stream.close();
                place.seq = Some(0);
            }
            Some(error) => {
                self.stream.close();
                // An error alone is no progress: the driver waits longer each time.
                if parsed.events.is_empty() && parsed.problems.is_empty() {
                    return Err(FetchError::Transient(format!("{endpoint} ends the stream: {error}")));
                }
            }
        }
        Ok(Fetched { parsed, cursor: Cursor::of(&place)?, pace, newest })
    }
}
