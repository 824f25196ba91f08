//! YouTube comments through the data interface v3 (`commentThreads`, `comments`). Needs an API key.
//!
//! What it returns has to be refreshed or deleted after 30 days by its terms; the retention of the installation has to
//! be set so. Comments that vanish are not reported by the interface.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use streife_domain::{Author, EventKind, PostKind, Reach, RejectCode};
use streife_sdk::poll::{Poll, Target};
use streife_sdk::{
    ConfigError, Connector, Deps, Kind, Observation, ParseContext, Parsed, Request, SecretSource,
    SourceConfig, html, json, recorded, settings,
};

/// The name of this kind.
pub const KIND: &str = "youtube";
/// The platform of all events.
pub const PLATFORM: &str = "youtube";
const BASE: &str = "https://www.googleapis.com/youtube/v3";
/// Pages of 100 walked back on a visit: one unit of the daily quota each.
const MAX_PAGES: usize = 5;

/// The lines of the application's registration table.
pub const KINDS: &[Kind] = &[Kind { name: KIND, parse, connect }];

/// Reads an answer: comment threads, comments, search results of videos.
pub fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    recorded::each(observation, context, |observation, context| {
        let answer = match json::document(observation) {
            Ok(answer) => answer,
            Err(refusal) => return *refusal,
        };
        let mut parsed = Parsed::default();
        for item in json::items(&answer, "items") {
            let snippet = item.get("snippet");
            if let Some(top) = snippet.and_then(|s| s.get("topLevelComment")) {
                read_comment(top, observation, context, &mut parsed);
                for reply in item.get("replies").map_or(&[][..], |r| json::items(r, "comments")) {
                    read_comment(reply, observation, context, &mut parsed);
                }
            } else if snippet
                .is_some_and(|s| s.get("textOriginal").is_some() || s.get("textDisplay").is_some())
            {
                read_comment(item, observation, context, &mut parsed);
            } else {
                parsed.ignore("no_comment");
            }
        }
        json::finished(parsed, "no_comment_in_answer")
    })
}

fn read_comment(comment: &Value, observation: &Observation, context: &ParseContext, parsed: &mut Parsed) {
    let raw = Bytes::from(comment.to_string());
    let (Some(id), Some(snippet)) = (json::id(comment, "id"), comment.get("snippet")) else {
        parsed.problem("comment", RejectCode::BadField, "id or snippet is missing", raw);
        return;
    };
    let mut event = context.event(EventKind::Post, PLATFORM, "", observation);
    event.kind = PostKind::Comment;
    event.text = match json::text(snippet, "textOriginal") {
        Some(text) => text.to_owned(),
        None => json::text(snippet, "textDisplay").map(|t| html::content(t).text).unwrap_or_default(),
    };
    let name = json::text(snippet, "authorDisplayName");
    let channel = snippet.get("authorChannelId").and_then(|c| json::text(c, "value"));
    event.author = channel.or(name).map(|id| Author {
        id: id.to_owned(),
        handle: name.filter(|n| n.starts_with('@')).map(str::to_owned),
        name: name.map(str::to_owned),
    });
    event.posted_at = json::time(snippet, "publishedAt", observation.observed_at);
    event.edited_at =
        json::time(snippet, "updatedAt", observation.observed_at).filter(|t| Some(*t) != event.posted_at);
    event.reply_to = json::text(snippet, "parentId").map(str::to_owned);
    event.url = json::text(snippet, "videoId")
        .map(|video| format!("https://www.youtube.com/watch?v={video}&lc={id}"));
    event.reach = Some(Reach { likes: json::count(snippet, "likeCount"), ..Reach::default() });
    event.native_id = id;
    parsed.push(event, raw);
}

fn older(observation: &Observation, _: &Parsed) -> Option<String> {
    let answer: Value = serde_json::from_slice(&observation.body).ok()?;
    let token = json::text(&answer, "nextPageToken")?;
    let page = observation.url.split("&pageToken=").next()?;
    Some(format!("{page}&pageToken={token}"))
}

/// Settings of a YouTube source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Videos whose comments are read.
    #[serde(default)]
    pub videos: Vec<String>,
    /// Channels: comments on all of their videos.
    #[serde(default)]
    pub channels: Vec<String>,
    /// The API key.
    pub key: SecretSource,
    /// Where the interface is; another address only for tests.
    #[serde(default = "base")]
    pub base: String,
}

fn base() -> String {
    BASE.to_owned()
}

/// Builds the connector.
///
/// # Errors
/// Unknown settings, nothing to read, an unreadable key.
pub fn connect(config: &SourceConfig, deps: &Deps) -> Result<Box<dyn Connector>, ConfigError> {
    let settings: Config = settings(config)?;
    let key = settings.key.read(&config.name)?;
    let is_id = |id: &&String| {
        !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    let wanted = settings
        .videos
        .iter()
        .map(|v| ("videoId", v))
        .chain(settings.channels.iter().map(|c| ("allThreadsRelatedToChannelId", c)));
    let mut targets = Vec::new();
    for (parameter, id) in wanted {
        if !is_id(&id) {
            return Err(ConfigError::new(
                &config.name,
                format!("settings: {id:?} is no video or channel id"),
            ));
        }
        let url = format!(
            "{}/commentThreads?part=snippet,replies&maxResults=100&order=time&textFormat=plainText&{parameter}={id}",
            settings.base
        );
        // The key travels in a header, so that it stands in no address, log or observation.
        let request = Request::get(url).secret_header("x-goog-api-key", &key);
        targets.push(Target::new(request, ParseContext::new(&config.name)).paged(MAX_PAGES, older));
    }
    if targets.is_empty() {
        return Err(ConfigError::new(&config.name, "settings: name videos or channels"));
    }
    Ok(Box::new(Poll::new(targets, parse, deps)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use streife_domain::Timestamp;

    #[test]
    fn a_thread_with_a_reply() {
        let text = br#"{"nextPageToken":"N","items":[{"id":"a","snippet":{"topLevelComment":{"id":"a","snippet":{"videoId":"v","textOriginal":"x","authorDisplayName":"@n","authorChannelId":{"value":"UC1"},"publishedAt":"2026-01-02T03:04:05Z","updatedAt":"2026-01-02T03:04:05Z","likeCount":2}}},"replies":{"comments":[{"id":"a.b","snippet":{"textDisplay":"y &amp; z","parentId":"a"}}]}}]}"#;
        let o = Observation::new("https://g.test/c?x=1", &text[..], Timestamp::default());
        let p = parse(&o, &ParseContext::new("t"));
        assert_eq!((p.events[0].event.text.as_str(), p.events[0].event.edited_at), ("x", None));
        assert_eq!(
            (p.events[1].event.text.as_str(), p.events[1].event.reply_to.as_deref()),
            ("y & z", Some("a"))
        );
        assert_eq!(older(&o, &p).as_deref(), Some("https://g.test/c?x=1&pageToken=N"));
    }
}
