//! Lemmy: posts and comments through `/api/v3` (0.19) and `/api/v4` (1.0).
//!
//! `ap_id` is the stable identity of a post across servers; flags say that it was deleted or removed.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use streife_domain::{Author, Event, EventKind, Media, PostKind, Reach, RejectCode};
use streife_sdk::poll::{Poll, Target};
use streife_sdk::{
    ConfigError, Connector, Deps, Kind, Observation, ParseContext, Parsed, Request, SourceConfig, json,
    recorded, settings,
};

/// The name of this kind.
pub const KIND: &str = "lemmy";
/// The platform of all events.
pub const PLATFORM: &str = "lemmy";
/// Pages of 50 walked back on a visit.
const MAX_PAGES: usize = 10;
/// Answers nest lists and views; deeper ones are cut.
const MAX_DEPTH: usize = 8;

/// The lines of the application's registration table.
pub const KINDS: &[Kind] = &[Kind { name: KIND, parse, connect }];

/// Reads an answer.
pub fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    recorded::each(observation, context, |observation, context| {
        let answer = match json::document(observation) {
            Ok(answer) => answer,
            Err(refusal) => return *refusal,
        };
        let mut parsed = Parsed::default();
        walk(&answer, 0, observation, context, &mut parsed);
        json::finished(parsed, "no_post_in_answer")
    })
}

/// A view holds the post or comment beside its creator and counts.
fn walk(value: &Value, depth: usize, observation: &Observation, context: &ParseContext, parsed: &mut Parsed) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Array(items) => {
            for item in items {
                walk(item, depth + 1, observation, context, parsed);
            }
        }
        Value::Object(fields) => {
            if let Some(comment) = fields.get("comment").filter(|c| c.get("content").is_some()) {
                read(value, comment, true, observation, context, parsed);
            } else if let Some(post) = fields.get("post").filter(|p| p.get("name").is_some()) {
                read(value, post, false, observation, context, parsed);
            } else {
                for name in [
                    "posts",
                    "comments",
                    "items",
                    "post_view",
                    "comment_view",
                    "cross_posts",
                    "resolved",
                    "results",
                ] {
                    if let Some(inner) = fields.get(name) {
                        walk(inner, depth + 1, observation, context, parsed);
                    }
                }
            }
        }
        _ => {}
    }
}

fn read(
    view: &Value,
    item: &Value,
    is_comment: bool,
    observation: &Observation,
    context: &ParseContext,
    parsed: &mut Parsed,
) {
    let raw = Bytes::from(view.to_string());
    let Some(id) = json::text(item, "ap_id")
        .map(str::to_owned)
        .or_else(|| json::id(item, "id").map(|id| context.native_id(&id)))
    else {
        parsed.problem(
            if is_comment { "comment" } else { "post" },
            RejectCode::BadField,
            "neither ap_id nor id",
            raw,
        );
        return;
    };
    let flag = |name: &str| item.get(name).and_then(Value::as_bool) == Some(true);
    let is_gone = flag("deleted") || flag("removed");
    let kind = if is_gone { EventKind::Delete } else { EventKind::Post };
    let mut event = Event::new(kind, &context.source, PLATFORM, &id, observation.observed_at);
    event.url = Some(id).filter(|i| i.starts_with("http"));
    event.kind = if is_comment { PostKind::Comment } else { PostKind::Post };
    if !is_gone {
        let parts = if is_comment {
            [json::text(item, "content"), None]
        } else {
            [json::text(item, "name"), json::text(item, "body")]
        };
        event.text = parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n");
    }
    event.author = view.get("creator").and_then(|c| {
        let handle = json::text(c, "name")?;
        let id = json::text(c, "actor_id").or_else(|| json::text(c, "ap_id")).unwrap_or(handle);
        Some(Author {
            id: id.to_owned(),
            handle: Some(handle.to_owned()),
            name: json::text(c, "display_name").map(str::to_owned),
        })
    });
    let time = |names: [&str; 2]| names.iter().find_map(|n| json::time(item, n, observation.observed_at));
    event.posted_at = time(["published", "published_at"]);
    event.edited_at = time(["updated", "updated_at"]);
    if is_comment {
        event.reply_to = view.get("post").and_then(|p| json::text(p, "ap_id")).map(str::to_owned);
    }
    if let Some(link) = json::text(item, "url") {
        event.links.push(link.to_owned());
        let media_type = json::text(item, "url_content_type").unwrap_or("link").to_owned();
        event.media.push(Media {
            media_type,
            url: Some(link.to_owned()),
            alt: json::text(item, "alt_text").map(str::to_owned),
            ..Media::default()
        });
    }
    if let Some(community) = view.get("community").and_then(|c| json::text(c, "name")) {
        event.tags.push(community.to_owned());
    }
    let counts = view.get("counts").unwrap_or(item);
    event.reach = Some(Reach {
        likes: json::count(counts, "upvotes"),
        replies: json::count(counts, "comments").or_else(|| json::count(counts, "child_count")),
        ..Reach::default()
    });
    parsed.push(event, raw);
}

/// The next page's cursor, which goes back in time.
fn older(observation: &Observation, _: &Parsed) -> Option<String> {
    let answer: Value = serde_json::from_slice(&observation.body).ok()?;
    let cursor = json::text(&answer, "next_page")?;
    let page = observation.url.split("&page_cursor=").next()?;
    Some(format!("{page}&page_cursor={cursor}"))
}

/// Settings of a Lemmy source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `https://lemmy.example`.
    pub server: String,
    /// `v3` (0.19) or `v4` (1.0).
    #[serde(default = "v3")]
    pub api: String,
    /// A community; everything when absent.
    #[serde(default)]
    pub community: Option<String>,
}

fn v3() -> String {
    "v3".to_owned()
}

/// Builds the connector.
///
/// # Errors
/// Unknown settings, a server that is no web address, another interface than v3 and v4.
pub fn connect(config: &SourceConfig, deps: &Deps) -> Result<Box<dyn Connector>, ConfigError> {
    let settings: Config = settings(config)?;
    let wrong = |message: &str| ConfigError::new(&config.name, message);
    let server = settings.server.trim_end_matches('/');
    let host = server.split_once("://").map(|(_, host)| host.to_owned()).filter(|h| !h.is_empty());
    let host = host.ok_or_else(|| wrong("settings.server is no web address"))?;
    if !matches!(settings.api.as_str(), "v3" | "v4") {
        return Err(wrong("settings.api: v3 or v4"));
    }
    let community = match &settings.community {
        Some(name) if name.chars().all(|c| c.is_ascii_alphanumeric() || "_.@-".contains(c)) => {
            format!("&community_name={name}")
        }
        Some(_) => return Err(wrong("settings.community is no community name")),
        None => String::new(),
    };
    let targets = [("post", ""), ("comment", "")].map(|(what, _)| {
        let url = format!("{server}/api/{}/{what}/list?type_=All&sort=New&limit=50{community}", settings.api);
        Target::new(Request::get(url), ParseContext::scoped(&config.name, host.clone()))
            .paged(MAX_PAGES, older)
    });
    Ok(Box::new(Poll::new(targets.to_vec(), parse, deps)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use streife_domain::Timestamp;

    #[test]
    fn posts_comments_and_removals() {
        let text = br#"{"posts":[{"post":{"id":1,"ap_id":"https://l.test/post/1","name":"title","body":"body","published":"2026-01-02T03:04:05.000Z","url":"https://y.test/","deleted":false,"removed":false},"creator":{"name":"u","actor_id":"https://l.test/u/u"},"community":{"name":"c"},"counts":{"upvotes":3,"comments":2}},{"post":{"id":2,"ap_id":"https://l.test/post/2","name":"x","removed":true}}],"next_page":"P1"}"#;
        let o = Observation::new("https://l.test/api/v3/post/list?limit=50", &text[..], Timestamp::default());
        let p = parse(&o, &ParseContext::new("t"));
        assert_eq!(p.events[0].event.text, "title\n\nbody");
        assert_eq!(p.events[0].event.reach.unwrap().replies, Some(2));
        assert_eq!((p.events[1].event.event, p.events[1].event.text.as_str()), (EventKind::Delete, ""));
        assert_eq!(older(&o, &p).as_deref(), Some("https://l.test/api/v3/post/list?limit=50&page_cursor=P1"));
    }
}
