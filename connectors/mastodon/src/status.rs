//! The entity `Status`, wherever it stands in an answer.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use streife_domain::{Author, Event, EventKind, Media, PostKind, Reach, RejectCode};
use streife_sdk::{Observation, ParseContext, Parsed, dates, html};

use crate::PLATFORM;

/// Answers nest reblogs, quotes and contexts; deeper ones are cut.
const MAX_DEPTH: usize = 16;

/// What is read of a status; servers leave out and add fields.
#[derive(Deserialize)]
struct Status {
    id: String,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    edited_at: Option<String>,
    #[serde(default)]
    in_reply_to_id: Option<String>,
    #[serde(default)]
    spoiler_text: Option<String>,
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    uri: Option<String>,
    #[serde(default)]
    url: Option<String>,
    content: Option<String>,
    account: Account,
    #[serde(default)]
    reblog: Option<Box<Status>>,
    #[serde(default)]
    quote: Option<Value>,
    #[serde(default)]
    media_attachments: Vec<Attachment>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    poll: Option<Poll>,
    #[serde(default)]
    replies_count: Option<u64>,
    #[serde(default)]
    reblogs_count: Option<u64>,
    #[serde(default)]
    favourites_count: Option<u64>,
}

#[derive(Deserialize)]
struct Account {
    id: String,
    #[serde(default)]
    acct: Option<String>,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    followers_count: Option<i64>,
}

#[derive(Deserialize)]
struct Attachment {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    remote_url: Option<String>,
    #[serde(default)]
    description: Option<String>,
}

#[derive(Deserialize)]
struct Tag {
    name: String,
}

#[derive(Deserialize)]
struct Poll {
    #[serde(default)]
    options: Vec<PollOption>,
}

#[derive(Deserialize)]
struct PollOption {
    title: String,
}

/// Every status in an answer.
pub(crate) fn collect(
    value: &Value,
    kind: EventKind,
    observation: &Observation,
    context: &ParseContext,
    parsed: &mut Parsed,
) {
    walk(value, 0, kind, observation, context, parsed);
}

fn walk(
    value: &Value,
    depth: usize,
    kind: EventKind,
    observation: &Observation,
    context: &ParseContext,
    parsed: &mut Parsed,
) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Array(items) => {
            for item in items {
                walk(item, depth + 1, kind, observation, context, parsed);
            }
        }
        Value::Object(fields)
            if fields.contains_key("id")
                && fields.contains_key("content")
                && fields.contains_key("account") =>
        {
            let raw = Bytes::from(value.to_string());
            match Status::deserialize(value) {
                Ok(status) => parsed.push(event(status, kind, observation, context), raw),
                Err(_) => {
                    let id = fields.get("id").map(Value::to_string).unwrap_or_default();
                    let message = "a field of the status is missing or of the wrong type";
                    parsed.problem(format!("status {id:.40}"), RejectCode::BadJson, message, raw);
                }
            }
        }
        Value::Object(fields) => {
            for name in ["ancestors", "descendants", "statuses", "last_status", "status", "status_history"] {
                if let Some(inner) = fields.get(name) {
                    walk(inner, depth + 1, kind, observation, context, parsed);
                }
            }
        }
        _ => {}
    }
}

/// One event of a stream.
pub(crate) fn stream_event(
    name: &str,
    data: &str,
    observation: &Observation,
    context: &ParseContext,
    parsed: &mut Parsed,
) {
    let raw = Bytes::from(data.to_owned());
    let kind = match name {
        "update" => EventKind::Post,
        "status.update" => EventKind::Edit,
        "delete" => {
            let id = data.trim().trim_matches('"');
            if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric()) {
                parsed.problem("delete", RejectCode::BadField, "no status id", raw);
            } else {
                parsed.push(context.event(EventKind::Delete, PLATFORM, id, observation), raw);
            }
            return;
        }
        _ => return parsed.ignore("other_stream_event"),
    };
    match serde_json::from_str::<Value>(data) {
        Ok(value) => collect(&value, kind, observation, context, parsed),
        Err(_) => parsed.problem(name, RejectCode::BadJson, "the data are no JSON", raw),
    }
}

fn event(status: Status, kind: EventKind, observation: &Observation, context: &ParseContext) -> Event {
    let mut event = context.event(kind, PLATFORM, &status.id, observation);
    let time = |t: &String| dates::parse(t, observation.observed_at);
    event.posted_at = status.created_at.as_ref().and_then(time);
    event.edited_at = status.edited_at.as_ref().and_then(time);
    let followers = status.account.followers_count;
    event.author = Some(author(status.account));
    event.url = status.url.or(status.uri);
    event.reply_to = status.in_reply_to_id.map(|id| context.native_id(&id));
    event.quote_of = status.quote.as_ref().and_then(quoted_id).map(|id| context.native_id(id));
    event.reach = Some(Reach {
        views: None,
        likes: status.favourites_count,
        shares: status.reblogs_count,
        replies: status.replies_count,
        followers: followers.and_then(|f| u64::try_from(f).ok()),
    });
    event.kind = match (&status.reblog, &event.reply_to, &event.quote_of) {
        (Some(_), _, _) => PostKind::Repost,
        (None, Some(_), _) => PostKind::Reply,
        (None, None, Some(_)) => PostKind::Quote,
        _ => PostKind::Post,
    };
    let inner = match status.reblog {
        Some(inner) => {
            event.quote_of = Some(context.native_id(&inner.id));
            Body::of(*inner)
        }
        None => Body {
            spoiler: status.spoiler_text,
            content: status.content,
            language: status.language,
            media: status.media_attachments,
            tags: status.tags,
            poll: status.poll,
        },
    };
    inner.fill(&mut event);
    event
}

/// The part of a status that is read: its own, or that of the one it passes on.
struct Body {
    spoiler: Option<String>,
    content: Option<String>,
    language: Option<String>,
    media: Vec<Attachment>,
    tags: Vec<Tag>,
    poll: Option<Poll>,
}

impl Body {
    fn of(status: Status) -> Self {
        Self {
            spoiler: status.spoiler_text,
            content: status.content,
            language: status.language,
            media: status.media_attachments,
            tags: status.tags,
            poll: status.poll,
        }
    }

    fn fill(self, event: &mut Event) {
        let content = html::content(self.content.as_deref().unwrap_or_default());
        let mut parts: Vec<String> = self.spoiler.into_iter().chain([content.text]).collect();
        parts.extend(self.poll.into_iter().flat_map(|p| p.options).map(|o| o.title));
        parts.retain(|p| !p.trim().is_empty());
        event.text = parts.join("\n\n");
        event.lang = self.language;
        event.tags = self.tags.into_iter().map(|t| t.name).collect();
        // Mentions and tags are links in the content; what they point to is known already.
        event.links =
            content.links.into_iter().filter(|l| !l.contains("/@") && !l.contains("/tags/")).collect();
        event.media = self
            .media
            .into_iter()
            .map(|m| Media {
                media_type: m.kind.unwrap_or_else(|| "link".to_owned()),
                url: m.url.or(m.remote_url),
                alt: m.description.filter(|d| !d.is_empty()),
                ..Media::default()
            })
            .collect();
    }
}

fn author(account: Account) -> Author {
    let present = |text: Option<String>| text.filter(|t| !t.is_empty());
    Author { id: account.id, handle: present(account.acct), name: present(account.display_name) }
}

/// Quotes come as `{quoted_status: {id}}`, `{quoted_status_id}` or as the status itself.
fn quoted_id(quote: &Value) -> Option<&str> {
    quote
        .get("quoted_status_id")
        .or_else(|| quote.get("quoted_status").and_then(|s| s.get("id")))
        .or_else(|| quote.get("id"))
        .and_then(Value::as_str)
}
