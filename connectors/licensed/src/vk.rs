//! VK: walls, searches and comments. Besides its terms, sanctions have to be checked before it is used.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::Value;
use streife_domain::{Author, EventKind, Media, PostKind, Reach, RejectCode};
use streife_sdk::{
    ConfigError, Connector, Deps, Observation, ParseContext, Parsed, SourceConfig, json, recorded,
};

use crate::{Asked, Platform, encoded};

/// The name of this kind.
pub const KIND: &str = "vk";

const VK: Platform = Platform {
    name: "VK",
    base: "https://api.vk.com",
    target: |base, target| {
        let target = encoded(target);
        Asked::Address(format!("{base}/method/wall.get?owner_id={target}&count={PAGE}&extended=1&v=5.199"))
    },
    parse,
    older,
};

/// Posts a page.
const PAGE: usize = 100;

/// The page behind this one, where it was full.
fn older(observation: &Observation, parsed: &Parsed) -> Option<String> {
    let (page, offset) = observation.url.split_once("&offset=").unwrap_or((&observation.url, "0"));
    let offset: usize = offset.parse().ok()?;
    (parsed.events.len() >= PAGE).then(|| format!("{page}&offset={}", offset + PAGE))
}

/// Builds the connector.
///
/// # Errors
/// No agreement, unknown settings, an unreadable token.
pub fn connect(config: &SourceConfig, deps: &Deps) -> Result<Box<dyn Connector>, ConfigError> {
    crate::connect(&VK, config, deps)
}

/// Reads `wall.get`, `newsfeed.search`, `wall.getComments`.
pub fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    recorded::each(observation, context, |observation, context| {
        let answer = match json::document(observation) {
            Ok(answer) => answer,
            Err(refusal) => return *refusal,
        };
        if let Some(error) = answer.get("error") {
            let code = json::count(error, "error_code").unwrap_or_default();
            return Parsed::refused(RejectCode::BadField, format!("VK reports error {code}"), observation);
        }
        let response = answer.get("response").unwrap_or(&answer);
        let mut names = HashMap::new();
        for person in json::items(response, "profiles") {
            let name = [json::text(person, "first_name"), json::text(person, "last_name")];
            if let Some(id) = json::id(person, "id") {
                names.insert(id, name.into_iter().flatten().collect::<Vec<_>>().join(" "));
            }
        }
        for group in json::items(response, "groups") {
            if let (Some(id), Some(name)) = (json::id(group, "id"), json::text(group, "name")) {
                names.insert(format!("-{id}"), name.to_owned());
            }
        }
        let mut parsed = Parsed::default();
        for item in json::items(response, "items") {
            read(item, &names, observation, context, &mut parsed);
        }
        json::finished(parsed, "no_post_in_answer")
    })
}

fn read(
    item: &Value,
    names: &HashMap<String, String>,
    observation: &Observation,
    context: &ParseContext,
    parsed: &mut Parsed,
) {
    let raw = Bytes::from(item.to_string());
    let owner = json::id(item, "owner_id").or_else(|| json::id(item, "from_id"));
    let (Some(id), Some(owner)) = (json::id(item, "id"), owner) else {
        parsed.problem("item", RejectCode::BadField, "id or owner is missing", raw);
        return;
    };
    let mut event = context.event(EventKind::Post, "vk", "", observation);
    event.native_id = format!("{owner}_{id}");
    event.url = Some(format!("https://vk.com/wall{owner}_{id}"));
    event.text = json::text(item, "text").unwrap_or_default().to_owned();
    event.author =
        json::id(item, "from_id").map(|id| Author { name: names.get(&id).cloned(), handle: None, id });
    event.posted_at = json::time(item, "date", observation.observed_at);
    event.edited_at = json::time(item, "edited", observation.observed_at);
    if let Some(post) = json::id(item, "post_id").filter(|p| *p != id) {
        event.kind = PostKind::Comment;
        event.reply_to = Some(format!("{owner}_{post}"));
    } else if !json::items(item, "copy_history").is_empty() {
        event.kind = if event.text.is_empty() { PostKind::Repost } else { PostKind::Quote };
        if let Some(copied) = json::items(item, "copy_history").first() {
            let ids = (json::id(copied, "owner_id"), json::id(copied, "id"));
            event.quote_of = ids.0.zip(ids.1).map(|(o, i)| format!("{o}_{i}"));
        }
    }
    for attachment in json::items(item, "attachments") {
        let Some(kind) = json::text(attachment, "type") else { continue };
        let inner = attachment.get(kind);
        let url = inner.and_then(|i| json::text(i, "url")).map(str::to_owned);
        if kind == "link" {
            event.links.extend(url.clone());
        }
        let media_type = if kind == "photo" { "image" } else { kind };
        event.media.push(Media { media_type: media_type.to_owned(), url, alt: None, ..Media::default() });
    }
    let counted = |field: &str| item.get(field).and_then(|v| json::count(v, "count"));
    event.reach = Some(Reach {
        views: counted("views"),
        likes: counted("likes"),
        shares: counted("reposts"),
        replies: counted("comments"),
        followers: None,
    });
    event.tags = event
        .text
        .split_whitespace()
        .filter_map(|w| w.strip_prefix('#'))
        .filter(|t| !t.is_empty())
        .map(str::to_owned)
        .collect();
    parsed.push(event, raw);
}
