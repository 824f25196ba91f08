//! Jetstream as it really comes: events out of order, several of one microsecond, compressed, numbered.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use futures::SinkExt;
use streife_sdk::conformance;
use streife_sdk::{Connector, Cursor, SourceConfig};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

/// Serves `events` (time in microseconds, name) from the cursor on, in the order given.
async fn serve(events: &'static [(i64, &'static str)]) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut cursor = 0i64;
                #[expect(clippy::result_large_err, reason = "the signature is the library's")]
                let callback = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
                    let query = request.uri().query().unwrap_or_default();
                    cursor =
                        query.split('&').find_map(|p| p.strip_prefix("cursor=")?.parse().ok()).unwrap_or(0);
                    Ok(response)
                };
                let mut socket = tokio_tungstenite::accept_hdr_async(tcp, callback).await.unwrap();
                for (time_us, name) in events.iter().filter(|(time_us, _)| *time_us >= cursor) {
                    let event = format!(
                        "{{\"did\":\"did:plc:a\",\"time_us\":{time_us},\"kind\":\"commit\",\"commit\":{{\"rev\":\"r\",\"operation\":\"create\",\"collection\":\"app.bsky.feed.post\",\"rkey\":\"{name}\",\"record\":{{\"text\":\"t\",\"createdAt\":\"2026-01-02T03:04:05Z\"}},\"cid\":\"c\"}}}}"
                    );
                    socket.send(Message::Text(event.into())).await.unwrap();
                }
                tokio::time::sleep(std::time::Duration::from_secs(60)).await;
            });
        }
    });
    address
}

fn connector(address: std::net::SocketAddr) -> Box<dyn Connector> {
    let config: SourceConfig =
        toml::from_str(&format!("name='t'\nkind='jetstream'\n[settings]\nendpoints=['ws://{address}']"))
            .unwrap();
    streife_bluesky::jetstream::connect(&config, &conformance::deps()).unwrap()
}

async fn fetch(connector: &mut Box<dyn Connector>, cursor: Option<&Cursor>) -> (Vec<String>, Cursor) {
    let fetched = connector.fetch(cursor).await.unwrap();
    let names = fetched.parsed.events.iter();
    (names.map(|e| e.event.native_id.rsplit('/').next().unwrap().to_owned()).collect(), fetched.cursor)
}

/// In a recording of the public service half of the events are older than one before them.
#[tokio::test]
async fn events_out_of_order_are_read_all_and_come_once() {
    static EVENTS: &[(i64, &str)] =
        &[(20_000_000, "a"), (20_030_000, "b"), (20_010_000, "c"), (20_030_000, "d"), (18_500_000, "e")];
    let address = serve(EVENTS).await;
    let (names, cursor) = fetch(&mut connector(address), None).await;
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    // After a restart the server is asked from some seconds back; nothing of it comes twice.
    let mut restarted = connector(address);
    let again = tokio::time::timeout(std::time::Duration::from_secs(1), restarted.fetch(Some(&cursor))).await;
    assert!(again.is_ok_and(|fetched| fetched.unwrap().parsed.events.is_empty()));
}
