//! The shared conformance test, and how feeds behave over time.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use streife_domain::EventKind;
use streife_sdk::conformance::{self, Ask, Contract, Reply, serve};
use streife_sdk::{Connector, SourceConfig};

fn source(address: std::net::SocketAddr) -> SourceConfig {
    toml::from_str(&format!("name='t'\nkind='feed'\n[settings]\nurls=['http://{address}/feed']")).unwrap()
}

fn rss(items: &[(&str, &str)]) -> Vec<u8> {
    let items: String = items
        .iter()
        .map(|(id, text)| format!("<item><guid>urn:{id}</guid><title>{text}</title><pubDate>Thu, 01 Jan 2026 10:00:00 GMT</pubDate></item>"))
        .collect();
    format!("<rss version='2.0'><channel><title>t</title>{items}</channel></rss>").into_bytes()
}

fn connector(address: std::net::SocketAddr) -> Box<dyn Connector> {
    streife_feed::feed::connect(&source(address), &conformance::deps()).unwrap()
}

#[tokio::test]
async fn a_short_feed_conforms() {
    let address = serve(|path, _| match path {
        "/feed" => Reply::ok(rss(&[("3", "c"), ("2", "b"), ("1", "a")])),
        _ => Reply::status(404),
    })
    .await;
    conformance::check(&streife_feed::KINDS[0], || connector(address), &["urn:1", "urn:2", "urn:3"]).await;
}

#[tokio::test]
async fn a_rolling_feed_conforms_while_it_grows() {
    let feed = |ask: &Ask| {
        let items = ask.page(None, 80).into_iter().map(|n| (n.to_string(), format!("t{n}")));
        let items: Vec<_> = items.collect();
        Reply::ok(rss(&items.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect::<Vec<_>>()))
    };
    Contract::new(&streife_feed::KINDS[0], "urls=['http://{address}/feed']", feed, |_, n| format!("urn:{n}"))
        .hold()
        .await;
}

/// An index of two sitemaps, each page with its date; pages appear.
#[tokio::test]
async fn a_site_of_sitemaps_conforms() {
    let site = |ask: &Ask| {
        let at = |path: String| format!("http://{}/{path}", ask.address);
        if ask.path == "/sitemap.xml" {
            let parts =
                [0, 1].map(|part| format!("<sitemap><loc>{}</loc></sitemap>", at(format!("{part}.xml"))));
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
    };
    Contract::new(
        &streife_feed::KINDS[1],
        "sitemaps=['http://{address}/sitemap.xml']\nfirst_visit_pages=1000",
        site,
        |address, n| format!("http://{address}/p{n}"),
    )
    .hold()
    .await;
}

#[tokio::test]
async fn obeys_rate_limits() {
    let address = serve(|path, _| match path {
        "/robots.txt" => Reply::status(404),
        _ => Reply::status(429).header("Retry-After", "7"),
    })
    .await;
    conformance::obeys_rate_limits(connector(address)).await;
}

#[tokio::test]
async fn edits_unchanged_feeds_and_conditional_requests() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let address = serve(move |path, request| {
        if path != "/feed" {
            return Reply::status(404);
        }
        match counter.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::ok(rss(&[("1", "a")])).header("ETag", "W/\"x\""),
            1 => {
                assert!(request.to_lowercase().contains("if-none-match: w/\"x\""), "{request}");
                Reply::status(304)
            }
            _ => Reply::ok(rss(&[("1", "changed"), ("2", "b")])),
        }
    })
    .await;
    let mut connector = connector(address);
    let first = connector.fetch(None).await.unwrap();
    let second = connector.fetch(Some(&first.cursor)).await.unwrap();
    let third = connector.fetch(Some(&second.cursor)).await.unwrap();
    assert_eq!((first.parsed.events.len(), second.parsed.events.len()), (1, 0));
    let kinds: Vec<_> =
        third.parsed.events.iter().map(|e| (e.event.native_id.as_str(), e.event.event)).collect();
    assert_eq!(kinds, [("urn:2", EventKind::Post), ("urn:1", EventKind::Edit)]);
}

#[tokio::test]
async fn robots_redirect_circles_and_lies() {
    let address = serve(|path, _| match path {
        "/robots.txt" => Reply::ok(&b"User-agent: *\nDisallow: /feed"[..]),
        _ => Reply::ok(rss(&[])),
    })
    .await;
    let error = connector(address).fetch(None).await.unwrap_err();
    assert!(error.to_string().contains("robots.txt"), "{error}");

    let address = serve(|path, _| match path {
        "/robots.txt" => Reply::status(404),
        _ => Reply::status(302).header("Location", "/feed"),
    })
    .await;
    let error = connector(address).fetch(None).await.unwrap_err();
    assert!(error.to_string().contains("redirects"), "{error}");

    for status in [401, 404, 500] {
        let address =
            serve(move |path, _| Reply::status(if path == "/robots.txt" { 404 } else { status })).await;
        let class = connector(address).fetch(None).await.unwrap_err().class().as_str();
        assert_eq!(
            class,
            match status {
                401 => "refused",
                404 => "gone",
                _ => "transient",
            }
        );
    }
}

/// Two entries with one id and other words: the first counts, and a next visit does not change its mind.
#[tokio::test]
async fn duplicate_ids_with_other_content_do_not_flap() {
    let address = serve(|path, _| match path {
        "/feed" => Reply::ok(rss(&[("1", "so"), ("1", "anders"), ("2", "b")])),
        _ => Reply::status(404),
    })
    .await;
    let mut connector = connector(address);
    let first = connector.fetch(None).await.unwrap();
    let mut texts: Vec<_> = first.parsed.events.iter().map(|e| e.event.text.as_str()).collect();
    texts.sort_unstable();
    assert_eq!(texts, ["b", "so"]);
    let second = connector.fetch(Some(&first.cursor)).await.unwrap();
    assert!(second.parsed.events.is_empty(), "{:?}", second.parsed.events);
}
