//! The shared conformance test, and how feeds behave over time.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod contract;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use contract::rss;
use streife_domain::EventKind;
use streife_sdk::conformance::{self, Contract, Reply, serve};
use streife_sdk::{Connector, SourceConfig};

fn source(address: std::net::SocketAddr) -> SourceConfig {
    toml::from_str(&format!("name='t'\nkind='feed'\n[settings]\nurls=['http://{address}/feed']")).unwrap()
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
    Contract::new(&streife_feed::KINDS[0], contract::FEED, contract::feed, |_, n| format!("urn:{n}"))
        .hold()
        .await;
}

/// An index of two sitemaps, each page with its date; pages appear.
#[tokio::test]
async fn a_site_of_sitemaps_conforms() {
    Contract::new(&streife_feed::KINDS[1], contract::PAGE, contract::site, |address, n| {
        format!("http://{address}/p{n}")
    })
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
