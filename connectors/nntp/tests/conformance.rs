//! The shared conformance test against a contract server that speaks NNTP.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod contract;

use contract::{HIGH, serve};
use streife_sdk::conformance;
use streife_sdk::{Connector, SourceConfig};

fn connector(address: std::net::SocketAddr, group: &str) -> Box<dyn Connector> {
    let config: SourceConfig = toml::from_str(&format!(
        "name='t'\nkind='nntp'\n[settings]\nhost='127.0.0.1'\nport={}\ngroup='{group}'",
        address.port()
    ))
    .unwrap();
    streife_nntp::connect(&config, &conformance::deps()).unwrap()
}

#[tokio::test]
async fn conforms() {
    let address = serve().await;
    let wanted: Vec<String> = (1..=HIGH).filter(|n| *n != 7).map(|n| format!("{n}@x")).collect();
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    conformance::check(&streife_nntp::KINDS[0], || connector(address, "de.test"), &wanted).await;
}

/// A cursor from the future: the server was set up anew and counts from 1 again.
#[tokio::test]
async fn a_renumbered_group_is_read_from_its_beginning() {
    let address = serve().await;
    let cursor = streife_sdk::Cursor(serde_json::json!({ "next": 90_000 }));
    let fetched = connector(address, "de.test").fetch(Some(&cursor)).await.unwrap();
    assert_eq!(fetched.parsed.events[0].event.native_id, "1@x");
}

/// The same, and it has more articles than we had read: another one has our number.
#[tokio::test]
async fn a_renumbered_group_is_noticed_by_its_articles() {
    let address = serve().await;
    let cursor = streife_sdk::Cursor(serde_json::json!({ "next": 100, "last": [99, "<other@x>"] }));
    let fetched = connector(address, "de.test").fetch(Some(&cursor)).await.unwrap();
    assert_eq!(fetched.parsed.events[0].event.native_id, "1@x");
    let cursor = streife_sdk::Cursor(serde_json::json!({ "next": 100, "last": [99, "<99@x>"] }));
    let fetched = connector(address, "de.test").fetch(Some(&cursor)).await.unwrap();
    assert_eq!(fetched.parsed.events[0].event.native_id, "100@x");
}

#[tokio::test]
async fn a_missing_group_is_gone() {
    let error = connector(serve().await, "de.none").fetch(None).await.unwrap_err();
    assert_eq!(error.class().as_str(), "gone");
}

/// A server that takes the connection and never speaks holds up nobody for longer than a line may take.
#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up_after_the_time_of_one_line() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let begun = tokio::time::Instant::now();
    let error = connector(address, "de.test").fetch(None).await.unwrap_err();
    assert!(error.to_string().contains("said nothing"), "{error}");
    assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{:?}", begun.elapsed());
}
