//! How Jetstream v1 answers. The conformance test speaks with it, and so do the tests of `streife sources test`.
#![allow(dead_code, clippy::allow_attributes, reason = "each test program uses its own part")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use futures::SinkExt;
use tokio_tungstenite::tungstenite::Message;

use super::common;

pub(crate) const SETTINGS: &str = "endpoints=['ws://{address}']\nstall_timeout_secs=2";

/// Posts on the server, one a second.
pub(crate) const POSTS: i64 = 30;

fn event(n: i64) -> String {
    format!(
        "{{\"did\":\"did:plc:a\",\"time_us\":{},\"kind\":\"commit\",\"commit\":{{\"rev\":\"r\",\"operation\":\"create\",\"collection\":\"app.bsky.feed.post\",\"rkey\":\"{n}\",\"record\":{{\"text\":\"t{n}\",\"createdAt\":\"2026-01-02T03:04:05Z\"}},\"cid\":\"c\"}}}}",
        n * 1_000_000
    )
}

/// Closes after `per_connection` events.
pub(crate) async fn serve(per_connection: usize) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Some((mut socket, query, cursor)) = common::accept(tcp).await else { return };
                assert!(query.contains("wantedCollections=app.bsky.feed.post"), "{query}");
                let mut sent = 0;
                for n in 1..=POSTS {
                    if n * 1_000_000 < cursor {
                        continue;
                    }
                    if socket.send(Message::Text(event(n).into())).await.is_err() {
                        return;
                    }
                    sent += 1;
                    if sent == per_connection {
                        let _ = socket.close(None).await;
                        return;
                    }
                }
                tokio::time::sleep(std::time::Duration::from_secs(60)).await;
            });
        }
    });
    address
}
