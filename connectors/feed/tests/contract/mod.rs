//! How sites answer. The conformance test speaks with it, and so do the tests of `streife sources test`.
#![allow(dead_code, clippy::allow_attributes, reason = "each test program uses its own part")]

use streife_sdk::conformance::{Ask, Reply};

pub(crate) const FEED: &str = "urls=['http://{address}/feed']";
pub(crate) const PAGE: &str = "sitemaps=['http://{address}/sitemap.xml']\nfirst_visit_pages=1000";

pub(crate) fn rss(items: &[(&str, &str)]) -> Vec<u8> {
    let items: String = items
        .iter()
        .map(|(id, text)| format!("<item><guid>urn:{id}</guid><title>{text}</title><pubDate>Thu, 01 Jan 2026 10:00:00 GMT</pubDate></item>"))
        .collect();
    format!("<rss version='2.0'><channel><title>t</title>{items}</channel></rss>").into_bytes()
}

/// The newest eighty entries.
pub(crate) fn feed(ask: &Ask) -> Reply {
    let items: Vec<_> = ask.page(None, 80).into_iter().map(|n| (n.to_string(), format!("t{n}"))).collect();
    Reply::ok(rss(&items.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect::<Vec<_>>()))
}

/// An index of two sitemaps, each page with its date; pages appear.
pub(crate) fn site(ask: &Ask) -> Reply {
    let at = |path: String| format!("http://{}/{path}", ask.address);
    if ask.path == "/sitemap.xml" {
        let parts = [0, 1].map(|part| format!("<sitemap><loc>{}</loc></sitemap>", at(format!("{part}.xml"))));
        return Reply::ok(format!("<sitemapindex>{}</sitemapindex>", parts.concat()));
    }
    if let Some(part) =
        ask.path.strip_suffix(".xml").and_then(|p| p.trim_start_matches('/').parse::<u64>().ok())
    {
        let pages = (1..=ask.newest).filter(|n| n % 2 == part).map(|n| {
            format!(
                "<url><loc>{}</loc><lastmod>2026-01-01T00:{:02}:{:02}Z</lastmod></url>",
                at(format!("p{n}")),
                n / 60,
                n % 60
            )
        });
        return Reply::ok(format!("<urlset>{}</urlset>", pages.collect::<String>()));
    }
    Reply::ok(format!("<html><body><p>The text of the page {}.</p></body></html>", ask.path))
}
