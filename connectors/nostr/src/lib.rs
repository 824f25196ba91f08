//! Nostr relays (NIP-01): kind 1 notes, long texts, comments, deletions (NIP-09).
//!
//! `created_at` is the author's clock, so the live connector goes back a little on every reconnect and knows events by
//! their id. Both the id (SHA-256 over the event) and the author's signature (BIP-340 over the id) are checked: a relay can
//! leave out, not forge.

mod live;

use bytes::Bytes;
use k256::schnorr::{Signature, VerifyingKey};
use serde_json::Value;
use sha2::{Digest, Sha256};
use streife_domain::{Author, EventKind, Media, PostKind, RejectCode, Timestamp};
use streife_sdk::{Kind, Observation, ParseContext, Parsed, json, recorded};

pub use live::{Config, connect};

/// The name of this kind.
pub const KIND: &str = "nostr";
/// The platform of all events.
pub const PLATFORM: &str = "nostr";

/// The lines of the application's registration table.
pub const KINDS: &[Kind] = &[Kind { name: KIND, parse, connect }];

/// Reads events or relay messages (`["EVENT", sub, {...}]`), one a line or in one JSON list.
pub fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    recorded::each(observation, context, |observation, context| {
        let mut parsed = Parsed::default();
        if let Ok(document) = serde_json::from_slice::<Value>(&observation.body) {
            read(&document, "message", observation, context, &mut parsed);
            return json::finished(parsed, "no_event");
        }
        for (number, line) in observation.body.split(|b| *b == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let at = format!("line {}", number + 1);
            match serde_json::from_slice::<Value>(line) {
                Ok(message) => read(&message, &at, observation, context, &mut parsed),
                Err(_) => {
                    parsed.problem(at, RejectCode::BadJson, "not JSON", observation.body.slice_ref(line));
                }
            }
        }
        json::finished(parsed, "no_event")
    })
}

fn read(message: &Value, at: &str, observation: &Observation, context: &ParseContext, parsed: &mut Parsed) {
    match message {
        Value::Array(items) => match items.first().and_then(Value::as_str) {
            Some("EVENT") => {
                if let Some(event) = items.last().filter(|e| e.is_object()) {
                    read_event(event, at, observation, context, parsed);
                }
            }
            Some(_) => parsed.ignore("relay_message"),
            None => {
                for item in items {
                    read(item, at, observation, context, parsed);
                }
            }
        },
        Value::Object(_) => read_event(message, at, observation, context, parsed),
        _ => parsed.problem(
            at,
            RejectCode::BadJson,
            "neither event nor relay message",
            Bytes::from(message.to_string()),
        ),
    }
}

fn read_event(
    note: &Value,
    at: &str,
    observation: &Observation,
    context: &ParseContext,
    parsed: &mut Parsed,
) {
    let raw = Bytes::from(note.to_string());
    let fields = (
        json::text(note, "id"),
        json::text(note, "pubkey"),
        json::count(note, "kind"),
        note.get("content").and_then(Value::as_str),
    );
    let (Some(id), Some(author), Some(kind), Some(content)) = fields else {
        parsed.problem(at, RejectCode::BadField, "id, pubkey, kind or content is missing", raw);
        return;
    };
    if id_of(note).is_none_or(|computed| computed != id) {
        parsed.problem(at, RejectCode::BadField, "the id is not the hash of the event", raw);
        return;
    }
    if !is_signed(id, author, json::text(note, "sig").unwrap_or_default()) {
        parsed.problem(at, RejectCode::BadField, "the signature is not the author's", raw);
        return;
    }
    let tags: Vec<Vec<&str>> = json::items(note, "tags")
        .iter()
        .filter_map(Value::as_array)
        .map(|tag| tag.iter().filter_map(Value::as_str).collect())
        .collect();
    let of = |name: &str| tags.iter().filter(move |t| t.first() == Some(&name)).collect::<Vec<_>>();
    let posted_at = note.get("created_at").and_then(Value::as_i64).map(Timestamp::from_secs);
    let who = Some(Author { id: author.to_owned(), handle: None, name: None });
    if kind == 5 {
        for target in of("e").iter().filter_map(|t| t.get(1)) {
            let mut event = context.event(EventKind::Delete, PLATFORM, target, observation);
            event.author.clone_from(&who);
            event.posted_at = posted_at;
            parsed.push(event, raw.clone());
        }
        return;
    }
    let post_kind = match kind {
        1 | 11 => PostKind::Post,
        6 | 16 => PostKind::Repost,
        1111 => PostKind::Comment,
        30_023 => PostKind::Article,
        _ => return parsed.ignore("other_kind"),
    };
    let mut event = context.event(EventKind::Post, PLATFORM, id, observation);
    event.kind = post_kind;
    event.author = who;
    event.posted_at = posted_at;
    event.url = Some(format!("https://njump.me/{id}"));
    if post_kind == PostKind::Repost {
        event.quote_of = of("e").first().and_then(|t| t.get(1)).map(|e| (*e).to_owned());
    } else {
        let title =
            of("title").first().and_then(|t| t.get(1)).map(|t| format!("{t}\n\n")).unwrap_or_default();
        event.text = format!("{title}{content}");
        // NIP-10: the marked reply, else the last plain e tag.
        let replies = of("e");
        let marked = |mark: &str| replies.iter().find(|t| t.get(3) == Some(&mark));
        let plain = replies.iter().rev().find(|t| t.get(3).is_none_or(|m| m.is_empty()));
        let parent = marked("reply").or_else(|| marked("root")).or(plain).and_then(|t| t.get(1));
        if let Some(parent) = parent {
            event.reply_to = Some((*parent).to_owned());
            if event.kind == PostKind::Post {
                event.kind = PostKind::Reply;
            }
        }
        if let Some(quoted) = of("q").first().and_then(|t| t.get(1)) {
            event.quote_of = Some((*quoted).to_owned());
            if event.kind == PostKind::Post {
                event.kind = PostKind::Quote;
            }
        }
    }
    event.tags = of("t").iter().filter_map(|t| t.get(1)).map(|t| (*t).to_owned()).collect();
    event.links = event
        .text
        .split_whitespace()
        .filter(|w| w.starts_with("http://") || w.starts_with("https://"))
        .map(str::to_owned)
        .collect();
    for part in of("imeta") {
        let said = |name: &str| part.iter().find_map(|p| p.strip_prefix(name)?.strip_prefix(' '));
        event.media.push(Media {
            media_type: said("m").unwrap_or("image").to_owned(),
            url: said("url").map(str::to_owned),
            alt: said("alt").map(str::to_owned),
            ..Media::default()
        });
    }
    parsed.push(event, raw);
}

/// NIP-01: a Schnorr signature over the id by the author's key, all hexadecimal.
fn is_signed(id: &str, author: &str, signature: &str) -> bool {
    let check = || {
        let id: [u8; 32] = hex::decode(id).ok()?.try_into().ok()?;
        let key = VerifyingKey::from_bytes(&hex::decode(author).ok()?).ok()?;
        let signature = Signature::try_from(hex::decode(signature).ok()?.as_slice()).ok()?;
        key.verify_raw(&id, &signature).ok()
    };
    check().is_some()
}

/// NIP-01: SHA-256 of `[0, pubkey, created_at, kind, tags, content]` without white space.
fn id_of(note: &Value) -> Option<String> {
    let part = |name: &str| note.get(name);
    let serialised = serde_json::to_string(&[
        &Value::from(0),
        part("pubkey")?,
        part("created_at")?,
        part("kind")?,
        part("tags")?,
        part("content")?,
    ])
    .ok()?;
    Some(hex::encode(Sha256::digest(serialised)))
}

#[cfg(test)]
mod tests {
    use super::*;

    use k256::schnorr::SigningKey;

    fn note(kind: u64, tags: &str, content: &str) -> String {
        let key = SigningKey::from_bytes(&[7; 32]).unwrap();
        let author = hex::encode(key.verifying_key().to_bytes());
        let mut note: Value = serde_json::from_str(&format!("{{\"pubkey\":\"{author}\",\"created_at\":1767323045,\"kind\":{kind},\"tags\":{tags},\"content\":\"{content}\"}}")).unwrap();
        let id = id_of(&note).unwrap();
        let signature = key.sign_raw(&hex::decode(&id).unwrap(), &[0; 32]).unwrap();
        note["id"] = id.into();
        note["sig"] = hex::encode(signature.to_bytes()).into();
        note.to_string()
    }

    #[test]
    fn a_signature_of_another_is_refused() {
        let mut forged: Value = serde_json::from_str(&note(1, "[]", "x")).unwrap();
        forged["pubkey"] =
            hex::encode(SigningKey::from_bytes(&[9; 32]).unwrap().verifying_key().to_bytes()).into();
        forged["id"] = id_of(&forged).unwrap().into();
        let o = Observation::new("f", forged.to_string().into_bytes(), Timestamp::default());
        let p = parse(&o, &ParseContext::new("t"));
        assert_eq!(
            (p.events.len(), p.problems[0].message.as_str()),
            (0, "the signature is not the author's")
        );
    }

    #[test]
    fn notes_replies_deletions_and_forgeries() {
        let lines = [
            format!("[\"EVENT\",\"s\",{}]", note(1, "[[\"t\",\"x\"]]", "hello https://y.test/")),
            note(1, "[[\"e\",\"root\",\"\",\"root\"],[\"e\",\"parent\",\"\",\"reply\"]]", "re"),
            note(5, "[[\"e\",\"gone\"]]", ""),
            note(1, "[]", "true").replace("true", "forged"),
            note(7, "[]", "+"),
            "[\"EOSE\",\"s\"]".to_owned(),
        ];
        let o = Observation::new("f", lines.join("\n").into_bytes(), Timestamp::default());
        let p = parse(&o, &ParseContext::new("t"));
        assert_eq!(p.events[0].event.links, ["https://y.test/"]);
        assert_eq!(
            (p.events[1].event.reply_to.as_deref(), p.events[1].event.kind),
            (Some("parent"), PostKind::Reply)
        );
        assert_eq!(
            (p.events[2].event.event, p.events[2].event.native_id.as_str()),
            (EventKind::Delete, "gone")
        );
        assert_eq!((p.problems.len(), p.ignored["other_kind"], p.ignored["relay_message"]), (1, 1, 1));
    }
}
