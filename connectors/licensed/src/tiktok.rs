//! TikTok: videos and comments of the Research API. It is open to non-profit researchers alone; a police authority imports
//! files that were handed over instead.

use bytes::Bytes;
use serde_json::{Value, json};
use streife_domain::{Author, EventKind, Media, PostKind, Reach, RejectCode, Timestamp};
use streife_sdk::{
    ConfigError, Connector, Deps, Observation, ParseContext, Parsed, Request, SourceConfig, json as fields,
    recorded,
};

use crate::{Asked, Platform};

/// The name of this kind.
pub const KIND: &str = "tiktok";

const TIKTOK: Platform = Platform {
    name: "TikTok",
    base: "https://open.tiktokapis.com",
    target: |base, target| Asked::Query {
        address: format!(
            "{base}/v2/research/video/query/?fields=id,username,video_description,voice_to_text,create_time,hashtag_names,view_count,like_count,share_count,comment_count"
        ),
        body: json!({
            "query": { "and": [{ "operation": "IN", "field_name": "keyword", "field_values": [target] }] },
            "max_count": PAGE,
        })
        .to_string(),
        renew,
    },
    parse,
    older,
};

/// Videos a page; the interface gives no more.
const PAGE: usize = 100;
/// A query covers at most 30 days; the newest seven are asked for.
const DAYS_BACK: i64 = 7;

/// The dates of a query, which the interface wants as `YYYYMMDD`.
fn renew(request: &Request, now: Timestamp) -> Request {
    let day = |back: i64| now.plus_secs(-back * 86_400).to_string()[..10].replace('-', "");
    let body = request.body().map_or(&[][..], |body| body);
    let Ok(Value::Object(mut body)) = serde_json::from_slice(body) else { return request.clone() };
    body.insert("start_date".to_owned(), day(DAYS_BACK).into());
    body.insert("end_date".to_owned(), day(0).into());
    request.with_body(Value::Object(body).to_string())
}

/// What changes in the body for the next page of an answer.
fn older(observation: &Observation, _: &Parsed) -> Option<String> {
    let answer: Value = serde_json::from_slice(&observation.body).ok()?;
    let data = answer.get("data").filter(|d| d.get("has_more").and_then(Value::as_bool) == Some(true))?;
    Some(json!({ "cursor": data.get("cursor")?, "search_id": data.get("search_id")? }).to_string())
}

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
        let answer = match fields::document(observation) {
            Ok(answer) => answer,
            Err(refusal) => return *refusal,
        };
        let data = answer.get("data").unwrap_or(&answer);
        let mut parsed = Parsed::default();
        for video in fields::items(data, "videos") {
            read(video, false, observation, context, &mut parsed);
        }
        for comment in fields::items(data, "comments") {
            read(comment, true, observation, context, &mut parsed);
        }
        fields::finished(parsed, "no_post_in_answer")
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
    let Some(id) = fields::id(item, "id") else {
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
    event.text = parts.iter().filter_map(|p| fields::text(item, p)).collect::<Vec<_>>().join("\n\n");
    let user = fields::text(item, "username");
    event.author = user.map(|u| Author { id: u.to_owned(), handle: Some(u.to_owned()), name: None });
    event.posted_at = fields::time(item, "create_time", observation.observed_at);
    event.tags =
        fields::items(item, "hashtag_names").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    event.reach = Some(Reach {
        views: fields::count(item, "view_count"),
        likes: fields::count(item, "like_count"),
        shares: fields::count(item, "share_count"),
        replies: fields::count(item, "comment_count").or_else(|| fields::count(item, "reply_count")),
        followers: None,
    });
    if is_comment {
        event.kind = PostKind::Comment;
        event.reply_to = fields::id(item, "parent_comment_id").or_else(|| fields::id(item, "video_id"));
    } else {
        let url = user.map(|u| format!("https://www.tiktok.com/@{u}/video/{id}"));
        event.media.push(Media {
            media_type: "video".to_owned(),
            url: url.clone(),
            alt: None,
            ..Media::default()
        });
        event.url = url;
    }
    parsed.push(event, raw);
}
