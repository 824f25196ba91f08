//! The shared conformance test against a contract relay: it answers a subscription with what it stores since the time
//! asked for, says EOSE, and now and then closes.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod contract;

use contract::{NOTES, note, relay};
use streife_sdk::conformance;
use streife_sdk::{Connector, SourceConfig};

fn connector(address: std::net::SocketAddr) -> Box<dyn Connector> {
    let text = format!("name='t'\nkind='nostr'\n[settings]\nrelay='ws://{address}'");
    let config: SourceConfig = toml::from_str(&text).unwrap();
    streife_nostr::connect(&config, &conformance::deps()).unwrap()
}

#[tokio::test]
async fn conforms_over_a_steady_and_a_breaking_relay() {
    let wanted: Vec<String> = (0..NOTES).map(|n| note(n)["id"].as_str().unwrap().to_owned()).collect();
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    // 15 is more than the overlap holds, so that a breaking relay still leads on.
    for closes_after in [usize::MAX, 15] {
        let address = relay(closes_after).await;
        conformance::check(&streife_nostr::KINDS[0], || connector(address), &wanted).await;
    }
}
