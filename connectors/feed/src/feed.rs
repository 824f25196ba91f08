//! RSS 0.9x, 1.0, 2.0, Atom and JSON Feed, in any charset.
//!
//! An entry's identity is its guid, else its link, else a hash of its content; changed content under a known identity is
//! an edit. Feeds that are no well-formed XML are read by [`crate::lenient`]. Entities that a document declares
//! itself are never expanded.

use feed_rs::model::{Entry, Feed, Text};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use streife_domain::{Author, EventKind, Media, PostKind, RejectCode, Timestamp};
use streife_sdk::poll::{Poll, Target};
use streife_sdk::{
    ConfigError, Connector, Deps, Observation, ParseContext, Parsed, Request, SourceConfig, html, recorded,
    settings,
};
use url::Url;

use crate::websub::Followed;
use crate::{PLATFORM, lenient};

/// The name of this kind.
pub const KIND: &str = "feed";
/// A feed without end is cut off by the client here.
const MAX_FEED_BYTES: usize = 16 * 1024 * 1024;
/// Entries read of one feed.
const MAX_ENTRIES: usize = 5_000;
/// The longest text of one entry.
const MAX_TEXT_BYTES: usize = 1024 * 1024;

/// Reads a feed.
pub fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    recorded::each(observation, context, parse_feed)
}

fn parse_feed(observation: &Observation, context: &ParseContext) -> Parsed {
    if observation.body.len() > MAX_FEED_BYTES {
        return Parsed::refused(RejectCode::TooLarge, format!("over {MAX_FEED_BYTES} bytes"), observation);
    }
    let text = html::decode(observation);
    if !html::depth_is_bounded(&text) {
        return Parsed::refused(
            RejectCode::TooLarge,
            format!("nested over {} deep", html::MAX_DEPTH),
            observation,
        );
    }
    let text = without_declaration(&text);
    let base = Url::parse(&observation.url).ok().map(String::from);
    let parser = feed_rs::parser::Builder::new()
        .base_uri(base)
        // Identity is decided below: an empty id says that the feed gave none.
        .id_generator(|_, _, _| String::new())
        .sanitize_content(false)
        .build();
    match parser.parse(text.as_bytes()) {
        Ok(feed) => events(feed, observation, context),
        Err(error) => {
            let parsed = lenient::parse(text, observation, context);
            if parsed.events.is_empty() {
                let reason = match error {
                    feed_rs::parser::ParseFeedError::ParseError(_) => "no feed",
                    feed_rs::parser::ParseFeedError::JsonSerde(_) => "no JSON feed",
                    feed_rs::parser::ParseFeedError::JsonUnsupportedVersion(_) => {
                        "a JSON feed of unknown version"
                    }
                    _ => "neither XML nor JSON",
                };
                return Parsed::refused(RejectCode::BadField, reason, observation);
            }
            parsed
        }
    }
}

/// The text is UTF-8 by now, whatever its declaration says; a declaration after white space is an error.
fn without_declaration(text: &str) -> &str {
    let text = text.trim_start_matches(['\u{feff}', ' ', '\n', '\r', '\t']);
    match text.strip_prefix("<?xml") {
        Some(rest) => rest.split_once("?>").map_or(text, |(_, rest)| rest.trim_start()),
        None => text,
    }
}

fn events(feed: Feed, observation: &Observation, context: &ParseContext) -> Parsed {
    let mut parsed = Parsed::default();
    let language = feed.language.clone();
    let feed_author = feed.authors.first().and_then(|p| p.name.clone()).filter(|n| !n.is_empty());
    for (number, entry) in feed.entries.into_iter().enumerate() {
        if number >= MAX_ENTRIES {
            let rest = observation.body.slice(0..0);
            parsed.problem(
                "feed",
                RejectCode::TooLarge,
                format!("only the first {MAX_ENTRIES} entries are read"),
                rest,
            );
            break;
        }
        push_entry(entry, language.as_deref(), feed_author.as_deref(), observation, context, &mut parsed);
    }
    if parsed.events.is_empty() {
        parsed.ignore("feed_without_entries");
    }
    parsed
}

fn push_entry(
    entry: Entry,
    language: Option<&str>,
    feed_author: Option<&str>,
    observation: &Observation,
    context: &ParseContext,
    parsed: &mut Parsed,
) {
    let is_page = |rel: &Option<String>| rel.as_deref().is_none_or(|r| r == "alternate");
    let link =
        entry.links.iter().find(|l| is_page(&l.rel)).or_else(|| entry.links.first()).map(|l| l.href.clone());
    let title = entry.title.as_ref().map(|t| plain(t).text).unwrap_or_default();
    let body = entry.content.as_ref().and_then(|c| c.body.as_deref()).map(html::content);
    let summary = entry.summary.as_ref().map(plain);
    let content = body.filter(|b| !b.text.is_empty()).or(summary).unwrap_or_default();
    let text = joined(&title, &content.text);
    let id = identity(&entry.id, link.as_deref(), &text, context);
    let mut event = context.event(EventKind::Post, PLATFORM, "", observation);
    event.native_id = id;
    event.kind = PostKind::Article;
    event.text = text;
    event.url = link;
    event.lang = entry.language.as_deref().or(language).filter(|l| !l.is_empty()).map(str::to_owned);
    let name =
        entry.authors.first().and_then(|p| p.name.as_deref()).filter(|n| !n.is_empty()).or(feed_author);
    event.author = name.map(|n| Author { id: n.to_owned(), handle: None, name: Some(n.to_owned()) });
    let published = entry.published.map(|t| Timestamp::from_micros(t.timestamp_micros()));
    let updated = entry.updated.map(|t| Timestamp::from_micros(t.timestamp_micros()));
    event.posted_at = published.or(updated);
    event.edited_at = updated.filter(|u| published.is_some_and(|p| p != *u));
    event.tags =
        entry.categories.into_iter().map(|c| c.label.unwrap_or(c.term)).filter(|t| !t.is_empty()).collect();
    event.links = content.links;
    for link in entry.links.into_iter().filter(|l| l.rel.as_deref() == Some("enclosure")) {
        let kind = link.media_type.unwrap_or_else(|| "link".to_owned());
        push_media(&mut event.media, kind, link.href, link.length);
    }
    for item in entry.media.into_iter().flat_map(|m| m.content) {
        if let Some(url) = item.url {
            let kind = item.content_type.map_or_else(|| "link".to_owned(), |t| t.to_string());
            push_media(&mut event.media, kind, url.into(), item.size);
        }
    }
    for (url, alt) in content.images {
        if !event.media.iter().any(|m| m.url.as_deref() == Some(&url)) {
            event.media.push(Media {
                media_type: "image".to_owned(),
                url: Some(url),
                alt,
                ..Media::default()
            });
        }
    }
    parsed.push(event, observation.body.clone());
}

fn push_media(media: &mut Vec<Media>, media_type: String, url: String, bytes: Option<u64>) {
    if !media.iter().any(|m| m.url.as_deref() == Some(&url)) {
        // Many feeds write 0 where they do not know.
        let bytes = bytes.filter(|bytes| *bytes > 0);
        media.push(Media { media_type, url: Some(url), bytes, ..Media::default() });
    }
}

/// Titles and summaries are often HTML, whatever their type says.
fn plain(text: &Text) -> html::Content {
    html::content(&text.content)
}

/// Title and body; a body that begins with its title is not doubled.
pub(crate) fn joined(title: &str, body: &str) -> String {
    let mut text = match (title.is_empty(), body.is_empty()) {
        (false, false) if !body.starts_with(title) => format!("{title}\n\n{body}"),
        (_, false) => body.to_owned(),
        _ => title.to_owned(),
    };
    if text.len() > MAX_TEXT_BYTES {
        let end = (0..=MAX_TEXT_BYTES).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

/// guid, else link, else a hash. Ids that are only unique in their feed get its scope.
pub(crate) fn identity(guid: &str, link: Option<&str>, text: &str, context: &ParseContext) -> String {
    match (guid.trim(), link) {
        ("", Some(link)) => link.to_owned(),
        ("", None) => context.native_id(&hex::encode(&Sha256::digest(text)[..12])),
        (guid, _) if guid.contains(':') => guid.to_owned(),
        (guid, _) => context.native_id(guid),
    }
}

/// Settings of a feed source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The feeds' addresses.
    pub urls: Vec<String>,
}

/// Builds the connector.
///
/// # Errors
/// Unknown settings, no address, or one that is none.
pub fn connect(config: &SourceConfig, deps: &Deps) -> Result<Box<dyn Connector>, ConfigError> {
    let settings: Config = settings(config)?;
    let targets = web_targets(
        config,
        &settings.urls,
        "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5",
        MAX_FEED_BYTES,
    )?;
    Ok(match &deps.websub {
        Some(websub) => Box::new(Followed::new(targets, config.interval(), websub, deps)),
        None => Box::new(Poll::new(targets, parse, deps)),
    })
}

/// One target an address, obeying robots.txt.
pub(crate) fn web_targets(
    config: &SourceConfig,
    urls: &[String],
    accept: &str,
    max_bytes: usize,
) -> Result<Vec<Target>, ConfigError> {
    if urls.is_empty() {
        return Err(ConfigError::new(&config.name, "settings.urls: name at least one address"));
    }
    let mut targets = Vec::new();
    for address in urls {
        let url =
            Url::parse(address).ok().filter(|u| matches!(u.scheme(), "http" | "https")).ok_or_else(|| {
                ConfigError::new(&config.name, format!("settings.urls: {address:?} is no web address"))
            })?;
        let mut request = Request::get(address).header("accept", accept).as_crawler();
        request.max_bytes = max_bytes;
        let host = url.host_str().unwrap_or_default().to_owned();
        targets.push(Target::new(request, ParseContext::scoped(&config.name, host)));
    }
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &[u8]) -> Parsed {
        let o = Observation::new("https://x.test/feed", text.to_vec(), Timestamp::from_secs(1_780_000_000));
        parse(&o, &ParseContext::scoped("test", "x.test"))
    }

    #[test]
    fn an_rss_item() {
        let p = parsed(b"<?xml version='1.0' encoding='iso-8859-1'?><rss version='2.0'><channel><title>t</title><item><title>\xc4pfel</title><guid isPermaLink='false'>7</guid><link>https://x.test/7</link><description>&lt;p&gt;rot &amp;amp; gr\xfcn&lt;/p&gt;</description><pubDate>Thu, 01 Jan 2004 19:48:21 GMT</pubDate></item></channel></rss>");
        let e = &p.events[0].event;
        assert_eq!((e.native_id.as_str(), e.text.as_str()), ("x.test/7", "Äpfel\n\nrot & grün"));
        assert_eq!(e.posted_at.unwrap().to_string(), "2004-01-01T19:48:21Z");
    }

    #[test]
    fn entities_do_not_expand() {
        let lol = b"<?xml version='1.0'?><!DOCTYPE rss [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'>]><rss version='2.0'><channel><item><title>&c;</title></item></channel></rss>";
        for event in parsed(lol).events {
            assert!(event.event.text.len() < 100);
        }
    }

    #[test]
    fn ten_megabytes_of_one_element_are_cut() {
        let long = format!(
            "<rss version='2.0'><channel><item><guid>urn:1</guid><title>{}</title></item></channel></rss>",
            "x".repeat(10 << 20)
        );
        assert_eq!(parsed(long.as_bytes()).events[0].event.text.len(), MAX_TEXT_BYTES);
    }

    #[test]
    fn what_is_no_feed_is_refused_with_its_bytes() {
        for text in [&b"<html><body>404</body></html>"[..], b"", b"{}", b"\x00\xff\xfe"] {
            let p = parsed(text);
            assert_eq!((p.events.len(), p.problems.len()), (0, 1));
        }
        let deep = "<rss>".repeat(100_000);
        assert_eq!(parsed(deep.as_bytes()).problems[0].code, RejectCode::TooLarge);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>) {
            parsed(&bytes);
        }
    }
}
