//! TikTok: videos and comments of the Research API. It is open to non-profit researchers alone; a police authority imports
//! files that were handed over instead.

use bytes::Bytes;
use serde_json::Value;
use streife_domain::{Author, EventKind, Media, PostKind, Reach, RejectCode};
use streife_sdk::{
    ConfigError, Connector, Deps, Observation, ParseContext, Parsed, SourceConfig, json, recorded,
};

use crate::Platform;

/// The name of this kind.
pub const KIND: &str = "tiktok";

const TIKTOK: Platform = Platform {
    name: "TikTok",
    base: "https://open.tiktokapis.com",
    address: |base, target| {
        format!(
            "{base}/v2/research/video/comment/list/?video_id={target}&fields=id,text,video_id,parent_comment_id,like_count,reply_count,create_time"
        )
    },
    parse,
    older: |_, _| None,
};

/// Builds the connector.
///
/// # Errors
/// No agreement, unknown settings, an unreadable token.
pub fn connect(config: &SourceConfig, deps: &Deps) -> Result<Box<dyn Connector>, ConfigError> {
    crate::connect(&TIKTOK, config, deps)
}

/// Reads an answer with videos or comments.
pub fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    recorded::each(observation, context, |observation, context| {
        let answer = match json::document(observation) {
            Ok(answer) => answer,
            Err(refusal) => return *refusal,
        };
        let data = answer.get("data").unwrap_or(&answer);
        let mut parsed = Parsed::default();
        for video in json::items(data, "videos") {
            read(video, false, observation, context, &mut parsed);
        }
        for comment in json::items(data, "comments") {
            read(comment, true, observation, context, &mut parsed);
        }
        json::finished(parsed, "no_post_in_answer")
    })
}

fn read(
    item: &Value,
    is_comment: bool,
    observation: &Observation,
    context: &ParseContext,
    parsed: &mut Parsed,
) {
    let raw = Bytes::from(item.to_string());
    let Some(id) = json::id(item, "id") else {
        parsed.problem(
            if is_comment { "comment" } else { "video" },
            RejectCode::BadField,
            "id is missing",
            raw,
        );
        return;
    };
    let mut event = context.event(EventKind::Post, "tiktok", &id, observation);
    let parts = if is_comment { ["text", ""] } else { ["video_description", "voice_to_text"] };
    event.text = parts.iter().filter_map(|p| json::text(item, p)).collect::<Vec<_>>().join("\n\n");
    let user = json::text(item, "username");
    event.author = user.map(|u| Author { id: u.to_owned(), handle: Some(u.to_owned()), name: None });
    event.posted_at = json::time(item, "create_time", observation.observed_at);
    event.tags =
        json::items(item, "hashtag_names").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    event.reach = Some(Reach {
        views: json::count(item, "view_count"),
        likes: json::count(item, "like_count"),
        shares: json::count(item, "share_count"),
        replies: json::count(item, "comment_count").or_else(|| json::count(item, "reply_count")),
        followers: None,
    });
    if is_comment {
        event.kind = PostKind::Comment;
        event.reply_to = json::id(item, "parent_comment_id").or_else(|| json::id(item, "video_id"));
    } else {
        let url = user.map(|u| format!("https://www.tiktok.com/@{u}/video/{id}"));
        event.media.push(Media { media_type: "video".to_owned(), url: url.clone(), alt: None });
        event.url = url;
    }
    parsed.push(event, raw);
}
