//! The shared conformance test against a contract server that shows channel previews, oldest first, 20 a page.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod contract;

use contract::message;
use streife_domain::EventKind;
use streife_sdk::conformance::{Contract, Reply, deps, serve};
use streife_sdk::{Connector, SourceConfig};

#[tokio::test]
async fn conforms() {
    Contract::new(&streife_telegram::KINDS[0], contract::SETTINGS, contract::preview, |_, n| {
        format!("kanal/{n}")
    })
    .hold()
    .await;
}

fn connector(address: std::net::SocketAddr) -> Box<dyn Connector> {
    let text = format!("name='t'\nkind='telegram'\n[settings]\nchannels=['kanal']\nbase='http://{address}'");
    let config: SourceConfig = toml::from_str(&text).unwrap();
    streife_telegram::connect(&config, &deps()).unwrap()
}

#[tokio::test]
async fn edits_and_messages_taken_down_are_seen() {
    let visit = std::sync::atomic::AtomicUsize::new(0);
    let address = serve(move |path, _| {
        if path.contains("before") {
            return Reply::ok("<div class='tgme_channel_history'></div>");
        }
        Reply::ok(match visit.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => [message(1, "a"), message(2, "b"), message(3, "c")].concat(),
            _ => [message(1, "a"), message(3, "changed"), message(4, "d")].concat(),
        })
    })
    .await;
    let first = connector(address).fetch(None).await.unwrap();
    assert_eq!(first.parsed.events.len(), 3);
    let second = connector(address).fetch(Some(&first.cursor)).await.unwrap();
    let seen: Vec<_> =
        second.parsed.events.iter().map(|e| (e.event.event, e.event.native_id.as_str())).collect();
    assert_eq!(
        seen,
        [(EventKind::Edit, "kanal/3"), (EventKind::Post, "kanal/4"), (EventKind::Gone, "kanal/2")]
    );
    let third = connector(address).fetch(Some(&second.cursor)).await.unwrap();
    assert!(third.parsed.events.is_empty(), "told once");
}
