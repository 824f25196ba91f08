//! The shared conformance test against a contract server that pages by `min_id`.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use streife_sdk::conformance::{self, Reply, serve};
use streife_sdk::{Connector, SourceConfig};

/// Statuses on the server.
const LAST: u64 = 95;

fn status(id: u64) -> String {
    format!(
        "{{\"id\":\"{id}\",\"created_at\":\"2026-01-02T03:04:05.000Z\",\"content\":\"<p>{id}</p>\",\"account\":{{\"id\":\"1\"}}}}"
    )
}

/// The wire of `/api/v1/timelines/public`: newest first; with `min_id` the page right above it.
fn timeline(path: &str) -> Reply {
    let number = |name: &str| {
        path.split(['?', '&']).find_map(|p| p.strip_prefix(name)?.strip_prefix('=')?.parse::<u64>().ok())
    };
    let limit = number("limit").unwrap_or(20).min(40);
    let ids: Vec<u64> = match number("min_id") {
        Some(min) => (min + 1..=(min + limit).min(LAST)).rev().collect(),
        None => (LAST - 39..=LAST).rev().collect(),
    };
    Reply::ok(format!("[{}]", ids.into_iter().map(status).collect::<Vec<_>>().join(",")))
}

fn connector(address: std::net::SocketAddr) -> Box<dyn Connector> {
    let config: SourceConfig =
        toml::from_str(&format!("name='t'\nkind='mastodon'\n[settings]\nserver='http://{address}'")).unwrap();
    streife_mastodon::connect(&config, &conformance::deps()).unwrap()
}

#[tokio::test]
async fn conforms() {
    let address = serve(|path, _| timeline(path)).await;
    let wanted: Vec<String> = (LAST - 39..=LAST).map(|id| format!("127.0.0.1/{id}")).collect();
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    conformance::check(&streife_mastodon::KINDS[0], || connector(address), &wanted).await;
}

#[tokio::test]
async fn a_long_pause_is_walked_forward_page_by_page() {
    let address = serve(|path, _| timeline(path)).await;
    let mut cursor = Some(streife_sdk::Cursor(serde_json::json!({ "min_id": "5" })));
    let mut ids = Vec::new();
    let mut connector = connector(address);
    for _ in 0..4 {
        let fetched = connector.fetch(cursor.as_ref()).await.unwrap();
        ids.extend(fetched.parsed.events.iter().map(|e| e.event.native_id.clone()));
        cursor = Some(fetched.cursor);
    }
    let wanted: Vec<String> = (6..=LAST).map(|id| format!("127.0.0.1/{id}")).collect();
    assert_eq!(ids, wanted);
}

#[tokio::test]
async fn closed_timelines_and_rate_limits() {
    let address = serve(|_, _| Reply::status(401)).await;
    assert_eq!(connector(address).fetch(None).await.unwrap_err().class().as_str(), "refused");
    let address = serve(|_, _| {
        Reply::status(429)
            .header("X-RateLimit-Remaining", "0")
            .header("X-RateLimit-Reset", "2999-01-01T00:00:00Z")
    })
    .await;
    conformance::obeys_rate_limits(connector(address)).await;
}
