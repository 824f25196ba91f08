//! Jetstream as it really comes: events out of order, several of one microsecond, compressed, numbered.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

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
                let (mut socket, _, cursor) = common::accept(tcp).await.unwrap();
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

/// A server of version 2 refuses a number below its floor; asked by time it gives the oldest it has.
#[tokio::test]
async fn a_cursor_too_old_is_asked_again_by_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            #[expect(clippy::result_large_err, reason = "the signature is the library's")]
            let callback = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
                let query = request.uri().query().unwrap_or_default();
                if query.contains("cursor=7&") || query.ends_with("cursor=7") {
                    let body = "{\"error\":\"CursorTooOld\",\"message\":\"below the floor 1000\"}".to_owned();
                    let mut refused = ErrorResponse::new(Some(body));
                    *refused.status_mut() = tokio_tungstenite::tungstenite::http::StatusCode::BAD_REQUEST;
                    return Err(refused);
                }
                assert!(query.contains("cursor=1699999995000000"), "{query}");
                Ok(response)
            };
            // A refused handshake is an error here.
            let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(tcp, callback).await else { continue };
            let event = "{\"$type\":\"message\",\"payload\":{\"$type\":\"network.bsky.jetstream.subscribeEvents#commit\",\"seq\":1000,\"did\":\"did:plc:a\",\"time\":\"2026-01-02T03:04:05.000000Z\",\"rev\":\"r\",\"operation\":\"delete\",\"collection\":\"app.bsky.feed.post\",\"rkey\":\"x\"}}";
            socket.send(Message::Text(event.into())).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        }
    });
    let text = format!("name='t'\nkind='jetstream'\n[settings]\nversion='v2'\nendpoints=['ws://{address}']");
    let config: SourceConfig = toml::from_str(&text).unwrap();
    let mut connector = streife_bluesky::jetstream::connect(&config, &conformance::deps()).unwrap();
    let old = Cursor(serde_json::json!({
        "endpoint": format!("ws://{address}"), "seq": 7, "time_us": 1_700_000_000_000_000i64
    }));
    let (names, _) = fetch(&mut connector, Some(&old)).await;
    assert_eq!(names, ["x"]);
}

/// What came before the break counts; the rest comes with the next connection.
#[tokio::test]
async fn a_server_that_closes_within_a_frame_loses_nothing() {
    use tokio::io::AsyncWriteExt;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut cursor = 1;
        while let Ok((tcp, _)) = listener.accept().await {
            let mut socket = tokio_tungstenite::accept_async(tcp).await.unwrap();
            for n in cursor..=2 {
                let event = format!(
                    "{{\"did\":\"did:plc:a\",\"time_us\":{n},\"cursor\":{n},\"kind\":\"commit\",\"commit\":{{\"rev\":\"r\",\"operation\":\"delete\",\"collection\":\"app.bsky.feed.post\",\"rkey\":\"{n}\"}}}}"
                );
                socket.send(Message::Text(event.into())).await.unwrap();
            }
            // A text frame of 100 bytes of which five come.
            socket.get_mut().write_all(b"\x81\x64{\"did").await.unwrap();
            cursor = 2;
        }
    });
    let mut connector = connector(address);
    let (names, cursor) = fetch(&mut connector, None).await;
    assert_eq!(names, ["1", "2"]);
    let (again, _) = fetch(&mut connector, Some(&cursor)).await;
    assert!(again.is_empty(), "known ones are not published twice: {again:?}");
}
