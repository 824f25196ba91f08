//! X: the interface v2 (search and stream objects). Its terms forbid much of what a police use means; an agreement has to
//! allow it in words.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::Value;
use streife_domain::{Author, EventKind, Media, PostKind, Reach, RejectCode};
use streife_sdk::{
    ConfigError, Connector, Deps, Observation, ParseContext, Parsed, SourceConfig, json, recorded,
};

use crate::{Asked, Platform, encoded};

/// The name of this kind.
pub const KIND: &str = "x";

const X: Platform = Platform {
    name: "X",
    base: "https://api.x.com",
    target: |base, target| {
        let target = encoded(target);
        Asked::Address(format!(
            "{base}/2/tweets/search/recent?max_results=100&query={target}&tweet.fields=author_id,created_at,lang,referenced_tweets,entities,public_metrics,edit_history_tweet_ids,attachments&expansions=author_id,attachments.media_keys&media.fields=url,type,alt_text"
        ))
    },
    parse,
    older,
};

/// Builds the connector.
///
/// # Errors
/// No agreement, unknown settings, an unreadable token.
pub fn connect(config: &SourceConfig, deps: &Deps) -> Result<Box<dyn Connector>, ConfigError> {
    crate::connect(&X, config, deps)
}

/// Reads a search answer, a post, or stream objects one a line (posts and compliance events).
pub fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    recorded::each(observation, context, |observation, context| {
        let mut parsed = Parsed::default();
        if let Ok(answer) = serde_json::from_slice::<Value>(&observation.body) {
            read_answer(&answer, observation, context, &mut parsed);
            return json::finished(parsed, "no_post_in_answer");
        }
        for (number, line) in observation.body.split(|b| *b == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice::<Value>(line) {
                Ok(answer) => read_answer(&answer, observation, context, &mut parsed),
                Err(_) => parsed.problem(
                    format!("line {}", number + 1),
                    RejectCode::BadJson,
                    "not JSON",
                    observation.body.slice_ref(line),
                ),
            }
        }
        json::finished(parsed, "no_post_in_answer")
    })
}

fn read_answer(answer: &Value, observation: &Observation, context: &ParseContext, parsed: &mut Parsed) {
    if let Some(id) = answer
        .pointer("/delete/tweet/id")
        .or_else(|| answer.pointer("/data/delete/tweet/id"))
        .or_else(|| answer.pointer("/delete/status/id_str"))
        .and_then(Value::as_str)
    {
        parsed.push(context.event(EventKind::Delete, "x", id, observation), Bytes::from(answer.to_string()));
        return;
    }
    let by_key = |list: &str, key: &str| -> HashMap<String, &Value> {
        let items = answer.get("includes").map_or(&[][..], |i| json::items(i, list));
        items.iter().filter_map(|item| Some((json::id(item, key)?, item))).collect()
    };
    let (users, media) = (by_key("users", "id"), by_key("media", "media_key"));
    let posts = match answer.get("data") {
        Some(Value::Array(posts)) => posts.as_slice(),
        Some(post) => std::slice::from_ref(post),
        None => &[],
    };
    for post in posts {
        read_post(post, &users, &media, observation, context, parsed);
    }
    for _ in json::items(answer, "errors") {
        parsed.ignore("error_answer");
    }
}

fn read_post(
    post: &Value,
    users: &HashMap<String, &Value>,
    media: &HashMap<String, &Value>,
    observation: &Observation,
    context: &ParseContext,
    parsed: &mut Parsed,
) {
    let raw = Bytes::from(post.to_string());
    let (Some(id), Some(text)) = (json::id(post, "id"), json::text(post, "text")) else {
        parsed.problem("post", RejectCode::BadField, "id or text is missing", raw);
        return;
    };
    // Every edit has an id of its own; the first of the history is the post's identity.
    let history = json::items(post, "edit_history_tweet_ids");
    let first = history.first().and_then(Value::as_str).unwrap_or(&id).to_owned();
    let kind = if first == id { EventKind::Post } else { EventKind::Edit };
    let mut event = context.event(kind, "x", &first, observation);
    event.text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    event.lang = json::text(post, "lang").filter(|l| *l != "und").map(str::to_owned);
    event.posted_at = json::time(post, "created_at", observation.observed_at);
    let author = json::id(post, "author_id");
    let user = author.as_ref().and_then(|a| users.get(a));
    let handle = user.and_then(|u| json::text(u, "username"));
    event.url = Some(format!("https://x.com/{}/status/{id}", handle.unwrap_or("i")));
    event.author = author.map(|id| Author {
        id,
        handle: handle.map(str::to_owned),
        name: user.and_then(|u| json::text(u, "name")).map(str::to_owned),
    });
    for other in json::items(post, "referenced_tweets") {
        let id = json::id(other, "id");
        match json::text(other, "type") {
            Some("replied_to") => {
                event.kind = PostKind::Reply;
                event.reply_to = id;
            }
            Some("quoted") => {
                if event.kind == PostKind::Post {
                    event.kind = PostKind::Quote;
                }
                event.quote_of = id;
            }
            Some("retweeted") => {
                event.kind = PostKind::Repost;
                event.quote_of = id;
            }
            _ => {}
        }
    }
    if let Some(entities) = post.get("entities") {
        event.tags = json::items(entities, "hashtags")
            .iter()
            .filter_map(|t| json::text(t, "tag"))
            .map(str::to_owned)
            .collect();
        event.links = json::items(entities, "urls")
            .iter()
            .filter_map(|u| json::text(u, "expanded_url"))
            .map(str::to_owned)
            .collect();
    }
    for key in post
        .get("attachments")
        .map_or(&[][..], |a| json::items(a, "media_keys"))
        .iter()
        .filter_map(Value::as_str)
    {
        let item = media.get(key);
        let said = |field: &str| item.and_then(|i| json::text(i, field));
        let media_type = match said("type") {
            Some("video" | "animated_gif") => "video",
            _ => "image",
        };
        event.media.push(Media {
            media_type: media_type.to_owned(),
            url: said("url").map(str::to_owned),
            alt: said("alt_text").map(str::to_owned),
            ..Media::default()
        });
    }
    if let Some(metrics) = post.get("public_metrics") {
        event.reach = Some(Reach {
            views: json::count(metrics, "impression_count"),
            likes: json::count(metrics, "like_count"),
            shares: json::count(metrics, "retweet_count"),
            replies: json::count(metrics, "reply_count"),
            followers: None,
        });
    }
    parsed.push(event, raw);
}

fn older(observation: &Observation, _: &Parsed) -> Option<String> {
    let answer: Value = serde_json::from_slice(&observation.body).ok()?;
    let token = json::text(answer.get("meta")?, "next_token")?;
    let page = observation.url.split("&next_token=").next()?;
    Some(format!("{page}&next_token={token}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use streife_domain::Timestamp;

    #[test]
    fn posts_edits_and_deletions() {
        let text = br#"{"data":[{"id":"2","edit_history_tweet_ids":["1","2"],"text":"a &amp; b","author_id":"9","created_at":"2026-01-02T03:04:05.000Z","referenced_tweets":[{"type":"replied_to","id":"0"}],"entities":{"hashtags":[{"tag":"t"}]}}],"includes":{"users":[{"id":"9","username":"u","name":"U"}]},"meta":{"next_token":"N"}}
{"delete":{"tweet":{"id":"7"}}}"#;
        let o = Observation::new("https://x.test/s?q=1", &text[..], Timestamp::default());
        let p = parse(&o, &ParseContext::new("t"));
        let e = &p.events[0].event;
        assert_eq!((e.native_id.as_str(), e.event, e.text.as_str()), ("1", EventKind::Edit, "a & b"));
        assert_eq!(
            (e.reply_to.as_deref(), e.author.as_ref().unwrap().handle.as_deref()),
            (Some("0"), Some("u"))
        );
        assert_eq!(p.events[1].event.event, EventKind::Delete);
    }
}
