//! The shared conformance test against a contract server that speaks NNTP.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use streife_sdk::conformance;
use streife_sdk::{Connector, SourceConfig};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

/// Articles in the group; number 7 was removed.
const HIGH: u64 = 120;

async fn serve() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut stream = BufReader::new(tcp);
                stream.get_mut().write_all(b"200 ready\r\n").await.unwrap();
                let mut line = String::new();
                while stream.read_line(&mut line).await.is_ok_and(|n| n > 0) {
                    let words: Vec<&str> = line.split_whitespace().collect();
                    let reply = match words[..] {
                        ["GROUP", "de.test"] => format!("211 {HIGH} 1 {HIGH} de.test\r\n"),
                        ["GROUP", _] => "411 no such group\r\n".to_owned(),
                        ["ARTICLE", "7"] => "423 no such article\r\n".to_owned(),
                        ["ARTICLE", n] => format!(
                            "220 {n} <{n}@x>\r\nMessage-ID: <{n}@x>\r\nSubject: s\r\nDate: Thu, 01 Jan 2026 12:00:00 +0000\r\n\r\n..text {n}\r\n.\r\n"
                        ),
                        ["STAT", n] => format!("223 {n} <{n}@x>\r\n"),
                        ["QUIT"] => "205 bye\r\n".to_owned(),
                        _ => "200 ok\r\n".to_owned(),
                    };
                    if stream.get_mut().write_all(reply.as_bytes()).await.is_err() {
                        return;
                    }
                    line.clear();
                }
            });
        }
    });
    address
}

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
