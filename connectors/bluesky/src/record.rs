//! The record `app.bsky.feed.post`, from JSON or DAG-CBOR, and what it becomes.

use std::borrow::Cow;

use serde::Deserialize;
use streife_domain::{Author, Event, EventKind, Media, PostKind, Timestamp};

use crate::PLATFORM;

/// The collection of posts.
pub(crate) const POST: &str = "app.bsky.feed.post";

/// A post record. Unknown fields are passed over; what a post may leave out may be absent or null.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Post<'a> {
    #[serde(borrow, default)]
    pub(crate) text: Cow<'a, str>,
    #[serde(borrow, default, rename = "createdAt")]
    pub(crate) created_at: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(crate) langs: Option<Vec<String>>,
    #[serde(borrow, default)]
    pub(crate) reply: Option<Reply<'a>>,
    #[serde(borrow, default)]
    pub(crate) embed: Option<Embed<'a>>,
    #[serde(default)]
    pub(crate) facets: Option<Vec<Facet>>,
    #[serde(default)]
    pub(crate) tags: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Reply<'a> {
    #[serde(borrow)]
    parent: StrongRef<'a>,
}

#[derive(Debug, Deserialize)]
struct StrongRef<'a> {
    #[serde(borrow)]
    uri: Cow<'a, str>,
}

/// All embeds in one shape: each kind fills its own fields.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Embed<'a> {
    #[serde(borrow, rename = "$type", default)]
    kind: Cow<'a, str>,
    #[serde(default)]
    images: Option<Vec<Image>>,
    #[serde(default)]
    external: Option<External>,
    /// A quoted post: `{uri, cid}`, or, with media beside it, `{record: {uri, cid}}`.
    #[serde(borrow, default)]
    record: Option<Quoted<'a>>,
    #[serde(borrow, default)]
    media: Option<Box<Embed<'a>>>,
    #[serde(default)]
    alt: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Quoted<'a> {
    #[serde(borrow, default)]
    uri: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    record: Option<StrongRef<'a>>,
}

#[derive(Debug, Deserialize)]
struct Image {
    #[serde(default)]
    alt: String,
}

#[derive(Debug, Deserialize)]
struct External {
    uri: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Facet {
    #[serde(default)]
    features: Vec<Feature>,
}

#[derive(Debug, Deserialize)]
struct Feature {
    #[serde(default)]
    uri: Option<String>,
    #[serde(default)]
    tag: Option<String>,
}

/// The address that is a post's identity.
pub(crate) fn at_uri(did: &str, collection: &str, rkey: &str) -> String {
    format!("at://{did}/{collection}/{rkey}")
}

/// The public page of a post.
fn page(did: &str, rkey: &str) -> String {
    format!("https://bsky.app/profile/{did}/post/{rkey}")
}

/// An event of the post `did`/`rkey`.
pub(crate) fn event(kind: EventKind, source: &str, did: &str, rkey: &str, observed_at: Timestamp) -> Event {
    let mut event = Event::new(kind, source, PLATFORM, &at_uri(did, POST, rkey), observed_at);
    event.url = Some(page(did, rkey));
    event.author = Some(Author { id: did.to_owned(), handle: None, name: None });
    event
}

/// Fills in what the record says.
pub(crate) fn fill(event: &mut Event, post: Post<'_>) {
    event.text = post.text.into_owned();
    event.posted_at = post.created_at.and_then(|t| streife_sdk::dates::parse(&t, event.observed_at));
    event.lang = post.langs.and_then(|langs| langs.into_iter().next());
    event.tags = post.tags.unwrap_or_default();
    for feature in post.facets.into_iter().flatten().flat_map(|f| f.features) {
        if let Some(tag) = feature.tag
            && !event.tags.contains(&tag)
        {
            event.tags.push(tag);
        }
        if let Some(uri) = feature.uri
            && !event.links.contains(&uri)
        {
            event.links.push(uri);
        }
    }
    if let Some(embed) = post.embed {
        fill_embed(event, embed);
    }
    if let Some(reply) = post.reply {
        event.kind = PostKind::Reply;
        event.reply_to = Some(reply.parent.uri.into_owned());
    } else if event.quote_of.is_some() {
        event.kind = PostKind::Quote;
    }
}

fn fill_embed(event: &mut Event, embed: Embed<'_>) {
    for image in embed.images.into_iter().flatten() {
        let alt = Some(image.alt).filter(|a| !a.is_empty());
        event.media.push(Media { media_type: "image".to_owned(), url: None, alt, ..Media::default() });
    }
    if embed.kind.starts_with("app.bsky.embed.video") {
        event.media.push(Media {
            media_type: "video".to_owned(),
            url: None,
            alt: embed.alt,
            ..Media::default()
        });
    }
    if let Some(external) = embed.external {
        event.media.push(Media {
            media_type: "link".to_owned(),
            url: Some(external.uri.clone()),
            alt: None,
            ..Media::default()
        });
        if !event.links.contains(&external.uri) {
            event.links.push(external.uri);
        }
    }
    if let Some(quoted) = embed.record {
        event.quote_of = quoted.uri.or_else(|| quoted.record.map(|r| r.uri)).map(Cow::into_owned);
    }
    // Media stand at most one level deep; deeper ones are not followed.
    if let Some(media) = embed.media {
        fill_embed(event, Embed { media: None, ..*media });
    }
}
