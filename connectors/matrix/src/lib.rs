//! Matrix: public, world-readable rooms through `/messages`; edits (`m.replace`) and redactions. No room is joined.

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use streife_domain::{Author, EventKind, Media, PostKind, RejectCode};
use streife_sdk::{
    Change, ConfigError, Connector, Cursor, Deps, FetchError, Fetched, Kind, Observation, Pace, ParseContext,
    Parsed, Request, Secret, SecretSource, Seen, SourceConfig, html, json, recorded, settings,
};

/// The name of this kind.
pub const KIND: &str = "matrix";
/// The platform of all events.
pub const PLATFORM: &str = "matrix";
/// Messages a page.
const PAGE: usize = 100;

/// The lines of the application's registration table.
pub const KINDS: &[Kind] = &[Kind { name: KIND, parse, connect }];

/// Reads `/messages`, `/sync`, `/context` or a single event.
pub fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    recorded::each(observation, context, |observation, context| {
        let answer = match json::document(observation) {
            Ok(answer) => answer,
            Err(refusal) => return *refusal,
        };
        let mut parsed = Parsed::default();
        let mut read =
            |event: &Value, room: Option<&str>| read_event(event, room, observation, context, &mut parsed);
        let list = answer.as_array().map_or(&[][..], Vec::as_slice);
        for name in ["events_before", "chunk", "events_after"] {
            json::items(&answer, name).iter().for_each(|e| read(e, None));
        }
        list.iter().for_each(|e| read(e, None));
        if let Some(Value::Object(rooms)) = answer.pointer("/rooms/join") {
            for (room, state) in rooms {
                let events = state.get("timeline").map_or(&[][..], |t| json::items(t, "events"));
                events.iter().for_each(|e| read(e, Some(room)));
            }
        }
        for single in [Some(&answer), answer.get("event")].into_iter().flatten() {
            if single.get("event_id").is_some() {
                read(single, None);
            }
        }
        json::finished(parsed, "no_message_in_answer")
    })
}

fn read_event(
    message: &Value,
    room: Option<&str>,
    observation: &Observation,
    context: &ParseContext,
    parsed: &mut Parsed,
) {
    let raw = Bytes::from(message.to_string());
    if message.get("event_id").is_none()
        && message.get("room_id").is_some()
        && message.get("num_joined_members").is_some()
    {
        return parsed.ignore("room_in_directory");
    }
    let (Some(id), Some(kind)) = (json::text(message, "event_id"), json::text(message, "type")) else {
        parsed.problem("event", RejectCode::BadField, "event_id or type is missing", raw);
        return;
    };
    let content = message.get("content").unwrap_or(&Value::Null);
    let is_redacted = message.pointer("/unsigned/redacted_because").is_some();
    let relation = content.get("m.relates_to");
    let related = |name: &str| {
        relation.filter(|r| json::text(r, "rel_type") == Some(name)).and_then(|r| json::text(r, "event_id"))
    };
    let (event_kind, native_id, content) = match kind {
        "m.room.redaction" => {
            let target = json::text(message, "redacts").or_else(|| json::text(content, "redacts"));
            let Some(target) = target else {
                parsed.problem(id, RejectCode::BadField, "a redaction that names no event", raw);
                return;
            };
            (EventKind::Delete, target, content)
        }
        "m.room.message" | "m.sticker" if is_redacted => (EventKind::Delete, id, content),
        "m.room.message" | "m.sticker" => match related("m.replace") {
            Some(original) => (EventKind::Edit, original, content.get("m.new_content").unwrap_or(content)),
            None => (EventKind::Post, id, content),
        },
        "m.room.encrypted" => return parsed.ignore("encrypted"),
        _ => return parsed.ignore("no_message"),
    };
    let mut event = context.event(event_kind, PLATFORM, "", observation);
    native_id.clone_into(&mut event.native_id);
    event.posted_at =
        message.get("origin_server_ts").and_then(Value::as_i64).map(streife_domain::Timestamp::from_millis);
    if event_kind == EventKind::Edit {
        event.edited_at = event.posted_at;
    }
    event.author = json::text(message, "sender").map(|s| Author {
        id: s.to_owned(),
        handle: Some(s.to_owned()),
        name: None,
    });
    if let Some(room) = json::text(message, "room_id").or(room) {
        event.url = Some(format!("https://matrix.to/#/{room}/{native_id}"));
    }
    if event_kind != EventKind::Delete {
        let reply = relation.and_then(|r| r.pointer("/m.in_reply_to/event_id")).and_then(Value::as_str);
        event.reply_to = reply.or_else(|| related("m.thread")).map(str::to_owned);
        let body = json::text(content, "body").unwrap_or_default();
        event.text = if event.reply_to.is_some() { without_fallback(body) } else { body.to_owned() };
        if let Some(formatted) = json::text(content, "formatted_body") {
            event.links =
                html::content(formatted).links.into_iter().filter(|l| !l.contains("matrix.to")).collect();
        }
        if event.reply_to.is_some() {
            event.kind = PostKind::Reply;
        }
        let media_type = match json::text(content, "msgtype") {
            Some("m.image") => Some("image"),
            Some("m.video") => Some("video"),
            Some("m.audio") => Some("audio"),
            Some("m.file") => Some("document"),
            _ if kind == "m.sticker" => Some("sticker"),
            _ => None,
        };
        if let Some(media_type) = media_type {
            event.media.push(Media {
                media_type: media_type.to_owned(),
                url: json::text(content, "url").map(str::to_owned),
                alt: json::text(content, "body").map(str::to_owned),
                ..Media::default()
            });
        }
    }
    parsed.push(event, raw);
}

/// Replies used to repeat what they answer, in lines that begin with `> `.
fn without_fallback(body: &str) -> String {
    if !body.starts_with("> <") {
        return body.to_owned();
    }
    body.lines().skip_while(|l| l.starts_with('>')).collect::<Vec<_>>().join("\n").trim_start().to_owned()
}

/// Settings of a Matrix source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `https://matrix.example`.
    pub server: String,
    /// A room that is world-readable: `!id:server`.
    pub room: String,
    /// A guest's or user's token.
    pub token: SecretSource,
}

/// Builds the connector.
///
/// # Errors
/// Unknown settings, a room that is no id, an unreadable token.
pub fn connect(config: &SourceConfig, deps: &Deps) -> Result<Box<dyn Connector>, ConfigError> {
    let settings: Config = settings(config)?;
    if !settings.room.starts_with('!') || settings.room.contains(['/', '?', '#', ' ']) {
        return Err(ConfigError::new(&config.name, "settings.room: a room id, such as !abc:server"));
    }
    let token = settings.token.read(&config.name)?;
    Ok(Box::new(Matrix {
        context: ParseContext::new(&config.name),
        config: settings,
        token,
        deps: deps.clone(),
    }))
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// Where the forward walk goes on.
    from: Option<String>,
    /// Servers leave `end` out where nothing follows: the last page is read again until something does.
    #[serde(default)]
    seen: Seen,
}

struct Matrix {
    context: ParseContext,
    config: Config,
    token: Secret,
    deps: Deps,
}

#[async_trait]
impl Connector for Matrix {
    async fn fetch(&mut self, cursor: Option<&Cursor>) -> Result<Fetched, FetchError> {
        let mut place: Place = Cursor::read(cursor);
        let base = self.config.server.trim_end_matches('/');
        // A first visit reads the newest page; from then on the walk is forward.
        let (direction, from) = match &place.from {
            Some(from) => ("f", format!("&from={from}")),
            None => ("b", String::new()),
        };
        let url = format!(
            "{base}/_matrix/client/v3/rooms/{}/messages?dir={direction}&limit={PAGE}{from}",
            self.config.room
        );
        let request = Request::get(url).authorization("Bearer", &self.token);
        let response = self.deps.http.send(&request).await?;
        let observation = response.observation(&request);
        let mut parsed = parse(&observation, &self.context);
        // Events are immutable: an edit or redaction is one of its own.
        parsed.events.retain(|e| {
            let shape = format!("{:?} {:?}", e.event.event, e.event.posted_at);
            place.seen.note(&format!("{} {shape}", e.event.native_id), b"") == Change::New
        });
        let answer: Value = serde_json::from_slice(&observation.body).unwrap_or(Value::Null);
        let next = if direction == "b" {
            parsed.events.reverse();
            // `start` of a backward page is its newest end.
            json::text(&answer, "start")
        } else {
            json::text(&answer, "end")
        };
        let is_full = json::items(&answer, "chunk").len() >= PAGE && direction == "f";
        place.from = next.map(str::to_owned).or(place.from);
        let newest = parsed.events.iter().filter_map(|e| e.event.posted_at).max();
        let pace = if is_full { Pace::Now } else { Pace::Interval };
        Ok(Fetched { parsed, cursor: Cursor::of(&place)?, pace, newest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use streife_domain::Timestamp;

    #[test]
    fn messages_edits_replies_and_redactions() {
        let text = br#"{"chunk":[{"event_id":"$1","type":"m.room.message","sender":"@a:x","origin_server_ts":1767323045000,"room_id":"!r:x","content":{"msgtype":"m.text","body":"hello"}},{"event_id":"$2","type":"m.room.message","content":{"body":"* b","m.new_content":{"body":"b"},"m.relates_to":{"rel_type":"m.replace","event_id":"$1"}}},{"event_id":"$3","type":"m.room.redaction","redacts":"$1","content":{}},{"event_id":"$4","type":"m.room.message","content":{},"unsigned":{"redacted_because":{}}},{"event_id":"$5","type":"m.room.message","content":{"body":"> <@a:x> q\n\nre","m.relates_to":{"m.in_reply_to":{"event_id":"$1"}}}},{"event_id":"$6","type":"m.room.member","content":{}},{"type":"x"}]}"#;
        let o = Observation::new("f", &text[..], Timestamp::default());
        let p = parse(&o, &ParseContext::new("t"));
        let got: Vec<_> = p
            .events
            .iter()
            .map(|e| (e.event.event, e.event.native_id.as_str(), e.event.text.as_str()))
            .collect();
        assert_eq!(
            got,
            [
                (EventKind::Post, "$1", "hello"),
                (EventKind::Edit, "$1", "b"),
                (EventKind::Delete, "$1", ""),
                (EventKind::Delete, "$4", ""),
                (EventKind::Post, "$5", "re"),
            ]
        );
        assert_eq!((p.problems.len(), p.ignored["no_message"]), (1, 1));
    }
}
