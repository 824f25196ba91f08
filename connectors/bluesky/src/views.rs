//! Answers of the application's API (`app.bsky.feed.*`): searches, author feeds, threads, single records.

use std::collections::HashSet;

use bytes::Bytes;
use serde_json::Value;
use streife_domain::{EventKind, Reach, RejectCode};
use streife_sdk::{Observation, ParseContext, Parsed};

use crate::record::{self, POST, Post};

/// Answers nest threads; deeper ones are cut.
const MAX_DEPTH: usize = 64;

/// Is this one JSON document of the API, not a line of Jetstream?
pub(crate) fn is_view(body: &[u8]) -> bool {
    let head = &body[..body.len().min(256)];
    let is_object = head.trim_ascii_start().starts_with(b"{");
    let has = |needle: &[u8]| head.windows(needle.len()).any(|w| w == needle);
    is_object
        && !has(b"\"time_us\"")
        && !has(b"\"commit\"")
        && !has(b"\"payload\"")
        && !has(b"\"kind\"")
        && (has(b"\"uri\"")
            || has(b"\"posts\"")
            || has(b"\"feed\"")
            || has(b"\"thread\"")
            || has(b"\"feeds\"")
            || has(b"\"actors\"")
            || has(b"\"likes\"")
            || has(b"\"repostedBy\"")
            || has(b"\"view\"")
            || has(b"\"follows\"")
            || has(b"\"cid\"")
            || has(b"\"did\""))
}

/// Every post view or record in the document.
pub(crate) fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    let document: Value = match serde_json::from_slice(&observation.body) {
        Ok(document) => document,
        Err(error) => {
            let (code, message) = crate::jetstream::bad_json(&error);
            return Parsed::refused(code, message, observation);
        }
    };
    let mut parsed = Parsed::default();
    let mut seen = HashSet::new();
    walk(&document, 0, observation, context, &mut seen, &mut parsed);
    if parsed.events.is_empty() && parsed.problems.is_empty() {
        parsed.ignore("no_post_in_answer");
    }
    parsed
}

fn walk(
    value: &Value,
    depth: usize,
    observation: &Observation,
    context: &ParseContext,
    seen: &mut HashSet<String>,
    parsed: &mut Parsed,
) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Array(items) => {
            for item in items {
                walk(item, depth + 1, observation, context, seen, parsed);
            }
        }
        Value::Object(fields) => {
            if let Some(uri) = fields.get("uri").and_then(Value::as_str)
                && let Some((did, rkey)) = post_address(uri)
                && let Some(record) =
                    fields.get("record").or_else(|| fields.get("value")).filter(|r| r.get("text").is_some())
            {
                if seen.insert(uri.to_owned()) {
                    push(did, rkey, record, value, observation, context, parsed);
                }
                // Quoted posts stand in the embed of the view.
                if let Some(embed) = fields.get("embed") {
                    walk(embed, depth + 1, observation, context, seen, parsed);
                }
                return;
            }
            for field in fields.values() {
                walk(field, depth + 1, observation, context, seen, parsed);
            }
        }
        _ => {}
    }
}

fn post_address(uri: &str) -> Option<(&str, &str)> {
    let (did, rest) = uri.strip_prefix("at://")?.split_once('/')?;
    let (collection, rkey) = rest.split_once('/')?;
    (collection == POST).then_some((did, rkey))
}

fn push(
    did: &str,
    rkey: &str,
    record: &Value,
    view: &Value,
    observation: &Observation,
    context: &ParseContext,
    parsed: &mut Parsed,
) {
    let raw = Bytes::from(view.to_string());
    let text = record.to_string();
    let post: Post<'_> = match serde_json::from_str(&text) {
        Ok(post) => post,
        Err(_) => {
            parsed.problem(
                record::at_uri(did, POST, rkey),
                RejectCode::BadJson,
                "the record is malformed",
                raw,
            );
            return;
        }
    };
    let mut event = record::event(EventKind::Post, &context.source, did, rkey, observation.observed_at);
    record::fill(&mut event, post);
    let author = view.get("author");
    let said = |field: &str| author.and_then(|a| a.get(field)).and_then(Value::as_str).map(str::to_owned);
    if let Some(known) = event.author.as_mut() {
        known.handle = said("handle");
        known.name = said("displayName").filter(|n| !n.is_empty());
    }
    let count = |field: &str| view.get(field).and_then(Value::as_u64);
    let reach = Reach {
        likes: count("likeCount"),
        shares: count("repostCount"),
        replies: count("replyCount"),
        ..Reach::default()
    };
    event.reach = Some(reach).filter(|r| *r != Reach::default());
    parsed.push(event, raw);
}
