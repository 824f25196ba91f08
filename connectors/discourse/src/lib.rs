//! Discourse forums through the JSON that their pages are made of: `/posts.json`, `/t/{id}.json`, single posts.
//!
//! Post numbers are unique in one forum; live, native ids carry the forum's host.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use streife_domain::{Author, EventKind, PostKind, Reach, RejectCode};
use streife_sdk::poll::{Poll, Target};
use streife_sdk::{
    ConfigError, Connector, Deps, Kind, Observation, ParseContext, Parsed, Request, SourceConfig, html, json,
    recorded, settings,
};

/// The name of this kind.
pub const KIND: &str = "discourse";
/// The platform of all events.
pub const PLATFORM: &str = "discourse";
/// Pages of 50 posts walked back on a visit.
const MAX_PAGES: usize = 10;

/// The lines of the application's registration table.
pub const KINDS: &[Kind] = &[Kind { name: KIND, parse, connect }];

/// Reads an answer.
pub fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    recorded::each(observation, context, parse_answer)
}

fn parse_answer(observation: &Observation, context: &ParseContext) -> Parsed {
    let answer = match json::document(observation) {
        Ok(answer) => answer,
        Err(refusal) => return *refusal,
    };
    let mut parsed = Parsed::default();
    let topic_title = json::text(&answer, "title");
    let stream = answer.get("post_stream").map_or(&[][..], |stream| json::items(stream, "posts"));
    let actions = json::items(&answer, "user_actions");
    let search = answer.as_array().map_or_else(|| json::items(&answer, "posts"), Vec::as_slice);
    for post in json::items(&answer, "latest_posts").iter().chain(stream).chain(search).chain(actions) {
        read_post(post, topic_title, observation, context, &mut parsed);
    }
    for topic in answer.get("topic_list").map_or(&[][..], |list| json::items(list, "topics")) {
        if topic.get("id").is_some() {
            parsed.ignore("topic_without_text");
        }
    }
    if answer.get("cooked").is_some() && answer.get("id").is_some() {
        read_post(&answer, topic_title, observation, context, &mut parsed);
    }
    json::finished(parsed, "no_post_in_answer")
}

fn read_post(
    post: &Value,
    topic_title: Option<&str>,
    observation: &Observation,
    context: &ParseContext,
    parsed: &mut Parsed,
) {
    let raw = Bytes::from(post.to_string());
    let Some(id) = json::id(post, "id").or_else(|| json::id(post, "post_id")) else {
        if post.get("cooked").is_none() && post.get("raw").is_none() {
            return parsed.ignore("no_post");
        }
        parsed.problem("post", RejectCode::BadField, "id is missing", raw);
        return;
    };
    let is_gone = post.get("deleted_at").is_some_and(|d| !d.is_null())
        || post.get("user_deleted").and_then(Value::as_bool) == Some(true);
    let kind = if is_gone { EventKind::Delete } else { EventKind::Post };
    let mut event = context.event(kind, PLATFORM, &id, observation);
    let cooked = json::text(post, "cooked")
        .or_else(|| json::text(post, "excerpt"))
        .or_else(|| json::text(post, "blurb"));
    let content = cooked.map(html::content).unwrap_or_default();
    if !is_gone {
        event.text = if content.text.is_empty() {
            json::text(post, "raw").unwrap_or_default().to_owned()
        } else {
            content.text
        };
    }
    let number = json::count(post, "post_number").unwrap_or(1);
    if number <= 1 && !is_gone {
        // The first post of a topic stands under its title.
        if let Some(title) = json::text(post, "topic_title").or(topic_title) {
            event.text = format!("{title}\n\n{}", event.text);
        }
    }
    event.links = content.links;
    event.author = json::text(post, "username").map(|handle| Author {
        id: json::id(post, "user_id").unwrap_or_else(|| handle.to_owned()),
        handle: Some(handle.to_owned()),
        name: json::text(post, "name").map(str::to_owned),
    });
    event.posted_at = json::time(post, "created_at", observation.observed_at);
    let is_edited = json::count(post, "version").is_some_and(|v| v > 1);
    event.edited_at = json::time(post, "updated_at", observation.observed_at)
        .filter(|t| is_edited && Some(*t) != event.posted_at);
    if let Some(parent) = json::count(post, "reply_to_post_number") {
        event.kind = PostKind::Reply;
        // Answers name the number within the topic, not the id.
        event.reply_to =
            json::id(post, "topic_id").map(|topic| context.native_id(&format!("t/{topic}/{parent}")));
    } else if number > 1 {
        event.kind = PostKind::Reply;
        event.reply_to = json::id(post, "topic_id").map(|topic| context.native_id(&format!("t/{topic}/1")));
    }
    let slug = json::text(post, "topic_slug").unwrap_or("-");
    if let (Some(topic), Some(base)) = (json::id(post, "topic_id"), base_of(&observation.url)) {
        event.url = Some(format!("{base}/t/{slug}/{topic}/{number}"));
    }
    event.reach = Some(Reach {
        views: json::count(post, "reads"),
        replies: json::count(post, "reply_count"),
        ..Reach::default()
    });
    parsed.push(event, raw);
}

/// Scheme and host of an address.
fn base_of(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    Some(format!("{scheme}://{}", rest.split('/').next()?))
}

/// `/posts.json?before=` the lowest id of the page.
fn older(observation: &Observation, parsed: &Parsed) -> Option<String> {
    let ids = parsed.events.iter().filter_map(|e| e.event.native_id.rsplit('/').next()?.parse::<u64>().ok());
    let lowest = ids.min().filter(|id| *id > 1)?;
    let page = observation.url.split('?').next()?;
    Some(format!("{page}?before={lowest}"))
}

/// Settings of a Discourse source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `https://forum.example`.
    pub server: String,
}

/// Builds the connector.
///
/// # Errors
/// Unknown settings or a server that is no web address.
pub fn connect(config: &SourceConfig, deps: &Deps) -> Result<Box<dyn Connector>, ConfigError> {
    let settings: Config = settings(config)?;
    let server = settings.server.trim_end_matches('/');
    let host = server
        .split_once("://")
        .filter(|(scheme, host)| matches!(*scheme, "http" | "https") && !host.is_empty())
        .map(|(_, host)| host.to_owned())
        .ok_or_else(|| ConfigError::new(&config.name, "settings.server is no web address"))?;
    let request =
        Request::get(format!("{server}/posts.json")).header("accept", "application/json").as_crawler();
    let target =
        Target::new(request, ParseContext::scoped(&config.name, host)).paged(MAX_PAGES, older).complete();
    Ok(Box::new(Poll::new(vec![target], parse, deps)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use streife_domain::Timestamp;

    #[test]
    fn posts_replies_and_deletions() {
        let text = br#"{"latest_posts":[{"id":15,"username":"u","user_id":1,"created_at":"2026-01-02T03:04:05.000Z","updated_at":"2026-01-03T03:04:05.000Z","version":2,"cooked":"<p>a</p>","post_number":2,"topic_id":11,"topic_slug":"s","reply_to_post_number":1},{"id":16,"deleted_at":"2026-01-02T03:04:05.000Z","cooked":"x","post_number":3,"topic_id":11},{"cooked":"x"}]}"#;
        let o = Observation::new("https://f.test/posts.json", &text[..], Timestamp::from_secs(1_780_000_000));
        let p = parse(&o, &ParseContext::scoped("t", "f.test"));
        let e = &p.events[0].event;
        assert_eq!((e.native_id.as_str(), e.text.as_str(), e.kind), ("f.test/15", "a", PostKind::Reply));
        assert_eq!(e.url.as_deref(), Some("https://f.test/t/s/11/2"));
        assert!(e.edited_at.is_some());
        assert_eq!(p.events[1].event.event, EventKind::Delete);
        assert_eq!(p.problems.len(), 1);
        assert_eq!(older(&o, &p).as_deref(), Some("https://f.test/posts.json?before=15"));
    }
}
