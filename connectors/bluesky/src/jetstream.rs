//! Jetstream events, version 1 (plain, a commit in an object of its own) and version 2 (`{"$type":"message",
//! "payload":..}`, a commit's fields beside the rest), one JSON object a line or frame.
//!
//! Posts, their updates and deletions become events, account states too; likes, follows and the rest are counted.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use streife_domain::{Author, Event, EventKind, RejectCode, Timestamp};
use streife_sdk::{Observation, ParseContext, Parsed, recorded};

pub use crate::jetstream_live::{Config, connect};
use crate::record::{self, POST, Post};
use crate::{PLATFORM, views};

/// The name of this kind.
pub const KIND: &str = "jetstream";

/// The largest event read; a post record has at most a few kilobytes.
pub(crate) const MAX_EVENT_BYTES: usize = 4 * 1024 * 1024;

/// Version 1, or the payload of version 2.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, rename = "$type", default)]
    kind_v2: Cow<'a, str>,
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    did: Cow<'a, str>,
    #[serde(default)]
    time_us: Option<i64>,
    /// Version 2 writes the time.
    #[serde(borrow, default)]
    time: Option<Cow<'a, str>>,
    /// The sequence number as version 1 has it, on servers that number their events.
    #[serde(default)]
    cursor: Option<i64>,
    #[serde(default)]
    seq: Option<i64>,
    #[serde(borrow, default)]
    commit: Option<Commit<'a>>,
    #[serde(borrow, default)]
    operation: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    collection: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    rkey: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    record: Option<&'a RawValue>,
    #[serde(borrow, default)]
    account: Option<Account<'a>>,
}

/// Where an event stands in its stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// Its number, where the server numbers events: grows by one server's order.
    pub(crate) seq: Option<i64>,
    /// When the server saw it, in microseconds; not in order.
    pub(crate) time_us: Option<i64>,
}

#[derive(Deserialize)]
struct Commit<'a> {
    #[serde(borrow)]
    operation: Cow<'a, str>,
    #[serde(borrow)]
    collection: Cow<'a, str>,
    #[serde(borrow)]
    rkey: Cow<'a, str>,
    #[serde(borrow, default)]
    record: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Account<'a> {
    #[serde(default = "yes")]
    active: bool,
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
}

const fn yes() -> bool {
    true
}

/// The envelope of version 2.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "$type", default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<Cow<'a, str>>,
}

/// Reads events, one a line; single records and views of the application's API too, as recordings have them.
pub fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    recorded::each(observation, context, parse_lines)
}

fn parse_lines(observation: &Observation, context: &ParseContext) -> Parsed {
    if views::is_view(&observation.body) {
        return views::parse(observation, context);
    }
    let mut parsed = Parsed::default();
    let body = &observation.body;
    for (number, line) in body.split(|b| *b == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let raw = body.slice_ref(line);
        let at = || format!("line {}", number + 1);
        if line.len() > MAX_EVENT_BYTES {
            parsed.problem(at(), RejectCode::TooLarge, format!("an event of {} bytes", line.len()), raw);
            continue;
        }
        read(&raw, at, observation.observed_at, context, &mut parsed);
    }
    parsed
}

/// Reads one event into `parsed`; where it stands in the stream, as far as it says.
pub(crate) fn read(
    raw: &Bytes,
    at: impl FnOnce() -> String,
    observed_at: Timestamp,
    context: &ParseContext,
    parsed: &mut Parsed,
) -> Position {
    let mut position = Position::default();
    match read_event(raw, observed_at, context, &mut position) {
        Ok(Read::Event(event)) => parsed.push(*event, raw.clone()),
        Ok(Read::Ignored(reason)) => parsed.ignore(reason),
        Err((code, message)) => parsed.problem(at(), code, message, raw.clone()),
    }
    position
}

enum Read {
    Event(Box<Event>),
    Ignored(&'static str),
}

type Unreadable = (RejectCode, String);

fn read_event(
    line: &[u8],
    observed_at: Timestamp,
    context: &ParseContext,
    position: &mut Position,
) -> Result<Read, Unreadable> {
    let text = std::str::from_utf8(line)
        .map_err(|e| (RejectCode::BadUtf8, format!("byte {} is not UTF-8", e.valid_up_to() + 1)))?;
    // Only events of version 2 begin with their envelope.
    if text.starts_with("{\"$type\"")
        && let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(text)
    {
        return match (&*envelope.kind, envelope.payload) {
            ("message", Some(payload)) => read_wire(payload.get(), observed_at, context, position),
            ("error", _) => {
                let error = envelope.error.unwrap_or_default();
                tracing::warn!(source.name = %context.source, "the server ends the stream: {error:.60}");
                Ok(Read::Ignored("stream_error"))
            }
            _ => Ok(Read::Ignored("stream_notice")),
        };
    }
    read_wire(text, observed_at, context, position)
}

fn read_wire(
    text: &str,
    observed_at: Timestamp,
    context: &ParseContext,
    position: &mut Position,
) -> Result<Read, Unreadable> {
    let wire: Wire<'_> = serde_json::from_str(text).map_err(|e| bad_json(&e))?;
    let time = || wire.time.as_ref().and_then(|t| Timestamp::parse(t).ok()).map(|t| t.as_micros());
    *position = Position { seq: wire.seq.or(wire.cursor), time_us: wire.time_us.or_else(time) };
    let kind = wire.kind_v2.rsplit_once('#').map_or(&*wire.kind, |(_, kind)| kind);
    if kind == "info" {
        tracing::warn!(source.name = %context.source, "the cursor was too old for the server: there is a gap");
        return Ok(Read::Ignored("gap"));
    }
    let did = &*wire.did;
    if !did.starts_with("did:") {
        return Err((RejectCode::BadField, "did is no DID".to_owned()));
    }
    if let Some(commit) = wire.commit {
        return read_commit(did, &commit, observed_at, context);
    }
    if let (Some(operation), Some(collection), Some(rkey)) = (wire.operation, wire.collection, wire.rkey) {
        let commit = Commit { operation, collection, rkey, record: wire.record };
        return read_commit(did, &commit, observed_at, context);
    }
    if let Some(account) = wire.account {
        let mut event = Event::new(EventKind::Account, &context.source, PLATFORM, did, observed_at);
        event.author = Some(Author { id: did.to_owned(), handle: None, name: None });
        event.posted_at = position.time_us.filter(|t| *t > 0).map(Timestamp::from_micros);
        event.text = String::new();
        event.tags = vec![match (account.active, account.status.as_deref()) {
            (true, _) => "active".to_owned(),
            (false, status) => status.unwrap_or("inactive").to_owned(),
        }];
        return Ok(Read::Event(Box::new(event)));
    }
    match kind {
        "identity" | "sync" => Ok(Read::Ignored("identity")),
        _ => Err((RejectCode::BadField, "neither commit nor account nor identity".to_owned())),
    }
}

fn read_commit(
    did: &str,
    commit: &Commit<'_>,
    observed_at: Timestamp,
    context: &ParseContext,
) -> Result<Read, Unreadable> {
    if commit.collection != POST {
        return Ok(Read::Ignored(not_a_post(&commit.collection)));
    }
    let kind = match &*commit.operation {
        "create" => EventKind::Post,
        "update" => EventKind::Edit,
        "delete" => EventKind::Delete,
        _ => {
            return Err((
                RejectCode::BadField,
                "commit.operation is none of create, update, delete".to_owned(),
            ));
        }
    };
    if commit.rkey.is_empty() {
        return Err((RejectCode::BadField, "commit.rkey is empty".to_owned()));
    }
    let mut event = record::event(kind, &context.source, did, &commit.rkey, observed_at);
    if kind != EventKind::Delete {
        let record = commit.record.ok_or((RejectCode::BadField, "commit.record is missing".to_owned()))?;
        let post: Post<'_> = serde_json::from_str(record.get()).map_err(|e| bad_json(&e))?;
        record::fill(&mut event, post);
    }
    Ok(Read::Event(Box::new(event)))
}

/// Why a record of another collection is no post: few names, so that the counter stays small.
pub(crate) fn not_a_post(collection: &str) -> &'static str {
    match collection {
        "app.bsky.feed.like" => "like",
        "app.bsky.feed.repost" => "repost",
        "app.bsky.graph.follow" => "follow",
        "app.bsky.graph.block" => "block",
        "app.bsky.actor.profile" => "profile",
        _ => "other_collection",
    }
}

pub(crate) fn bad_json(error: &serde_json::Error) -> Unreadable {
    let what = match error.classify() {
        serde_json::error::Category::Data => "a field is missing or of the wrong type",
        serde_json::error::Category::Eof => "ends within JSON",
        _ => "not JSON",
    };
    (RejectCode::BadJson, format!("{what} at column {}", error.column()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use streife_domain::PostKind;

    fn parsed(text: &str) -> Parsed {
        let o = Observation::new("f", text.to_owned().into_bytes(), Timestamp::from_secs(1_780_000_000));
        parse(&o, &ParseContext::new("test"))
    }

    const REPLY: &str = r##"{"did":"did:plc:a","time_us":1,"kind":"commit","commit":{"rev":"r","operation":"create","collection":"app.bsky.feed.post","rkey":"3k","record":{"$type":"app.bsky.feed.post","createdAt":"2026-07-04T14:38:08.999Z","langs":["de"],"text":"a \"b\"","reply":{"parent":{"uri":"at://did:plc:b/app.bsky.feed.post/1","cid":"x"},"root":{"uri":"at://x","cid":"x"}},"facets":[{"features":[{"$type":"app.bsky.richtext.facet#tag","tag":"t"},{"$type":"app.bsky.richtext.facet#link","uri":"https://x.test/"}],"index":{"byteEnd":1,"byteStart":0}}],"embed":{"$type":"app.bsky.embed.recordWithMedia","record":{"$type":"app.bsky.embed.record","record":{"cid":"c","uri":"at://q"}},"media":{"$type":"app.bsky.embed.images","images":[{"alt":"d","image":{}}]}}},"cid":"c"}}"##;

    #[test]
    fn a_reply_with_everything() {
        let p = parsed(REPLY);
        assert!(p.problems.is_empty(), "{:?}", p.problems);
        let e = &p.events[0].event;
        assert_eq!(e.native_id, "at://did:plc:a/app.bsky.feed.post/3k");
        assert_eq!((e.kind, e.text.as_str(), e.lang.as_deref()), (PostKind::Reply, "a \"b\"", Some("de")));
        assert_eq!(e.reply_to.as_deref(), Some("at://did:plc:b/app.bsky.feed.post/1"));
        assert_eq!(e.quote_of.as_deref(), Some("at://q"));
        assert_eq!(
            (e.tags.as_slice(), e.links.as_slice()),
            (&["t".to_owned()][..], &["https://x.test/".to_owned()][..])
        );
        assert_eq!(e.media[0].alt.as_deref(), Some("d"));
    }

    /// Version 2 as its servers send it: the commit's fields stand beside the sequence number and the written time.
    #[test]
    fn version_two_has_its_fields_beside_each_other() {
        let record = &REPLY[REPLY.find("{\"$type\"").unwrap()..REPLY.find(",\"cid\":\"c\"}}").unwrap()];
        let commit = format!(
            r##"{{"$type":"message","payload":{{"$type":"network.bsky.jetstream.subscribeEvents#commit","seq":12345,"did":"did:plc:a","time":"2024-09-09T19:46:02.329308Z","rev":"r","operation":"create","collection":"app.bsky.feed.post","rkey":"3k","cid":"c","record":{record}}}}}"##
        );
        let p = parsed(&commit);
        assert!(p.problems.is_empty(), "{:?}", p.problems);
        assert_eq!(p.events[0].event, parsed(REPLY).events[0].event);
        let position = read(
            &Bytes::from(commit),
            String::new,
            Timestamp::default(),
            &ParseContext::new("t"),
            &mut Parsed::default(),
        );
        assert_eq!(position, Position { seq: Some(12_345), time_us: Some(1_725_911_162_329_308) });
    }

    #[test]
    fn notices_and_errors_of_version_two_are_counted() {
        let p = parsed(
            "{\"$type\":\"message\",\"payload\":{\"$type\":\"network.bsky.jetstream.subscribeEvents#info\",\"name\":\"OutdatedCursor\"}}\n\
            {\"$type\":\"message\",\"payload\":{\"$type\":\"network.bsky.jetstream.subscribeEvents#sync\",\"seq\":1,\"did\":\"did:plc:a\",\"time\":\"2024-09-09T19:46:02.329308Z\",\"sync\":{}}}\n\
            {\"$type\":\"error\",\"error\":\"ConsumerTooSlow\",\"message\":\"m\"}",
        );
        assert_eq!((p.ignored["gap"], p.ignored["identity"], p.ignored["stream_error"]), (1, 1, 1));
        assert!(p.problems.is_empty() && p.events.is_empty());
    }

    #[test]
    fn deletes_accounts_likes_and_garbage() {
        let p = parsed(
            "{\"did\":\"did:plc:a\",\"kind\":\"commit\",\"commit\":{\"operation\":\"delete\",\"collection\":\"app.bsky.feed.post\",\"rkey\":\"3k\"}}\n\
            {\"did\":\"did:plc:a\",\"time_us\":5,\"kind\":\"account\",\"account\":{\"active\":false,\"status\":\"deleted\"}}\n\
            {\"did\":\"did:plc:a\",\"kind\":\"commit\",\"commit\":{\"operation\":\"create\",\"collection\":\"app.bsky.feed.like\",\"rkey\":\"1\",\"record\":{}}}\n\
            {\"did\":\"did:plc:a\",\"kind\":\"identity\",\"identity\":{}}\n{\"did\":1}\n{",
        );
        assert_eq!(p.events[0].event.event, EventKind::Delete);
        assert_eq!(p.events[1].event.event, EventKind::Account);
        assert_eq!((p.ignored["like"], p.ignored["identity"], p.problems.len()), (1, 1, 2));
    }

    proptest::proptest! {
        #[test]
        fn a_cut_event_is_a_problem(cut in 1usize..600) {
            let p = parsed(&REPLY[..cut.min(REPLY.len() - 1)]);
            proptest::prop_assert_eq!((p.events.len(), p.problems.len()), (0, 1));
        }
    }
}
