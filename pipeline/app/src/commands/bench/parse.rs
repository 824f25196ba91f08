//! `bench parse`: what the connectors' pure functions cost. All input is invented and made here, so that every machine
//! measures the same.

use std::fmt::Write;
use std::hint::black_box;

use streife_domain::Timestamp;
use streife_sdk::{Observation, ParseContext, Parsed, html};

use super::Figure;
use crate::cli::BenchArgs;
use crate::cost::measure;
use crate::failure::Failure;
use crate::open;

/// Events of one Jetstream batch, and batches.
const EVENTS: usize = 2_000;
const BATCHES: usize = 15;
/// Entries of a feed, and feeds.
const ENTRIES: usize = 30;
const FEEDS: usize = 60;
/// Posts of a page, and pages.
const POSTS: usize = 40;
const PAGES: usize = 60;
/// Articles cost the most.
const ARTICLES: usize = 15;

pub(crate) fn run(_: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let seen = open::clock().now();
    let mut figures = Vec::new();

    let batch = jetstream_batch();
    let (events, cost) = measure(|| parsed(BATCHES, &batch, seen, streife_bluesky::jetstream::parse));
    expect(events, BATCHES * EVENTS, "Jetstream")?;
    figures.push(Figure::new("Jetstream events", cost.per_cpu_second(events), "events/CPU-s"));

    let feed = feed();
    let (entries, cost) = measure(|| parsed(FEEDS, &feed, seen, streife_feed::feed::parse));
    expect(entries, FEEDS * ENTRIES, "feeds")?;
    figures.push(Figure::new("RSS feeds of 30 entries", cost.per_cpu_second(FEEDS), "feeds/CPU-s"));

    let page = forum_page();
    let (ours, cost) = measure(|| again(PAGES, || html::content(&page)));
    let (theirs, peer) = measure(|| again(PAGES, || html::content_by_tree(&page)));
    if ours != theirs {
        return Err(Failure::upstream("the two ways to read HTML disagree".to_owned()));
    }
    let megabytes = page.len() as f64 / 1e6;
    figures.push(
        Figure::new("HTML pages to text, links, pictures", cost.per_cpu_second(PAGES), "pages/CPU-s")
            .against("scraper", peer.per_cpu_second(PAGES)),
    );
    figures.push(Figure::new("the same in bytes", cost.per_cpu_second(PAGES) * megabytes, "MB/CPU-s"));

    let (posts, cost) = measure(|| parsed(PAGES, &page, seen, streife_forum::parse));
    expect(posts, PAGES * POSTS, "forum pages")?;
    figures.push(Figure::new(
        "forum pages of 40 posts by profile",
        cost.per_cpu_second(PAGES),
        "pages/CPU-s",
    ));

    let article = article();
    let (articles, cost) = measure(|| parsed(ARTICLES, &article, seen, streife_feed::page::parse));
    expect(articles, ARTICLES, "articles")?;
    figures.push(Figure::new("articles to main text", cost.per_cpu_second(articles), "pages/CPU-s"));
    Ok(figures)
}

/// Does the same so many times. (The last element of a range that is mapped would be computed alone.)
fn again<T>(times: usize, work: impl Fn() -> T) -> T {
    for _ in 1..times {
        black_box(work());
    }
    work()
}

type Parse = fn(&Observation, &ParseContext) -> Parsed;

/// Events of so many readings.
fn parsed(times: usize, body: &str, seen: Timestamp, parse: Parse) -> usize {
    let observation = Observation::new("https://bench.example/", body.as_bytes().to_vec(), seen);
    let context = ParseContext::new("bench");
    (0..times).map(|_| parse(&observation, &context).events.len()).sum()
}

/// A parse that finds less is fast for the wrong reason.
fn expect(found: usize, wanted: usize, what: &str) -> Result<(), Failure> {
    if found == wanted {
        return Ok(());
    }
    Err(Failure::upstream(format!("{what}: {found} of {wanted} were read")))
}

fn jetstream_batch() -> String {
    let mut lines = String::new();
    for n in 0..EVENTS {
        let _ = writeln!(
            lines,
            "{{\"did\":\"did:plc:bench{n:06}\",\"time_us\":{},\"kind\":\"commit\",\"commit\":{{\"rev\":\"3kz{n}\",\"operation\":\"create\",\"collection\":\"app.bsky.feed.post\",\"rkey\":\"3k{n}\",\"record\":{{\"$type\":\"app.bsky.feed.post\",\"createdAt\":\"2026-01-02T03:04:05.000Z\",\"langs\":[\"de\"],\"text\":\"Erfundener Beitrag Nummer {n} über das Wetter, mit Umlauten und https://example.org/{n}\",\"facets\":[{{\"index\":{{\"byteStart\":61,\"byteEnd\":80}},\"features\":[{{\"$type\":\"app.bsky.richtext.facet#link\",\"uri\":\"https://example.org/{n}\"}}]}}]}},\"cid\":\"bafyrei{n}\"}}}}",
            1_767_323_045_000_000_u64 + n as u64
        );
    }
    lines
}

fn feed() -> String {
    let mut items = String::new();
    for n in 0..ENTRIES {
        let _ = write!(
            items,
            "<item><title>Meldung {n}</title><guid>https://example.org/{n}</guid><link>https://example.org/{n}</link><pubDate>Thu, 01 Jan 2026 10:00:00 GMT</pubDate><description>&lt;p&gt;{}&lt;/p&gt;</description></item>",
            "Ein erfundener Satz über nichts. ".repeat(20)
        );
    }
    format!("<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>t</title>{items}</channel></rss>")
}

fn forum_page() -> String {
    let mut posts = String::new();
    for n in 0..POSTS {
        let _ = write!(
            posts,
            "<article class=\"message message--post\" data-author=\"Mitglied {n}\" data-content=\"post-{n}\"><div class=\"message-cell\"><a href=\"https://example.org/members/{n}/\" class=\"username\">Mitglied {n}</a></div><div class=\"message-attribution\"><time class=\"u-dt\" datetime=\"2026-01-02T03:04:05+0100\">2. Januar</time></div><div class=\"message-body\"><div class=\"bbWrapper\"><p>{}</p><ul><li>Punkt &amp; Komma</li><li><a href=\"https://example.org/{n}\">ein <b>Verweis</b></a></li></ul><img src=\"/i/{n}.png\" alt=\"Bild {n}\"></div></div></article>",
            "Ein erfundener Beitrag mit <em>Auszeichnung</em>, Umlauten äöü und Zeichen &lt;&gt;. "
                .repeat(12)
        );
    }
    format!(
        "<!DOCTYPE html><html><head><title>Thema</title></head><body><div class=\"p-body\">{posts}</div></body></html>"
    )
}

fn article() -> String {
    let mut paragraphs = String::new();
    for n in 0..25 {
        let _ = write!(
            paragraphs,
            "<p>Absatz {n}. {}</p>",
            "Dies ist ein erfundener, hinreichend langer Satz für einen Artikel, der von nichts handelt. "
                .repeat(5)
        );
    }
    let menu = "<li><a href=\"https://example.org/rubrik\">Rubrik</a></li>".repeat(60);
    format!(
        "<html lang=\"de\"><head><title>Titel</title></head><body><nav><ul>{menu}</ul></nav><article><h1>Titel</h1>{paragraphs}</article><footer><ul>{menu}</ul></footer></body></html>"
    )
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn again_does_it_every_time() {
        let count = Cell::new(0);
        again(7, || count.set(count.get() + 1));
        assert_eq!(count.get(), 7);
    }
}
