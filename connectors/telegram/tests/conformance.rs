//! The shared conformance test against a contract server that shows channel previews, oldest first, 20 a page.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use streife_domain::EventKind;
use streife_sdk::conformance::{Ask, Contract, Reply, deps, serve};
use streife_sdk::{Connector, SourceConfig};

fn message(n: u64, text: &str) -> String {
    format!(
        "<div class='tgme_widget_message' data-post='kanal/{n}'><div class='tgme_widget_message_text'>{text}</div>\
         <a class='tgme_widget_message_date'><time datetime='2026-01-02T03:04:05+00:00'></time></a></div>"
    )
}

fn preview(ask: &Ask) -> Reply {
    let numbers = ask.page(ask.number("before"), 20);
    Reply::ok(numbers.into_iter().rev().map(|n| message(n, &n.to_string())).collect::<String>())
}

#[tokio::test]
async fn conforms() {
    Contract::new(
        &streife_telegram::KINDS[0],
        "channels=['kanal']\nbase='http://{address}'",
        preview,
        |_, n| format!("kanal/{n}"),
    )
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
