//! Reddit: listings and comment trees of `oauth.reddit.com`. Every use needs Reddit's approval.
//!
//! Deleted authors and removed bodies are deletions: their content has to go everywhere.

use bytes::Bytes;
use serde_json::Value;
use streife_domain::{Author, EventKind, Media, PostKind, Reach, RejectCode};
use streife_sdk::{
    ConfigError, Connector, Deps, Observation, ParseContext, Parsed, SourceConfig, json, recorded,
};

use crate::{Asked, Platform, encoded};

/// The name of this kind.
pub const KIND: &str = "reddit";
/// Comment trees nest; deeper ones are cut.
const MAX_DEPTH: usize = 64;

const REDDIT: Platform = Platform {
    name: "Reddit",
    base: "https://oauth.reddit.com",
    target: |base, target| Asked::Address(format!("{base}/r/{}/new?limit=100&raw_json=1", encoded(target))),
    parse,
    older,
};

/// Builds the connector.
///
/// # Errors
/// No agreement, unknown settings, an unreadable token.
pub fn connect(config: &SourceConfig, deps: &Deps) -> Result<Box<dyn Connector>, ConfigError> {
    crate::connect(&REDDIT, config, deps)
}

/// Reads a listing, a thread (two listings), an answer to `morechildren`.
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

fn walk(value: &Value, depth: usize, observation: &Observation, context: &ParseContext, parsed: &mut Parsed) {
    if depth > MAX_DEPTH {
        return parsed.ignore("nested_too_deep");
    }
    if let Value::Array(items) = value {
        for item in items {
            walk(item, depth + 1, observation, context, parsed);
        }
        return;
    }
    let Some(data) = value.get("data") else {
        if let Some(inner) = value.get("json") {
            walk(inner, depth + 1, observation, context, parsed);
        }
        return;
    };
    match value.get("kind").and_then(Value::as_str) {
        Some("t1" | "t3") => {
            read(value, data, observation, context, parsed);
            if let Some(replies) = data.get("replies").filter(|r| r.is_object()) {
                walk(replies, depth + 1, observation, context, parsed);
            }
        }
        Some("more") => parsed.ignore("more_comments"),
        Some("Listing") | None => {
            for child in json::items(data, "children").iter().chain(json::items(data, "things")) {
                walk(child, depth + 1, observation, context, parsed);
            }
        }
        Some(_) => parsed.ignore("no_post"),
    }
}

fn read(thing: &Value, data: &Value, observation: &Observation, context: &ParseContext, parsed: &mut Parsed) {
    let is_comment = thing.get("kind").and_then(Value::as_str) == Some("t1");
    // A comment carries its replies; each of those has bytes of its own.
    let mut own = data.clone();
    if let Some(fields) = own.as_object_mut() {
        fields.remove("replies");
    }
    let raw = Bytes::from(own.to_string());
    let prefix = if is_comment { "t1_" } else { "t3_" };
    let name = json::text(data, "name")
        .map(str::to_owned)
        .or_else(|| json::text(data, "id").map(|id| format!("{prefix}{id}")));
    let Some(name) = name else {
        parsed.problem("thing", RejectCode::BadField, "neither name nor id", raw);
        return;
    };
    let body = json::text(data, if is_comment { "body" } else { "selftext" }).unwrap_or_default();
    let author = json::text(data, "author").filter(|a| *a != "[deleted]");
    let is_gone = matches!(body, "[removed]" | "[deleted]");
    let kind = if is_gone { EventKind::Delete } else { EventKind::Post };
    let mut event = context.event(kind, "reddit", "", observation);
    event.native_id = name;
    event.kind = if is_comment { PostKind::Comment } else { PostKind::Post };
    if !is_gone {
        let title = json::text(data, "title");
        let parts = [title, Some(body).filter(|b| !b.is_empty())];
        // Without raw_json=1 the interface escapes &, < and > as in HTML.
        event.text = unescape(&parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n"));
    }
    event.author = author.map(|a| Author {
        id: json::text(data, "author_fullname").unwrap_or(a).to_owned(),
        handle: Some(a.to_owned()),
        name: None,
    });
    event.posted_at = json::time(data, "created_utc", observation.observed_at);
    event.edited_at = json::time(data, "edited", observation.observed_at);
    event.reply_to = json::text(data, "parent_id").filter(|_| is_comment).map(str::to_owned);
    event.url = json::text(data, "permalink").map(|p| format!("https://www.reddit.com{p}"));
    if let Some(subreddit) = json::text(data, "subreddit") {
        event.tags.push(subreddit.to_owned());
    }
    let is_self = data.get("is_self").and_then(Value::as_bool) == Some(true);
    if let Some(link) = json::text(data, "url").filter(|_| !is_self && !is_comment && !is_gone) {
        event.links.push(unescape(link));
        let media_type = json::text(data, "post_hint").unwrap_or("link");
        let media_type = if media_type.contains("video") {
            "video"
        } else if media_type == "image" {
            "image"
        } else {
            "link"
        };
        event.media.push(Media {
            media_type: media_type.to_owned(),
            url: Some(unescape(link)),
            alt: None,
            ..Media::default()
        });
    }
    event.reach = Some(Reach {
        likes: json::count(data, "ups"),
        replies: json::count(data, "num_comments"),
        ..Reach::default()
    });
    parsed.push(event, raw);
}

fn unescape(text: &str) -> String {
    if text.contains('&') {
        text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    } else {
        text.to_owned()
    }
}

fn older(observation: &Observation, _: &Parsed) -> Option<String> {
    let answer: Value = serde_json::from_slice(&observation.body).ok()?;
    let after = json::text(answer.get("data")?, "after")?;
    let page = observation.url.split("&after=").next()?;
    Some(format!("{page}&after={after}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use streife_domain::Timestamp;

    #[test]
    fn a_thread_with_nested_comments_and_a_removal() {
        let text = br#"[{"kind":"Listing","data":{"children":[{"kind":"t3","data":{"id":"a","name":"t3_a","title":"x &amp; y","selftext":"","author":"u","created_utc":1377220979.0,"permalink":"/r/s/a","subreddit":"s","edited":false,"is_self":true}}]}},{"kind":"Listing","data":{"children":[{"kind":"t1","data":{"id":"b","body":"c","author":"[deleted]","parent_id":"t3_a","replies":{"kind":"Listing","data":{"children":[{"kind":"t1","data":{"id":"d","body":"[removed]","parent_id":"t1_b","replies":""}},{"kind":"more","data":{}}]}}}}]}}]"#;
        let o = Observation::new("f", &text[..], Timestamp::default());
        let p = parse(&o, &ParseContext::new("t"));
        let ids: Vec<_> = p.events.iter().map(|e| e.event.native_id.as_str()).collect();
        assert_eq!(ids, ["t3_a", "t1_b", "t1_d"]);
        assert_eq!(p.events[0].event.text, "x & y");
        assert_eq!(p.events[2].event.event, EventKind::Delete);
        assert_eq!(p.ignored["more_comments"], 1);
    }
}
