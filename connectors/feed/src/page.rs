//! A web page as an article: main text, canonical address, author, date.
//!
//! The main text is found by the crate `trafilatura`; where it finds none, the text of the whole body stands.

use std::panic::{AssertUnwindSafe, catch_unwind};

use scraper::{Html, Selector};
use serde::Deserialize;
use streife_domain::{Author, EventKind, PostKind, RejectCode, Timestamp};
use streife_sdk::listing::{Freshness, List, Listing, Reading};
use streife_sdk::poll::Poll;
use streife_sdk::{
    ConfigError, Connector, Deps, Observation, ParseContext, Parsed, SourceConfig, dates, html, recorded,
    settings,
};
use url::Url;

use crate::feed::web_targets;
use crate::{PLATFORM, sitemap};

/// The name of this kind.
pub const KIND: &str = "page";
/// Larger pages are not read.
const MAX_PAGE_BYTES: usize = 8 * 1024 * 1024;

/// Reads a page.
pub fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    recorded::each(observation, context, parse_page)
}

fn parse_page(observation: &Observation, context: &ParseContext) -> Parsed {
    if observation.body.len() > MAX_PAGE_BYTES {
        return Parsed::refused(RejectCode::TooLarge, format!("over {MAX_PAGE_BYTES} bytes"), observation);
    }
    let page = html::decode(observation);
    if !page.contains('<') {
        return Parsed::refused(RejectCode::BadField, "no HTML", observation);
    }
    if !html::depth_is_bounded(&page) {
        return Parsed::refused(
            RejectCode::TooLarge,
            format!("nested over {} deep", html::MAX_DEPTH),
            observation,
        );
    }
    let about = About::read(&page, observation);
    let main = main_text(&page, &observation.url);
    let (text, author, tags, day) = match main {
        Some(main) => (main.content_text, main.metadata.author, main.metadata.tags, main.metadata.date),
        None => (html::content(&page).text, String::new(), Vec::new(), None),
    };
    if text.trim().is_empty() {
        return Parsed::refused(RejectCode::EmptyText, "the page has no text", observation);
    }
    let id = about.canonical.clone().unwrap_or_else(|| observation.url.clone());
    let mut event = context.event(EventKind::Post, PLATFORM, "", observation);
    event.url = Some(id.clone());
    event.native_id = id;
    event.kind = PostKind::Article;
    event.text = text;
    event.lang = about.language;
    event.author = Some(author).filter(|a| !a.is_empty()).map(|name| Author {
        id: name.clone(),
        handle: None,
        name: Some(name),
    });
    event.posted_at =
        about.published.or_else(|| day.and_then(|d| dates::parse(&d.to_string(), observation.observed_at)));
    event.edited_at = about.modified.filter(|m| Some(*m) != event.posted_at);
    event.tags = tags;
    let mut parsed = Parsed::default();
    parsed.push(event, observation.body.clone());
    parsed
}

/// The main text, or nothing. A page that makes the extractor panic is read without it.
fn main_text(page: &str, address: &str) -> Option<trafilatura::ExtractResult> {
    let mut options = trafilatura::Options::default().with_fallback(true).with_exclude_comments(true);
    if let Ok(url) = Url::parse(address) {
        options = options.with_url(url);
    }
    let found = catch_unwind(AssertUnwindSafe(|| trafilatura::extract(page, &options)));
    found.ok()?.ok().filter(|result| !result.content_text.trim().is_empty())
}

/// What the head of a page says of it.
#[derive(Default)]
struct About {
    canonical: Option<String>,
    language: Option<String>,
    published: Option<Timestamp>,
    modified: Option<Timestamp>,
}

impl About {
    fn read(page: &str, observation: &Observation) -> Self {
        // The head alone: bodies are large.
        let end = page.find("</head>").or_else(|| page.find("<body")).unwrap_or(page.len());
        let head = Html::parse_document(&page[..end]);
        let value = |selector: &str, attribute: &str| {
            let selector = Selector::parse(selector).ok()?;
            head.select(&selector)
                .find_map(|e| e.attr(attribute))
                .map(str::trim)
                .filter(|v| !v.is_empty())
                .map(str::to_owned)
        };
        let base = Url::parse(&observation.url).ok();
        let address = |text: String| match &base {
            Some(base) => base.join(&text).ok().map(String::from),
            None => Url::parse(&text).ok().map(String::from),
        };
        let time = |text: String| dates::parse(&text, observation.observed_at);
        Self {
            canonical: value("link[rel=canonical]", "href")
                .and_then(address)
                .or_else(|| value("meta[property='og:url']", "content").and_then(address)),
            language: value("html[lang]", "lang")
                .map(|l| l.split(['-', '_']).next().unwrap_or_default().to_lowercase()),
            published: [
                "meta[property='article:published_time']",
                "meta[itemprop=datePublished]",
                "meta[name=date]",
                "meta[name='dcterms.created']",
            ]
            .iter()
            .find_map(|s| value(s, "content").and_then(time)),
            modified: [
                "meta[property='article:modified_time']",
                "meta[itemprop=dateModified]",
                "meta[name='last-modified']",
            ]
            .iter()
            .find_map(|s| value(s, "content").and_then(time)),
        }
    }
}

/// Settings of a page source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The pages' addresses.
    #[serde(default)]
    pub urls: Vec<String>,
    /// Sitemaps: the pages they name are read when their date changes.
    #[serde(default)]
    pub sitemaps: Vec<String>,
    /// So many pages of the sitemaps, the last changed, are read on the first visit.
    #[serde(default = "fifty")]
    pub first_visit_pages: usize,
}

const fn fifty() -> usize {
    50
}

/// Builds the connector.
///
/// # Errors
/// Unknown settings, no address, one that is none, or both kinds of them.
pub fn connect(config: &SourceConfig, deps: &Deps) -> Result<Box<dyn Connector>, ConfigError> {
    let settings: Config = settings(config)?;
    if settings.sitemaps.is_empty() {
        let targets =
            web_targets(config, &settings.urls, "text/html, application/xhtml+xml", MAX_PAGE_BYTES)?;
        return Ok(Box::new(Poll::new(targets, parse, deps)));
    }
    if !settings.urls.is_empty() {
        return Err(ConfigError::new(&config.name, "settings: urls or sitemaps, not both in one source"));
    }
    let targets =
        web_targets(config, &settings.sitemaps, "text/html, application/xml;q=0.9", MAX_PAGE_BYTES)?;
    let lists = targets.into_iter().map(|t| List { request: t.request, context: t.context });
    let reading = Reading {
        list: sitemap::entries,
        parse,
        freshness: Freshness::Whole,
        first_visit: settings.first_visit_pages,
    };
    Ok(Box::new(Listing::new(lists.collect(), reading, deps)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn main_text_canonical_and_date() {
        let filler = "<p>A sentence that is long enough to be taken for the main text of this page, and then some more.</p>".repeat(5);
        let page = format!(
            "<html lang='de-DE'><head><link rel='canonical' href='/a'><meta property='article:published_time' content='2026-01-02T03:04:05+01:00'></head><body><nav>menu</nav><article>{filler}</article><footer>imprint</footer></body></html>"
        );
        let o = Observation::new(
            "https://x.test/a?utm=1",
            page.into_bytes(),
            Timestamp::from_secs(1_780_000_000),
        );
        let p = parse(&o, &ParseContext::new("t"));
        let e = &p.events[0].event;
        assert_eq!((e.native_id.as_str(), e.lang.as_deref()), ("https://x.test/a", Some("de")));
        assert_eq!(e.posted_at.unwrap().to_string(), "2026-01-02T02:04:05Z");
        assert!(e.text.starts_with("A sentence") && !e.text.contains("imprint"));
    }

    #[test]
    fn deep_pages_neither_crash_nor_hang() {
        for depth in [1_900, 100_000] {
            let page = format!("<html><body>{}text{}", "<div>".repeat(depth), "</div>".repeat(depth));
            let o = Observation::new("f", page.into_bytes(), Timestamp::default());
            let p = parse(&o, &ParseContext::new("t"));
            assert_eq!(p.events.len() + p.problems.len(), 1);
        }
    }
}
